"""Rooms: where a device is connected, the list, one room, and what operators change about it."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import Organization
from accounts.tenancy import may_operate
from devices.board import board_for, board_of_room
from devices.models import Connection
from pages.decisions import decide, require_operator, way_back
from pages.forms import RoomForm
from recordings.keeping.space import recording_of_room
from rooms.lifecycle import change_room, create_room, end_room
from rooms.models import Room

LOOPBACK = ("127.0.0.1", "localhost", "::1")
ENDED_SHOWN = 20


@login_required
@require_http_methods(["GET", "POST"])
def connect(request: HttpRequest) -> HttpResponse:
    """Three steps from nothing to sound: make a room, point a device here, connect it and listen."""
    form = RoomForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = _make_room(request, form)
        return redirect(f"{reverse('connect')}?room={made.pk}")
    usable = Room.objects.operable_by(request.user).filter(status=Room.Status.ACTIVE).select_related("organization")
    room = _chosen(usable, request.GET.get("room", ""))
    board = board_for(request.user)
    context = {
        **where_sketches_connect(request),
        "room": room,
        "rooms": usable,
        "room_form": form,
        "board": board,
        "may_operate": Organization.objects.operable_by(request.user).exists(),
        "open_lobby": settings.OPEN_LOBBY,
    }
    return render(request, "pages/connect.html", context, status=400 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def rooms(request: HttpRequest) -> HttpResponse:
    """List the rooms, those that are open first; make one."""
    form = RoomForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return redirect("room", _make_room(request, form).pk)
    seen = (
        Room.objects.visible_to(request.user)
        .annotate(device_count=Count("devices", filter=Q(devices__released_at=None), distinct=True))
        .order_by("-started_at")
    )  # a query that counts forgets the model's order
    capturing = _capturing_by_room()
    active = list(seen.filter(status=Room.Status.ACTIVE))
    for each in active:
        each.capturing = capturing.get(each.pk, 0)
    operable = set(Organization.objects.operable_by(request.user).values_list("pk", flat=True))
    context = {
        "rooms": active,
        "ended": seen.exclude(status=Room.Status.ACTIVE).order_by("-ended_at")[:ENDED_SHOWN],
        "room_form": form,
        "operable": operable,
        "may_operate": bool(operable),
    }
    return render(request, "pages/rooms.html", context, status=400 if form.errors else 200)


@login_required
@require_GET
def room(request: HttpRequest, pk: Any) -> HttpResponse:
    """Show one room live."""
    found = get_object_or_404(Room.objects.visible_to(request.user).select_related("organization"), pk=pk)
    board = board_of_room(found, request.user)
    board["room"] |= recording_of_room(found)
    context = {
        **where_sketches_connect(request),
        "room": found,
        "board": board,
        "may_operate": may_operate(request.user, found.organization),
        "open_lobby": settings.OPEN_LOBBY,
    }
    return render(request, "pages/room.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def settings_of_room(request: HttpRequest, pk: Any) -> HttpResponse:
    """Rename a room, choose whether it records, end it."""
    found = _room_to_change(request, pk)
    given = {"name": found.name, "records": "yes" if found.records else "no"}
    form = RoomForm(request.POST or None, initial=given)
    if request.method == "POST" and form.is_valid():
        back = way_back(request, "room", pk)
        return decide(request, lambda: change_room(found, by=request.user, **form.cleaned_data), _("Saved."), back)
    context = {"room": found, "form": form}
    return render(request, "pages/room_settings.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def choose_records(request: HttpRequest, pk: Any) -> HttpResponse:
    """Record in a room, or only listen."""
    found = _room_to_change(request, pk)
    records = request.POST.get("records") == "yes"
    done = _("What is heard here is recorded.") if records else _("What is heard here is not kept.")
    back = way_back(request, "room", pk)
    return decide(request, lambda: change_room(found, by=request.user, records=records), done, back)


@login_required
@require_POST
def end(request: HttpRequest, pk: Any) -> HttpResponse:
    """End a room for good."""
    found = _room_to_change(request, pk)
    done = _("“%(room)s” has ended. Its recordings stay.") % {"room": found.name}
    return decide(request, lambda: end_room(found, by=request.user), done, way_back(request, "rooms"))


def where_sketches_connect(request: HttpRequest) -> dict[str, Any]:
    """Return the lines of a sketch: this machine's own address, and the port by which this very page was reached."""
    port = request.get_host().rpartition(":")[2]
    return {
        "ws_host": settings.WS_HOST,
        "ws_port": int(port) if port.isdigit() else (443 if request.is_secure() else 80),
        "ws_tls": request.is_secure(),
        "only_this_machine": settings.WS_HOST in LOOPBACK,
    }


def _make_room(request: HttpRequest, form: RoomForm) -> Room:
    organization = request.user.home_organization()
    if organization is None:
        raise PermissionDenied
    require_operator(request, organization)
    return create_room(organization, by=request.user, **form.cleaned_data)


def _chosen(usable: QuerySet[Room], asked: str) -> Room | None:
    """Return the room that was asked for, else the newest; None before there is any."""
    return next((each for each in usable if str(each.pk) == asked), None) or usable.first()


def _room_to_change(request: HttpRequest, pk: Any) -> Room:
    found = get_object_or_404(Room.objects.visible_to(request.user).select_related("organization"), pk=pk)
    require_operator(request, found.organization)
    return found


def _capturing_by_room() -> dict[Any, int]:
    running = Connection.objects.live().filter(state=Connection.State.CAPTURING).order_by()
    return dict(running.values_list("room").annotate(Count("device", distinct=True)))
