"""What was written to a segment is read back, and damage costs only what it touched and what came after."""

import os
import random

import pytest

from leganize.wire.chunk import Chunk, Codec
from recordings.log.segment_log import Gap, RecordKind, SegmentWriter, read_records, read_segment, runs, segment_digest

META = {"device": "x"}


def chunk(seq: int, size: int = 2048) -> Chunk:
    return Chunk(Codec.PCM_S16LE, 7, seq, 99, 1_000_000 * seq, bytes([seq % 255 + 1]) * size, 16000, 1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "000000-0190a1b2c3d47e5f8a9b0c1d2e3f4a5b.seg"


def write(path, count: int) -> SegmentWriter:
    writer = SegmentWriter(path, META, 5_000_000)
    for seq in range(count):
        writer.append_chunk(chunk(seq), 5_000_000 + seq)
    return writer


def test_chunks_come_back_bit_exact_and_in_order(path):
    write(path, 100).close()
    content = read_segment(path)
    assert (content.meta, content.chunks) == (META, [chunk(seq) for seq in range(100)])
    assert (content.whole_bytes, content.is_sealed) == (path.stat().st_size, False)


def test_what_was_appended_is_in_the_file_before_anything_is_closed_or_synced(path):
    write(path, 3)
    assert len(read_segment(path).chunks) == 3


def test_a_seal_holds_the_digest_of_every_record_before_it(path):
    writer = write(path, 3)
    digest = writer.seal(6_000_000)
    *records, seal = read_records(path)
    assert seal.kind is RecordKind.SEAL
    assert seal.body == b"".join(record.digest for record in records)
    assert digest == segment_digest([record.digest for record in records])


def test_nothing_behind_a_seal_is_read(path):
    writer = write(path, 3)
    writer.seal(6_000_000)
    writer.append_chunk(chunk(9), 6_000_001)
    assert [each.seq for each in read_segment(path).chunks] == [0, 1, 2]


def test_gaps_stand_where_they_happened_even_when_they_were_found_later(path):
    writer = write(path, 3)
    writer.append_gap(Gap(1024, 500, "device-offline", estimated=True), 6_000_000)
    assert [(at, len(pcm)) for at, pcm in runs(read_segment(path))] == [(0, 2048), (1524, 4096)]


def test_a_record_that_the_disk_took_in_part_leaves_no_trace(path, monkeypatch):
    writer, before = write(path, 3), path.read_bytes()
    write_some = os.write

    def full(descriptor, data):
        if len(data) > 100:
            return write_some(descriptor, bytes(data)[:100])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        disk = "recordings.log.segment_log.os.write"
        patched.setattr(disk, lambda d, b: full(d, b) if len(b) == 2104 else full(d, b""))
        with pytest.raises(OSError, match="No space"):
            writer.append_chunk(chunk(3), 6_000_000)
    assert path.read_bytes() == before
    writer.append_chunk(chunk(4), 6_000_000)
    assert [each.seq for each in read_segment(path).chunks] == [0, 1, 2, 4]


@pytest.mark.parametrize("damage", ["torn", "zeroed", "flipped"])
def test_every_whole_record_before_the_damage_is_read(path, damage):
    write(path, 20).close()
    whole = path.read_bytes()
    record = (len(whole) - whole.index(b"LGS1", 4)) // 20
    for _ in range(30):
        at = random.randrange(len(whole) - 20 * record, len(whole))
        tail = {"torn": b"", "zeroed": bytes(len(whole) - at)}.get(damage)
        path.write_bytes(whole[:at] + (tail if tail is not None else bytes([whole[at] ^ 0x40]) + whole[at + 1 :]))
        content = read_segment(path)
        expected = (at - (len(whole) - 20 * record)) // record
        assert [each.seq for each in content.chunks] == list(range(expected))
        assert content.whole_bytes == len(whole) - (20 - expected) * record


def test_a_reopened_segment_goes_on_behind_its_last_whole_record(path):
    write(path, 5).close()
    with path.open("ab") as file:
        file.write(b"LGS1 and then the power went")
    writer = SegmentWriter.reopen(path, read_segment(path))
    writer.append_chunk(chunk(5), 6_000_000)
    writer.seal(6_000_000)
    assert [each.seq for each in read_segment(path).chunks] == list(range(6))
    assert read_segment(path).is_sealed
