"""Sound into files: WAV and FLAC to the last bit, Ogg/Opus and MP3 for ears; piece by piece, in constant memory."""

from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.stream import AudioStream

from leganize.wire.pcm import SAMPLE_BYTES
from recordings.listening.wav import wav_header
from recordings.models import Export

OPUS_RATE_HZ = 48_000
OPUS_PAGE_US = 200_000  # how much a player that jumps into the file has to read before it hears something
MP3_RATES_HZ = {  # and the bits per second of each channel: what a rate below 16 kHz or 32 kHz allows in stereo
    8000: 32_000, 11_025: 32_000, 12_000: 32_000, 16_000: 64_000, 22_050: 64_000, 24_000: 64_000, 32_000: 96_000,
    44_100: 96_000, 48_000: 96_000,
}  # fmt: skip
LAYOUTS = {1: "mono", 2: "stereo"}


@dataclass(frozen=True)
class Sound:
    """What is to be encoded: so many samples per channel of s16le, and what the file says of itself."""

    samples: int
    sample_rate_hz: int
    channels: int
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of its PCM."""
        return self.samples * self.channels * SAMPLE_BYTES


@dataclass(frozen=True)
class _Coding:
    container: str
    codec: str
    options: dict[str, str] = field(default_factory=dict)


_CODINGS: dict[str, _Coding] = {
    Export.Format.FLAC: _Coding("flac", "flac"),
    Export.Format.OPUS: _Coding("ogg", "libopus", {"page_duration": str(OPUS_PAGE_US)}),
    Export.Format.MP3: _Coding("mp3", "libmp3lame"),
}


def encode(pcm: Iterable[bytes], path: Path, file_format: str, sound: Sound) -> Generator[int, None, None]:
    """Write `pcm` into a new file, and yield after each piece how many samples per channel went in.

    Whoever stops asking leaves half a file. Raises OSError, as when the disk is full.
    """
    writing = _wav(pcm, path, sound) if file_format == Export.Format.WAV else _coded(pcm, path, file_format, sound)
    done = 0
    with closing(writing):
        for size in writing:
            done += size // (SAMPLE_BYTES * sound.channels)
            yield done


def estimated_bytes(file_format: str, sound: Sound) -> int:
    """Return how large the file will be at most, or about, where that depends on the sound."""
    if file_format in (Export.Format.WAV, Export.Format.FLAC):
        return sound.size
    rate = _bits_per_second(file_format, sound) / 8
    return int(sound.samples / sound.sample_rate_hz * rate)


def _wav(pcm: Iterable[bytes], path: Path, sound: Sound) -> Generator[int, None, None]:
    with path.open("xb") as file:
        file.write(wav_header(sound.size, sound.sample_rate_hz, sound.channels))
        for piece in pcm:
            file.write(piece)
            yield len(piece)


def _coded(pcm: Iterable[bytes], path: Path, file_format: str, sound: Sound) -> Generator[int, None, None]:
    coding = _CODINGS[file_format]
    with av.open(str(path), "w", format=coding.container, options=coding.options) as container:
        container.metadata.update(sound.tags)
        rate_hz = _rate_hz(file_format, sound)
        stream = cast(AudioStream, container.add_stream(coding.codec, rate=rate_hz, layout=LAYOUTS[sound.channels]))
        if file_format != Export.Format.FLAC:
            stream.bit_rate = _bits_per_second(file_format, sound)
        container.start_encoding()  # a file is there from now on, however little comes
        at = 0
        for piece in pcm:
            frame = _frame(piece, at, sound)
            container.mux(stream.encode(frame))
            at += frame.samples
            yield len(piece)
        container.mux(stream.encode(None))


def _rate_hz(file_format: str, sound: Sound) -> int:
    if file_format == Export.Format.OPUS:
        return OPUS_RATE_HZ
    is_odd = file_format == Export.Format.MP3 and sound.sample_rate_hz not in MP3_RATES_HZ
    return max(MP3_RATES_HZ) if is_odd else sound.sample_rate_hz


def _frame(piece: bytes, at: int, sound: Sound) -> av.AudioFrame:
    samples = np.frombuffer(piece, "<i2").reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=LAYOUTS[sound.channels])
    frame.sample_rate, frame.pts, frame.time_base = sound.sample_rate_hz, at, Fraction(1, sound.sample_rate_hz)
    return frame


def _bits_per_second(file_format: str, sound: Sound) -> int:
    """Return what is enough for speech and for an instrument in a room."""
    if file_format == Export.Format.OPUS:
        return 64_000 * sound.channels
    return MP3_RATES_HZ.get(sound.sample_rate_hz, 96_000) * sound.channels
