"""Keeps what devices capture: chunks are offered without waiting, and one thread writes them to the segment log."""

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from devices.binding import Binding
from leganize.wire.chunk import Chunk
from recordings.log.clocks import Clocks
from recordings.log.folder import folder_of as folder_of
from recordings.log.growing import Snapshot
from recordings.log.troubles import Trouble, Troubles
from recordings.log.writing import Offer, Writing

MAX_WAITING_BYTES = 16 * 1024 * 1024  # a disk may stall for 12 s under 40 microphones before anything is given up
WRITE_EVERY_S = 0.05  # what a crash can take with it; a wake-up per chunk would cost more than its writing
SECOND_US = 1_000_000
TELL_EVERY_US = SECOND_US // 2
QUIET_AFTER_STOP_US = SECOND_US
RETRY_FULL_DISK_US = SECOND_US // 2
RESERVED_BYTES = 64 * 1024 * 1024  # left for the database beside us, which must go on when recording cannot
RESERVED_SHARE = 0.02  # of a disk so small that the above would be most of it


class Recorder:
    """One per worker. What sockets and heartbeat call returns at once, and is called from the event loop's thread."""

    def __init__(self, clocks: Clocks | None = None) -> None:
        self.clocks = clocks or Clocks()
        self.lost_chunks: Counter[str] = Counter()
        """Chunks that were not kept, by reason."""
        self.written_chunks = 0
        self.lag_us = 0
        """How long the newest chunk that was written had waited."""
        self.sync_seconds = 0.0
        """How long the last round of syncs took."""
        self._troubles = Troubles()
        self._writing = Writing(self.clocks)
        self._waiting: deque[Offer] = deque()
        self._offered_bytes = self._taken_bytes = 0  # each has one writer, so no lock is needed
        self._lost: Counter[UUID] = Counter()
        self._left: deque[UUID] = deque()
        self._why_left = "device-offline"
        self._resting: set[UUID] = set()
        self._refused: frozenset[UUID] = frozenset()
        self._news: dict[UUID, Snapshot] = {}
        self._saved: deque[Snapshot] = deque()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._second_us = self._told_us = self._tried_us = -SECOND_US
        self._has_room = True

    @property
    def lag_seconds(self) -> float:
        """How long the oldest chunk has waited, or, while none waits, the newest that was written had."""
        try:
            return (self.clocks.steady_us() - self._waiting[0].steady_us) / SECOND_US
        except IndexError:
            return self.lag_us / SECOND_US

    @property
    def waiting_bytes(self) -> int:
        """Payload bytes that wait to be written."""
        return self._offered_bytes - self._taken_bytes

    def offer(self, binding: Binding, room_id: UUID, epoch: UUID, chunk: Chunk) -> bool:
        """Queue `chunk` of a device's connection for writing; False, and declared, when the disk is too far behind."""
        if binding.wanted:
            self._resting.discard(binding.device_id)
        if self.waiting_bytes + len(chunk.payload) > MAX_WAITING_BYTES:
            self._lost[epoch] += chunk.samples
            self.lost_chunks["queue-full"] += 1
            self._troubles.note("disk-slow", self.clocks.steady_us())
            return False
        offer = Offer(binding, room_id, epoch, chunk, self.clocks.steady_us(), self._lost.pop(epoch, 0))
        self._waiting.append(offer)
        self._offered_bytes += len(chunk.payload)
        return True

    def left(self, epoch: UUID) -> None:
        """Note that a connection ended: its recording waits for the device's return."""
        self._lost.pop(epoch, None)
        self._left.append(epoch)

    def drain(self) -> None:
        """Note that connections end from now on because this worker does: their devices go on elsewhere."""
        self._why_left = "moved"

    def rests(self, device_id: UUID) -> None:
        """Note that nothing more is wanted of a device: its recording ends after 1 s of quiet."""
        self._resting.add(device_id)

    def refuse(self, organizations: frozenset[UUID]) -> None:
        """Keep nothing more of these organizations until they are named no longer: they are over their quota."""
        self._refused = organizations

    def troubles(self) -> list[Trouble]:
        """Return what keeps sound from being kept now, the oldest first."""
        return self._troubles.now(self.clocks.steady_us())

    def news(self) -> list[Snapshot]:
        """Return what this worker wrote and the rows do not say yet; `saved` forgets it."""
        return list(self._news.values())

    def saved(self, snapshots: list[Snapshot]) -> None:
        """Note that the rows say this by now."""
        self._saved.extend(snapshots)

    def start(self) -> None:
        """Start the writing thread."""
        if self._thread is None or not self._thread.is_alive():
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Write what waits, close everything so that another worker may go on, and end the thread."""
        self._stopping.set()
        if self._thread:
            self._thread.join(timeout=10)

    def write_once(self, *, stopping: bool = False) -> None:
        """Do what is due. The thread calls it 20 times a second; a test without a thread, whenever it likes."""
        now_us = self.clocks.steady_us()
        for offer in self._writing.held_back():
            self._keep(offer, now_us)
        while self._waiting:
            offer = self._waiting.popleft()
            self._taken_bytes += len(offer.chunk.payload)
            self._keep(offer, now_us)
        while self._left:
            self._writing.leave(self._left.popleft(), self._why_left)
        if stopping:
            self._writing.leave_all("moved")
        self._attempt(self._writing.park)
        self._attempt(self._writing.finish_quiet, self._resting, now_us - QUIET_AFTER_STOP_US)
        is_due = now_us - self._second_us >= SECOND_US
        if settings.FSYNC == "always" or (is_due and settings.FSYNC == "interval"):
            self._sync()
        if is_due:
            self._each_second(now_us)
        if stopping or self._writing.has_closed or now_us - self._told_us >= TELL_EVERY_US:
            self._told_us = now_us
            self._tell()

    def _run(self) -> None:
        while True:
            stopping = self._stopping.wait(WRITE_EVERY_S)
            try:
                self.write_once(stopping=stopping)
            except Exception as error:
                # a writer that stops at the first surprise would lose everything that comes after it
                self._troubles.note("disk-refuses", self.clocks.steady_us(), lost=0, why=repr(error))
            if stopping:
                return

    def _keep(self, offer: Offer, now_us: int) -> None:
        if offer.lost_samples:
            self._writing.lose(offer, offer.lost_samples, "queue-full")
            offer = replace(offer, lost_samples=0)
        if offer.binding.organization_id in self._refused:
            self._lose(offer, "over-quota", organization=offer.binding.organization_id)
        elif not self._may_write(now_us):
            self._lose(offer, "disk-full")
        else:
            try:
                if self._writing.keep(offer):
                    self.written_chunks += 1
                    self.lag_us = self.clocks.steady_us() - offer.steady_us
            except OSError as error:
                self._has_room, self._tried_us = False, now_us
                self._lose(offer, "disk-full", why=error)

    def _lose(self, offer: Offer, kind: str, *, organization: UUID | None = None, why: object = "") -> None:
        self._writing.lose(offer, offer.chunk.samples, "disk-full")  # a quota is a disk of one's own
        self.lost_chunks[kind] += 1
        self._troubles.note(kind, self.clocks.steady_us(), organization=organization, why=why)

    def _may_write(self, now_us: int) -> bool:
        """Tell whether there is room; where there was none, look again twice a second."""
        if not self._has_room and now_us - self._tried_us >= RETRY_FULL_DISK_US:
            self._tried_us, self._has_room = now_us, has_room()
        return self._has_room

    def _each_second(self, now_us: int) -> None:
        self._second_us = now_us
        if self._has_room and not has_room():
            self._has_room, self._tried_us = False, now_us
        for recording in self._writing.recordings():
            self._attempt(recording.draw)

    def _sync(self) -> None:
        started_s = time.monotonic()
        for recording in self._writing.recordings():
            self._attempt(recording.sync)
        self.sync_seconds = time.monotonic() - started_s

    def _attempt(self, work: Callable[..., None], *values: Any) -> None:
        """Do what is tried again later where the disk refuses."""
        try:
            work(*values)
        except OSError as error:
            self._troubles.note("disk-refuses", self.clocks.steady_us(), lost=0, why=error)

    def _tell(self) -> None:
        """Replace the news whole, so that they can be read without a lock while this thread goes on."""
        news = dict(self._news)
        while self._saved:
            told = self._saved.popleft()
            if news.get(told.about.recording) is told:
                del news[told.about.recording]
            elif told.about.recording in news:
                newer = news[told.about.recording]
                fresh = tuple(entry for entry in newer.closed if entry not in told.closed)
                news[told.about.recording] = replace(newer, closed=fresh)
        for snapshot in self._writing.snapshots():
            older = news.get(snapshot.about.recording)
            closed = {entry.number: entry for entry in (older.closed if older else ())}
            closed |= {entry.number: entry for entry in snapshot.closed}
            news[snapshot.about.recording] = replace(snapshot, closed=tuple(closed.values()))
        self._news = news


def has_room() -> bool:
    """Tell whether the recordings' disk has more free space than is left to the database beside them."""
    folder = Path(settings.RECORDINGS_DIR)
    disk = os.statvfs(folder if folder.exists() else settings.DATA_DIR)
    free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    return free > min(RESERVED_BYTES, size * RESERVED_SHARE)


recorder = Recorder()
