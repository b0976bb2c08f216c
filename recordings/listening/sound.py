"""The sound of any stretch of a recording: its rows say where each sample lies, its segments hold them.

There are two axes. By the clock (`silence`) gaps count and are heard as silence; of sound alone (`skip`) they are left
out. All positions are samples per channel on one of the two, and pieces are s16le, interleaved.
"""

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from leganize.wire.chunk import Chunk, Codec
from leganize.wire.pcm import SAMPLE_BYTES
from recordings.inspection import inspector
from recordings.keeping.bucket import Unreachable
from recordings.keeping.offsite import path_of
from recordings.log.segment_log import read_segment
from recordings.models import Export, Recording, Segment

logger = logging.getLogger(__name__)

SILENCE, SKIP = Export.Gaps.SILENCE, Export.Gaps.SKIP
PIECE_BYTES = 256 * 1024
ROWS_AT_ONCE = 64  # half an hour of segments: a week's rows are never in memory together
_STARTS: dict[str, str] = {SILENCE: "start_sample", SKIP: "start_audio_sample"}


@dataclass(frozen=True, slots=True)
class Run:
    """A part of a segment that is all sound or all gap. `offset`: samples of sound before it, None for a gap."""

    start: int
    samples: int
    offset: int | None


def length(recording: Recording, gaps: str = SILENCE) -> int:
    """Return how many samples per channel are written: by the clock, or of sound alone."""
    last = recording.segments.order_by("-number").first()
    if last is None:
        return 0
    return last.start_sample + last.audio_samples + last.gap_samples if gaps == SILENCE else _sound_until(last)


def sound_before(recording: Recording, sample: int) -> int:
    """Return how many samples of sound come before `sample` of the clock."""
    segment = recording.segments.filter(start_sample__lte=sample).order_by("-start_sample", "-number").first()
    if segment is None:
        return 0
    before = [run for run in _runs(segment, SILENCE) if run.offset is not None and run.start < sample]
    return segment.start_audio_sample + sum(min(run.samples, sample - run.start) for run in before)


def read_pcm(
    recording: Recording, from_sample: int = 0, to_sample: int | None = None, gaps: str = SILENCE
) -> Iterator[bytes]:
    """Yield the sound from one position to another of the axis that `gaps` names, in pieces of at most 256 KiB.

    It is as long as was asked: what was lost is silence, so that nothing after it is heard too early. Raises
    Unreachable while a part of it lies in a bucket that does not answer.
    """
    frame_bytes = SAMPLE_BYTES * recording.channels
    stop = length(recording, gaps) if to_sample is None else to_sample
    at = from_sample
    for segment in _segments(recording, gaps, at, stop):
        pcm: bytes | None = None
        for run in _runs(segment, gaps):
            end = min(run.start + run.samples, stop)
            if run.start >= stop or end <= at:
                continue
            yield from _silence((run.start - at) * frame_bytes)
            at = max(at, run.start)
            if run.offset is None:
                yield from _silence((end - at) * frame_bytes)
            else:
                pcm = _pcm_of(segment, frame_bytes) if pcm is None else pcm
                first = run.offset + at - run.start
                yield from _cut(pcm, first * frame_bytes, (first + end - at) * frame_bytes)
            at = end
    yield from _silence((stop - at) * frame_bytes)


def _segments(recording: Recording, gaps: str, first: int, stop: int) -> Iterator[Segment]:
    """Yield the segments that reach into a stretch of an axis, found by their rows without a look at the others."""
    start = _STARTS[gaps]
    rows = recording.segments.order_by("number")
    before = recording.segments.filter(**{f"{start}__lte": first}).order_by(f"-{start}", "-number")
    begin = before.values_list("number", flat=True).first() or 0
    wanted = rows.filter(**{f"{start}__lt": stop}, number__gte=begin)
    while found := list(wanted[:ROWS_AT_ONCE]):
        for segment in found:
            segment.recording = recording  # known, and asked for by whoever looks for its file
            yield segment
        wanted = rows.filter(**{f"{start}__lt": stop}, number__gt=found[-1].number)


def _runs(segment: Segment, gaps: str) -> Iterator[Run]:
    """Yield what a segment consists of, in order, on the axis that `gaps` names."""
    if gaps == SKIP:
        yield Run(segment.start_audio_sample, segment.audio_samples, 0)
        return
    start, done = segment.start_sample, 0
    for at, samples, *_why in sorted(segment.gaps, key=lambda gap: gap[0]):
        at = min(at, segment.audio_samples)
        if at > done:
            yield Run(start, at - done, done)
            start, done = start + at - done, at
        yield Run(start, samples, None)
        start += samples
    if done < segment.audio_samples:
        yield Run(start, segment.audio_samples - done, done)


def _sound_until(segment: Segment) -> int:
    return segment.start_audio_sample + segment.audio_samples


def _pcm_of(segment: Segment, frame_bytes: int) -> bytes:
    """Return the sound that the row promises: what the file has less, a crash or a lost file, is silence.

    Raises Unreachable while the only copy lies in a bucket that does not answer: that is no loss, and never silence.
    """
    promised = segment.audio_samples * frame_bytes
    try:
        chunks = _chunks_of(segment)
    except Unreachable:
        raise
    except OSError as error:
        logger.warning("segment %s of recording %s cannot be read: %s", segment.name, segment.recording_id, error)
        chunks = []
    pcm = b"".join(chunk.payload for chunk in chunks if chunk.codec is Codec.PCM_S16LE)
    if len(pcm) < promised and segment.is_closed and segment.recording.state == Recording.State.FINISHED:
        inspector.ask(segment.recording_id)
    return pcm[:promised].ljust(promised, b"\0")


def _chunks_of(segment: Segment) -> list[Chunk]:
    try:
        return read_segment(path_of(segment)).chunks
    except FileNotFoundError:
        with suppress(Segment.DoesNotExist):  # since its row was read it may have left this disk for the bucket
            segment.refresh_from_db(fields=["place"])
    return read_segment(path_of(segment)).chunks


def _cut(pcm: bytes, first: int, stop: int) -> Iterator[bytes]:
    for at in range(first, stop, PIECE_BYTES):
        yield pcm[at : min(at + PIECE_BYTES, stop)]


def _silence(size: int) -> Iterator[bytes]:
    for at in range(0, size, PIECE_BYTES):
        yield bytes(min(PIECE_BYTES, size - at))
