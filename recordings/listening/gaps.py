"""What is missing in recordings, and why: from their rows, with one query for a whole page of them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from recordings.models import Recording, Segment


@dataclass(frozen=True, slots=True)
class MissingStretch:
    """A gap by the clock of its recording, in seconds from its start."""

    at_seconds: float
    seconds: float
    reason: str
    estimated: bool


def gaps_of(recordings: Iterable[Recording]) -> dict[UUID, list[MissingStretch]]:
    """Return the gaps of each of `recordings`, the first ones first."""
    rates = {recording.pk: recording.sample_rate_hz for recording in recordings if recording.gap_count}
    rows = Segment.objects.filter(recording__in=rates, gap_samples__gt=0).order_by("recording", "start_sample")
    found: dict[UUID, list[MissingStretch]] = defaultdict(list)
    for recording_id, start, gaps in rows.values_list("recording_id", "start_sample", "gaps") if rates else ():
        found[recording_id] += _on_the_clock(start, gaps, rates[recording_id])
    return found


def _on_the_clock(start_sample: int, gaps: list[list[Any]], rate_hz: int) -> Iterator[MissingStretch]:
    passed = 0
    for at, samples, reason, estimated in sorted(gaps, key=lambda gap: gap[0]):
        yield MissingStretch((start_sample + at + passed) / rate_hz, samples / rate_hz, reason, estimated)
        passed += samples
