"""A disk that is full, or that does not confirm: nothing is counted as written that is not, and recording comes back."""

import errno
import os

import pytest

from bench import full_disk
from devices.binding import Binding
from leganize.wire.chunk import Chunk, Codec
from leganize.wire.identity import new_epoch
from recordings import growing, recorder
from recordings.clocks import Clocks
from recordings.folder import RecordingFolder
from recordings.recorder import Recorder, folder_of
from recordings.segment_log import read_segment
from recordings.verify import verify
from tests.visitors import pcm

CHUNK_US = 64_000


async def test_a_disk_that_fills_up_costs_a_declared_gap_and_nothing_else(tmp_path):
    with full_disk.studio_on_small_disk(tmp_path) as studio:
        found = await full_disk.full_disk(studio, microphones=2, seconds=3)
    assert found.told_after_s < 2
    assert found.resumed_after_s < 10
    assert found.earlier_is_intact
    assert found.counted_and_not_there_s <= 0
    assert found.live_chunks_meanwhile > 2 * 20
    assert len(found.answers) > 12 and found.failures == []
    assert found.reasons == {"disk-full"}
    for each in found.comparisons:
        assert (each.strange, each.out_of_order, each.undeclared) == (0, 0, 0)
        assert each.kept < each.sent  # else the disk was never full
        assert not each.sound_differs
        assert each.verdict == ""
        assert abs(each.clock_error_s) < 0.25
