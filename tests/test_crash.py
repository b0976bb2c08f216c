"""A server that is killed under its devices: what was written is in its recording, once and in order, the rest declared."""

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
