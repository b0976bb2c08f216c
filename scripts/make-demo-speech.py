"""Speaks what the simulated microphone hears, with espeak-ng, into devices/sound."""

import io
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import soxr

TARGET = Path(__file__).resolve().parent.parent / "devices" / "sound" / "simulated-microphone.wav"
SAMPLE_RATE_HZ = 16000
PEAK_DB = -6.0  # loud enough for every loudspeaker, and the page's meter stays out of its amber

SPEECH = [
    # (voice, pitch 0 to 99, words a minute, what it says, seconds of pause after it)
    ("en-us+f3", 52, 165, "Hello. I am a simulated microphone.", 0.5),
    ("en-us+f3", 40, 180, "I live in this computer, and speak as a real one does.", 0.6),
    ("en-gb+m3", 45, 160, "If you hear me, everything between us works.", 0.6),
    ("en-us+f3", 62, 165, "Now point your own device here.", 0.4),
    ("en-us+f3", 48, 150, "I begin again.", 1.2),
]


def main() -> None:
    parts = []
    for voice, pitch, words_a_minute, text, pause_s in SPEECH:
        parts.append(spoken(voice, pitch, words_a_minute, text))
        parts.append(np.zeros(int(pause_s * SAMPLE_RATE_HZ), dtype=np.float32))
    speech = np.concatenate(parts)
    speech *= 32767 * 10 ** (PEAK_DB / 20) / np.abs(speech).max()
    TARGET.parent.mkdir(exist_ok=True)
    with wave.open(str(TARGET), "wb") as sound:
        sound.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", "not compressed"))
        sound.writeframes(speech.round().astype("<i2").tobytes())
    sys.stdout.write(f"{TARGET.name}: {len(speech) / SAMPLE_RATE_HZ:.1f} s, {TARGET.stat().st_size // 1000} kB\n")


def spoken(voice: str, pitch: int, words_a_minute: int, text: str) -> np.ndarray:
    """Return one sentence without the silence around it, at the demo's rate."""
    command = ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(words_a_minute), "--stdout", text]
    said = subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603 (the words above)
    with wave.open(io.BytesIO(said)) as sound:
        rate_hz = sound.getframerate()
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(np.float32)
    loud = np.flatnonzero(np.abs(samples) > 100)
    return soxr.resample(samples[loud[0] : loud[-1] + 1], rate_hz, SAMPLE_RATE_HZ)


if __name__ == "__main__":
    main()
