"""Sound as numbers: the rates of devices, what rate sound looks like from its arrival, 16 kHz mono for v1 pages."""

from collections import deque

import numpy as np
import soxr

SAMPLE_RATES_HZ = (8000, 11025, 16000, 22050, 32000, 44100)
V1_PAGE_RATE_HZ = 16000
SAMPLE_BYTES = 2


class MonoResampler:
    """Turns a stream of s16le chunks of any rate, mono or stereo, into s16le mono at 16 kHz for v1 pages."""

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self.shape = (sample_rate_hz, channels)
        self._stream = soxr.ResampleStream(sample_rate_hz, V1_PAGE_RATE_HZ, 1, dtype="int16", quality="MQ")

    def convert(self, payload: bytes) -> bytes:
        """Return what is ready after `payload`; the filter holds up to 60 ms back."""
        samples = np.frombuffer(payload, dtype="<i2")
        if self.shape[1] == 2:
            samples = samples.reshape(-1, 2).mean(axis=1).astype("<i2")
        return self._stream.resample_chunk(samples).astype("<i2").tobytes()


class RateGuess:
    """Tells what rate arriving sound looks like, from how many samples came in how much time.

    Wi-Fi delivers in bursts, so it speaks only after `window_s` seconds and only when one usual rate is within
    `tolerance` of what came; anything else is loss or jitter, and no rate at all.
    """

    def __init__(self, window_s: float = 6.0, tolerance: float = 0.06) -> None:
        self.window_s, self.tolerance = window_s, tolerance
        self._arrivals: deque[tuple[float, int]] = deque()
        self._samples = 0

    def add(self, now_s: float, samples_of_all_channels: int) -> None:
        """Note the arrival of a chunk."""
        self._arrivals.append((now_s, samples_of_all_channels))
        self._samples += samples_of_all_channels
        while len(self._arrivals) > 2 and now_s - self._arrivals[0][0] > self.window_s * 1.5:
            self._samples -= self._arrivals.popleft()[1]

    def reset(self) -> None:
        """Forget what came: the capture stopped, or the device was configured anew."""
        self._arrivals.clear()
        self._samples = 0

    def differs_from(self, sample_rate_hz: int, channels: int) -> tuple[int, int] | None:
        """Return (rate in Hz, channels) that the sound looks like, or None while it looks like what it is set to."""
        if not self._arrivals or self._arrivals[-1][0] - self._arrivals[0][0] < self.window_s:
            return None
        # the first chunk's samples were captured before the window began
        per_second = (self._samples - self._arrivals[0][1]) / (self._arrivals[-1][0] - self._arrivals[0][0])
        if abs(per_second / (sample_rate_hz * channels) - 1) <= self.tolerance:
            return None
        guesses = [(rate, 1) for rate in SAMPLE_RATES_HZ] + [(rate, 2) for rate in SAMPLE_RATES_HZ]
        rate, count = min(guesses, key=lambda guess: abs(per_second / (guess[0] * guess[1]) - 1))
        return (rate, count) if abs(per_second / (rate * count) - 1) <= self.tolerance else None
