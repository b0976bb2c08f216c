"""A server that is killed, a writer that dies: what was written is kept once and in order, and the rest is declared."""

from bench import crashes
from tests.studio import studio_on

CLOCK_TOLERANCE_S = 0.25  # a loaded machine hears late; `make proof` judges by 0.1 s


async def test_what_was_written_before_a_kill_is_there_after_it(tmp_path):
    with studio_on(tmp_path) as studio:
        found = await crashes.crashes(studio, kills=2, microphones=4, is_wanted=False)
    assert found.recordings == 4  # each device goes on in the recording it began
    assert found.written_before_kills > 4 * 30
    assert found.missing_after == 0
    for each in found.comparisons:
        assert (each.strange, each.out_of_order, each.undeclared) == (0, 0, 0)
        assert each.kept >= 30
        assert each.worst_loss_s < 5
        assert not each.sound_differs
        assert each.verdict == ""
        assert abs(each.clock_error_s) < CLOCK_TOLERANCE_S
    assert found.settled_after_s < 60


def test_a_writer_that_dies_at_any_of_its_system_calls_loses_nothing_that_it_counted_as_written(tmp_path):
    found = crashes.tried_apart(tmp_path, "deaths", "deaths_of_recovery")
    assert found["wrong"] == []
    assert found["deaths"] > 80  # about fifty calls, before each and in the middle of each write


def test_a_disk_that_refuses_any_of_its_system_calls_costs_only_what_is_declared(tmp_path):
    found = crashes.tried_apart(tmp_path, "refusals")
    assert found["wrong"] == []
    assert found["refusals"] > 80
