"""One process that holds sockets: its lease, its heartbeat, and its way out."""

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from channels.db import DatabaseSyncToAsync
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from devices.models import Connection, Worker
from devices.presence import presence
from gateway import sockets
from leganize import boards, refresh
from recordings import index, inspection, recovery
from recordings.exporting import child as export_child
from recordings.keeping import ballast, upkeep
from recordings.log.recorder import recorder
from rooms.bus import Bus, LocalBus, RedisBus
from rooms.relay import relay

logger = logging.getLogger(__name__)

SOONEST_S = 0.05  # hints that come together cost one heartbeat
FLUSH_EVERY_S = 0.05  # a viewer that fell behind gets what it has room for 20 times a second
LEASE_EVERY_BEATS = 3
SETTLE_EVERY_BEATS = 15
KEEP_CONNECTIONS = timedelta(days=7)


class HeldWorker:
    """This process as a worker: `ensure_started` may be called as often as sockets come, `stop` once."""

    def __init__(self) -> None:
        self.id = uuid4()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._thread = ThreadPoolExecutor(1, "heartbeat")
        self._starting: asyncio.Task[None] | None = None
        self._beats = 0
        self._failed_s = float("-inf")

    async def ensure_started(self) -> None:
        """Start once; everyone who comes meanwhile waits for that start, and tries again where it failed."""
        if self._starting is None or (self._starting.done() and self._starting.exception()):
            self._starting = asyncio.get_running_loop().create_task(self._start())
        await asyncio.shield(self._starting)

    async def stop(self) -> None:
        """Give up the lease and write down what is known; recovery does not rely on it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(recorder.stop)
        await asyncio.to_thread(export_child.stop)
        await presence.flush()
        with contextlib.suppress(DatabaseError):  # the lease runs out by itself
            await self._in_thread(_write_news)
            await self._in_thread(_end_lease, self.id)
        await relay.stop()

    def wake(self) -> None:
        """Ask for a heartbeat now; safe to call from the event loop only."""
        self._wake.set()

    async def _start(self) -> None:
        sockets.wake.call = self.wake
        recorder.start()
        bus: Bus = RedisBus(settings.REDIS_URL, self.id) if settings.REDIS_URL else LocalBus()
        await relay.start(bus, self._take_worker_event)
        while True:
            try:
                await self._in_thread(_take_lease, self.id)
                await self._in_thread(_bury_the_dead, self.id)
                break
            except DatabaseError as error:
                logger.warning("waiting for the database: %s", error)
                await asyncio.sleep(1)
        work = (self._beat_forever(), self._flush_forever(), self._rebuild_once())
        self._tasks = [asyncio.create_task(each) for each in work]
        logger.info("worker %s holds sockets now", self.id)

    async def _beat_forever(self) -> None:
        while True:
            started_s = time.monotonic()
            try:
                await self._beat()
            except DatabaseError as error:
                await asyncio.to_thread(ballast.give_up_when_full)
                self._complain("the heartbeat waits for the database: %s", error)
            except Exception:
                # a heart that stops at the first surprise would leave every socket as it is, for ever
                self._complain("a heartbeat failed", exc_info=True)
            await self._rest(started_s)

    async def _rebuild_once(self) -> None:
        """Compare all recordings on disk with their rows, on a thread of its own: there may be thousands."""
        try:
            await DatabaseSyncToAsync(_rebuild, thread_sensitive=False)()
        except (DatabaseError, OSError) as error:
            logger.error("recordings on disk were not compared with their rows: %s", error)

    async def _rest(self, started_s: float) -> None:
        await asyncio.sleep(SOONEST_S)
        left = settings.HEARTBEAT_SECONDS - (time.monotonic() - started_s)
        # not wait_for: on Python 3.11 it can swallow the cancellation that ends this worker
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.01, left)):
                await self._wake.wait()
        self._wake.clear()

    async def _beat(self) -> None:
        self._beats += 1
        relay.tick()
        await presence.flush()
        await refresh.devices(self._in_thread)
        await refresh.pages(self._in_thread)
        await presence.flush()
        await boards.push(self._in_thread)
        await self._in_thread(_write_news)
        await self._in_thread(upkeep.tend, self.id)
        if self._beats % LEASE_EVERY_BEATS == 1:
            await self._in_thread(_take_lease, self.id)
        if self._beats % SETTLE_EVERY_BEATS == 1:
            await self._in_thread(_tidy)

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            relay.flush()

    def _take_worker_event(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "look":
                self.wake()
            case "probe":
                held = sockets.devices.get(UUID(hex=event["connection"]))
                if held:
                    held.probe()
            case "replaced":
                newest = UUID(hex=event["by"])
                for held in sockets.devices_of(UUID(hex=event["device"])):
                    if held.report.id < newest:
                        held.replaced()

    async def _in_thread(self, work: Callable[..., Any], *values: Any) -> Any:
        return await DatabaseSyncToAsync(work, thread_sensitive=False, executor=self._thread)(*values)

    def _complain(self, sentence: str, *values: Any, exc_info: bool = False) -> None:
        now = time.monotonic()
        if now - self._failed_s >= 1:
            self._failed_s = now
            logger.error(sentence, *values, exc_info=exc_info)


def _take_lease(worker_id: UUID) -> None:
    now = timezone.now()
    Worker.objects.update_or_create(
        pk=worker_id,
        defaults={"seen_at": now, "stopped_at": None},
        create_defaults={"host": socket.gethostname()[:120], "pid": os.getpid(), "started_at": now, "seen_at": now},
    )


def _bury_the_dead(worker_id: UUID) -> None:
    """End the leases of this machine's workers whose processes are gone: what they held stops counting at once."""
    others = Worker.objects.filter(host=socket.gethostname()[:120], stopped_at=None).exclude(pk=worker_id)
    for other in others:
        if other.pid == os.getpid() or not _is_running(other.pid):  # in a container every life has the same PID
            Worker.objects.filter(pk=other.pk).update(stopped_at=other.seen_at)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it lives, as someone else
    return True


def _end_lease(worker_id: UUID) -> None:
    Worker.objects.filter(pk=worker_id).update(stopped_at=timezone.now())


def _rebuild() -> None:
    count = recovery.rebuild_lost_rows()
    found = inspection.inspect_all()
    if count or found.damaged_segments or found.rebuilt_rows:
        logger.warning(
            "%d recordings that had no row have one again; %d segments are damaged, %d rows of segments are rebuilt",
            count, found.damaged_segments, found.rebuilt_rows,
        )  # fmt: skip


def _write_news() -> None:
    """Bring the rows up to what the recorder wrote; what fails is told again with the next beat."""
    news = recorder.news()
    index.write_rows(news)
    recorder.saved(news)


def _tidy() -> None:
    """Settle what dead workers left, and forget connections that nobody will ask about."""
    recovery.settle()
    old = timezone.now() - KEEP_CONNECTIONS
    Connection.objects.filter(opened_at__lt=old).exclude(closed_at=None, worker__stopped_at=None).delete()
    Worker.objects.filter(seen_at__lt=old).delete()


worker = HeldWorker()
