"""Recordings: what is kept, by day, newest first; what is new in that list; and what was deleted and can come back."""

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Organization
from devices.models import Device
from pages.choice import LENGTHS, STATES, Choice, identity
from pages.decisions import decide, way_back
from pages.recording_rows import Row, called, rows_of
from pages.times import viewers_zone
from recordings.keeping import retention
from recordings.keeping.space import space_in_words, warnings
from recordings.models import Recording
from rooms.models import Room

PER_PAGE = 50


@dataclass(frozen=True)
class Day:
    """The recordings that began on one day of the viewer's calendar."""

    date: date
    rows: list[Row]


@login_required
@require_GET
def recordings(request: HttpRequest) -> HttpResponse:
    """List what is kept, as far as the query string asks for it."""
    seen = Recording.objects.visible_to(request.user)
    choice = Choice.read(request.GET)
    page = _page(request, choice)
    gone = _just_deleted(request)
    operable = Organization.objects.operable_by(request.user)
    context = {
        "days": _by_day(page, request),
        "page": page,
        "everything": seen.aggregate(count=Count("pk"), bytes=Sum("stored_bytes")),
        "space_left": space_in_words(),
        "warning": next(iter(warnings()), None),
        "rooms": Room.objects.visible_to(request.user).filter(pk__in=seen.order_by().values("room")).order_by("name"),
        "devices": _devices(request, seen),
        "states": {name: words for name, (words, _asked) in STATES.items()},
        "lengths": {name: words for name, (words, _asked) in LENGTHS.items()},
        "choice": choice,
        "may_operate": operable.exists(),
        "just_deleted": gone,
        "just_deleted_name": called(gone, viewers_zone(request)) if gone else "",
    }
    return render(request, "pages/recordings.html", context)


@never_cache
@login_required
@require_GET
def news(request: HttpRequest) -> JsonResponse:
    """Tell a list that is open which rows it should show, which of them say something new, and how large they are."""
    rows = rows_of(_page(request, Choice.read(request.GET)).object_list)
    return JsonResponse({"rows": [{"id": str(row.recording.pk), "key": row.key, "size": row.size} for row in rows]})


@login_required
@require_GET
def deleted(request: HttpRequest) -> HttpResponse:
    """List what was deleted a short while ago, to those who may take it back."""
    if not Organization.objects.operable_by(request.user).exists():
        raise PermissionDenied
    found = _deleted(request).select_related("room", "device").order_by("-deleted_at")
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "rows": rows_of(page.object_list), "hours": settings.DELETE_UNDO_HOURS}
    return render(request, "pages/recordings_deleted.html", context)


@login_required
@require_POST
def restore(request: HttpRequest, pk: Any) -> HttpResponse:
    """Take a deletion back."""
    found = get_object_or_404(_deleted(request).select_related("organization", "room", "device"), pk=pk)
    done = _("“%(name)s” is back.") % {"name": called(found, viewers_zone(request))}
    back = way_back(request, "recordings")
    return decide(request, lambda: retention.restore(found, request.user), done, back)


def _page(request: HttpRequest, choice: Choice) -> Page:
    found = choice.of(Recording.objects.visible_to(request.user)).select_related("room", "device")
    return Paginator(found.order_by("-started_at", "pk"), PER_PAGE).get_page(request.GET.get("page"))


def _by_day(page: Page, request: HttpRequest) -> list[Day]:
    zone = viewers_zone(request)
    days = groupby(rows_of(page.object_list), lambda row: row.recording.started_at.astimezone(zone).date())
    return [Day(day, list(rows)) for day, rows in days]


def _devices(request: HttpRequest, seen: QuerySet[Recording]) -> list[Device]:
    found = Device.objects.visible_to(request.user).filter(pk__in=seen.order_by().values("device"))
    return sorted(found, key=lambda device: str(device).casefold())


def _deleted(request: HttpRequest) -> QuerySet[Recording]:
    return Recording.objects.operable_by(request.user).exclude(deleted_at=None)


def _just_deleted(request: HttpRequest) -> Recording | None:
    """Return the recording that the address says was deleted a moment ago, if it was and may be taken back."""
    named = identity(request.GET.get("deleted", ""))
    return _deleted(request).select_related("room", "device").filter(pk=named).first() if named else None
