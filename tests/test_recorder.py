"""The recorder keeps what it is offered, whoever offers it and when, and declares what is missing."""

import json
from dataclasses import replace
from uuid import uuid4

import pytest

from leganize.wire.chunk import Flag
from leganize.wire.identity import new_epoch
from recordings.log.folder import RecordingFolder, folder_of
from recordings.log.recorder import Recorder
from recordings.log.segment_log import read_segment
from tests.machine import RATE, Machine, capture, chunk, device, gaps, kept, told


@pytest.fixture
def machine(settings, tmp_path):
    settings.RECORDINGS_DIR = tmp_path
    settings.DATA_DIR = tmp_path
    return Machine()


@pytest.fixture
def recorder(machine):
    return Recorder(machine.clocks)


def test_what_is_offered_is_on_disk_bit_exact_before_anything_is_closed(recorder, machine):
    bound = device()
    capture(recorder, machine, bound, new_epoch(), 50)
    folder = next(folder_of(bound.organization_id, uuid4()).parent.iterdir())
    (path,) = folder.glob("*.seg")
    assert read_segment(path).chunks == [chunk(seq) for seq in range(50)]


def test_a_device_that_drops_and_returns_goes_on_in_the_same_recording_with_its_gap_declared(recorder, machine):
    bound, first = device(), new_epoch()
    capture(recorder, machine, bound, first, 10)
    recorder.left(first)
    recorder.write_once()
    machine.passes(7.5)
    capture(recorder, machine, bound, new_epoch(), 10, first=10)
    (snapshot,) = told(recorder).values()
    assert kept(bound, snapshot) == list(range(20))
    (gap,) = gaps(bound, snapshot)
    assert (gap.reason, gap.estimated) == ("device-offline", False)
    assert gap.samples == pytest.approx(7.5 * RATE, abs=2)
    assert (snapshot.audio, snapshot.missing) == (20 * 1024, gap.samples)


def test_another_recorder_goes_on_where_one_was_stopped(recorder, machine):
    bound = device()
    capture(recorder, machine, bound, new_epoch(), 5)
    recorder.write_once(stopping=True)
    machine.passes(2)
    second = Recorder(machine.clocks)
    capture(second, machine, bound, new_epoch(), 5, first=5)
    (snapshot,) = told(second).values()
    assert kept(bound, snapshot) == list(range(10))
    assert [gap.reason for gap in gaps(bound, snapshot)] == ["moved"]


def test_a_connection_that_ended_because_its_worker_does_has_moved(recorder, machine):
    bound, first = device(), new_epoch()
    capture(recorder, machine, bound, first, 5)
    recorder.drain()
    recorder.left(first)
    recorder.write_once(stopping=True)
    machine.passes(2)
    second = Recorder(machine.clocks)
    capture(second, machine, bound, new_epoch(), 5, first=5)
    (snapshot,) = told(second).values()
    assert [gap.reason for gap in gaps(bound, snapshot)] == ["moved"]


def test_a_recorder_waits_until_another_lets_go_and_loses_nothing_meanwhile(recorder, machine):
    bound, first = device(), new_epoch()
    capture(recorder, machine, bound, first, 5)
    second = Recorder(machine.clocks)
    capture(second, machine, bound, new_epoch(), 5, first=5)
    assert second.written_chunks == 0
    recorder.left(first)
    recorder.write_once()
    second.write_once()
    (snapshot,) = told(second).values()
    assert kept(bound, snapshot) == list(range(10))


def test_a_new_start_is_a_new_recording(recorder, machine):
    bound, epoch = device(), new_epoch()
    capture(recorder, machine, bound, epoch, 3)
    capture(recorder, machine, replace(bound, wanted_at_us=8), epoch, 3, first=3)
    assert sorted(kept(bound, each) for each in told(recorder).values()) == [[0, 1, 2], [3, 4, 5]]


def test_a_device_that_was_away_for_longer_than_allowed_begins_a_new_recording(recorder, machine, settings):
    settings.RESUME_WITHIN_SECONDS = 60
    bound, epoch = device(), new_epoch()
    capture(recorder, machine, bound, epoch, 3)
    recorder.left(epoch)
    recorder.write_once()
    machine.passes(61)
    capture(recorder, machine, bound, new_epoch(), 3, first=3)
    states = {tuple(kept(bound, each)): each.state for each in told(recorder).values()}
    assert states == {(0, 1, 2): "finished", (3, 4, 5): "settling"}


def test_a_recording_ends_after_a_second_of_quiet_once_its_device_is_stopped(recorder, machine):
    bound = device()
    capture(recorder, machine, bound, new_epoch(), 3)
    recorder.rests(bound.device_id)
    machine.passes(0.9)
    recorder.write_once()
    assert [each.state for each in recorder.news()] == ["recording"]
    machine.passes(0.3)
    recorder.write_once()
    assert [each.state for each in recorder.news()] == ["finished"]


def test_a_device_that_merely_falls_silent_is_not_ended(recorder, machine):
    bound, epoch = device(), new_epoch()
    capture(recorder, machine, bound, epoch, 3)
    machine.passes(50)
    capture(recorder, machine, bound, epoch, 3, first=3)
    assert len(told(recorder)) == 1


def test_sound_that_stays_late_within_a_connection_is_a_gap_that_is_called_an_estimate(recorder, machine):
    bound, epoch = device(), new_epoch()
    capture(recorder, machine, bound, epoch, 100)
    machine.passes(2)  # and nothing of it ever comes
    capture(recorder, machine, bound, epoch, 200, first=100)
    (snapshot,) = told(recorder).values()
    (gap,) = gaps(bound, snapshot)
    assert gap.estimated
    assert gap.samples == pytest.approx(2 * RATE, rel=0.01)
    assert gap.at == 100 * 1024
    assert kept(bound, snapshot) == list(range(300))


def test_chunks_that_could_not_be_read_are_declared_as_an_estimate(recorder, machine):
    bound, epoch = device(), new_epoch()
    capture(recorder, machine, bound, epoch, 5)
    machine.passes(0.064 * 3)
    recorder.offer(bound, bound.room_id, epoch, replace(chunk(7), flags=Flag.AFTER_GAP))
    (snapshot,) = told(recorder).values()
    (gap,) = gaps(bound, snapshot)
    assert (gap.at, gap.samples, gap.reason, gap.estimated) == (5 * 1024, 2 * 1024, "bad-data", True)


def test_sound_that_only_comes_in_a_burst_is_no_gap(recorder, machine):
    bound, epoch = device(), new_epoch()
    capture(recorder, machine, bound, epoch, 100)
    machine.passes(10)
    for seq in range(100, 256):  # 10 s of sound at once
        recorder.offer(bound, bound.room_id, epoch, chunk(seq))
    capture(recorder, machine, bound, epoch, 200, first=256)
    (snapshot,) = told(recorder).values()
    assert gaps(bound, snapshot) == []


def test_clocks_that_are_set_forward_and_back_make_no_gap(recorder, machine):
    bound, epoch = device(), new_epoch()
    capture(recorder, machine, bound, epoch, 20)
    machine.world += 3_600_000_000
    capture(recorder, machine, bound, epoch, 20, first=20)
    recorder.left(epoch)
    recorder.write_once()
    machine.world -= 2 * 3_600_000_000
    machine.passes(5)
    capture(recorder, machine, bound, new_epoch(), 20, first=40)
    (snapshot,) = told(recorder).values()
    (gap,) = gaps(bound, snapshot)
    assert gap.samples == pytest.approx(5 * RATE, abs=2)
    assert kept(bound, snapshot) == list(range(60))


def test_a_segment_ends_after_thirty_seconds_and_the_index_is_chained(recorder, machine):
    bound = device()
    capture(recorder, machine, bound, new_epoch(), 1000)
    (snapshot,) = told(recorder).values()
    folder = RecordingFolder(folder_of(bound.organization_id, snapshot.about.recording))
    entries = folder.entries()
    assert [entry.start_audio for entry in entries] == [0, 469 * 1024, 938 * 1024]
    assert json.loads((folder.path / "manifest.json").read_text())["chain"] == entries[-1].chain
    assert kept(bound, snapshot) == list(range(1000))


def test_news_are_told_until_the_rows_say_them(recorder, machine):
    bound = device()
    capture(recorder, machine, bound, new_epoch(), 500)
    first = recorder.news()
    capture(recorder, machine, bound, new_epoch(), 500, first=500)
    recorder.saved(first)
    snapshot = next(iter(told(recorder).values()))
    numbers = [entry.number for entry in (*first[0].closed, *snapshot.closed)]
    assert sorted(set(numbers)) == list(range(4))
    recorder.saved(list(told(recorder).values()))
    recorder.write_once(stopping=True)
    assert recorder.news() == []


def test_sound_that_is_late_when_a_recording_ends_is_declared_too(recorder, machine):
    bound, epoch = device(), new_epoch()
    capture(recorder, machine, bound, epoch, 60)
    machine.passes(4)  # and nothing of it ever comes
    capture(recorder, machine, bound, epoch, 47, first=60)
    recorder.rests(bound.device_id)
    machine.passes(1.1)
    recorder.write_once()
    (snapshot,) = recorder.news()
    (gap,) = gaps(bound, snapshot)
    assert (gap.at, gap.estimated) == (60 * 1024, True)
    assert gap.samples == pytest.approx(4 * RATE, rel=0.01)
