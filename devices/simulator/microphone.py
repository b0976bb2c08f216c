"""What a simulated microphone hears: a WAV file, round and round, at the rate and channels of its sketch."""

import copy
import wave
from pathlib import Path

import numpy as np
import soxr

SHIPPED_SPEECH = Path(__file__).resolve().parent.parent / "sound" / "simulated-microphone.wav"
ECHO_BYTES = 48_000  # 1.5 s of the shipped speech: far enough apart to tell two microphones by ear


class Microphone:
    """An endless source of signed 16-bit little-endian samples, channels interleaved."""

    def __init__(self, samples: np.ndarray) -> None:
        self._loop = samples.astype("<i2").tobytes()
        if not self._loop:
            raise ValueError("a microphone that hears nothing at all: the sound has no samples")
        self._position = 0

    @classmethod
    def from_wav(cls, path: Path, *, sample_rate_hz: int = 16000, channels: int = 1) -> "Microphone":
        """Hear a 16-bit WAV file, converted to the wanted rate and channels."""
        with wave.open(str(path), "rb") as sound:
            if sound.getsampwidth() != 2:
                raise ValueError(
                    f"{path} has {8 * sound.getsampwidth()}-bit samples, a simulated microphone takes 16-bit"
                )
            heard = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").reshape(-1, sound.getnchannels())
            rate_hz = sound.getframerate()
        mono = heard.mean(axis=1).astype(np.float32)
        resampled = np.clip(soxr.resample(mono, rate_hz, sample_rate_hz), -32768, 32767)
        return cls(np.repeat(resampled.astype("<i2"), channels))

    def another(self, *, position: int) -> "Microphone":
        """Return one that hears the same from elsewhere in the loop, so that a fleet does not speak in chorus."""
        other = copy.copy(self)
        other._position = position * ECHO_BYTES % len(self._loop)
        return other

    def read(self, samples: int) -> bytes:
        """Return the next `samples` values, one channel counted after the other as I2S delivers them."""
        wanted = samples * 2
        piece = self._loop[self._position : self._position + wanted]
        while len(piece) < wanted:
            piece += self._loop[: wanted - len(piece)]
        self._position = (self._position + wanted) % len(self._loop)
        return piece

    def skip(self, samples: int) -> None:
        """Let sound pass unheard, as a full DMA buffer does."""
        self._position = (self._position + samples * 2) % len(self._loop)
