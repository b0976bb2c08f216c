"""Chunks from one worker to the others, only where someone watches: local for one process, Redis for many."""

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol
from uuid import UUID

import redis.asyncio as redis

logger = logging.getLogger(__name__)

MEDIA_PREFIX = "leganize.media."
WATCH_CHANNEL = "leganize.watch"
MAX_QUEUED_BYTES = 4 * 1024 * 1024  # 2 s of 60 microphones: Redis that is slower than that gets the newest
WATCH_FRESH_S = 3.5  # three announcements, one a second, may be lost
WORKER_BYTES = 16  # every chunk is preceded by the UUID of the worker that published it
BATCH = 64  # publishes in one round trip

OnMedia = Callable[[UUID, bytes], None]


class Bus(Protocol):
    """What a relay asks of the way to other workers. `publish`, `watch` and `unwatch` never wait."""

    dropped: int

    async def start(self, on_media: OnMedia) -> None: ...

    async def stop(self) -> None: ...

    def publish(self, room_id: UUID, data: bytes) -> None:
        """Send a packed chunk to the other workers that have viewers in this room."""

    def watch(self, room_id: UUID, names: Iterable[str]) -> None:
        """Say that this worker has viewers in this room, and who they are."""

    def unwatch(self, room_id: UUID) -> None:
        """Say that this worker has none any more."""

    def names_elsewhere(self, room_id: UUID) -> list[str]:
        """Return who watches this room on other workers."""

    def announce(self) -> None:
        """Repeat what is watched here; called once a second."""


class LocalBus:
    """The bus of a single process: there is nobody to tell."""

    dropped = 0

    async def start(self, on_media: OnMedia) -> None:
        """Nothing comes from elsewhere."""

    async def stop(self) -> None:
        """Nothing was opened."""

    def publish(self, room_id: UUID, data: bytes) -> None:
        """Everyone was served by the feed."""

    def watch(self, room_id: UUID, names: Iterable[str]) -> None:
        """Nobody else publishes."""

    def unwatch(self, room_id: UUID) -> None:
        """Nobody else publishes."""

    def names_elsewhere(self, room_id: UUID) -> list[str]:
        return []

    def announce(self) -> None:
        """Nobody listens."""


class RedisBus:
    """One connection to publish, one to receive; both come back by themselves, and queues stay bounded meanwhile."""

    def __init__(self, url: str, worker: UUID, clock: Callable[[], float] = time.monotonic) -> None:
        self.dropped = 0
        self._worker = worker
        self._clock = clock
        self._redis = redis.Redis.from_url(url, socket_connect_timeout=3, socket_keepalive=True)
        self._watched: dict[UUID, list[str]] = {}
        self._elsewhere: dict[UUID, dict[str, tuple[float, list[str]]]] = {}
        self._outgoing: deque[tuple[str, bytes]] = deque()
        self._outgoing_bytes = 0
        self._has_outgoing = asyncio.Event()
        self._subscription_changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._on_media: OnMedia = lambda room_id, data: None

    async def start(self, on_media: OnMedia) -> None:
        self._on_media = on_media
        self._tasks = [asyncio.create_task(self._keep(self._send)), asyncio.create_task(self._keep(self._receive))]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()

    def publish(self, room_id: UUID, data: bytes) -> None:
        if self._fresh(room_id):
            self._queue(MEDIA_PREFIX + room_id.hex, self._worker.bytes + data)

    def watch(self, room_id: UUID, names: Iterable[str]) -> None:
        is_new = room_id not in self._watched
        self._watched[room_id] = list(names)
        if is_new:
            self._subscription_changed.set()
            self.announce()

    def unwatch(self, room_id: UUID) -> None:
        if self._watched.pop(room_id, None) is not None:
            self._subscription_changed.set()
            self.announce()

    def names_elsewhere(self, room_id: UUID) -> list[str]:
        return [name for names in self._fresh(room_id) for name in names]

    def announce(self) -> None:
        rooms = {room_id.hex: names for room_id, names in self._watched.items()}
        self._queue(WATCH_CHANNEL, json.dumps({"worker": self._worker.hex, "rooms": rooms}).encode())

    def _fresh(self, room_id: UUID) -> list[list[str]]:
        now = self._clock()
        workers = self._elsewhere.get(room_id, {})
        return [names for until, names in workers.values() if until > now]

    def _queue(self, channel: str, data: bytes) -> None:
        self._outgoing.append((channel, data))
        self._outgoing_bytes += len(data)
        while self._outgoing_bytes > MAX_QUEUED_BYTES:
            self._outgoing_bytes -= len(self._outgoing.popleft()[1])
            self.dropped += 1
        self._has_outgoing.set()

    async def _keep(self, work: Callable[[], Any]) -> None:
        while True:
            try:
                await work()
            except (redis.RedisError, OSError) as error:
                logger.warning("Redis is away, media for other workers waits: %s", error)
                await asyncio.sleep(1)

    async def _send(self) -> None:
        while True:
            await self._has_outgoing.wait()
            self._has_outgoing.clear()
            while self._outgoing:
                batch = [self._outgoing.popleft() for _ in range(min(BATCH, len(self._outgoing)))]
                self._outgoing_bytes -= sum(len(data) for _, data in batch)
                pipeline = self._redis.pipeline(transaction=False)
                for channel, data in batch:
                    pipeline.publish(channel, data)
                await pipeline.execute()

    async def _receive(self) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(WATCH_CHANNEL)
            subscribed: set[UUID] = set()
            self._subscription_changed.set()
            while True:
                if self._subscription_changed.is_set():
                    self._subscription_changed.clear()
                    subscribed = await self._resubscribe(pubsub, subscribed)
                message = await pubsub.get_message(timeout=0.05)
                if message:
                    self._take(message["channel"].decode(), message["data"])

    async def _resubscribe(self, pubsub: Any, subscribed: set[UUID]) -> set[UUID]:
        wanted = set(self._watched)
        if wanted - subscribed:
            await pubsub.subscribe(*[MEDIA_PREFIX + room_id.hex for room_id in wanted - subscribed])
        if subscribed - wanted:
            await pubsub.unsubscribe(*[MEDIA_PREFIX + room_id.hex for room_id in subscribed - wanted])
        return wanted

    def _take(self, channel: str, data: bytes) -> None:
        if channel.startswith(MEDIA_PREFIX):
            if data[:WORKER_BYTES] != self._worker.bytes:  # Redis echoes what a worker publishes where it also watches
                self._on_media(UUID(hex=channel.removeprefix(MEDIA_PREFIX)), data[WORKER_BYTES:])
            return
        said = json.loads(data)
        if said["worker"] == self._worker.hex:
            return
        until = self._clock() + WATCH_FRESH_S
        for workers in self._elsewhere.values():
            workers.pop(said["worker"], None)
        for room, names in said["rooms"].items():
            self._elsewhere.setdefault(UUID(hex=room), {})[said["worker"]] = (until, names)
        self._elsewhere = {room_id: workers for room_id, workers in self._elsewhere.items() if workers}
