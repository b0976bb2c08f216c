"""Holds what lies on disk of finished recordings against their rows, so that sound which is gone counts as missing.

The log stays as it is: its index and its seals are the evidence, and the verifier goes on naming the damage. Only the
rows follow, and they follow back when the bytes return: a segment's place on the timeline never changes.
"""

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connections, transaction

from recordings import index, redrawing
from recordings.keeping import bucket, offsite, removal
from recordings.log.captures import Capture, find_open
from recordings.log.folder import RecordingFolder, folder_of
from recordings.log.growing import snapshot_of
from recordings.log.segment_log import SegmentContent, read_segment
from recordings.models import Reason, Recording, Segment
from rooms.happenings import note

logger = logging.getLogger(__name__)

MOST_WAITING = 64  # recordings that listeners found damaged at once; the next look of all finds the others
_SOUND_FIELDS = ["audio_samples", "gap_samples", "gaps", "start_audio_sample"]

Gaps = list[list[Any]]


@dataclass(slots=True)
class Findings:
    """What looking at recordings came to."""

    recordings: int = 0
    segments: int = 0
    lost_samples: int = 0
    lost_seconds: float = 0.0
    damaged_segments: int = 0
    """Of which less can be read than their rows said until now."""
    returned_segments: int = 0
    """Which were declared missing, and can be read again."""
    rebuilt_rows: int = 0
    redrawn: int = 0
    """Recordings whose peaks were made again."""

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


def inspect(recording: Recording, *, thorough: bool = True) -> Findings:
    """Bring the rows of a finished recording in line with what can be read of it, and draw its lost peaks again.

    `thorough` reads every record of what lies here; else only files whose size is another are opened. What goes on, is
    being removed, or whose disk seems not to be mounted, is left alone. Raises OSError and DatabaseError.
    """
    folder = RecordingFolder(folder_of(recording.organization_id, recording.pk))
    if not _is_at_rest(recording, folder.path):
        return Findings()
    found = Findings(recordings=1, rebuilt_rows=_rebuild_rows(recording, folder))
    thorough = thorough or found.rebuilt_rows > 0  # what the index promises is no proof of what is there
    rows = list(recording.segments.order_by("number"))
    for row in rows:
        row.recording = recording  # known, and asked for by whoever looks for its file
    changed = [each for row in rows if (each := _held_against_file(row, folder.path, thorough, found))]
    found.segments = len(rows)
    _write(recording, rows, changed, found)
    found.redrawn = int(redrawing.redraw_where_lost(recording, folder.path, rows, thorough=thorough))
    return found


def inspect_all(*, thorough: bool = False, progress: Callable[[int, int], None] | None = None) -> Findings:
    """Inspect all finished recordings, and tell `progress` how many of how many are done; one that the disk refuses
    keeps no other from it. Raises DatabaseError.
    """
    ids = list(Recording.objects.filter(state=Recording.State.FINISHED).values_list("pk", flat=True))
    found = Findings()
    for done, recording in enumerate(_recordings(ids), 1):
        try:
            found += inspect(recording, thorough=thorough)
        except OSError as error:
            logger.error("recording %s cannot be inspected: %s", recording.pk, error)
        if progress:
            progress(done, len(ids))
    return found


@dataclass(slots=True)
class Inspector:
    """Inspects on a thread of its own what listeners found to be shorter than its rows say, each recording once."""

    refused: int = 0
    """Recordings that were not taken because too many waited."""
    _asked: set[UUID] = field(default_factory=set)
    _waiting: "queue.Queue[UUID]" = field(default_factory=lambda: queue.Queue(MOST_WAITING))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def ask(self, recording_id: UUID) -> None:
        """Have a recording inspected soon, if this process did not yet; returns at once."""
        with self._lock:
            if recording_id in self._asked:
                return
            try:
                self._waiting.put_nowait(recording_id)
            except queue.Full:
                self.refused += 1
                return
            self._asked.add(recording_id)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="inspection", daemon=True)
                self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """Wait until all that was asked for is done, at most so long."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._waiting.empty():
                    self._thread = None
                    break
                recording_id = self._waiting.get_nowait()
            self._inspect(recording_id)
        connections.close_all()  # those of this thread

    def _inspect(self, recording_id: UUID) -> None:
        try:
            for recording in _recordings([recording_id]):
                if not inspect(recording).recordings:
                    self._asked.discard(recording_id)  # it may go on; whoever hears it later asks again
        except (DatabaseError, OSError) as error:
            logger.warning("recording %s could not be inspected: %s", recording_id, error)
        except Exception:
            logger.exception("recording %s could not be inspected", recording_id)


inspector = Inspector()


def _recordings(ids: Iterable[UUID]) -> Iterator[Recording]:
    for each in ids:
        yield from Recording.objects.select_related("organization", "room", "device").filter(pk=each)


def _is_at_rest(recording: Recording, path: Path) -> bool:
    """Tell whether nobody writes it, will go on with it or removes it, and its disk is there."""
    how = (recording.device_id, recording.room_id, recording.sample_rate_hz, recording.channels)
    goes_on = find_open(Capture(*how))
    if recording.state != Recording.State.FINISHED or (goes_on and goes_on.recording == recording.pk):
        return False
    if not path.parent.is_dir():
        logger.error("%s is not there, nor anything else of its organization: is the disk mounted?", path)
        return False
    return not any(path.parent.glob(f"{removal.ASIDE}{path.name}*"))


def _rebuild_rows(recording: Recording, folder: RecordingFolder) -> int:
    """Write the rows of segments that the index knows and the database does not; returns how many."""
    manifest = folder.manifest()
    numbers = set(recording.segments.filter(is_closed=True).values_list("number", flat=True))
    if manifest is None or len(numbers) >= manifest.segments:
        return 0
    lost = tuple(entry for entry in folder.entries() if entry.number not in numbers)
    if lost:
        index.write_rows([replace(snapshot_of(manifest, lost), state=Recording.State.FINISHED)])
        logger.warning("%d rows of segments of recording %s were lost and are there again", len(lost), recording.pk)
    return len(lost)


def _held_against_file(row: Segment, folder: Path, thorough: bool, found: Findings) -> Segment | None:
    """Change a row, unsaved, where its file holds less sound than it says or, declared before, has it again."""
    if not row.is_closed or row.place != Segment.Place.HERE:
        return None
    content = _content(row, folder / row.name, thorough)
    if content is None:
        return None
    audio = sum(chunk.samples for chunk in content.chunks)
    lost = row.audio_samples - audio
    if lost > 0:
        row.gaps, row.audio_samples = _declared(row.gaps, audio, row.audio_samples), audio
        found.damaged_segments += 1
    elif lost < 0 and audio + sum(gap.samples for gap in content.gaps) == row.audio_samples + row.gap_samples:
        row.gaps = [[gap.at, gap.samples, gap.reason, gap.estimated] for gap in content.gaps]
        row.audio_samples = audio
        found.returned_segments += 1
    else:
        return None
    row.gap_samples += lost
    found.lost_samples += max(0, lost)
    return row


def _content(row: Segment, path: Path, thorough: bool) -> SegmentContent | None:
    """Return what can be read of a segment, nothing of one that is gone; None where there is no need to look or doubt.

    Raises OSError where the disk refuses: that may pass.
    """
    try:
        if not thorough and path.stat().st_size == row.stored_bytes:
            return None
        return read_segment(path)
    except FileNotFoundError:
        return None if _may_lie_elsewhere(row) else SegmentContent()


def _may_lie_elsewhere(row: Segment) -> bool:
    """Tell of a segment that is not here whether it left for the bucket, or its row, made anew, does not know of it."""
    place = Segment.objects.filter(pk=row.pk).values_list("place", flat=True).first()
    if place != Segment.Place.HERE or not bucket.is_configured():
        return place != Segment.Place.HERE
    try:
        offsite.path_of(row)
    except FileNotFoundError:
        return False
    except OSError as error:
        logger.warning("whether segment %s of recording %s is lost: %s", row.name, row.recording_id, error)
    return True


def _declared(gaps: Gaps, audio: int, promised: int) -> Gaps:
    """Return the gaps of a segment of which only `audio` of the promised samples can be read, in their order."""
    before = sorted((gap for gap in gaps if gap[0] <= audio), key=lambda gap: gap[0])
    after = sorted((gap for gap in gaps if gap[0] > audio), key=lambda gap: gap[0])
    done = audio
    for at, samples, reason, estimated in after:
        if at > done:
            before.append([audio, at - done, Reason.BAD_DATA.value, False])
        before.append([audio, samples, reason, estimated])
        done = at
    return before + ([[audio, promised - done, Reason.BAD_DATA.value, False]] if promised > done else [])


def _write(recording: Recording, rows: list[Segment], changed: list[Segment], found: Findings) -> None:
    """Bring what is counted in line with the rows, and note once what was lost."""
    moved = {row.pk: row for row in changed}
    audio = 0
    for row in rows:
        if row.start_audio_sample != audio:
            row.start_audio_sample = audio
            moved[row.pk] = row
        audio += row.audio_samples
    sums = _sums(recording, rows, audio)
    found.lost_seconds = found.lost_samples / recording.sample_rate_hz if rows else recording.audio_seconds
    if not moved and sums == (recording.audio_seconds, recording.missing_seconds, recording.gap_count):
        return
    with transaction.atomic():
        current = Recording.objects.select_for_update(of=("self",)).filter(pk=recording.pk).first()
        if current is None or current.state != Recording.State.FINISHED:
            return  # removed meanwhile, or its device returned to it
        Segment.objects.bulk_create(  # an upsert: a week's rows in 2 s, where bulk_update holds the database for 14
            moved.values(), update_conflicts=True, unique_fields=["recording", "number"], update_fields=_SOUND_FIELDS
        )
        recording.audio_seconds, recording.missing_seconds, recording.gap_count = sums
        recording.save(update_fields=["audio_seconds", "missing_seconds", "gap_count"])
        if found.lost_seconds > 0:
            _tell(recording, found.lost_seconds)


def _sums(recording: Recording, rows: list[Segment], audio: int) -> tuple[float, float, int]:
    """Return seconds of sound, seconds missing, and gaps; together the seconds are the clock's, as before."""
    rate_hz = recording.sample_rate_hz
    written = rows[-1].start_sample + rows[-1].audio_samples + rows[-1].gap_samples if rows else 0
    end = max(written, round(recording.duration_seconds * rate_hz))  # rows may be lost beyond recall
    return audio / rate_hz, (end - audio) / rate_hz, sum(len(row.gaps) for row in rows)


def _tell(recording: Recording, lost_seconds: float) -> None:
    logger.error("%.1f s of the sound of recording %s cannot be read any more", lost_seconds, recording.pk)
    note(
        recording.organization,
        "recording-unreadable",
        room=recording.room,
        subject=str(recording),
        seconds=f"{lost_seconds:.1f}",
    )
