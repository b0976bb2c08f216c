"""The drawn shape of sound is that of the samples, at every grain, wherever writing began and however long it is."""

import numpy as np
import pytest

from recordings.log.peaks import PeakWriter, read_peaks

RATE = 16000


def sound(seconds: float, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    loudness = 1000 + 20000 * np.abs(np.sin(np.arange(int(seconds * RATE)) / RATE / 7))
    return (random.uniform(-1, 1, int(seconds * RATE)) * loudness).astype("<i2")


def written(folder, samples: np.ndarray, start: int = 0, step: int = 16384) -> PeakWriter:
    writer = PeakWriter(folder, RATE, 1)
    for at in range(0, len(samples), step):
        writer.write(start + at, samples[at : at + step].tobytes())
    writer.flush()
    return writer


def expected(samples: np.ndarray, points: int) -> np.ndarray:
    return np.array([(part.min(), part.max()) for part in np.array_split(samples, points)])


def test_each_point_has_the_least_and_the_greatest_sample_of_its_stretch(tmp_path):
    samples = sound(60)
    written(tmp_path, samples)
    assert (read_peaks(tmp_path, RATE, 0, 60, 600) == expected(samples, 600)).all()


@pytest.mark.parametrize(("seconds", "points"), [(64, 40), (25.6 * 40, 40)])
def test_coarser_grains_tell_the_same(tmp_path, seconds, points):
    samples = sound(seconds)
    written(tmp_path, samples)
    assert (read_peaks(tmp_path, RATE, 0, seconds, points) == expected(samples, points)).all()


def test_the_steps_in_which_it_was_written_do_not_matter(tmp_path):
    samples = sound(100)
    for name, step in (("a", 1024), ("b", 16000), ("c", 500_000)):
        (tmp_path / name).mkdir()
        written(tmp_path / name, samples, step=step)
    files = [[(tmp_path / name / f"peaks-{level}").read_bytes() for level in range(3)] for name in "abc"]
    assert files[0] == files[1] == files[2]


def test_a_gap_and_what_was_not_written_yet_are_flat(tmp_path):
    samples = sound(10)
    writer = written(tmp_path, samples)
    writer.write(20 * RATE, sound(10, seed=2).tobytes())
    peaks = read_peaks(tmp_path, RATE, 0, 40, 400)
    assert (peaks[100:200] == 0).all()
    assert (peaks[300:] == 0).all()
    assert (peaks[:100, 1] > 0).all()
    assert (peaks[200:300, 1] > 0).all()


def test_more_points_than_bins_repeat_them(tmp_path):
    written(tmp_path, sound(1))
    assert len(read_peaks(tmp_path, RATE, 0, 1, 1000)) == 1000


def test_a_stretch_without_any_file_is_flat(tmp_path):
    assert (read_peaks(tmp_path, RATE, 5, 6, 7) == np.zeros((7, 2))).all()
