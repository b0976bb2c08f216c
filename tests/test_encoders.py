"""Every format that people may ask for is read back by a decoder: to the last bit, or as ears hear it."""

import itertools
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from recordings.exporting.encoders import Sound, encode, estimated_bytes
from tests.installation import BASE_DIR
from tests.kept import melody, noise

FORMATS = ["wav", "flac", "opus", "mp3"]
RATES_HZ = [8000, 11_025, 16_000, 22_050, 32_000, 44_100]
SECONDS = 5.3
_FILL_A_DISK = """
import resource, sys
from pathlib import Path
import django
django.setup()
from recordings.exporting.encoders import Sound, encode
from tests.kept import noise
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
pcm = noise(400_000)
try:
    for done in encode((pcm[at : at + 64_000] for at in range(0, 800_000, 64_000)), Path(sys.argv[1]), sys.argv[2],
                       Sound(400_000, 16_000, 1)):
        pass
    print("wrote all of it")
except OSError as error:
    print("refused", error.errno)
"""


def pieces(pcm: bytes, size: int = 40_004) -> Iterator[bytes]:
    return (pcm[at : at + size] for at in range(0, len(pcm), size))


def encoded(folder: Path, file_format: str, pcm: bytes, sound: Sound) -> Path:
    path = folder / f"sound.{file_format}"
    assert list(encode(pieces(pcm), path, file_format, sound))[-1] == sound.samples
    return path


def decoded(path: Path) -> tuple[np.ndarray, int]:
    """What a decoder hears: samples of shape (channels, n) from -1 to 1, and their rate in Hz."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler("fltp", stream.layout, stream.rate)
        frames = [part for frame in container.decode(stream) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
        return np.concatenate([frame.to_ndarray() for frame in frames], axis=1), stream.rate


def likeness(heard: np.ndarray, heard_rate_hz: int, pcm: bytes, rate_hz: int) -> float:
    """The correlation of what is heard with its source, at the times of the source's samples."""
    source = np.frombuffer(pcm, "<i2") / 32768
    times = np.arange(len(source)) / rate_hz
    at_these_times = np.interp(times, np.arange(len(heard)) / heard_rate_hz, heard)
    return float(np.corrcoef(source, at_these_times)[0, 1])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
class TestEveryRate:
    def test_flac_is_the_source_sample_by_sample(self, tmp_path, rate_hz, channels):
        samples = int(SECONDS * rate_hz)
        pcm = noise(samples, channels=channels)
        path = encoded(tmp_path, "flac", pcm, Sound(samples, rate_hz, channels))
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray().tobytes() for frame in container.decode(audio=0)]
            assert container.streams.audio[0].rate == rate_hz
        assert b"".join(frames) == pcm

    def test_wav_is_the_source_sample_by_sample(self, tmp_path, rate_hz, channels):
        samples = int(SECONDS * rate_hz)
        pcm = noise(samples, channels=channels)
        with wave.open(str(encoded(tmp_path, "wav", pcm, Sound(samples, rate_hz, channels)))) as file:
            assert (file.getframerate(), file.getnchannels(), file.readframes(samples + 1)) == (rate_hz, channels, pcm)

    @pytest.mark.parametrize("file_format", ["opus", "mp3"])
    def test_what_is_for_ears_sounds_like_its_source_and_is_as_long(self, tmp_path, rate_hz, channels, file_format):
        samples = int(SECONDS * rate_hz)
        pcm = melody(samples, sample_rate_hz=rate_hz, channels=channels)
        sound = Sound(samples, rate_hz, channels)
        path = encoded(tmp_path, file_format, pcm, sound)
        heard, heard_rate_hz = decoded(path)
        assert len(heard) == channels
        assert heard.shape[1] / heard_rate_hz == pytest.approx(samples / rate_hz, abs=0.05)
        left = np.frombuffer(pcm, "<i2")[::channels].tobytes()
        assert likeness(heard[0], heard_rate_hz, left, rate_hz) > 0.97
        assert path.stat().st_size < estimated_bytes(file_format, sound) * 1.5


@pytest.mark.parametrize("file_format", FORMATS)
class TestEveryFormat:
    def test_nothing_is_a_file_too(self, tmp_path, file_format):
        path = tmp_path / "nothing"
        assert list(encode(iter(()), path, file_format, Sound(0, 16_000, 1))) == []
        assert path.exists()

    def test_one_sample_is_a_file_too(self, tmp_path, file_format):
        path = tmp_path / "one"
        assert list(encode(iter([b"\1\2"]), path, file_format, Sound(1, 16_000, 1))) == [1]
        assert path.stat().st_size > 0

    def test_whoever_stops_asking_gets_no_error_for_it(self, tmp_path, file_format):
        writing = encode(pieces(noise(200_000)), tmp_path / "half", file_format, Sound(200_000, 16_000, 1))
        assert next(writing) == 20_002
        next(writing)
        writing.close()

    def test_a_full_disk_is_an_error_and_not_half_a_file(self, tmp_path, file_format):
        done = subprocess.run(
            [sys.executable, "-c", _FILL_A_DISK, str(tmp_path / "full"), file_format],
            cwd=BASE_DIR, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.stdout == "refused 27\n", done.stderr[-2000:]

    def test_memory_does_not_grow_with_the_length(self, tmp_path, file_format):
        taken = 0

        def endless() -> Iterator[bytes]:
            nonlocal taken
            for _minute in range(20):
                taken += 1
                yield bytes(2 * 16_000 * 60)

        for done in encode(endless(), tmp_path / "long", file_format, Sound(20 * 60 * 16_000, 16_000, 1)):
            assert done == taken * 60 * 16_000  # each piece went in before the next was asked for


def test_opus_pages_are_of_200_ms(tmp_path):
    pcm = melody(160_000)
    data = encoded(tmp_path, "opus", pcm, Sound(160_000, 16_000, 1)).read_bytes()
    starts = [at for at in range(len(data)) if data.startswith(b"OggS", at)]
    ends = [int.from_bytes(data[at + 6 : at + 14], "little", signed=True) for at in starts][2:]  # after two of headers
    assert len(ends) == pytest.approx(50, abs=2)
    assert max(later - sooner for sooner, later in itertools.pairwise(ends)) <= 48_000 // 5


def test_a_file_says_whose_it_is(tmp_path):
    tags = {"title": "ห้อง ซ้อม", "artist": "Piano"}
    for file_format in ("flac", "opus", "mp3"):
        path = encoded(tmp_path, file_format, melody(16_000), Sound(16_000, 16_000, 1, tags))
        with av.open(str(path)) as container:
            said = {**container.metadata, **container.streams.audio[0].metadata}
        assert {name.lower(): text for name, text in said.items()}.items() >= tags.items()


def test_an_odd_rate_is_an_mp3_all_the_same(tmp_path):
    pcm = melody(50_000, sample_rate_hz=9600)
    heard, rate_hz = decoded(encoded(tmp_path, "mp3", pcm, Sound(50_000, 9600, 1)))
    assert heard.shape[1] / rate_hz == pytest.approx(50_000 / 9600, abs=0.05)
