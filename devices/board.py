"""The board: what a person sees of devices and their presence, as `docs/protocol.md` describes it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Q
from django.utils import timezone

from accounts.models import Role
from devices.models import Connection, Device
from devices.presence import lobby
from rooms.models import Event, Room
from rooms.sentences import sentence

RECONNECTING_S = 30  # a sketch tries again every 5 s: after six tries it is away
STOPPING_S = 3  # the sound that was under way when the stop was sent
EVENTS_ON_BOARD = 20
SIMULATED_PREFIX = "esp32-demo-"  # the names that the demo fleet goes by

Json = dict[str, Any]


def board_for(user: Any) -> Json:
    """Return the board of everything that `user` may see."""
    return {
        "type": "board",
        "devices": describe_devices(Device.objects.visible_to(user).filter(released_at=None), user),
        "pending": describe_lobby(user),
        "capturing": capturing_count(user),
        "room": None,
        "serverTime": _iso(timezone.now()),
    }


def board_of_room(room: Room, user: Any, here: Sequence[Json] = ()) -> Json:
    """Return the board of one room, of which `user` is a member; `here` names who watches."""
    devices = Device.objects.filter(room=room, released_at=None)
    may_control = room.organization_id in _organizations(user, (Role.OWNER, Role.OPERATOR))
    return {
        "type": "board",
        "devices": describe_devices(devices, user),
        "pending": [],
        "capturing": capturing_count(user),
        "room": {
            "id": str(room.pk),
            "name": room.name,
            "status": room.status,
            "records": room.records,
            "mayControl": may_control,
            "mayTalk": may_control,
            "here": list(here),
            "events": [_event(event) for event in Event.objects.filter(room=room)[:EVENTS_ON_BOARD]],
            "recording": None,
        },
        "serverTime": _iso(timezone.now()),
    }


def capturing_count(user: Any) -> int:
    """Return how many devices that `user` may see capture now, wherever they are, as their workers report."""
    seen = Device.objects.visible_to(user)
    running = Connection.objects.live().filter(state=Connection.State.CAPTURING, device__in=seen)
    return running.values("device").distinct().count()


def describe_devices(devices: Any, user: Any) -> list[Json]:
    """Return the entries of `devices` (a query), each with its presence, in their order."""
    found = list(devices.select_related("room"))
    ids = [device.pk for device in found]
    names = {device.device_id for device in found}
    live = (
        Connection.objects.live()
        .select_related("worker")
        .filter(Q(device__in=ids) | Q(offer__in=ids) | Q(reported_id__in=names, state=Connection.State.PENDING))
    )
    controllable = _organizations(user, (Role.OWNER, Role.OPERATOR))
    by_device, pending_by_id = _sorted_out(live.order_by("opened_at"))
    gone = _last_gone([device.pk for device in found if not by_device.get(device.pk)])
    drops = _drops_today(ids)
    return [
        _Entry(device, by_device.get(device.pk, []), pending_by_id.get(device.device_id, []), gone.get(device.pk)).json(
            may_control=device.organization_id in controllable, drops=drops.get(device.pk, 0)
        )
        for device in found
    ]


def describe_lobby(user: Any) -> list[Json]:
    """Return the pending sockets that `user` may connect, the longest waiting first."""
    waiting = list(lobby(user))
    said: dict[str, int] = defaultdict(int)
    for connection in waiting:
        said[connection.reported_id] += 1
    mine = Device.objects.visible_to(user).filter(released_at=None, device_id__in=list(said))
    known = dict(mine.values_list("device_id", "pk"))
    return [
        {
            "connection": str(connection.pk),
            "deviceId": connection.reported_id,
            "address": connection.address,
            "since": _iso(connection.opened_at),
            "simulated": settings.DEMO and connection.reported_id.startswith(SIMULATED_PREFIX),
            "twins": said[connection.reported_id] - 1,
            "device": str(known[connection.reported_id]) if connection.reported_id in known else None,
        }
        for connection in waiting
    ]


class _Entry:
    """One device with its sockets: `own` those that are or become it, `namesakes` those that only say its name."""

    def __init__(
        self, device: Device, own: list[Connection], namesakes: list[Connection], gone: datetime | None
    ) -> None:
        self.device, self.own, self.namesakes, self.gone = device, own, namesakes, gone
        # the newest authenticated socket is the device; without one, what was offered to become it
        self.socket = max(own, key=lambda each: (each.device_id == device.pk, each.opened_at), default=None)

    def json(self, *, may_control: bool, drops: int) -> Json:
        device, socket = self.device, self.socket
        state, since = self._state()
        hint = (
            {"rate": socket.hint_rate_hz, "channels": socket.hint_channels} if socket and socket.hint_rate_hz else None
        )
        waiting = self.namesakes[-1] if self.namesakes else None
        return {
            "id": str(device.pk),
            "deviceId": device.device_id,
            "name": str(device),
            "kind": device.kind,
            "stream": device.stream,
            "room": {"id": str(device.room_id), "name": device.room.name} if device.room else None,
            "rate": device.sample_rate_hz,
            "channels": device.channels,
            "state": state,
            "since": _iso(since),
            "wanted": device.desired_capture,
            "mayControl": may_control,
            "address": socket.address if socket else device.last_address,
            "lastHeard": _iso(self._last_heard()),
            "drops": drops,
            "hint": hint,
            "problem": socket.problem if socket else "",
            "connection": str(waiting.pk) if waiting and not socket else None,
            "conflict": self._conflict(),
        }

    def _state(self) -> tuple[str, datetime | None]:
        device, socket = self.device, self.socket
        if socket is None:
            return self._absent()
        if socket.device_id != device.pk or socket.state == Connection.State.PENDING:
            return "connecting", socket.opened_at
        if socket.state == Connection.State.CAPTURING:
            asked = device.desired_at and timezone.now() - device.desired_at < timedelta(seconds=STOPPING_S)
            return ("stopping", device.desired_at) if not device.desired_capture and asked else (
                "capturing", socket.capturing_since
            )  # fmt: skip
        if device.desired_capture:
            return "starting", max(device.desired_at or socket.opened_at, socket.opened_at)
        return "connected", socket.opened_at

    def _absent(self) -> tuple[str, datetime | None]:
        if self.namesakes:
            return "pending", self.namesakes[-1].opened_at
        gone = self.gone or self.device.last_heard_at or self.device.claimed_at
        recently = timezone.now() - gone < timedelta(seconds=RECONNECTING_S)
        return ("reconnecting" if recently else "away"), gone

    def _last_heard(self) -> datetime | None:
        if self.socket is None:
            return self.gone or self.device.last_heard_at
        return timezone.now() if self.socket.state == Connection.State.CAPTURING else (
            self.socket.last_chunk_at or self.socket.opened_at
        )  # fmt: skip

    def _conflict(self) -> Json | None:
        newcomer = next((each for each in reversed(self.namesakes) if each.conflict), None)
        if newcomer is None or self.socket is None:
            return None
        return {"addresses": [self.socket.address, newcomer.address], "connection": str(newcomer.pk)}


def _sorted_out(live: Iterable[Connection]) -> tuple[dict[Any, list[Connection]], dict[str, list[Connection]]]:
    by_device: dict[Any, list[Connection]] = defaultdict(list)
    pending_by_id: dict[str, list[Connection]] = defaultdict(list)
    for connection in live:
        owner = connection.device_id or connection.offer_id
        if owner:
            by_device[owner].append(connection)
        else:
            pending_by_id[connection.reported_id].append(connection)
    return by_device, pending_by_id


def _last_gone(ids: list[Any]) -> dict[Any, datetime]:
    """Return when each absent device's last socket ended, or its worker was last seen."""
    gone: dict[Any, datetime] = {}
    recent = Connection.objects.filter(device__in=ids).select_related("worker").order_by("opened_at")
    for connection in recent.filter(opened_at__gt=timezone.now() - timedelta(days=2)):
        gone[connection.device_id] = connection.closed_at or connection.worker.stopped_at or connection.worker.seen_at
    return gone


def _drops_today(ids: list[Any]) -> dict[Any, int]:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    dropped = Connection.objects.filter(device__in=ids, closed_at__gte=midnight).exclude(close_code__in=(1000, 4409))
    return dict(dropped.order_by().values_list("device").annotate(Count("pk")))


def _organizations(user: Any, roles: Sequence[str]) -> set[Any]:
    return set(user.memberships.filter(role__in=roles).values_list("organization", flat=True))


def _event(event: Event) -> Json:
    return {
        "at": _iso(event.at), "kind": event.kind, "subject": event.subject, "actor": event.actor,
        "text": sentence(event),
    }  # fmt: skip


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None
