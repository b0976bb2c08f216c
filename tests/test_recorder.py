"""The recorder keeps what it is offered, never waits for the disk, and declares what the disk did not take."""

import errno
import json
import os
from dataclasses import replace
from uuid import uuid4

import pytest

from devices.binding import Binding
from leganize.wire.chunk import Chunk, Codec, Flag
from leganize.wire.identity import new_epoch
from recordings.log import recorder as module
from recordings.log import segment_log
from recordings.log.clocks import Clocks
from recordings.log.folder import RecordingFolder, folder_of
from recordings.log.recorder import Recorder
from recordings.log.segment_log import read_segment

RATE = 16000
CHUNK_US = 64_000


class Machine:
    """A machine whose clocks the test turns, and one or more recorders on it."""

    def __init__(self) -> None:
        self.steady, self.world = 5_000_000, 1_700_000_000_000_000
        self.clocks = Clocks(lambda: self.steady, lambda: self.world, "this boot")

    def passes(self, seconds: float) -> None:
        self.steady += round(seconds * 1e6)
        self.world += round(seconds * 1e6)


@pytest.fixture
def machine(settings, tmp_path):
    settings.RECORDINGS_DIR = tmp_path
    settings.DATA_DIR = tmp_path
    return Machine()


@pytest.fixture
def recorder(machine):
    return Recorder(machine.clocks)


def device(**changes) -> Binding:
    values = {"wanted": True, "wanted_at_us": 7, "room_name": "Studio"} | changes
    return Binding(uuid4(), "Table", uuid4(), "microphone", 7, RATE, 1, uuid4(), True, **values)


def chunk(seq: int) -> Chunk:
    return Chunk(Codec.PCM_S16LE, 7, seq, 1, 1, bytes([seq % 256]) * 2048, RATE, 1)


def capture(recorder, machine, bound, epoch, count, *, first=0):
    """Let a device send `count` chunks in real time."""
    for seq in range(first, first + count):
        machine.passes(CHUNK_US / 1e6)
        recorder.offer(bound, bound.room_id, epoch, chunk(seq))
        recorder.write_once()


def told(recorder):
    recorder.write_once(stopping=True)
    return {each.about.recording: each for each in recorder.news()}


def contents(bound, snapshot):
    folder = RecordingFolder(folder_of(bound.organization_id, snapshot.about.recording))
    return [read_segment(folder.path / name) for name in folder.segment_names()]


def kept(bound, snapshot) -> list[int]:
    return [each.seq for content in contents(bound, snapshot) for each in content.chunks]


def gaps(bound, snapshot):
    return [gap for content in contents(bound, snapshot) for gap in content.gaps]


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


def test_what_the_queue_cannot_take_is_counted_and_declared_exactly(recorder, machine, monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 4 * 2048)
    bound, epoch = device(), new_epoch()
    taken = [recorder.offer(bound, bound.room_id, epoch, chunk(seq)) for seq in range(10)]
    assert taken == [True] * 4 + [False] * 6
    assert [each.kind for each in recorder.troubles()] == ["disk-slow"]
    recorder.write_once()
    capture(recorder, machine, bound, epoch, 1, first=10)
    (snapshot,) = told(recorder).values()
    (gap,) = gaps(bound, snapshot)
    assert (gap.at, gap.samples, gap.reason) == (4 * 1024, 6 * 1024, "queue-full")
    assert recorder.lost_chunks["queue-full"] == 6


def test_a_full_disk_pauses_declares_and_goes_on_by_itself(recorder, machine, monkeypatch):
    bound, epoch = device(), new_epoch()
    capture(recorder, machine, bound, epoch, 5)
    write = segment_log.os.write

    def full(descriptor, data):
        write(descriptor, bytes(data)[:100])  # a part fits
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(segment_log.os, "write", full)
        capture(recorder, machine, bound, epoch, 20, first=5)
        assert [(each.kind, each.chunks_lost) for each in recorder.troubles()] == [("disk-full", 20)]
    machine.passes(0.5)
    capture(recorder, machine, bound, epoch, 5, first=25)
    machine.passes(3)
    assert recorder.troubles() == []
    (snapshot,) = told(recorder).values()
    assert kept(bound, snapshot) == [*range(5), *range(25, 30)]
    (gap,) = gaps(bound, snapshot)
    assert (gap.at, gap.samples, gap.reason) == (5 * 1024, 20 * 1024, "disk-full")


def test_an_organization_over_its_quota_is_refused_and_nobody_else(recorder, machine):
    rich, poor = device(), device()
    recorder.refuse(frozenset({poor.organization_id}))
    capture(recorder, machine, rich, new_epoch(), 3)
    capture(recorder, machine, poor, new_epoch(), 3)
    (trouble,) = recorder.troubles()
    assert (trouble.kind, trouble.organization) == ("over-quota", poor.organization_id)
    recorder.refuse(frozenset())
    capture(recorder, machine, poor, new_epoch(), 3, first=3)
    by_organization = {each.about.organization: each for each in told(recorder).values()}
    assert kept(rich, by_organization[rich.organization_id]) == [0, 1, 2]
    assert kept(poor, by_organization[poor.organization_id]) == [3, 4, 5]


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


def test_a_sync_that_fails_keeps_what_can_be_read_and_begins_a_new_file(recorder, machine, monkeypatch):
    bound, epoch = device(), new_epoch()
    capture(recorder, machine, bound, epoch, 5)

    def fails(_descriptor):
        raise OSError(errno.EIO, "Input/output error")

    machine.passes(1)
    with monkeypatch.context() as patched:
        patched.setattr(segment_log, "_fdatasync", fails)
        capture(recorder, machine, bound, epoch, 1, first=5)
    assert [each.kind for each in recorder.troubles()] == ["disk-refuses"]
    capture(recorder, machine, bound, epoch, 5, first=6)
    (snapshot,) = told(recorder).values()
    assert kept(bound, snapshot) == list(range(11))
    assert [len(content.chunks) for content in contents(bound, snapshot)] == [6, 5]


def test_what_cannot_be_read_back_after_a_failed_sync_is_declared(recorder, machine, monkeypatch):
    bound, epoch = device(), new_epoch()
    capture(recorder, machine, bound, epoch, 5)
    (path,) = folder_of(bound.organization_id, uuid4()).parent.glob("*/*.seg")

    def fails(_descriptor):
        os.truncate(path, path.stat().st_size - 3000)
        raise OSError(errno.EIO, "Input/output error")

    machine.passes(1)
    with monkeypatch.context() as patched:
        patched.setattr(segment_log, "_fdatasync", fails)
        recorder.write_once()
    capture(recorder, machine, bound, epoch, 2, first=5)
    (snapshot,) = told(recorder).values()
    assert kept(bound, snapshot) == [0, 1, 2, 5, 6]
    (gap,) = gaps(bound, snapshot)
    assert (gap.samples, gap.reason, gap.estimated) == (2 * 1024, "bad-data", True)


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


def test_a_key_that_is_none_costs_declared_sound_until_it_is_put_back(recorder, machine, tmp_path):
    bound, epoch = device(), new_epoch()
    (tmp_path / "signing_key.pem").write_text("no key")
    capture(recorder, machine, bound, epoch, 20)
    assert [each.chunks_lost for each in recorder.troubles()] == [20]
    (tmp_path / "signing_key.pem").unlink()
    machine.passes(1)
    capture(recorder, machine, bound, epoch, 5, first=20)
    (snapshot,) = told(recorder).values()
    assert kept(bound, snapshot) == list(range(20, 25))
