"""A device that dropped while it captured, and is back: said once, with how long it was away."""

from datetime import timedelta
from uuid import UUID

from django.db.models.functions import Coalesce

from devices.models import Connection, Device
from rooms.happenings import note

WORTH_SAYING_S = 1.0
FORGOTTEN_AFTER = timedelta(days=1)


def note_return(device_id: UUID, epoch: UUID) -> None:
    """Note how long the device of connection `epoch` was away, if something was wanted of it meanwhile."""
    device = Device.objects.select_related("room", "organization").filter(pk=device_id, desired_capture=True).first()
    back = Connection.objects.filter(pk=epoch).first()
    if device is None or back is None:
        return
    before = Connection.objects.filter(device=device, opened_at__gt=back.opened_at - FORGOTTEN_AFTER, pk__lt=epoch)
    last = before.annotate(gone_at=Coalesce("closed_at", "worker__stopped_at", "worker__seen_at")).first()
    if last is None or last.room_id != device.room_id or (device.desired_at and device.desired_at > last.gone_at):
        return
    seconds = (back.opened_at - last.gone_at).total_seconds()
    if seconds >= WORTH_SAYING_S:
        note(device.organization, "device-back", room=device.room, subject=str(device), seconds=round(seconds))
