"""What is wanted of a device: saved here, obeyed by the worker that holds it, shown only once it reports back."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from devices.models import Device
from leganize.wire.pcm import SAMPLE_RATES_HZ
from rooms.happenings import note
from rooms.hints import hint_after_commit
from rooms.models import Room


@transaction.atomic
def set_capture(device: Device, *, on: bool, by: User | str) -> None:
    """Ask a device to start or stop capturing; it obeys now or at its return. Raises ValueError if it has no room."""
    if on and (device.room is None or not device.room.is_active):
        raise ValueError(_("Put this device into a room first."))
    if device.desired_capture == on:
        return
    device.desired_capture, device.desired_at = on, timezone.now()
    device.save(update_fields=["desired_capture", "desired_at"])
    kind = "capture-started" if on else "capture-stopped"
    note(device.organization, kind, room=device.room, subject=str(device), actor=by)
    hint_after_commit()


def stop_all(room: Room, *, by: User | str) -> int:
    """Ask every device of a room to stop, and return how many were asked."""
    running = list(room.devices.select_related("room", "organization").filter(desired_capture=True))
    for device in running:
        set_capture(device, on=False, by=by)
    return len(running)


@transaction.atomic
def configure(
    device: Device,
    *,
    by: User | str,
    sample_rate_hz: int | None = None,
    channels: int | None = None,
    name: str | None = None,
    kind: str | None = None,
) -> None:
    """Change how a device's sound is read, and what it is called. Raises ValueError for what no device can be."""
    changes: dict[str, object] = {}
    if sample_rate_hz is not None:
        if sample_rate_hz not in SAMPLE_RATES_HZ:
            raise ValueError(_("A device sends 8000 to 44100 samples a second, at one of the usual rates."))
        changes["sample_rate_hz"] = sample_rate_hz
    if channels is not None:
        if channels not in (1, 2):
            raise ValueError(_("A device is mono or stereo."))
        changes["channels"] = channels
    if name is not None:
        changes["name"] = device_name(name)
    if kind is not None:
        if kind not in Device.Kind.values:
            raise ValueError(_("A device is a microphone or a camera."))
        changes["kind"] = kind
    _apply(device, {key: value for key, value in changes.items() if getattr(device, key) != value}, by)


def _apply(device: Device, changes: dict[str, object], by: User | str) -> None:
    if not changes:
        return
    for field, value in changes.items():
        setattr(device, field, value)
    device.save(update_fields=list(changes))
    labels = {field.name: str(field.verbose_name) for field in Device._meta.fields}
    what = ", ".join(f"{labels[field]} {value}" for field, value in changes.items())
    note(device.organization, "device-configured", room=device.room, subject=str(device), actor=by, what=what)
    hint_after_commit()


def device_name(text: str) -> str:
    """Return `text` as a device may be called; empty means by its ID. Raises ValueError otherwise."""
    name = " ".join(text.split())
    if len(name) > 120 or not name.isprintable():
        raise ValueError(_("A device's name has at most 120 printable characters."))
    return name
