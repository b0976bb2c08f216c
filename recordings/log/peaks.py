"""The shape of sound for drawing: minimum and maximum per stretch of time, in three grains, written while it grows."""

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LEVELS = 3
GROUP = 16  # bins of one grain in a bin of the next: 0.1, 1.6 and 25.6 s
BINS_PER_SECOND = 10
_PAIR_BYTES = 4
_PAIR = np.dtype("<i2")

Peaks = NDArray[np.int16]


def bin_samples(sample_rate_hz: int, level: int = 0) -> int:
    """Return how many samples per channel one bin covers."""
    return sample_rate_hz // BINS_PER_SECOND * GROUP**level


def read_peaks(folder: Path, sample_rate_hz: int, from_s: float, to_s: float, points: int) -> Peaks:
    """Return the shape from `from_s` to `to_s`, seconds of the timeline, as (points, 2): minimum and maximum, int16.

    Takes the coarsest grain that still has a bin for every point, so that a week costs as little as a minute; what
    was not written yet, and gaps, are zero.
    """
    first, last = from_s * sample_rate_hz, max(to_s, from_s) * sample_rate_hz
    each = max((last - first) / points, 1.0)
    level = max((level for level in range(LEVELS) if bin_samples(sample_rate_hz, level) <= each), default=0)
    size = bin_samples(sample_rate_hz, level)
    begin, end = int(first // size), int(-(-last // size))
    bins = _read(folder / f"peaks-{level}", begin, end - begin)
    edges = np.clip(((first + each * np.arange(points + 1)) / size).astype(np.int64) - begin, 0, max(0, len(bins) - 1))
    starts, stops = edges[:-1], np.maximum(edges[1:], edges[:-1] + 1)
    return np.stack(
        [_reduced(np.minimum, bins[:, 0], starts, stops), _reduced(np.maximum, bins[:, 1], starts, stops)], 1
    )


def _reduced(ufunc: np.ufunc, values: Peaks, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> Peaks:
    padded = np.append(values, values[-1:])  # reduceat wants every index inside
    pairs = np.stack([starts, np.minimum(stops, len(values))], 1).ravel()
    reduced: Peaks = ufunc.reduceat(padded, pairs)[::2].astype(np.int16)
    return reduced


def energy_of(samples: Peaks) -> int:
    """Return the sum of the squares of samples, exactly."""
    return int(np.square(samples, dtype=np.int64).sum())


class PeakWriter:
    """Writes the peaks of one recording; whoever resumes it makes another. Raises OSError; peaks can be made again."""

    def __init__(self, folder: Path, sample_rate_hz: int, channels: int) -> None:
        self._folder, self._channels = folder, channels
        self._size = bin_samples(sample_rate_hz)
        self._tail = np.zeros(0, _PAIR)  # samples of the bin that is not full yet
        self._next = -1
        self._done, self._ends = [0] * LEVELS, [0] * LEVELS  # bins of the finer grain: grouped, and written

    def write(self, start_sample: int, pcm: bytes) -> int:
        """Take sound (s16le, interleaved) that begins at `start_sample`, and return its energy: the sum of squares."""
        samples = np.frombuffer(pcm, _PAIR)
        if start_sample != self._next:
            self._tail = np.zeros(0, _PAIR)
        self._next = start_sample + len(samples) // self._channels
        begun = start_sample - len(self._tail) // self._channels
        self._put(begun, np.concatenate([self._tail, samples]))
        return energy_of(samples)

    def _put(self, start_sample: int, samples: Peaks) -> None:
        lead = start_sample % self._size * self._channels  # a bin whose beginning belongs to what was before
        width = self._size * self._channels
        padded = np.concatenate([np.repeat(samples[:1], lead), samples])
        missing = -len(padded) % width
        padded = np.concatenate([padded, np.repeat(padded[-1:], missing)]).reshape(-1, width)
        pairs = np.stack([padded.min(axis=1), padded.max(axis=1)], 1)
        first = start_sample // self._size
        _write(self._folder / "peaks-0", first, pairs)
        self._regroup(1, first, first + len(pairs))
        full = (lead + len(samples)) // width * width - lead
        self._tail = samples[max(0, full) :]

    def flush(self) -> None:
        """Bring the coarser grains up to the newest sound; by themselves they follow when one of their bins is full."""
        for level in range(1, LEVELS):
            end = self._ends[level]
            if end > self._done[level]:
                self._group(level, self._done[level], end)

    def _regroup(self, level: int, first: int, end: int) -> None:
        """Note that bins `first` to `end` of the grain below changed; group them once a coarser bin is full."""
        if first < self._done[level] or first > self._ends[level]:  # begun, gone back, or behind a gap
            self._done[level] = first
        self._ends[level] = end
        if end // GROUP > self._done[level] // GROUP:
            self._group(level, self._done[level], end)

    def _group(self, level: int, first: int, end: int) -> None:
        group, groups = first // GROUP, -(-end // GROUP) - first // GROUP
        finer = _read(self._folder / f"peaks-{level - 1}", group * GROUP, groups * GROUP).reshape(groups, GROUP, 2)
        pairs = np.stack([finer[:, :, 0].min(axis=1), finer[:, :, 1].max(axis=1)], 1)
        _write(self._folder / f"peaks-{level}", group, pairs)
        self._done[level] = end // GROUP * GROUP
        if level + 1 < LEVELS:
            self._regroup(level + 1, group, group + groups)


def _read(path: Path, first: int, count: int) -> Peaks:
    pairs = np.zeros((max(1, count), 2), _PAIR)
    with suppress(FileNotFoundError), path.open("rb") as file:
        data = os.pread(file.fileno(), count * _PAIR_BYTES, first * _PAIR_BYTES)
        found = np.frombuffer(data[: len(data) // _PAIR_BYTES * _PAIR_BYTES], _PAIR).reshape(-1, 2)
        pairs[: len(found)] = found
    return pairs


def _write(path: Path, first: int, pairs: Peaks) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o640)
    try:
        os.pwrite(descriptor, pairs.astype(_PAIR).tobytes(), first * _PAIR_BYTES)
    finally:
        os.close(descriptor)
