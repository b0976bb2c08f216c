"""A part of a recording between two moments: how much sound it is, with its gaps as silence or left out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from leganize.wire.pcm import SAMPLE_BYTES
from recordings.listening.moments import MAX_SECONDS
from recordings.listening.sound import SILENCE, SKIP, length, read_pcm, sound_before
from recordings.models import Recording


@dataclass(frozen=True)
class Stretch:
    """From `clock_from` to `clock_to` by the clock, which is `from_sample` to `to_sample` on the axis of `gaps`."""

    recording: Recording
    gaps: str
    clock_from: int
    clock_to: int
    from_sample: int
    to_sample: int

    @property
    def samples(self) -> int:
        """How many samples per channel it has."""
        return self.to_sample - self.from_sample

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return SAMPLE_BYTES * self.recording.channels

    @property
    def pcm_bytes(self) -> int:
        """Bytes of its sound as s16le."""
        return self.samples * self.frame_bytes

    @property
    def starts_at(self) -> datetime:
        """The moment of its first sample."""
        return self.recording.started_at + timedelta(seconds=self.clock_from / self.recording.sample_rate_hz)

    @property
    def clock_seconds(self) -> float:
        """How long it lasts by the clock."""
        return (self.clock_to - self.clock_from) / self.recording.sample_rate_hz

    def pcm(self, first: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield its sound from one of its samples to another, in bounded pieces. Raises Unreachable."""
        end = self.to_sample if stop is None else self.from_sample + stop
        return read_pcm(self.recording, self.from_sample + first, end, self.gaps)


def stretch_of(recording: Recording, from_s: float = 0.0, to_s: float = MAX_SECONDS, gaps: str = SILENCE) -> Stretch:
    """Return the part between two moments, in seconds by the clock from its start, as far as it is written now."""
    written = length(recording)
    first, stop = (round(min(max(at, 0), MAX_SECONDS) * recording.sample_rate_hz) for at in (from_s, to_s))
    first, stop = min(first, written), min(max(first, stop), written)
    if gaps == SKIP:
        return Stretch(recording, gaps, first, stop, sound_before(recording, first), sound_before(recording, stop))
    return Stretch(recording, gaps, first, stop, first, stop)
