"""Keeps what devices capture: chunks are offered without waiting, and one thread writes them to the segment log."""

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings

from devices.binding import Binding
from leganize.wire.chunk import Chunk
from recordings.segment_log import SegmentWriter

logger = logging.getLogger(__name__)

MAX_WAITING_BYTES = 16 * 1024 * 1024  # a disk may stall for 12 s under 40 microphones before anything is given up
SYNC_EVERY_S = 1.0
QUIET_AFTER_STOP_S = 1.0
ABSENT_S = 60.0  # a device that drops and returns within this time goes on in the same recording
COMPLAIN_EVERY_S = 1.0

Key = tuple[UUID, UUID, int, int]


@dataclass(slots=True)
class OpenRecording:
    """One recording as it grows. `stored_bytes` counts payload that the kernel has."""

    id: UUID
    organization_id: UUID
    room_id: UUID
    device_id: UUID
    sample_rate_hz: int
    channels: int
    folder: Path
    started_at: datetime
    stored_bytes: int = 0
    samples: int = 0
    missing_seconds: float = 0.0  # between one connection's last chunk and the next one's first
    written_until: datetime | None = None
    finished: bool = False
    last_s: float = 0.0
    writers: dict[UUID, SegmentWriter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Offer:
    binding: Binding
    room_id: UUID
    epoch: UUID
    chunk: Chunk
    arrived_at_us: int


class Recorder:
    """One per worker. Everything but the writing itself returns at once, from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.dropped = 0
        self._clock = clock
        self._waiting: deque[_Offer] = deque()
        self._waiting_bytes = 0
        self._left: deque[UUID] = deque()
        self._resting: set[UUID] = set()
        self._open: dict[Key, OpenRecording] = {}
        self._finished: deque[OpenRecording] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._complained_s = float("-inf")

    def offer(self, binding: Binding, room_id: UUID, epoch: UUID, chunk: Chunk) -> bool:
        """Queue `chunk` of a device's connection for writing; False, and counted, when the disk is too far behind."""
        with self._changed:
            if binding.wanted:
                self._resting.discard(binding.device_id)
            if self._waiting_bytes + len(chunk.payload) > MAX_WAITING_BYTES:
                self.dropped += 1
                self._complain("the disk is too slow: %d chunks were not kept", self.dropped)
                return False
            self._waiting.append(_Offer(binding, room_id, epoch, chunk, time.time_ns() // 1000))
            self._waiting_bytes += len(chunk.payload)
            self._changed.notify()
        return True

    def left(self, epoch: UUID) -> None:
        """Close the segment of a connection that ended."""
        with self._changed:
            self._left.append(epoch)

    def rests(self, device_id: UUID) -> None:
        """Note that nothing more is wanted of a device: its recording ends after 1 s of quiet."""
        with self._changed:
            self._resting.add(device_id)

    def start(self) -> None:
        """Start the writing thread."""
        if self._thread is None or not self._thread.is_alive():
            self._stopping = False
            self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Write what waits, close everything, and end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread:
            self._thread.join(timeout=10)

    def recordings(self) -> list[OpenRecording]:
        """Return the open recordings, and once each those that finished since the last call."""
        with self._changed:
            finished = list(self._finished)
            self._finished.clear()
            return [*self._open.values(), *finished]

    def _run(self) -> None:
        synced_s = self._clock()
        while True:
            with self._changed:
                if not self._waiting and not self._stopping:
                    self._changed.wait(timeout=SYNC_EVERY_S / 2)
                batch, self._waiting = self._waiting, deque()
                left, self._left = self._left, deque()
                stopping = self._stopping
            for offer in batch:
                self._keep(offer)
            for epoch in left:
                self._close_writer(epoch)
            if settings.FSYNC == "always" or (
                settings.FSYNC == "interval" and self._clock() - synced_s >= SYNC_EVERY_S
            ):
                self._sync()
                synced_s = self._clock()
            self._finish_quiet(everything=stopping)
            if stopping:
                return

    def _keep(self, offer: _Offer) -> None:
        try:
            recording = self._recording_of(offer)
            writer = recording.writers.get(offer.epoch)
            if writer is None:
                recording.missing_seconds += _silence_before(offer, recording)
                writer = recording.writers[offer.epoch] = SegmentWriter(
                    recording.folder, offer.epoch.hex, _meta(recording), self._clock
                )
            writer.append(offer.chunk, offer.arrived_at_us)
            recording.stored_bytes += len(offer.chunk.payload)
            recording.samples += offer.chunk.samples
            recording.written_until = datetime.fromtimestamp(offer.arrived_at_us / 1e6, UTC)
            recording.last_s = self._clock()
        except OSError as error:
            self.dropped += 1
            self._complain("the disk refuses: %s", error)
        finally:
            with self._changed:
                self._waiting_bytes -= len(offer.chunk.payload)

    def _recording_of(self, offer: _Offer) -> OpenRecording:
        chunk, binding = offer.chunk, offer.binding
        key = (binding.device_id, offer.room_id, chunk.sample_rate_hz, chunk.channels)
        found = self._open.get(key)
        if found is None:
            identity = uuid.uuid4()
            found = OpenRecording(
                identity, binding.organization_id, offer.room_id, binding.device_id, chunk.sample_rate_hz,
                chunk.channels, folder_of(binding.organization_id, identity),
                datetime.fromtimestamp(offer.arrived_at_us / 1e6, UTC), last_s=self._clock(),
            )  # fmt: skip
            with self._changed:
                self._open[key] = found
        return found

    def _sync(self) -> None:
        for recording in self._open.values():
            for writer in recording.writers.values():
                try:
                    writer.sync()
                except OSError as error:
                    self._complain("the disk does not confirm what was written: %s", error)

    def _close_writer(self, epoch: UUID) -> None:
        for recording in self._open.values():
            writer = recording.writers.pop(epoch, None)
            if writer:
                writer.close()

    def _finish_quiet(self, *, everything: bool) -> None:
        now = self._clock()
        for key, recording in list(self._open.items()):
            patience = QUIET_AFTER_STOP_S if recording.device_id in self._resting else ABSENT_S
            if not everything and now - recording.last_s < patience:
                continue
            for writer in recording.writers.values():
                writer.close()
            recording.finished = True
            with self._changed:
                del self._open[key]
                self._finished.append(recording)

    def _complain(self, sentence: str, *values: object) -> None:
        if self._clock() - self._complained_s >= COMPLAIN_EVERY_S:
            self._complained_s = self._clock()
            logger.error(sentence, *values)


def _silence_before(offer: _Offer, recording: OpenRecording) -> float:
    if recording.written_until is None:
        return 0.0
    since_s = offer.arrived_at_us / 1e6 - recording.written_until.timestamp()
    return max(0.0, since_s - offer.chunk.duration_us / 1e6)


def folder_of(organization_id: UUID, recording_id: UUID) -> Path:
    """Return where the segments of a recording lie."""
    return Path(settings.RECORDINGS_DIR) / organization_id.hex / recording_id.hex


def _meta(recording: OpenRecording) -> dict[str, str | int]:
    return {
        "recording": str(recording.id),
        "organization": str(recording.organization_id),
        "room": str(recording.room_id),
        "device": str(recording.device_id),
        "sample_rate_hz": recording.sample_rate_hz,
        "channels": recording.channels,
    }


recorder = Recorder()
