"""The verifier without a server: it passes what was written, and names the first record that somebody touched."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from leganize.wire.chunk import Chunk, Codec
from leganize.wire.identity import new_epoch
from recordings.log import signing
from recordings.log.folder import About, Manifest, RecordingFolder
from recordings.log.growing import GrowingRecording
from recordings.log.segment_log import HEADER_BYTES, RecordKind, pack_record, read_records, record_digest
from recordings.verify import main, verify
from tests.visitors import pcm

STARTED_US = 1_800_000_000_000_000
CHUNK_US = 64_000
CHUNKS_EACH = 12  # of three segments: 12 chunks between META and SEAL
KEY = Ed25519PrivateKey.generate()
STRANGERS_KEY = Ed25519PrivateKey.generate()


def write_recording(parent: Path, *, is_finished: bool = True) -> Path:
    """Let the real writer keep three connections of a device, with the gaps between them."""
    about = About(uuid4(), uuid4(), uuid4(), "Studio", uuid4(), "Table", 16000, 1, 1, STARTED_US)
    folder = RecordingFolder(parent / about.recording.hex)
    folder.path.mkdir(parents=True)
    assert folder.lock()
    growing = GrowingRecording(folder, Manifest(about, anchor_us=STARTED_US), KEY)
    steady_us, seeds = 0, itertools.count()
    for _connection in range(3):
        epoch = new_epoch()
        for seq in range(CHUNKS_EACH):
            steady_us += CHUNK_US
            payload = pcm(seed=next(seeds))
            at_us = STARTED_US + steady_us
            growing.write(epoch, Chunk(Codec.PCM_S16LE, 7, seq, 1, at_us, payload, 16000, 1), steady_us)
        steady_us += 2_000_000
    if is_finished:
        growing.close(left="device-offline", finished=True)
    else:
        folder.unlock()
    return folder.path


@pytest.fixture
def folder(tmp_path):
    return write_recording(tmp_path)


def segment(folder: Path, number: int) -> Path:
    return sorted(folder.glob("*.seg"))[number]


class Forger:
    """Rewrites a segment record by record, with checksums that fit, and its seal too when asked to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records = [(record.kind, record.arrived_at_us, record.body) for record in read_records(path)]

    def write(self, *, seals: bool = False) -> None:
        packed = [pack_record(*record) for record in self.records]
        if seals:
            kind, at_us, _digests = self.records[-1]
            packed[-1] = pack_record(kind, at_us, b"".join(record_digest(each) for each in packed[:-1]))
        self.path.write_bytes(b"".join(packed))

    def alter(self, index: int) -> None:
        kind, at_us, body = self.records[index]
        self.records[index] = kind, at_us, body[:-1] + bytes([body[-1] ^ 1])


def said(folder: Path, public_key: str = "") -> str:
    return str(verify(folder, public_key).fault)


class TestWholeRecordings:
    def test_what_was_written_is_whole_and_is_summed_up_in_one_line(self, folder, capsys):
        assert main([str(folder)]) == 0
        line = capsys.readouterr().out
        assert line.count("\n") == 1
        assert "3 segments, 2.304 s of sound and 4.000 s in 2 declared gaps" in line
        assert signing.public_key_text(KEY) in line

    def test_a_whole_tree_is_looked_at_and_one_altered_recording_shows(self, tmp_path, folder, capsys):
        other = write_recording(tmp_path / "another")
        assert main([str(tmp_path)]) == 0
        segment(other, 1).unlink()
        assert main([str(tmp_path)]) == 1
        lines = capsys.readouterr().out.splitlines()[-2:]
        assert sorted(line.startswith("whole") for line in lines) == [False, True]

    def test_nothing_to_verify_is_neither_whole_nor_altered(self, tmp_path, capsys):
        assert main([str(tmp_path)]) == 2
        assert "holds no recording" in capsys.readouterr().err

    def test_a_running_recording_is_whole_as_far_as_it_is_signed(self, tmp_path):
        running = write_recording(tmp_path, is_finished=False)
        verdict = verify(running)
        assert verdict.fault is None
        assert "2 segments" in verdict.sentence and "bytes are not signed yet" in verdict.sentence

    def test_it_runs_by_itself_without_settings_or_a_server(self, folder):
        command = [sys.executable, "-m", "recordings.verify", str(folder)]
        plain = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parent.parent), "PYTHONVERBOSE": "0"}
        done = subprocess.run(command, cwd=folder, env=plain, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        code = "import sys, recordings.verify; sys.exit('django' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], env=plain).returncode == 0


class TestRecords:
    def test_an_altered_record_is_named_with_its_time_though_its_checksum_fits(self, folder):
        forger = Forger(segment(folder, 1))
        forger.alter(5)
        forger.write()
        name = segment(folder, 1).name
        assert said(folder).startswith(f"{name}, record 6, 2027-01-15T08:00:")
        assert said(folder).endswith(": was altered")

    @pytest.mark.parametrize("seals", [False, True])
    def test_a_dropped_record_is_named(self, folder, seals):
        forger = Forger(segment(folder, 0))
        del forger.records[4]
        forger.write(seals=seals)
        assert "record 5" in said(folder)
        assert ("is missing: record 6 stands in its place" in said(folder)) is not seals

    @pytest.mark.parametrize("seals", [False, True])
    def test_two_records_that_changed_places_are_named(self, folder, seals):
        forger = Forger(segment(folder, 0))
        forger.records[4:6] = forger.records[5], forger.records[4]
        forger.write(seals=seals)
        assert "record 5" in said(folder)
        assert ("is reordered" in said(folder)) is not seals

    @pytest.mark.parametrize("seals", [False, True])
    def test_a_record_that_stands_twice_is_named(self, folder, seals):
        forger = Forger(segment(folder, 2))
        forger.records.insert(7, forger.records[6])
        forger.write(seals=seals)
        assert "record 8" in said(folder)
        assert ("is record 7 once more" in said(folder)) is not seals

    def test_a_record_from_elsewhere_is_named(self, folder):
        forger = Forger(segment(folder, 2))
        forger.records.insert(3, Forger(segment(folder, 0)).records[8])
        forger.write()
        assert "record 4" in said(folder) and "was put in: nobody signed it" in said(folder)

    def test_an_altered_record_and_a_seal_that_fits_it_are_still_found_by_the_index(self, folder):
        forger = Forger(segment(folder, 1))
        forger.alter(5)
        forger.write(seals=True)
        assert "which one the seal no longer tells" in said(folder)

    def test_a_gap_that_was_lengthened_is_named(self, folder):
        forger = Forger(segment(folder, 1))
        index = next(index for index, record in enumerate(forger.records) if record[0] is RecordKind.GAP)
        kind, at_us, body = forger.records[index]
        gap = json.loads(body)
        forger.records[index] = kind, at_us, json.dumps(gap | {"samples": gap["samples"] + 1}).encode()
        forger.write()
        assert f"record {index + 1}," in said(folder) and "was altered" in said(folder)

    @pytest.mark.parametrize("offset", range(HEADER_BYTES))
    def test_a_flipped_bit_anywhere_in_a_header_is_named(self, folder, offset):
        path = segment(folder, 0)
        data = bytearray(path.read_bytes())
        start = sum(HEADER_BYTES + len(record.body) for record in itertools.islice(read_records(path), 3))
        data[start + offset] ^= 4
        path.write_bytes(data)
        assert "record 4" in said(folder)

    def test_a_tail_that_was_cut_is_named(self, folder):
        path = segment(folder, 1)
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
        assert "is cut off" in said(folder)

    def test_bytes_behind_the_seal_are_named(self, folder):
        with segment(folder, 1).open("ab") as file:
            file.write(b"more")
        assert verify(folder).fault is not None

    def test_a_seal_that_was_altered_alone_is_named(self, folder):
        forger = Forger(segment(folder, 1))
        forger.alter(len(forger.records) - 1)
        forger.write()
        assert f"record {len(forger.records)}," in said(folder) and "the seal was altered" in said(folder)


class TestSegments:
    def test_a_segment_that_is_gone_is_named(self, folder):
        path = segment(folder, 1)
        path.unlink()
        assert said(folder).startswith(path.name) and "is missing: the whole segment" in said(folder)

    def test_segments_that_changed_places_are_named(self, folder):
        first, second = segment(folder, 0), segment(folder, 1)
        one, other = first.read_bytes(), second.read_bytes()
        first.write_bytes(other)
        second.write_bytes(one)
        assert said(folder).startswith(f"{first.name}, record 1,")
        assert said(folder).endswith(f"this is the content of {second.name}")

    def test_a_segment_that_nobody_signed_is_named(self, folder):
        extra = folder / f"000003-{new_epoch().hex}.seg"
        shutil.copy(segment(folder, 0), extra)
        assert said(folder).startswith(extra.name) and "is in no line of the index" in said(folder)

    def test_a_segment_of_another_recording_is_named(self, tmp_path, folder):
        other = write_recording(tmp_path / "another")
        shutil.copy(segment(other, 1), segment(folder, 1))
        assert said(folder).startswith(segment(folder, 1).name)


class TestIndex:
    def lines(self, folder: Path) -> list[str]:
        return (folder / "segments.jsonl").read_text().splitlines()

    def write(self, folder: Path, lines: list[str]) -> None:
        (folder / "segments.jsonl").write_text("".join(f"{line}\n" for line in lines))

    def rechain(self, folder: Path, entries: list[dict]) -> None:
        chain = signing.first_link(folder.name)
        for entry in entries:
            chain = entry["chain"] = signing.next_link(chain, entry)
        self.write(folder, [json.dumps(entry) for entry in entries])

    def test_an_altered_line_is_named(self, folder):
        lines = self.lines(folder)
        self.write(
            folder, [lines[0], lines[1].replace('"reason":"device-offline"', '"reason":"worker-lost"'), lines[2]]
        )
        assert said(folder) == "segments.jsonl, record 2: the line of segment 2 was altered"

    def test_a_dropped_line_is_named(self, folder):
        lines = self.lines(folder)
        self.write(folder, [lines[0], lines[2]])
        assert said(folder) == "segments.jsonl, record 2: the line of segment 2 is missing"

    def test_a_dropped_last_line_is_named(self, folder):
        self.write(folder, self.lines(folder)[:2])
        assert said(folder) == "segments.jsonl, record 3: ends here, 3 segments were signed"

    def test_lines_that_changed_places_are_named(self, folder):
        lines = self.lines(folder)
        self.write(folder, [lines[1], lines[0], lines[2]])
        assert "record 1" in said(folder) and "reordered: that of segment 2 stands here" in said(folder)

    def test_a_line_that_stands_twice_is_named(self, folder):
        lines = self.lines(folder)
        self.write(folder, [lines[0], lines[0], *lines[1:]])
        assert said(folder) == "segments.jsonl, record 2: the line of segment 1 stands here again"

    def test_an_index_that_was_chained_anew_does_not_end_in_what_was_signed(self, folder):
        entries = [json.loads(line) for line in self.lines(folder)]
        entries[0]["until_us"] += 1
        self.rechain(folder, entries)
        assert "its chain does not end in what was signed" in said(folder)

    def test_an_index_that_is_gone_is_named(self, folder):
        (folder / "segments.jsonl").unlink()
        assert said(folder).startswith("segments.jsonl")


class TestManifest:
    def manifest(self, folder: Path) -> dict:
        return json.loads((folder / "manifest.json").read_bytes())

    def write(self, folder: Path, manifest: dict) -> None:
        (folder / "manifest.json").write_text(json.dumps(manifest))

    def test_every_field_is_signed(self, folder):
        manifest = self.manifest(folder)
        for name, value in manifest.items():
            if name != "signature":
                self.write(folder, manifest | {name: value + 1 if isinstance(value, int | float) else f"{value}x"})
                assert said(folder) == "manifest.json: was altered: its signature does not fit", name

    def test_who_signs_anew_with_another_key_is_found_by_the_installations_key(self, folder):
        self.write(folder, signing.signed(self.manifest(folder) | {"device_name": "Window"}, STRANGERS_KEY))
        assert verify(folder).fault is None  # nobody can know whose key is right but who holds it
        assert signing.public_key_text(STRANGERS_KEY) in verify(folder).sentence
        assert said(folder, signing.public_key_text(KEY)).startswith("manifest.json: is signed by ")

    def test_sums_that_the_segments_do_not_have_are_named(self, folder):
        self.write(folder, signing.signed(self.manifest(folder) | {"missing": 0}, KEY))
        assert said(folder) == "manifest.json: says 0 samples of gaps, its segments have 64000"

    def test_a_manifest_of_another_recording_is_named(self, tmp_path, folder):
        shutil.copy(write_recording(tmp_path / "another") / "manifest.json", folder)
        assert "is that of another recording" in said(folder)

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"signature": 7}', b"\xff\xfe"])
    def test_what_cannot_be_read_is_named_and_is_no_traceback(self, folder, content):
        (folder / "manifest.json").write_bytes(content)
        assert said(folder).startswith("manifest.json")

    def test_a_forger_with_a_key_of_their_own_cannot_make_it_stumble(self, folder):
        for name in ("segments", "recording", "audio", "chain", "sample_rate_hz", "state", "until_us"):
            manifest = self.manifest(write_recording(folder.parent / name))
            target = folder.parent / name / manifest["recording"].replace("-", "")
            self.write(target, signing.signed(manifest | {name: None}, STRANGERS_KEY))
            verify(target)
            del manifest[name]
            self.write(target, signing.signed(manifest, STRANGERS_KEY))
            verify(target)

    def test_without_a_manifest_nothing_is_signed(self, folder, capsys):
        (folder / "manifest.json").unlink()
        assert main([str(folder)]) == 1
        assert "manifest.json: is missing: nothing here is signed" in capsys.readouterr().out
