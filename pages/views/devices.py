"""Devices: who is here, what needs a look, and what operators change about one."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import Organization
from accounts.tenancy import may_operate
from devices import pairing
from devices.board import board_for
from devices.control import configure, set_capture
from devices.models import Device
from devices.presence import lobby
from pages.decisions import decide, require_operator, way_back
from pages.forms import DeviceForm
from pages.states import Row, row_of
from rooms.models import Room

FILTERED_STATES = ("capturing", "connected", "away", "look")


@login_required
@require_GET
def devices(request: HttpRequest) -> HttpResponse:
    """List the devices, filtered as the query string says."""
    board = board_for(request.user)
    rows = [row_of(entry) for entry in board["devices"]]
    asked = {name: request.GET.get(name, "").strip() for name in ("q", "room", "state")}
    organization = _organization_of(request)
    context = {
        "board": board,
        "rows": [row for row in rows if _matches(row, **asked)],
        "asked": asked,
        "is_filtered": any(asked.values()),
        "has_devices": bool(rows),
        "organization": organization,
        "sentence": _sentence(rows, organization),
        "rooms": Room.objects.visible_to(request.user)
        .filter(devices__released_at=None, devices__isnull=False)
        .distinct(),
        "may_operate": Organization.objects.operable_by(request.user).exists(),
    }
    return render(request, "pages/devices.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def device(request: HttpRequest, pk: Any) -> HttpResponse:
    """Show one device; its operators rename it, say how it sends, move it."""
    found = get_object_or_404(_devices(request), pk=pk)
    may = may_operate(request.user, found.organization)
    form = DeviceForm(request.POST or None, device=found, user=request.user)
    if request.method == "POST":
        require_operator(request, found.organization)
        if form.is_valid():
            back = way_back(request, "device", pk)
            return decide(request, lambda: _change(found, form.cleaned_data, request.user), _("Saved."), back)
    entry = next(entry for entry in board_for(request.user)["devices"] if entry["id"] == str(found.pk))
    context = {"device": found, "row": row_of(entry), "form": form, "may_operate": may}
    return render(request, "pages/device.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def capture(request: HttpRequest, pk: Any) -> HttpResponse:
    """Start or stop a device for a browser without JavaScript; others ask the API."""
    found = _device_to_change(request, pk)
    on = request.POST.get("on") == "true"
    done = _("%(device)s is asked to start.") if on else _("%(device)s is asked to stop.")
    back = way_back(request, "devices")
    return decide(request, lambda: set_capture(found, on=on, by=request.user), done % {"device": found}, back)


@login_required
@require_POST
def configure_as_it_looks(request: HttpRequest, pk: Any) -> HttpResponse:
    """Take the rate or channels that a device's sound looks like, without JavaScript."""
    found = _device_to_change(request, pk)

    def take() -> None:
        numbers = {name: int(request.POST[name]) for name in ("sample_rate_hz", "channels") if name in request.POST}
        configure(found, by=request.user, **numbers)

    return decide(request, take, _("Saved."), way_back(request, "devices"))


@login_required
@require_POST
def replace(request: HttpRequest, pk: Any) -> HttpResponse:
    """Let the newcomer of two that share a name take this device's place."""
    found = _device_to_change(request, pk)
    namesakes = lobby(request.user).filter(reported_id=found.device_id)
    newcomer = next((each for each in namesakes if str(each.pk) == request.POST.get("connection")), None)

    def take_place() -> None:
        if newcomer is None:
            raise ValueError(_("The newcomer has left. The device itself stays as it is."))
        if found.room is None:
            raise ValueError(_("Put this device into a room first."))
        pairing.claim(newcomer, found.room, by=request.user)

    done = _("The newcomer is %(device)s now.") % {"device": found}
    return decide(request, take_place, done, way_back(request, "devices"))


@login_required
@require_POST
def give_up(request: HttpRequest, pk: Any) -> HttpResponse:
    """Release a device: whoever claims it next has it."""
    found = _device_to_change(request, pk)
    done = _("%(device)s is released. Its recordings stay.") % {"device": found}
    return decide(request, lambda: pairing.release(found, by=request.user), done, "devices")


def _devices(request: HttpRequest) -> QuerySet[Device]:
    return Device.objects.visible_to(request.user).filter(released_at=None).select_related("organization", "room")


def _device_to_change(request: HttpRequest, pk: Any) -> Device:
    found = get_object_or_404(_devices(request), pk=pk)
    require_operator(request, found.organization)
    return found


def _change(device: Device, wanted: dict[str, Any], user: Any) -> None:
    room = wanted.pop("room")
    configure(device, by=user, **wanted)
    if room is None and device.room is not None:
        pairing.unbind(device, by=user)
    elif room is not None and room != device.room:
        pairing.bind(device, room, by=user)


def _matches(row: Row, q: str, room: str, state: str) -> bool:
    entry = row.entry
    said = " ".join([entry["name"], entry["deviceId"], entry["address"] or ""]).casefold()
    in_room = not room or (entry["room"] is not None and entry["room"]["id"] == room)
    shown_as = {"reconnecting": "away", "starting": "connected", "connecting": "connected", "stopping": "capturing"}
    states = {shown_as.get(entry["state"], entry["state"])} | ({"look"} if row.needs_a_look else set())
    return q.casefold() in said and in_room and (state not in FILTERED_STATES or state in states)


def _organization_of(request: HttpRequest) -> str:
    """Return the name of the organization of a person who has only one."""
    names = list(request.user.organizations.values_list("name", flat=True)[:2])
    return names[0] if len(names) == 1 else ""


def _sentence(rows: list[Row], organization: str) -> str:
    """Say "8 devices in Studio Ari. 4 capturing, 3 need a look."; `js/devices.js` says the same afterwards."""
    if not rows:
        return ""
    count = len(rows)
    capturing = sum(row.entry["state"] in ("capturing", "stopping") for row in rows)
    looks = sum(row.needs_a_look for row in rows)
    if organization:
        first = ngettext("%(count)s device in %(organization)s.", "%(count)s devices in %(organization)s.", count)
    else:
        first = ngettext("%(count)s device.", "%(count)s devices.", count)
    said = first % {"count": count, "organization": organization}
    running = ngettext("%(count)s capturing", "%(count)s capturing", capturing) % {"count": capturing}
    asking = ngettext("%(count)s needs a look", "%(count)s need a look", looks) % {"count": looks}
    if capturing and looks:
        said += " " + _("%(capturing)s, %(looks)s.") % {"capturing": running, "looks": asking}
    elif capturing or looks:
        said += " " + _("%(part)s.") % {"part": running if capturing else asking}
    return said
