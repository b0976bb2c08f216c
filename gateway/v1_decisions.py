"""What pages of protocol v1 ask of devices, carried out with the operations that everyone else uses."""

from uuid import UUID

from devices.control import set_capture
from devices.models import Connection, Device
from devices.pairing import bind, claim, unbind
from devices.presence import lobby_of
from rooms.models import Room

HAND_OVER = "hand-over"


def decide(room_id: UUID, what: str, target: str, by: str) -> None:
    """Carry out `what` for the device that says `target`, as far as the room's organization reaches.

    Raises ValueError with a sentence for the page that asked.
    """
    room = Room.objects.select_related("organization").get(pk=room_id)
    device = (
        Device.objects.select_related("room", "organization")
        .filter(organization=room.organization, device_id=target, released_at=None)
        .first()
    )
    if what in (HAND_OVER, "start-recording"):
        device = _bring_here(room, device, target, by)
        if what == "start-recording":
            set_capture(device, on=True, by=by)
        return
    if device is None or device.room_id != room.pk:
        raise ValueError("this device is not in this room")
    if what == "stop-recording":
        set_capture(device, on=False, by=by)
    else:
        unbind(device, by=by)


def _bring_here(room: Room, device: Device | None, target: str, by: str) -> Device:
    """Bind the device to `room`: the one that waits under this name, else the claimed one, wherever it is."""
    has_socket = device is not None and (
        Connection.objects.live().filter(device=device).exclude(state=Connection.State.PENDING).exists()
    )
    if device is not None and device.room_id == room.pk and has_socket:
        return device
    waiting = None if has_socket else lobby_of(room.organization_id).filter(reported_id=target).last()
    if waiting is not None:
        return claim(waiting, room, by=by)
    if device is None:
        raise ValueError("no device with this ID waits here: is it switched on, and does it know this address?")
    bind(device, room, by=by)
    device.refresh_from_db()
    return device
