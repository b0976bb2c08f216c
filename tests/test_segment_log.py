"""What was written to a segment is read back, and damage costs only what it touched and what came after."""

import fcntl
import os
import random

import pytest

from leganize.wire.chunk import Chunk, Codec
from recordings.segment_log import RecordKind, SegmentWriter, read_chunks, read_records, segments_of

EPOCH = "0190a1b2c3d47e5f8a9b0c1d2e3f4a5b"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def chunk(seq: int, size: int = 2048) -> Chunk:
    return Chunk(Codec.PCM_S16LE, 7, seq, 99, 1_000_000 * seq, bytes([seq % 256]) * size, 16000, 1)


def write(folder, count: int, clock: Clock | None = None, step_s: float = 0.0) -> SegmentWriter:
    writer = SegmentWriter(folder, EPOCH, {"device": "x"}, clock or Clock())
    for seq in range(count):
        writer.append(chunk(seq), 5_000_000 + seq)
        if clock:
            clock.now += step_s
    return writer


def test_chunks_come_back_bit_exact_and_in_order(tmp_path):
    write(tmp_path, 100).close()
    (path,) = segments_of(tmp_path)
    assert list(read_chunks(path)) == [chunk(seq) for seq in range(100)]
    assert next(read_records(path)).kind is RecordKind.META


def test_what_was_appended_is_in_the_file_before_anything_is_closed_or_synced(tmp_path):
    write(tmp_path, 3)
    assert len(list(read_chunks(segments_of(tmp_path)[0]))) == 3


def test_a_segment_ends_after_thirty_seconds_and_the_next_goes_on(tmp_path):
    write(tmp_path, 40, Clock(), step_s=1.0).close()
    assert len(segments_of(tmp_path)) == 2
    assert [each.seq for path in segments_of(tmp_path) for each in read_chunks(path)] == list(range(40))


def test_an_open_segment_is_locked(tmp_path):
    write(tmp_path, 1)
    descriptor = os.open(segments_of(tmp_path)[0], os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


@pytest.mark.parametrize("damage", ["torn", "zeroed", "flipped"])
def test_every_whole_record_before_the_damage_is_read(tmp_path, damage):
    write(tmp_path, 20).close()
    (path,) = segments_of(tmp_path)
    whole = path.read_bytes()
    record = (len(whole) - whole.index(b"LGS1", 4)) // 20
    for _ in range(30):
        at = random.randrange(len(whole) - 20 * record, len(whole))
        tail = {"torn": b"", "zeroed": bytes(len(whole) - at)}.get(damage)
        damaged = whole[:at] + (tail if tail is not None else bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        path.write_bytes(damaged)
        read = [each.seq for each in read_chunks(path)]
        expected = (at - (len(whole) - 20 * record)) // record
        assert read[:expected] == list(range(expected))
        assert read == list(range(len(read))) or damage == "flipped"
