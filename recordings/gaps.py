"""Where a recording has nothing because its device was away: between one connection's end and the next one's sound."""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, pairwise
from pathlib import Path

from recordings.models import Recording
from recordings.recorder import folder_of
from recordings.segment_log import read_chunks, segments_of

DEVICE_OFFLINE = "device-offline"
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time of which nothing was kept, and why."""

    started_at: datetime
    seconds: float
    reason: str


def gaps_of(recording: Recording) -> list[Gap]:
    """Return the gaps of `recording`, oldest first; one connection has none, and then no file is opened."""
    segments = segments_of(folder_of(recording.organization_id, recording.pk))
    connections = [list(files) for _epoch, files in groupby(segments, key=_epoch_of)]
    if len(connections) < 2:
        return []
    spans = sorted(span for files in connections if (span := _span(files)))
    return [
        Gap(datetime.fromtimestamp(end_us / MICROSECONDS, UTC), (start_us - end_us) / MICROSECONDS, DEVICE_OFFLINE)
        for (_start_us, end_us), (start_us, _end_us) in pairwise(spans)
        if start_us > end_us
    ]


def _epoch_of(segment: Path) -> str:
    return segment.name.partition("-")[0]


def _span(files: list[Path]) -> tuple[int, int] | None:
    """Return when a connection's first sound began and its last one ended, in µs since 1970; None without any."""
    first = next((chunk for path in files for chunk in read_chunks(path)), None)
    for path in reversed(files):  # the last file alone tells the end, unless it was cut before its first chunk
        last = deque(read_chunks(path), maxlen=1)
        if first and last:
            return first.captured_at_us, last[0].captured_at_us + last[0].duration_us
    return None
