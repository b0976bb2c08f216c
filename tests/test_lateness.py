"""Sound that stays late is loss; sound that merely comes late, in bursts or by a slow crystal, is not."""

import random

import pytest

from recordings.log.lateness import Lateness

RATE, CHUNK = 16000, 1024
CHUNK_US = CHUNK * 1_000_000 / RATE


def watched(arrivals_us: list[float]) -> list[tuple[int, int]]:
    """Let chunks come at these times; losses are (chunk at which it was sure, samples), and move the timeline."""
    lateness, position, found = Lateness(RATE), 0, []
    for index, now_us in enumerate(arrivals_us):
        position += CHUNK
        loss = lateness.see(round(now_us), position, CHUNK)
        if loss:
            found.append((index, loss.samples))
            position += loss.samples
    return found


def on_time(count: int, per_chunk_us: float = CHUNK_US) -> list[float]:
    return [index * per_chunk_us for index in range(count)]


def test_sound_on_time_is_whole():
    assert watched(on_time(10_000)) == []


def test_jitter_of_a_third_of_a_second_is_no_loss():
    source = random.Random(3)
    assert watched([at + source.uniform(0, 330_000) for at in on_time(10_000)]) == []


def test_a_stall_that_is_made_good_is_no_loss():
    at = on_time(1000)
    assert watched([max(each, 40_000_000) if 30e6 < each < 40e6 else each for each in at]) == []


@pytest.mark.parametrize("ppm", [-150, 150])
def test_a_crystal_that_is_off_is_no_loss_in_a_day(ppm):
    assert watched(on_time(24 * 3600 * 1000 // 64, CHUNK_US * (1 + ppm / 1e6))) == []


@pytest.mark.parametrize("lost_s", [0.3, 1, 30])
def test_a_loss_is_measured_once_it_has_lasted(lost_s):
    at = on_time(1000)
    late = [each if index < 500 else each + lost_s * 1e6 for index, each in enumerate(at)]
    ((index, samples),) = watched(late)
    assert 500 + 5 / 0.064 <= index <= 500 + 6 / 0.064
    assert samples == pytest.approx(lost_s * RATE, rel=0.02)


def test_two_losses_are_two():
    at = [each + 1e6 * (index >= 300) + 2e6 * (index >= 600) for index, each in enumerate(on_time(1000))]
    assert [round(samples / RATE, 1) for _index, samples in watched(at)] == [1.0, 2.0]
