"""Recovery of damaged tails: what was whole before the damage is there, what was cut is declared, nothing raises."""

import json
import random

import pytest

from bench import damage
from recordings.log.folder import RecordingFolder
from recordings.log.repair import repaired
from recordings.log.segment_log import read_segment
from recordings.log.signing import read_or_make_key
from recordings.verify import verify

ROUNDS = 100


@pytest.mark.parametrize("seed", [1, 20_261_120])
def test_a_hundred_damaged_tails_lose_nothing_that_was_whole(tmp_path, seed):
    found = damage.rounds(tmp_path, ROUNDS, seed=seed)
    assert found.not_whole == []
    assert found.rounds == ROUNDS
    assert found.chunks_recovered == found.chunks_before_damage > 20 * ROUNDS
    assert found.chunks_cut > ROUNDS  # else nothing was damaged
    assert found.undeclared == 0


@pytest.fixture
def abandoned(tmp_path):
    """A recording of three segments: two closed, and the one in which its writer died."""
    seed = next(seed for seed in range(50) if random.Random(seed).randint(1, 3) == 3)
    path, written = damage.abandoned_recording(tmp_path, random.Random(seed))
    return path, [payload for payloads in written for payload in payloads], written


def recover(path, tmp_path):
    folder = RecordingFolder(path)
    assert folder.lock()
    found = repaired(folder, read_or_make_key(tmp_path / "signing_key.pem"))
    folder.unlock()
    return found


def payloads(path):
    return [chunk.payload for each in sorted(path.glob("*.seg")) for chunk in read_segment(each).chunks]


@pytest.mark.parametrize("name", ["manifest.json", "segments.jsonl"])
@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_an_index_or_a_manifest_that_was_torn_is_made_again_from_the_segments(abandoned, tmp_path, name, share):
    path, everything, _written = abandoned
    target = path / name
    target.write_bytes(target.read_bytes()[: int(target.stat().st_size * share)])
    manifest, _entries = recover(path, tmp_path)
    assert payloads(path) == everything
    assert manifest.segments == 3
    assert verify(path).fault is None


def test_with_neither_index_nor_manifest_the_segments_say_whose_they_are(abandoned, tmp_path):
    path, everything, _written = abandoned
    about = json.loads((path / "manifest.json").read_bytes())
    (path / "manifest.json").unlink()
    (path / "segments.jsonl").unlink()
    manifest, entries = recover(path, tmp_path)
    assert (str(manifest.about.device), manifest.about.started_at_us) == (about["device"], about["started_at_us"])
    assert len(entries) == 3
    assert payloads(path) == everything
    assert verify(path).fault is None


def test_a_segment_of_which_nothing_is_whole_is_removed_and_those_before_it_stay(abandoned, tmp_path):
    path, _everything, written = abandoned
    last = sorted(path.glob("*.seg"))[-1]
    last.write_bytes(bytes(last.stat().st_size))
    recover(path, tmp_path)
    assert payloads(path) == written[0] + written[1]
    assert not last.exists()
    assert verify(path).fault is None


def test_a_cut_is_declared_no_longer_than_a_segment_lasts(abandoned, tmp_path):
    path, _everything, _written = abandoned
    last = sorted(path.glob("*.seg"))[-1]
    with last.open("ab") as file:
        file.write(bytes(8 * 1024 * 1024))  # as a file system that allocates ahead leaves it behind a power failure
    manifest, entries = recover(path, tmp_path)
    assert [gap.reason for gap in entries[-1].gaps][-1] == "bad-data"
    assert entries[-1].gaps[-1].samples <= 30 * manifest.about.sample_rate_hz
