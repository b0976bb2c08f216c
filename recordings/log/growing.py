"""A recording as it grows: its timeline, its gaps, and the segment that is written now."""

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from leganize.wire.chunk import Chunk, Flag
from recordings.log.folder import About, Manifest, RecordingFolder, SegmentEntry
from recordings.log.lateness import MICROSECONDS, Lateness, Loss
from recordings.log.peaks import PeakWriter
from recordings.log.segment_log import Gap, SegmentWriter, read_segment, runs

SEGMENT_US = 30 * MICROSECONDS  # the most that a damaged file can take with it
SEGMENT_BYTES = 16 * 1024 * 1024
FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the rows are to say: sums that include the segment that is open, and the segments that changed."""

    about: About
    state: str
    until_us: int
    bytes: int
    audio: int
    missing: int
    gaps: int
    energy: int
    closed: tuple[SegmentEntry, ...] = ()
    open: SegmentEntry | None = None

    @property
    def level_dbfs(self) -> float | None:
        """The mean level against full scale in dB; None without any sound."""
        if not self.audio or not self.energy:
            return None
        mean = self.energy / (self.audio * self.about.channels)
        return 10 * math.log10(mean / FULL_SCALE**2)


def snapshot_of(manifest: Manifest, closed: tuple[SegmentEntry, ...]) -> Snapshot:
    """Return what the rows are to say of a recording that nobody writes to now."""
    return Snapshot(
        manifest.about, manifest.state, manifest.until_us, manifest.bytes, manifest.audio, manifest.missing,
        manifest.gaps, manifest.energy, closed,
    )  # fmt: skip


class GrowingRecording:
    """One recording whose lock this process holds. Used by the writer's thread alone; times are µs."""

    def __init__(self, folder: RecordingFolder, manifest: Manifest, key: Ed25519PrivateKey) -> None:
        self.folder, self.about, self._key = folder, manifest.about, key
        self._away = manifest.left or ("worker-lost" if manifest.position else "")
        self._manifest = replace(manifest, left="")  # from now on nobody has left
        self._new_entries: list[SegmentEntry] = []
        self._writer: SegmentWriter | None = None
        self._digest = ""  # of a segment that is sealed, but not in the index yet
        self._seq = 0
        self._epoch: UUID | None = None  # of the newest chunk that was written
        self._writer_epoch: UUID | None = None
        self._lost, self._lost_reason = 0, ""
        self._lost_last: tuple[UUID, int] | None = None  # connection and steady clock of the newest that was lost
        self._audio, self._gaps, self._energy = 0, list[Gap](), 0
        self._opened_us = self._until_us = 0
        self._lateness = Lateness(self.about.sample_rate_hz)
        self._peaks = PeakWriter(folder.path, self.about.sample_rate_hz, self.about.channels)
        self._undrawn: list[bytes] = []
        self._undrawn_at = 0
        self.last_us = 0
        """When the newest chunk came, by the steady clock."""
        self.is_dirty = True

    @property
    def epoch(self) -> UUID | None:
        """The connection of the newest chunk."""
        return self._epoch

    @property
    def position(self) -> int:
        """Samples from the start, gaps included, that are accounted for on disk."""
        return self._manifest.position + self._audio + sum(gap.samples for gap in self._gaps)

    def write(self, epoch: UUID, chunk: Chunk, steady_us: int) -> None:
        """Write a chunk of a connection; when this returns, the kernel has it. Raises OSError: it was not written."""
        self.last_us = steady_us
        arrived_us = self._manifest.anchor_us + steady_us
        returned = epoch != self._epoch
        if self._writer is None or self._digest or epoch != self._writer_epoch or self._is_full(steady_us):
            self._roll(epoch, arrived_us, steady_us)
        assert self._writer is not None
        self._lose_unreadable(chunk, returned=returned)
        gap = self._gap_before(chunk, arrived_us, returned=returned)
        if gap is not None:
            self._declare(gap, arrived_us)
        if returned:
            self._epoch, self._away = epoch, "device-offline"
            self._lateness = Lateness(self.about.sample_rate_hz)
        self._writer.append_chunk(chunk, arrived_us)
        self._draw_later(chunk)
        self._audio, self._seq = self._audio + chunk.samples, chunk.seq
        self._until_us = arrived_us
        self.is_dirty = True
        with suppress(OSError):  # the chunk itself is kept; what stays late is noticed again
            self._declare_late(self._lateness.see(steady_us, self.position, chunk.samples))

    def lose(self, samples: int, reason: str, last: tuple[UUID, int] | None = None) -> None:
        """Note that so much could not be kept; declared before the next chunk, or when the recording is closed.

        `last` tells the connection and, in µs of the steady clock, the end of what was lost.
        """
        self._lost += samples
        self._lost_last = last or self._lost_last
        self._lost_reason = self._lost_reason or reason

    def draw(self) -> None:
        """Bring the peaks up to what was written. Raises OSError."""
        if self._undrawn:
            pcm, self._undrawn = b"".join(self._undrawn), []
            self._energy += self._peaks.write(self._undrawn_at, pcm)

    def sync(self) -> None:
        """Ask the disk to keep what was written. Raises OSError, and then only what can be read back counts."""
        if self._writer is None:
            return
        try:
            self._writer.sync()
        except OSError:
            self._read_back()
            self._opened_us = -SEGMENT_US  # the next chunk begins a new file
            raise

    def close(self, *, left: str, finished: bool) -> None:
        """Close the open segment and say why nobody writes now, then let others. Raises OSError: try again."""
        self._declare_end(finished=finished)
        self._close_segment()
        state = "finished" if finished else "recording"
        self._manifest = replace(self._manifest, state=state, left=left)
        self.folder.write_manifest(self._manifest, self._key)
        self.folder.unlock()
        self.is_dirty = True

    def snapshot(self) -> Snapshot:
        """Return what the rows are to say now, with the segments that were closed since the last call."""
        self.is_dirty = False
        closed, self._new_entries = tuple(self._new_entries), []
        manifest, current = self._manifest, self._entry("") if self._writer else None
        if current is not None:
            manifest = manifest.with_entry(current)
        return replace(snapshot_of(manifest, closed), open=current)

    def _is_full(self, steady_us: int) -> bool:
        assert self._writer is not None
        return self._writer.size >= SEGMENT_BYTES or steady_us - self._opened_us >= SEGMENT_US

    def _roll(self, epoch: UUID, arrived_us: int, steady_us: int) -> None:
        self._close_segment()
        path = self.folder.path / self._manifest.segment_name(epoch.hex)
        self._writer = SegmentWriter(path, self._manifest.segment_meta(epoch.hex), arrived_us)
        self._writer_epoch, self._opened_us, self._until_us = epoch, steady_us, arrived_us

    def _lose_unreadable(self, chunk: Chunk, *, returned: bool) -> None:
        """Chunks that came but could not be read were most likely as long as this one."""
        if Flag.AFTER_GAP in chunk.flags and not returned:
            self.lose(max(0, chunk.seq - self._seq - 1) * chunk.samples, "bad-data")

    def _gap_before(self, chunk: Chunk, arrived_us: int, *, returned: bool) -> Gap | None:
        """Within a connection what was lost is counted; between two of them only the clock tells."""
        missing, reason = self._lost, self._lost_reason
        if returned:
            began_us = arrived_us - chunk.duration_us - self.about.started_at_us
            missing = round(began_us * self.about.sample_rate_hz / MICROSECONDS) - self.position
            reason = reason or self._away
        estimated = reason == "bad-data" and not returned
        return Gap(self._audio, missing, reason, estimated) if missing > 0 and reason else None

    def _declare_end(self, *, finished: bool) -> None:
        """Declare what was lost since the last chunk, or seems to be: no other comes that would tell."""
        if finished and self._writer and not self._digest and not self._lost:
            self._declare_late(self._lateness.suspicion())
        if not self._lost or self._lost_last is None:
            return
        epoch, steady_us = self._lost_last
        until_us, missing = self._manifest.anchor_us + steady_us, self._lost
        if epoch != self._epoch:
            passed_us = until_us - self.about.started_at_us
            missing = round(passed_us * self.about.sample_rate_hz / MICROSECONDS) - self.position
        if self._writer is None or self._digest:
            self._roll(epoch, until_us, steady_us)
        self._declare(Gap(self._audio, max(0, missing), self._lost_reason), until_us)
        self._until_us = until_us

    def _declare_late(self, loss: Loss | None) -> None:
        if loss is not None:
            gap = Gap(max(0, self._audio - loss.audio_ago), loss.samples, "device-offline", estimated=True)
            self._declare(gap, self._until_us)
            self._draw_anew()

    def _declare(self, gap: Gap, arrived_us: int) -> None:
        assert self._writer is not None
        self.draw()
        self._writer.append_gap(gap, arrived_us)
        self._gaps.append(gap)
        self._lost, self._lost_reason = 0, ""

    def _close_segment(self) -> None:
        """Seal, enter into the index, let go: each step once, for a full disk may refuse any of them for a while."""
        if self._writer is not None:
            self.draw()
            self._peaks.flush()
            if not self._digest:
                self._digest = self._writer.seal(self._until_us)
            if settings.FSYNC != "never":
                self._writer.sync()
            entry = self.folder.append_entry(self._entry(self._digest), self._manifest.chain)
            self._writer.close()
            self._writer, self._digest = None, ""
            self._manifest = self._manifest.with_entry(entry)
            self._new_entries.append(entry)
            self._audio, self._gaps, self._energy = 0, [], 0
            self.folder.write_manifest(self._manifest, self._key)

    def _entry(self, digest: str) -> SegmentEntry:
        assert self._writer is not None
        manifest, writer = self._manifest, self._writer
        return SegmentEntry(
            number=manifest.segments, name=writer.path.name, start=manifest.position, start_audio=manifest.audio,
            audio=self._audio, gaps=tuple(sorted(self._gaps, key=lambda gap: gap.at)), bytes=writer.size,
            records=len(writer.digests), until_us=self._until_us, energy=self._energy, digest=digest,
        )  # fmt: skip

    def _read_back(self) -> None:
        """After a sync that failed nothing of this segment is sure: keep what can be read, declare the rest."""
        assert self._writer is not None
        content = read_segment(self._writer.path)
        audio = sum(chunk.samples for chunk in content.chunks)
        if audio < self._audio:
            self.lose(self._audio - audio, "bad-data")
            self._writer.close()
            self._writer = SegmentWriter.reopen(self._writer.path, content)
            self._audio, self._gaps = audio, list(content.gaps)

    def _draw_later(self, chunk: Chunk) -> None:
        if not self._undrawn:
            self._undrawn_at = self.position
        self._undrawn.append(chunk.payload)

    def _draw_anew(self) -> None:
        """Sound of this segment moved on the timeline, because a gap was found before it."""
        assert self._writer is not None
        self._energy = 0
        for at, pcm in runs(read_segment(self._writer.path)):
            self._energy += self._peaks.write(self._manifest.position + at, pcm)
