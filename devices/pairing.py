"""How a pending socket becomes an organization's device, gets its room, moves, and is given up again."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.secrets import DEVICE, make_secret
from devices.models import Connection, Device, DeviceToken
from rooms.happenings import note
from rooms.hints import hint_after_commit
from rooms.models import Room

UNUSED_TOKEN_LIFE = timedelta(minutes=10)


@transaction.atomic
def claim(connection: Connection, room: Room, *, by: User | str) -> Device:
    """Make the device behind a pending socket one of the room's organization and bind it to the room.

    Its worker then sends it `room-config`. Raises ValueError when the socket no longer waits or the room has ended.
    """
    _check_active(room)
    if not Connection.objects.live().filter(pk=connection.pk, state=Connection.State.PENDING).exists():
        raise ValueError(_("This device is no longer waiting. It comes back by itself within a few seconds."))
    device, _made = Device.objects.select_for_update().get_or_create(
        organization=room.organization, device_id=connection.reported_id
    )
    offered = Connection.objects.filter(pk=connection.pk, offer=None) | Connection.objects.filter(
        pk=connection.pk, offer=device
    )
    if not offered.update(offer=device):
        raise ValueError(_("Someone else has just connected this device."))
    _bind(device, room, by, "device-claimed")
    return device


@transaction.atomic
def bind(device: Device, room: Room, *, by: User | str) -> None:
    """Move a claimed device to `room`: a socket of it that waits or sits elsewhere is sent there.

    Raises ValueError when the room has ended or belongs to another organization.
    """
    _check_active(room)
    if room.organization_id != device.organization_id:
        raise ValueError(_("This room belongs to another organization."))
    if device.room_id != room.pk:
        _bind(device, room, by, "device-moved")
    if not Connection.objects.live().filter(device=device).exclude(state=Connection.State.PENDING).exists():
        waiting = Connection.objects.live().filter(
            reported_id=device.device_id, state=Connection.State.PENDING, offer=None
        )
        same = waiting.filter(address=device.last_address).first() or waiting.first()
        if same:
            Connection.objects.filter(pk=same.pk, offer=None).update(offer=device)
    hint_after_commit()


@transaction.atomic
def unbind(device: Device, *, by: User | str) -> None:
    """Take a device out of its room: it stays the organization's, its tokens are void, it is sent `go-pending`."""
    room = device.room
    _forget_room(device)
    note(device.organization, "device-unbound", room=room, subject=str(device), actor=by)
    hint_after_commit()


@transaction.atomic
def release(device: Device, *, by: User | str) -> None:
    """Give a device up: it waits in the lobby again, for anyone who may claim it. What it recorded stays."""
    room = device.room
    _forget_room(device)
    device.released_at = timezone.now()
    device.save(update_fields=["released_at"])
    note(device.organization, "device-released", room=room, subject=str(device), actor=by)
    hint_after_commit()


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A device token as it leaves for its device; the database keeps only its digest."""

    id: int
    room_id: UUID
    text: str


@transaction.atomic
def mint_tokens(pairs: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], MintedToken]:
    """Make a token for each (device, room) that still belong together; a pair that does not is absent.

    An older token works until the new one is first used: a device that misses its `room-config` is not locked out.
    """
    pairs = set(pairs)
    bound = Device.objects.filter(pk__in={device_id for device_id, _ in pairs}, room__status=Room.Status.ACTIVE)
    secrets = {pair: make_secret(DEVICE) for pair in bound.values_list("pk", "room") if pair in pairs}
    unused = DeviceToken.objects.filter(device__in={device_id for device_id, _ in secrets}, used_at=None)
    # a socket that never comes back for its token must not leave a heap of them
    unused.filter(created_at__lt=timezone.now() - UNUSED_TOKEN_LIFE).delete()
    tokens = DeviceToken.objects.bulk_create(
        DeviceToken(device_id=pair[0], room_id=pair[1], lookup=secret.lookup, digest=secret.digest)
        for pair, secret in secrets.items()
    )
    return {
        pair: MintedToken(token.pk, pair[1], secret.text)
        for (pair, secret), token in zip(secrets.items(), tokens, strict=True)
    }


def _bind(device: Device, room: Room, by: User | str, happening: str) -> None:
    captures = Connection.objects.live().filter(device=device, state=Connection.State.CAPTURING).exists()
    if device.room_id != room.pk and not captures:
        device.desired_capture = False  # a start that was kept was kept for the room it was meant for
    device.room, device.released_at = room, None
    device.save(update_fields=["room", "released_at", "desired_capture"])
    note(device.organization, happening, room=room, subject=str(device), actor=by)
    hint_after_commit()


def _forget_room(device: Device) -> None:
    device.room, device.desired_capture, device.desired_at = None, False, timezone.now()
    device.save(update_fields=["room", "desired_capture", "desired_at"])
    device.tokens.all().delete()
    Connection.objects.live().filter(offer=device).update(offer=None)


def _check_active(room: Room) -> None:
    if not room.is_active:
        raise ValueError(_("This room has ended. Choose or make another one."))
