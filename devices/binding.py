"""What a worker must know of the sockets it holds: looked up in batches at the door, read again by every heartbeat."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.secrets import matches, read_secret
from devices.models import Connection, Device, DeviceToken
from rooms.happenings import note


@dataclass(frozen=True, slots=True)
class Binding:
    """A claimed device as its organization wants it. `room_id` is None while it is bound to no active room."""

    device_id: UUID
    name: str
    organization_id: UUID
    kind: str
    stream: int
    sample_rate_hz: int
    channels: int
    room_id: UUID | None
    records: bool
    wanted: bool
    wanted_at_us: int = 0
    """When its capture was last asked for, or no longer: µs since 1970."""
    room_name: str = ""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a device says in its query, beside its ID: the room it wants back into, and its token."""

    reported_id: str
    room_id: str
    token: str


@dataclass(frozen=True, slots=True)
class Admission:
    """A genuine token's device. `token_id` is None when the token is for another room than the device is bound to."""

    binding: Binding
    token_id: int | None


@dataclass(frozen=True, slots=True)
class Held:
    """One device socket of this worker, as the heartbeat asks about it."""

    connection_id: UUID
    reported_id: str
    address: str | None
    device_id: UUID | None
    token_id: int | None
    may_rehome: bool  # it came with its ID alone, as a sketch does after a power cut


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What the database says of a held socket now."""

    binding: Binding | None = None  # of the device that it is, or that it was offered to become
    token_valid: bool = False
    replaced: bool = False  # a newer authenticated socket of the same device is live
    namesake: UUID | None = None  # a live socket of the claimed device whose name this pending one says


_NOBODY = UUID(int=0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def authenticate(hellos: Iterable[Hello]) -> dict[Hello, Admission]:
    """Look up the tokens of many handshakes together; a hello whose token is wrong is absent from the answer."""
    secrets = {hello: read_secret(hello.token) for hello in hellos if hello.token}
    found: dict[Hello, Admission] = {}
    tokens = DeviceToken.objects.select_related("device__room").filter(
        lookup__in={secret.lookup for secret in secrets.values()}, device__released_at=None
    )
    first_used = []
    for token in tokens:
        for hello, secret in secrets.items():
            if hello.reported_id == token.device.device_id and matches(secret, token.digest):
                binding = _binding(token.device)
                fits = binding.room_id == token.room_id and str(token.room_id) == hello.room_id
                found[hello] = Admission(binding, token.pk if fits else None)
                if fits and token.used_at is None:
                    first_used.append(token)
    _note_first_use(first_used)
    return found


def reread(held: Iterable[Held]) -> dict[UUID, Refreshed]:
    """Return what the database says now of every held socket, in a handful of queries for all of them."""
    held = list(held)
    if not held:
        return {}
    offers = dict(
        Connection.objects.filter(pk__in=[each.connection_id for each in held if each.device_id is None])
        .exclude(offer=None)
        .values_list("pk", "offer")
    )
    owners = {each.connection_id: each.device_id or offers.get(each.connection_id) for each in held}
    wanted = {owner for owner in owners.values() if owner}
    waiting = [each for each in held if each.device_id is None and each.connection_id not in offers]
    devices = Device.objects.select_related("room", "organization").filter(pk__in=wanted, released_at=None)
    bindings = {device.pk: _binding(device) for device in devices}
    asked = {each.token_id for each in held if each.token_id}
    tokens = set(DeviceToken.objects.filter(pk__in=asked).values_list("pk", flat=True))
    newest = _newest_sockets(wanted)
    answers = {
        each.connection_id: Refreshed(
            binding=bindings.get(owners[each.connection_id] or _NOBODY),
            token_valid=each.token_id in tokens,
            replaced=bool(each.device_id)
            and newest.get(each.device_id or _NOBODY, each.connection_id) > each.connection_id,
        )
        for each in held
    }
    return answers | _namesakes(waiting)


def _namesakes(waiting: list[Held]) -> dict[UUID, Refreshed]:
    """Find the claimed devices whose names pending sockets say; give rooms back where the policy allows it."""
    if not waiting:
        return {}
    claimed: dict[str, list[Device]] = defaultdict(list)
    known = Device.objects.select_related("room", "organization").filter(
        device_id__in={each.reported_id for each in waiting}, released_at=None
    )
    for device in known:
        claimed[device.device_id].append(device)
    live = _newest_sockets({device.pk for devices in claimed.values() for device in devices})
    answers = {}
    for each in waiting:
        chosen = _chosen(claimed.get(each.reported_id, []), each)
        if chosen is None:
            continue
        if chosen.pk in live:
            answers[each.connection_id] = Refreshed(namesake=live[chosen.pk])
        elif each.may_rehome and _policy_allows(chosen, each) and _rehome(chosen, each):
            answers[each.connection_id] = Refreshed(binding=_binding(chosen))
    return answers


def _chosen(devices: list[Device], held: Held) -> Device | None:
    """Of devices that share a name, one per organization, choose the one last seen at this address, or the only one."""
    here = [device for device in devices if held.address and device.last_address == held.address]
    if len(here) == 1:
        return here[0]
    return devices[0] if len(devices) == 1 else None


def _policy_allows(device: Device, held: Held) -> bool:
    if device.room is None or not device.room.is_active:
        return False
    if settings.REHOME == "same-address":
        return device.last_address is not None and device.last_address == held.address
    return settings.REHOME == "always"


@transaction.atomic
def _rehome(device: Device, held: Held) -> bool:
    taken = Connection.objects.live().filter(offer=device).exclude(pk=held.connection_id).exists()
    if taken or not Connection.objects.filter(pk=held.connection_id, offer=None).update(offer=device):
        return False  # its row is not written yet, or a person was faster: the next heartbeat looks again
    note(device.organization, "device-rehomed", room=device.room, subject=str(device), address=held.address)
    return True


def _newest_sockets(devices: Iterable[UUID | None]) -> dict[UUID, UUID]:
    """Return the newest live authenticated socket of each device; epochs sort by time."""
    live = Connection.objects.live().filter(device__in=[device for device in devices if device])
    newest: dict[UUID, UUID] = {}
    for device_id, connection_id in live.exclude(state=Connection.State.PENDING).values_list("device", "pk"):
        newest[device_id] = max(connection_id, newest.get(device_id, connection_id))
    return newest


def _note_first_use(tokens: list[DeviceToken]) -> None:
    """Void the older tokens of devices that came with their new one: from now on they are not needed."""
    if not tokens:
        return
    older = Q()
    for token in tokens:
        older |= Q(device=token.device_id, pk__lt=token.pk)
    DeviceToken.objects.filter(older).delete()
    DeviceToken.objects.filter(pk__in=[token.pk for token in tokens]).update(used_at=timezone.now())


def _binding(device: Device) -> Binding:
    room = device.room if device.room and device.room.is_active else None
    return Binding(
        device_id=device.pk,
        name=str(device),
        organization_id=device.organization_id,
        kind=device.kind,
        stream=device.stream,
        sample_rate_hz=device.sample_rate_hz,
        channels=device.channels,
        room_id=room.pk if room else None,
        records=bool(room and room.records),
        wanted=device.desired_capture,
        wanted_at_us=microseconds(device.desired_at),
        room_name=room.name if room else "",
    )


def microseconds(moment: datetime | None) -> int:
    """Return µs since 1970, exactly; 0 for no moment."""
    return (moment - _EPOCH) // timedelta(microseconds=1) if moment else 0
