"""Recordings: what is kept, by day, newest first."""

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from pages.times import viewers_zone
from recordings.models import Recording
from recordings.space import days_left
from rooms.models import Room

PER_PAGE = 100


@dataclass(frozen=True)
class Day:
    """The recordings that began on one day of the viewer's calendar."""

    date: date
    recordings: list[Recording]


@login_required
@require_GET
def recordings(request: HttpRequest) -> HttpResponse:
    """List what is kept, in one room or in all."""
    seen = Recording.objects.visible_to(request.user)
    everything = seen.aggregate(count=Count("pk"), bytes=Sum("stored_bytes"))
    asked = {name: request.GET.get(name, "").strip() for name in ("q", "room")}
    rooms = Room.objects.visible_to(request.user).filter(recordings__isnull=False).distinct()
    chosen = next((room for room in rooms if str(room.pk) == asked["room"]), None)
    matching = seen.select_related("room", "device")
    if chosen:
        matching = matching.filter(room=chosen)
    if asked["q"]:
        matching = _saying(matching, asked["q"])
    page = Paginator(matching, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "days": _by_day(page.object_list, request),
        "page": page,
        "everything": everything,
        "days_left": days_left(),
        "rooms": rooms,
        "asked": asked,
        "is_filtered": any(asked.values()),
    }
    return render(request, "pages/recordings.html", context)


def _saying(found: Any, text: str) -> Any:
    if "\0" in text:  # no name has one, and PostgreSQL refuses to be asked
        return found.none()
    return found.filter(room__name__icontains=text) | found.filter(device__name__icontains=text) | found.filter(
        device__device_id__icontains=text
    )  # fmt: skip


def _by_day(found: Any, request: HttpRequest) -> list[Day]:
    zone = viewers_zone(request)
    for recording in found:
        recording.length_seconds = _length_seconds(recording)
    days = groupby(found, lambda recording: recording.started_at.astimezone(zone).date())
    return [Day(day, list(recordings)) for day, recordings in days]


def _length_seconds(recording: Recording) -> float:
    """Return how long a recording is by the clock; one that runs grows."""
    running = recording.state == Recording.State.RECORDING
    until = recording.ended_at or (timezone.now() if running else recording.written_until) or recording.started_at
    return (until - recording.started_at).total_seconds()
