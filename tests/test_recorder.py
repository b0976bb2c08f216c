"""The recorder keeps what it is offered, never waits for the disk, and says so when the disk cannot follow."""

import time
from collections.abc import Callable
from uuid import uuid4

import pytest

from devices.binding import Binding
from leganize.wire.chunk import Chunk, Codec
from leganize.wire.identity import new_epoch
from recordings import recorder as module
from recordings.recorder import Recorder, folder_of
from recordings.segment_log import read_chunks, segments_of


class Clock:
    passed = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.passed


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def recorder(settings, tmp_path, clock):
    settings.RECORDINGS_DIR = tmp_path
    recorder = Recorder(clock)
    recorder.start()
    yield recorder
    recorder.stop()


def device(**changes) -> Binding:
    values = {"wanted": True} | changes
    return Binding(uuid4(), "Table", uuid4(), "microphone", 7, 16000, 1, uuid4(), True, **values)


def chunk(seq: int) -> Chunk:
    return Chunk(Codec.PCM_S16LE, 7, seq, 1, 1, bytes([seq % 256]) * 2048, 16000, 1)


def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def stored(recorder: Recorder) -> int:
    return sum(each.stored_bytes for each in recorder.recordings())


def test_what_is_offered_is_on_disk_bit_exact(recorder):
    bound, epoch = device(), new_epoch()
    for seq in range(50):
        assert recorder.offer(bound, bound.room_id, epoch, chunk(seq))
    until(lambda: stored(recorder) == 50 * 2048)
    (recording,) = recorder.recordings()
    segments = segments_of(folder_of(bound.organization_id, recording.id))
    assert [each for path in segments for each in read_chunks(path)] == [chunk(seq) for seq in range(50)]


def test_a_device_that_drops_and_returns_goes_on_in_the_same_recording(recorder):
    bound = device()
    for epoch in (new_epoch(), new_epoch()):
        recorder.offer(bound, bound.room_id, epoch, chunk(0))
        recorder.left(epoch)
    until(lambda: stored(recorder) == 2 * 2048)
    (recording,) = recorder.recordings()
    assert len(segments_of(recording.folder)) == 2


def test_a_recording_ends_after_a_second_of_quiet_once_its_device_is_stopped(recorder, clock):
    bound = device()
    recorder.offer(bound, bound.room_id, new_epoch(), chunk(0))
    until(lambda: stored(recorder))
    clock.passed += 2
    time.sleep(1.2)
    assert not recorder.recordings()[0].finished
    recorder.rests(bound.device_id)
    until(lambda: any(each.finished for each in recorder.recordings()))


def test_a_disk_that_cannot_follow_costs_chunks_that_are_counted_and_memory_stays_bounded(recorder, monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 4 * 2048)
    monkeypatch.setattr(module.SegmentWriter, "append", lambda *_: time.sleep(0.2) or 0)
    bound, epoch = device(), new_epoch()
    taken = [recorder.offer(bound, bound.room_id, epoch, chunk(seq)) for seq in range(30)]
    assert taken[:4] == [True] * 4
    assert recorder.dropped == taken.count(False) > 0


def test_a_disk_that_refuses_is_counted_and_the_recorder_lives_on(recorder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    bound, epoch = device(), new_epoch()
    with monkeypatch.context() as patched:
        patched.setattr(module.SegmentWriter, "append", full)
        recorder.offer(bound, bound.room_id, epoch, chunk(0))
        until(lambda: recorder.dropped == 1)
    recorder.offer(bound, bound.room_id, epoch, chunk(1))
    until(lambda: stored(recorder) == 2048)
