"""What a dead writer leaves is cut to what is whole, declared, settled, and found again when its row was lost."""

import random
from dataclasses import replace

import pytest

from devices.binding import microseconds
from devices.control import set_capture
from devices.models import Device
from leganize.wire.identity import new_epoch
from recordings import index, recovery
from recordings.log.folder import RecordingFolder, folder_of
from recordings.log.recorder import Recorder
from recordings.log.segment_log import read_segment
from recordings.models import Recording, Segment
from tests.machine import RATE, Machine, capture, device

pytestmark = pytest.mark.django_db


@pytest.fixture
def machine(settings, tmp_path):
    settings.RECORDINGS_DIR = settings.DATA_DIR = tmp_path
    return Machine()


@pytest.fixture
def bound(cast, studio_device):
    """A claimed microphone that is to capture, as its worker knows it."""
    set_capture(studio_device, on=True, by=cast.alice)
    values = {
        "device_id": studio_device.pk, "organization_id": cast.organization.pk, "room_id": studio_device.room_id,
    }  # fmt: skip
    return replace(device(), **values, wanted_at_us=microseconds(studio_device.desired_at))


def crash(machine, bound, count=40, *, first=0) -> RecordingFolder:
    """Write so many chunks and die: nothing is closed, and the kernel lets go of the lock."""
    recorder = Recorder(machine.clocks)
    capture(recorder, machine, bound, new_epoch(), count, first=first)
    for recording in recorder._writing.recordings():
        recording.folder.unlock()
    return recording.folder


def kept(folder) -> list[int]:
    return [chunk.seq for name in folder.segment_names() for chunk in read_segment(folder.path / name).chunks]


def test_a_recording_that_was_cut_off_is_settled_with_all_that_was_written(machine, bound):
    folder = crash(machine, bound)
    machine.passes(50)
    recovery.settle(machine.clocks)
    row = Recording.objects.get()
    assert (row.state, row.audio_seconds, row.missing_seconds) == ("finished", 40 * 0.064, 0)
    assert row.ended_at > row.started_at
    assert kept(folder) == list(range(40))
    assert Segment.objects.get().is_closed


def test_its_device_may_still_return_within_the_time_that_is_allowed(machine, bound):
    folder = crash(machine, bound)
    machine.passes(50)
    recovery.settle(machine.clocks)
    crash(machine, bound, first=40)
    machine.passes(50)
    recovery.settle(machine.clocks)
    row = Recording.objects.get()
    assert kept(folder) == list(range(80))
    assert row.missing_seconds == pytest.approx(50, abs=0.001)
    assert [segment.gaps for segment in row.segments.all()][1][0][2:] == ["worker-lost", False]


def test_one_that_is_written_is_left_alone(machine, bound):
    recorder = Recorder(machine.clocks)
    capture(recorder, machine, bound, new_epoch(), 10)
    machine.passes(500)
    recovery.settle(machine.clocks)
    assert not Recording.objects.exists()
    capture(recorder, machine, bound, new_epoch(), 1, first=10)
    assert recorder.written_chunks == 11


def test_one_whose_capture_was_stopped_meanwhile_is_over_for_good(machine, bound, cast):
    crash(machine, bound)
    set_capture(Device.objects.get(), on=False, by=cast.alice)
    recovery.settle(machine.clocks)
    assert Recording.objects.get().state == "finished"
    set_capture(Device.objects.get(), on=True, by=cast.alice)
    again = replace(bound, wanted_at_us=microseconds(Device.objects.get().desired_at))
    crash(machine, again)
    machine.passes(50)
    recovery.settle(machine.clocks)
    assert Recording.objects.count() == 2


@pytest.mark.parametrize("damage", ["torn", "zero-filled", "bit-flipped"])
def test_a_damaged_tail_is_cut_to_the_last_whole_record_and_declared(machine, bound, damage):
    folder = crash(machine, bound)
    path = folder.path / folder.segment_names()[0]
    whole = path.read_bytes()
    record = len(whole) - whole.rindex(b"LGS1")
    at = len(whole) - 3 * record + random.randrange(1, record)
    tail = {"torn": b"", "zero-filled": bytes(100_000), "bit-flipped": bytes([whole[at] ^ 1]) + whole[at + 1 :]}
    path.write_bytes(whole[:at] + tail[damage])
    machine.passes(50)
    recovery.settle(machine.clocks)
    assert kept(folder) == list(range(37))
    row = Recording.objects.get()
    assert row.gap_count == 1
    assert row.segments.get().gaps[0][2:] == ["bad-data", True]
    assert row.duration_seconds == pytest.approx(row.audio_seconds + row.segments.get().gap_samples / RATE)


def test_settling_twice_changes_nothing(machine, bound):
    folder = crash(machine, bound)
    machine.passes(50)
    recovery.settle(machine.clocks)
    before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    recovery.settle(machine.clocks)
    recovery.rebuild_lost_rows()
    assert {path.name: path.read_bytes() for path in folder.path.iterdir()} == before


@pytest.mark.parametrize("lost", ["manifest.json", "segments.jsonl"])
def test_what_can_be_derived_is_made_again(machine, bound, lost):
    folder = crash(machine, bound, 500)
    machine.passes(50)
    recovery.settle(machine.clocks)
    before = folder.manifest()
    (folder.path / lost).unlink()
    Recording.objects.all().delete()
    recovery.rebuild_lost_rows()
    recovery.settle(machine.clocks)
    assert folder.manifest().chain == before.chain
    assert folder.manifest().audio == before.audio
    assert Recording.objects.get().audio_seconds == 500 * 0.064


def test_a_lost_row_is_rebuilt_from_disk(machine, bound):
    crash(machine, bound, 1000)
    machine.passes(4000)
    recovery.settle(machine.clocks)
    before = Recording.objects.values().get(), list(Segment.objects.order_by("number").values_list("digest", "gaps"))
    Recording.objects.all().delete()
    assert recovery.rebuild_lost_rows() == 1
    after = Recording.objects.values().get(), list(Segment.objects.order_by("number").values_list("digest", "gaps"))
    assert after == before


def test_a_row_whose_folder_is_gone_is_not_called_running_for_ever(machine, bound):
    folder = crash(machine, bound)
    recovery.settle(machine.clocks)
    assert Recording.objects.get().state == "settling"
    for path in folder.path.iterdir():
        path.unlink()
    folder.path.rmdir()
    recovery.settle(machine.clocks)
    recovery.rebuild_lost_rows()
    assert Recording.objects.get().state == "finished"


def test_a_row_whose_folder_says_nothing_is_not_called_running_for_ever(machine, bound):
    folder = crash(machine, bound)
    recovery.settle(machine.clocks)
    for path in folder.path.iterdir():
        path.write_bytes(b"")
    machine.passes(50)
    recovery.settle(machine.clocks)
    recovery.settle(machine.clocks)
    assert Recording.objects.get().state == "finished"


def test_one_that_goes_on_by_its_row_alone_is_settled_too(machine, bound):
    folder = crash(machine, bound)
    recovery.settle(machine.clocks)
    for note in (folder.path.parent.parent / "open").iterdir():
        note.unlink()
    recovery.settle(machine.clocks)
    assert Recording.objects.get().state == "finished"


def test_a_folder_that_the_disk_refuses_keeps_no_other_from_being_settled(machine, bound, monkeypatch):
    broken, whole = crash(machine, bound), crash(machine, replace(bound, wanted_at_us=bound.wanted_at_us + 1))
    by_name = recovery.repaired

    def refuses(folder, key):
        if folder.path == broken.path:
            raise OSError(5, "Input/output error")
        return by_name(folder, key)

    monkeypatch.setattr(recovery, "repaired", refuses)
    recovery.settle(machine.clocks)
    recovery.rebuild_lost_rows()
    assert [str(row.pk.hex) for row in Recording.objects.all()] == [whole.path.name]


def test_rows_that_could_not_be_written_are_told_again(machine, bound):
    recorder = Recorder(machine.clocks)
    capture(recorder, machine, bound, new_epoch(), 1000)
    recorder.news()  # the database was away
    recorder.write_once(stopping=True)
    news = recorder.news()
    index.write_rows(news)
    assert Recording.objects.get().audio_seconds == 64
    assert list(Segment.objects.order_by("number").values_list("audio_samples", flat=True)) == [480256, 480256, 63488]


def test_a_recording_of_a_device_that_is_no_more_is_left_on_disk(machine, bound):
    crash(machine, bound)
    Device.objects.all().delete()
    machine.passes(50)
    recovery.settle(machine.clocks)
    assert not Recording.objects.exists()
    assert folder_of(bound.organization_id, bound.device_id).parent.is_dir()


def test_a_segment_whose_first_record_is_damaged_keeps_all_its_sound(machine, bound):
    folder = crash(machine, bound)
    path = folder.path / folder.segment_names()[0]
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    machine.passes(50)
    recovery.settle(machine.clocks)
    assert kept(folder) == list(range(40))
    assert (Recording.objects.get().gap_count, Recording.objects.get().audio_seconds) == (0, 40 * 0.064)


def test_what_is_lost_with_a_damaged_beginning_is_declared(machine, bound):
    folder = crash(machine, bound)
    path = folder.path / folder.segment_names()[0]
    data = path.read_bytes()
    path.write_bytes(bytes(5000) + data[5000:])
    machine.passes(50)
    recovery.settle(machine.clocks)
    row = Recording.objects.get()
    assert kept(folder) == list(range(3, 40)) or kept(folder) == list(range(2, 40))
    assert row.duration_seconds == pytest.approx(40 * 0.064, abs=0.001)


def test_zeros_behind_the_last_record_are_never_longer_than_a_segment(machine, bound):
    folder = crash(machine, bound, 440)  # 28.16 s
    path = folder.path / folder.segment_names()[0]
    path.write_bytes(path.read_bytes() + bytes(3_000_000))
    machine.passes(50)
    recovery.settle(machine.clocks)
    assert Recording.objects.get().duration_seconds == 30


def test_what_a_row_once_told_of_is_not_forgotten_with_its_file(machine, bound):
    recorder = Recorder(machine.clocks)
    capture(recorder, machine, bound, new_epoch(), 600)
    index.write_rows(recorder.news())
    (folder,) = [recording.folder for recording in recorder._writing.recordings()]
    folder.unlock()
    told = Recording.objects.get().duration_seconds
    (folder.path / folder.segment_names()[-1]).unlink()
    machine.passes(50)
    recovery.settle(machine.clocks)
    row = Recording.objects.get()
    assert told > 36
    assert row.duration_seconds == pytest.approx(told)
    assert row.audio_seconds == pytest.approx(469 * 0.064)
    assert row.segments.last().gaps[0][2:] == ["bad-data", False]
    before = row.segments.count()
    recovery.settle(machine.clocks)
    assert row.segments.count() == before


@pytest.mark.parametrize("name", ["x.seg", "999999-abc.seg", f"000007-{'a' * 32}.seg"])
def test_files_that_are_no_segments_of_it_are_left_out_and_left_alone(machine, bound, name):
    folder = crash(machine, bound)
    foreign = folder.path / name
    foreign.write_bytes((folder.path / folder.segment_names()[0]).read_bytes())
    machine.passes(50)
    recovery.settle(machine.clocks)
    assert Recording.objects.get().audio_seconds == 40 * 0.064
    assert foreign.exists()
