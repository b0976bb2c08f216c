"""Recording through outages: of link, power and server, of the database, and of a clock that is set wrong."""

import signal

import pytest

from bench import outages, without_database
from tests.installation import Installation
from tests.studio import studio_on

CLOCK_TOLERANCE_S = 0.25  # a loaded machine hears late; `make proof` judges by 0.1 s


def is_whole(each, *, tolerance_s: float = CLOCK_TOLERANCE_S) -> None:
    """Nothing strange, nothing twice, nothing missing in silence, and as long as the clock says."""
    assert (each.strange, each.out_of_order, each.undeclared) == (0, 0, 0)
    assert not each.sound_differs
    assert each.verdict == ""
    assert abs(each.clock_error_s) < tolerance_s


async def test_sound_and_gaps_are_as_long_as_the_clock_says_through_three_outages(tmp_path):
    with studio_on(tmp_path) as studio:
        found = await outages.recorded_through(studio, outages.three_outages, seconds=8, retry_s=1)
    assert found.recordings == 1
    is_whole(found.comparison)
    assert found.comparison.kept > 80
    assert abs(found.unaccounted_s) < 1e-6
    assert [gap["reason"] for gap in found.gaps] == ["device-offline", "device-offline", "moved"]
    assert not any(gap["estimated"] for gap in found.gaps)


async def test_a_clock_that_is_set_an_hour_wrong_and_back_moves_nothing(tmp_path):
    step_file = tmp_path / "step"
    with studio_on(tmp_path / "data", **outages.with_a_clock_that_steps(step_file)) as studio:
        found = await outages.recorded_through(studio, outages.clock_steps(step_file), seconds=10, retry_s=0.5)
        shown = int(await studio.shell.does("import time; answer = time.time()"))
        real = int(await studio.shell.does("import datetime; answer = datetime.datetime.now().timestamp()"))
    assert real - shown == pytest.approx(outages.HOUR_S, abs=5)  # else its clock was never wrong
    assert found.recordings == 1
    is_whole(found.comparison)
    assert sum(gap["seconds"] for gap in found.gaps) < 60
    assert {gap["reason"] for gap in found.gaps} == {"device-offline", "worker-lost"}


@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL])
async def test_recording_does_not_notice_that_the_database_is_away(tmp_path, how):
    with without_database.studio_on_postgres(tmp_path) as (studio, postgres):
        found = await without_database.without_database(studio, postgres, microphones=2, seconds=4, how=how)
    assert found.written_meanwhile > 2 * 3 * 32_000
    assert (found.disconnects, found.gaps) == (0, 0)
    assert found.caught_up_after_s < 20
    assert len(found.comparisons) == 2
    for each in found.comparisons:
        is_whole(each)
        assert each.kept == each.sent


async def test_a_device_whose_worker_is_killed_goes_on_in_its_recording_with_another(tmp_path, redis_url, postgres_url):
    shared = {
        "DATABASE_URL": postgres_url,
        "REDIS_URL": redis_url,
        "OPEN_LOBBY": "true",
        "REHOME": "always",
        "SECRET_KEY": "shared by all workers of this test, and long enough",
        "WORKER_LEASE_SECONDS": "4",
        "RECORDINGS_DIR": str(tmp_path / "shared"),
    }
    with studio_on(tmp_path / "here", **shared) as studio, Installation(tmp_path / "there", settings=shared) as there:
        found = await outages.handed_over(studio, there, microphones=2, seconds=3)
    assert len(found) == 2
    for each in found:
        is_whole(each.comparison)
        assert each.comparison.kept > 60
        assert [gap["reason"] for gap in each.gaps] == ["worker-lost"]
