"""One feed per room and process: a chunk is framed once per dialect and pushed to all; nobody waits for anybody."""

import asyncio
import logging
from collections.abc import Callable
from enum import Enum
from typing import Any
from uuid import UUID

from channels.layers import get_channel_layer

from leganize.wire import v1
from leganize.wire.chunk import Chunk, Codec
from leganize.wire.errors import WireError
from leganize.wire.framing import Frame, binary_frame
from leganize.wire.pcm import MonoResampler
from rooms.bus import Bus, LocalBus
from rooms.hints import LAYER_AWAY, WORKERS_GROUP, send_in_time
from rooms.outbox import Kind, Outbox

logger = logging.getLogger(__name__)

REJOIN_BEATS = 600  # a layer forgets group members after a day (`group_expiry`): join again every ten minutes


def room_group(room_id: UUID) -> str:
    """Return the channel-layer group of a room's events."""
    return f"room.{room_id.hex}"


class Dialect(Enum):
    """How a viewer wants its chunks."""

    LIVE = "live"  # binary, with the header
    V1 = "v1"  # JSON with base64, 16 kHz mono


class Viewer:
    """One page in a room: its outbox, its name for others, and what becomes of events for it."""

    def __init__(
        self, name: str, dialect: Dialect, outbox: Outbox, on_event: Callable[[dict[str, Any]], None], stream: int = 0
    ) -> None:
        self.name, self.dialect, self.outbox, self.on_event, self.stream = name, dialect, outbox, on_event, stream


class Feed:
    """The viewers of one room in this process."""

    def __init__(self) -> None:
        self.viewers: dict[Dialect, set[Viewer]] = {dialect: set() for dialect in Dialect}
        self._resamplers: dict[int, MonoResampler] = {}

    def everyone(self) -> list[Viewer]:
        """Return the viewers of all dialects."""
        return [viewer for viewers in self.viewers.values() for viewer in viewers]

    def push(self, chunk: Chunk) -> int:
        """Give `chunk` to every viewer but the one who sent it, and return how many that were."""
        kind = Kind.PICTURE if chunk.codec is Codec.JPEG else Kind.SOUND
        pushed = 0
        for dialect, viewers in self.viewers.items():
            frame = self._frame(chunk, dialect) if viewers else None
            if frame is None:
                continue
            for viewer in viewers:
                if viewer.stream != chunk.stream:
                    viewer.outbox.offer(frame, kind, chunk.stream)
                    pushed += 1
        return pushed

    def _frame(self, chunk: Chunk, dialect: Dialect) -> Frame | None:
        if dialect is Dialect.LIVE:
            return binary_frame(chunk.pack())
        if chunk.codec is not Codec.PCM_S16LE:
            return None  # v1 pages know sound only
        if (chunk.sample_rate_hz, chunk.channels) == (16000, 1):
            return v1.audio_for_page(chunk.payload)
        payload = self._resampler(chunk).convert(chunk.payload)
        return v1.audio_for_page(payload) if payload else None

    def _resampler(self, chunk: Chunk) -> MonoResampler:
        shape = (chunk.sample_rate_hz, chunk.channels)
        found = self._resamplers.get(chunk.stream)
        if found is None or found.shape != shape:
            found = self._resamplers[chunk.stream] = MonoResampler(*shape)
        return found


class Relay:
    """The feeds of this process, the bus to other workers, and the events of rooms."""

    def __init__(self, bus: Bus | None = None) -> None:
        self.bus: Bus = bus or LocalBus()
        self.feeds: dict[UUID, Feed] = {}
        self.chunks = 0
        self.delivered = self.dropped = 0  # of viewers that have left; their outboxes are gone
        self.on_worker_event: Callable[[dict[str, Any]], None] = lambda event: None
        self._channel = ""
        self._listener: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._beats = 0

    async def start(self, bus: Bus, on_worker_event: Callable[[dict[str, Any]], None]) -> None:
        """Join the other workers: media over `bus`, events and hints over the channel layer."""
        self.bus, self.on_worker_event = bus, on_worker_event
        await bus.start(self._from_bus)
        self._listener = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """Leave the other workers."""
        for task in [self._listener, *self._tasks]:
            if task:
                task.cancel()
        await self.bus.stop()

    def join(self, room_id: UUID, viewer: Viewer) -> None:
        """Let `viewer` receive what is published in a room from now on."""
        feed = self.feeds.get(room_id)
        if feed is None:
            feed = self.feeds[room_id] = Feed()
            self._spawn(self._join_group(room_group(room_id)))
        feed.viewers[viewer.dialect].add(viewer)
        self.bus.watch(room_id, [each.name for each in feed.everyone()])

    def leave(self, room_id: UUID, viewer: Viewer) -> None:
        """Let `viewer` receive nothing more; the last one closes the feed."""
        feed = self.feeds.get(room_id)
        if feed is None:
            return
        if viewer in feed.viewers[viewer.dialect]:
            feed.viewers[viewer.dialect].discard(viewer)
            self.delivered += viewer.outbox.delivered
            self.dropped += viewer.outbox.dropped
        if feed.everyone():
            self.bus.watch(room_id, [each.name for each in feed.everyone()])
            return
        del self.feeds[room_id]
        self.bus.unwatch(room_id)
        self._spawn(self._leave_group(room_group(room_id)))

    def publish(self, room_id: UUID, chunk: Chunk) -> None:
        """Push `chunk` to everyone in the room, here and on other workers."""
        self.chunks += 1
        feed = self.feeds.get(room_id)
        if feed is not None:
            feed.push(chunk)
        if not isinstance(self.bus, LocalBus):
            self.bus.publish(room_id, chunk.pack())

    def tell(self, room_id: UUID, event: dict[str, Any]) -> None:
        """Tell the pages of a room, on every worker, what happened; `event` has a string `type`."""
        message = {"type": "room.event", "room": room_id.hex, "event": event}
        self._spawn(send_in_time(room_group(room_id), message))

    def tell_workers(self, event: dict[str, Any]) -> None:
        """Tell every worker, this one included, something that concerns sockets."""
        self._spawn(send_in_time(WORKERS_GROUP, event))

    def names(self, room_id: UUID) -> list[str]:
        """Return who is in a room, on any worker."""
        feed = self.feeds.get(room_id)
        here = [viewer.name for viewer in feed.everyone()] if feed else []
        return here + self.bus.names_elsewhere(room_id)

    def tick(self) -> None:
        """Once a second: repeat what is watched here, and keep group memberships from expiring."""
        self.bus.announce()
        self._beats += 1
        if self._beats % REJOIN_BEATS == 0 and self._channel:
            for group in [WORKERS_GROUP, *map(room_group, self.feeds)]:
                self._spawn(get_channel_layer().group_add(group, self._channel))

    def flush(self) -> None:
        """Hand over what slow viewers have room for by now; called several times a second."""
        for feed in self.feeds.values():
            for viewer in feed.everyone():
                if viewer.outbox.is_behind:
                    viewer.outbox.flush()

    def _from_bus(self, room_id: UUID, data: bytes) -> None:
        feed = self.feeds.get(room_id)
        if feed is None:
            return
        try:
            feed.push(Chunk.unpack(data))
        except WireError as error:
            logger.warning("a chunk from another worker cannot be read: %s", error)

    async def _listen(self) -> None:
        while True:
            try:
                layer = get_channel_layer()
                self._channel = await layer.new_channel()
                for group in [WORKERS_GROUP, *map(room_group, self.feeds)]:
                    await layer.group_add(group, self._channel)
                while True:
                    self._take(await layer.receive(self._channel))
            except LAYER_AWAY as error:
                logger.warning("the channel layer is away, events wait: %s", error)
                await asyncio.sleep(1)

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] != "room.event":
            self.on_worker_event(message)
            return
        feed = self.feeds.get(UUID(hex=message["room"]))
        for viewer in feed.everyone() if feed else []:
            viewer.on_event(message["event"])

    async def _join_group(self, group: str) -> None:
        if self._channel:
            await get_channel_layer().group_add(group, self._channel)

    async def _leave_group(self, group: str) -> None:
        if self._channel:
            await get_channel_layer().group_discard(group, self._channel)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Any) -> None:
        try:
            await work
        except LAYER_AWAY as error:
            logger.warning("an event did not leave: %s", error)


relay = Relay()
