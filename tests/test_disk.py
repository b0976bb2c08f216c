"""A disk that is full or does not confirm: nothing counts as written that is not, and recording comes back again."""

import errno
import os
from dataclasses import replace
from uuid import UUID

import pytest

from bench import full_disk
from bench.deaths import CHUNK_US, DEVICE, Machine, finish, payload
from bench.kept import Kept
from leganize.wire.chunk import Chunk, Codec
from leganize.wire.identity import new_epoch
from recordings.log import recorder as module
from recordings.log.folder import RecordingFolder
from recordings.log.growing import GrowingRecording
from recordings.log.recorder import Recorder
from recordings.verify import verify

SAMPLES = 1024
EPOCH = new_epoch()


@pytest.fixture
def machine(settings, tmp_path):
    settings.RECORDINGS_DIR = settings.DATA_DIR = tmp_path
    return Machine()


@pytest.fixture
def recorder(machine):
    return Recorder(machine.clocks)


@pytest.fixture
def room_on_disk(monkeypatch):
    """Say by `room_on_disk(False)` that the disk is full, without filling it."""
    return lambda is_there: monkeypatch.setattr(module, "has_room", lambda: is_there)


def send(recorder, machine, numbers, *, epoch=EPOCH, device=DEVICE):
    for number in numbers:
        machine.steady_us += CHUNK_US
        chunk = Chunk(Codec.PCM_S16LE, 7, number, 1, 1, payload(number), 16000, 1)
        recorder.offer(device, UUID(int=3), epoch, chunk)
        recorder.write_once()


def second_passes(recorder, machine):
    machine.steady_us += 1_000_000
    recorder.write_once()


def the_recording(tmp_path):
    (manifest,) = tmp_path.glob("*/*/manifest.json")
    assert verify(manifest.parent).fault is None
    return Kept({}, manifest.parent), RecordingFolder(manifest.parent).manifest()


def numbers_in(kept):
    return [int.from_bytes(each[:4]) for each in kept.payloads()]


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


def test_what_was_lost_before_the_stop_is_declared_too(recorder, machine, tmp_path, room_on_disk):
    send(recorder, machine, range(10))
    room_on_disk(False)
    machine.steady_us -= CHUNK_US
    second_passes(recorder, machine)
    machine.steady_us -= 1_000_000 - CHUNK_US
    send(recorder, machine, range(10, 25))
    room_on_disk(True)
    finish(recorder, machine)
    kept, manifest = the_recording(tmp_path)
    assert numbers_in(kept) == list(range(10))
    assert (manifest.audio, manifest.missing) == (10 * SAMPLES, 15 * SAMPLES)
    assert manifest.until_us - manifest.about.started_at_us == 25 * CHUNK_US


def test_what_the_queue_lost_is_not_counted_twice_when_the_disk_refuses_then(
    recorder, machine, tmp_path, room_on_disk, monkeypatch
):
    send(recorder, machine, range(5))
    with monkeypatch.context() as patched:
        patched.setattr(module, "MAX_WAITING_BYTES", 0)
        send(recorder, machine, range(5, 8))
    with monkeypatch.context() as patched:
        patched.setattr(GrowingRecording, "write", _refuses)
        send(recorder, machine, [8])
    machine.steady_us += 0
    send(recorder, machine, range(9, 30))
    finish(recorder, machine)
    _kept, manifest = the_recording(tmp_path)
    assert manifest.position == 30 * SAMPLES


def test_a_sync_that_the_kernel_refuses_ends_the_file_and_nothing_else(recorder, machine, tmp_path):
    send(recorder, machine, range(10))
    (path,) = tmp_path.glob("*/*/*.seg")
    descriptor = next(int(each) for each in os.listdir("/proc/self/fd") if _is_open_at(each, path))
    its_own, (reading, writing) = os.dup(descriptor), os.pipe()
    os.dup2(writing, descriptor)  # what cannot be synced: the kernel answers EINVAL, as a broken disk answers EIO
    second_passes(recorder, machine)
    os.dup2(its_own, descriptor)
    for each in (its_own, reading, writing):
        os.close(each)
    assert [trouble.kind for trouble in recorder.troubles()] == ["disk-refuses"]
    machine.steady_us -= 1_000_000
    send(recorder, machine, range(10, 20))
    assert len(list(tmp_path.glob("*/*/*.seg"))) == 2
    finish(recorder, machine)
    kept, manifest = the_recording(tmp_path)
    assert numbers_in(kept) == list(range(20))
    assert manifest.missing == 0


def test_nothing_is_written_behind_a_seal_while_the_index_refuses_its_line(recorder, machine, tmp_path, monkeypatch):
    send(recorder, machine, range(10))
    with monkeypatch.context() as patched:
        patched.setattr(RecordingFolder, "append_entry", _refuses)
        finish(recorder, machine)
        machine.steady_us -= 3_300_000
        send(recorder, machine, range(10, 12), device=replace(DEVICE, wanted=False))  # under way when it was stopped
    finish(recorder, machine)
    kept, _manifest = the_recording(tmp_path)
    assert numbers_in(kept)[:10] == list(range(10))


def test_a_surprise_costs_one_chunk_and_not_the_queue(recorder, machine, monkeypatch):
    def surprises(*_values):
        raise RuntimeError("nobody thought of this")

    with monkeypatch.context() as patched:
        patched.setattr(GrowingRecording, "write", surprises)
        with pytest.raises(RuntimeError):
            send(recorder, machine, [0])
    assert recorder.waiting_bytes == 0


def _refuses(*_values, **_named):
    raise OSError(errno.ENOSPC, "No space left on device")


def _is_open_at(descriptor, path):
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}") == str(path)
    except FileNotFoundError:
        return False  # the descriptor that listed them
