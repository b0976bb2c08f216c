"""Damaged tails: recordings whose writer died, cut, zeroed and flipped anywhere, and what recovery makes of them."""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from leganize.wire.chunk import Chunk, Codec
from leganize.wire.identity import new_epoch
from recordings.log.folder import About, Manifest, RecordingFolder
from recordings.log.growing import GrowingRecording
from recordings.log.repair import repaired
from recordings.log.segment_log import HEADER_BYTES, read_records, read_segment
from recordings.log.signing import read_or_make_key
from recordings.verify import verify

RATE_HZ = 16000
STARTED_US = 1_800_000_000_000_000
PAGE_BYTES = 4096  # what a file system writes at once, and so what a power failure zeroes


@dataclass
class Damage:
    """What came of all rounds."""

    rounds: int = 0
    chunks_before_damage: int = 0
    chunks_recovered: int = 0
    chunks_cut: int = 0
    undeclared: int = 0
    not_whole: list[str] = field(default_factory=list)


def rounds(folder: Path, count: int, *, seed: int) -> Damage:
    """Let a recording's writer die, damage what it left, recover it; so often, each time in another way."""
    chance, found = random.Random(seed), Damage()  # noqa: S311 - damage, not secrets
    ways = itertools.cycle(WAYS)
    for number in range(count):
        _round(folder / f"{number:03d}", chance, next(ways), found)
        found.rounds += 1
    return found


def abandoned_recording(parent: Path, chance: random.Random) -> tuple[Path, list[list[bytes]]]:
    """Write a recording and let go of it as a crash does; returns its folder and each segment's payloads."""
    about = About(uuid4(), uuid4(), uuid4(), "Studio", uuid4(), "Table", RATE_HZ, 1, 1, STARTED_US)
    folder = RecordingFolder(parent / about.recording.hex)
    folder.path.mkdir(parents=True)
    folder.lock()
    key = read_or_make_key(parent / "signing_key.pem")
    manifest = Manifest(about, anchor_us=STARTED_US)
    folder.write_manifest(manifest, key)
    growing = GrowingRecording(folder, manifest, key)
    steady_us, written = 0, []
    for _connection in range(chance.randint(1, 3)):
        epoch, payloads = new_epoch(), []
        for seq in range(chance.randint(1, 60)):
            payload = chance.randbytes(2 * chance.choice([512, 1024, 2048]))
            chunk = Chunk(Codec.PCM_S16LE, 7, seq, 1, STARTED_US + steady_us, payload, RATE_HZ, 1)
            steady_us += chunk.duration_us
            growing.write(epoch, chunk, steady_us)
            payloads.append(payload)
        written.append(payloads)
        steady_us += 5_000_000
    folder.unlock()
    return folder.path, written


def _round(parent: Path, chance: random.Random, way: Callable[[Path, random.Random], int], found: Damage) -> None:
    path, written = abandoned_recording(parent, chance)
    last = sorted(path.glob("*.seg"))[-1]
    ends = _ends_of_chunks(last)
    size = last.stat().st_size
    untouched = way(last, chance)
    whole = sum(end <= untouched for end in ends)
    expected = [*itertools.chain(*written[:-1]), *written[-1][:whole]]
    kept, gaps = _recover(path, parent)
    found.chunks_before_damage += len(expected)
    found.chunks_cut += len(ends) - whole
    found.chunks_recovered += sum(one == other for one, other in zip(kept, expected, strict=False))
    more = kept[len(expected) :]  # behind a damaged first record, which holds no sound, is whole sound
    if kept[: len(expected)] == expected and whole == 0 and more == written[-1][len(written[-1]) - len(more) :]:
        expected = kept
    if kept != expected:
        found.not_whole.append(f"{way.__name__} of {size} bytes from {untouched}: {len(kept)} of {len(expected)}")
    if whole < len(ends) and untouched > ends[0] and "bad-data" not in gaps:
        cut_at_record = untouched in ends and way is torn
        found.undeclared += not cut_at_record  # nothing tells that a file once went on behind a whole record
    verdict = verify(path)
    if verdict.fault:
        found.not_whole.append(f"{way.__name__}: {verdict.sentence}")


def _recover(path: Path, parent: Path) -> tuple[list[bytes], list[str]]:
    """Recover, and once more, which must change nothing; returns the payloads and the gaps' reasons."""
    key = read_or_make_key(parent / "signing_key.pem")
    folder = RecordingFolder(path)
    folder.lock()
    repaired(folder, key)
    before = {each.name: each.read_bytes() for each in path.iterdir()}
    repaired(folder, key)
    folder.unlock()
    assert before == {each.name: each.read_bytes() for each in path.iterdir()}, "recovery of what is recovered"
    segments = [read_segment(each) for each in sorted(path.glob("*.seg"))]
    payloads = [chunk.payload for segment in segments for chunk in segment.chunks]
    return payloads, [gap.reason for segment in segments for gap in segment.gaps]


def _ends_of_chunks(path: Path) -> list[int]:
    """Return where each chunk's record ends in a file that is still whole."""
    sizes = [HEADER_BYTES + len(record.body) for record in read_records(path)]
    kinds = [record.kind.name for record in read_records(path)]
    ends = itertools.accumulate(sizes)
    return [end for end, kind in zip(ends, kinds, strict=True) if kind == "CHUNK"]


def torn(path: Path, chance: random.Random) -> int:
    """Let the file end anywhere; returns how many bytes are as they were."""
    size = chance.randint(0, path.stat().st_size - 1)
    with path.open("r+b") as file:
        file.truncate(size)
    return size


def zero_filled(path: Path, chance: random.Random) -> int:
    """Keep the length but lose the pages, as a power failure does, and leave some empty ones behind."""
    size = path.stat().st_size
    start = chance.randint(0, size - 1)
    with path.open("r+b") as file:
        file.seek(start)
        file.write(bytes(size - start + chance.randint(0, 3) * PAGE_BYTES))
    return start


def bit_flipped(path: Path, chance: random.Random) -> int:
    """Flip one bit anywhere: near the end, in the middle, in the first record."""
    data = bytearray(path.read_bytes())
    at = chance.randrange(len(data))
    data[at] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    return at


def followed_by_rubbish(path: Path, chance: random.Random) -> int:
    """Append what nobody wrote."""
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(chance.randbytes(chance.randint(1, 3 * PAGE_BYTES)))
    return size


def page_lost(path: Path, chance: random.Random) -> int:
    """Zero one page in the middle; what is behind it is as it was."""
    data = bytearray(path.read_bytes())
    start = chance.randrange(len(data)) // PAGE_BYTES * PAGE_BYTES
    data[start : start + PAGE_BYTES] = bytes(len(data[start : start + PAGE_BYTES]))
    path.write_bytes(data)
    return start


WAYS = [torn, zero_filled, bit_flipped, followed_by_rubbish, page_lost]
