"""What a dead writer left: its last segment cut to its last whole record, sealed and entered into the index."""

import json
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from leganize.wire.chunk import Chunk
from recordings.log.folder import About, Manifest, RecordingFolder, SegmentEntry, replace_file
from recordings.log.peaks import energy_of
from recordings.log.segment_log import (
    Gap,
    RecordKind,
    SegmentContent,
    SegmentWriter,
    pack_record,
    read_records,
    read_segment,
    segment_digest,
    without_damaged_start,
)

logger = logging.getLogger(__name__)

LONGEST_S = 30  # a segment lasts; a file system may leave megabytes of zeros behind less sound than that
LEAST_MISSING_S = 0.1  # jitter is less
SECOND_US = 1_000_000
Repaired = tuple[Manifest, tuple[SegmentEntry, ...]]


def repaired(folder: RecordingFolder, key: Ed25519PrivateKey) -> Repaired | None:
    """Return the manifest of a folder whose lock we hold, and the entries that had to be made or were in doubt.

    None where nothing of a recording is left. What is whole is left as it is, so it may be called again and again.
    Raises OSError.
    """
    manifest, names = folder.manifest(), folder.segment_names()
    last = folder.last_entry()
    known = last.chain if last else ""
    if manifest and manifest.chain == known and _next_is_new(manifest, names):
        return manifest, ()
    return _anew(folder, manifest, names, key)


def _next_is_new(manifest: Manifest, names: list[str]) -> bool:
    return not names or _number(names[-1]) < manifest.segments


def _anew(
    folder: RecordingFolder, manifest: Manifest | None, names: list[str], key: Ed25519PrivateKey
) -> Repaired | None:
    """Go through index and files, and add up the manifest anew."""
    entries = folder.entries()
    folder.rewrite_entries(entries)
    about = manifest or _about_from(folder, names)
    if about is None:
        return None
    total = about.cleared()
    for entry in entries:
        total = total.with_entry(entry)
    for name in [name for name in names if _number(name) >= total.segments]:
        settled = _settle_segment(folder, name, total)
        if settled is not None:
            settled = folder.append_entry(settled, total.chain)
            total = replace(total.with_entry(settled), left="")  # whoever wrote it did not come to say why it left
            entries.append(settled)
    folder.write_manifest(total, key)
    return total, tuple(entries)


def _settle_segment(folder: RecordingFolder, name: str, total: Manifest) -> SegmentEntry | None:
    """Cut, declare and seal one segment; None, and the file is gone, where it holds nothing that is whole."""
    path = folder.path / name
    content = read_segment(path)
    if not content.meta and _salvaged(path, total):
        content = read_segment(path)
    if not content.meta:
        logger.warning("%s of recording %s holds no whole record and is removed", name, folder.path.name)
        path.unlink()
        return None
    if (content.meta.get("recording"), content.meta.get("number")) != (str(total.about.recording), _number(name)):
        logger.error("%s is no segment of recording %s and is left out", name, folder.path.name)
        return None
    cut_bytes = content.file_bytes - content.whole_bytes
    gaps = list(content.gaps)
    if content.is_sealed:
        digests, size = content.digests[:-1], content.whole_bytes
        if cut_bytes:
            SegmentWriter.reopen(path, content).close()
    else:
        digests, size = _seal(folder, name, content, gaps, total.about)
    samples = np.frombuffer(b"".join(chunk.payload for chunk in content.chunks), "<i2")
    return SegmentEntry(
        number=total.segments, name=name, start=total.position, start_audio=total.audio,
        audio=sum(chunk.samples for chunk in content.chunks), gaps=tuple(gaps), bytes=size, records=len(digests),
        until_us=content.last_arrived_at_us, energy=energy_of(samples), digest=segment_digest(digests),
        cut_bytes=cut_bytes,
    )  # fmt: skip


def declare_missing(folder: RecordingFolder, manifest: Manifest, samples: int, key: Ed25519PrivateKey) -> Repaired:
    """Declare at the end what was once written, and is on the disk no more. Raises OSError."""
    epoch_hex, until_us = uuid4().hex, manifest.until_us
    path = folder.path / manifest.segment_name(epoch_hex)
    writer = SegmentWriter(path, manifest.segment_meta(epoch_hex), until_us)
    gap = Gap(0, samples, "bad-data")
    try:
        writer.append_gap(gap, until_us)
        digest, records = writer.seal(until_us), len(writer.digests)
        writer.sync()
    finally:
        writer.close()
    entry = SegmentEntry(
        number=manifest.segments, name=path.name, start=manifest.position, start_audio=manifest.audio, audio=0,
        gaps=(gap,), bytes=writer.size, records=records, until_us=until_us, energy=0, digest=digest,
    )  # fmt: skip
    entry = folder.append_entry(entry, manifest.chain)
    total = manifest.with_entry(entry)
    folder.write_manifest(total, key)
    logger.warning("%d samples at the end of recording %s are lost and declared", samples, folder.path.name)
    return total, (entry,)


def _salvaged(path: Path, total: Manifest) -> bool:
    """Give a segment whose first record is damaged another, and declare what went with it; False where all is lost."""
    rest = without_damaged_start(path)
    if not rest:
        return False
    meta = total.segment_meta(path.stem.partition("-")[2]) | {"number": _number(path.name)}
    start = pack_record(RecordKind.META, total.until_us, json.dumps(meta).encode())
    replace_file(path, start + rest)
    missing = _missing_before(path, total)
    if missing > total.about.sample_rate_hz * LEAST_MISSING_S:
        gap = json.dumps(asdict(Gap(0, missing, "bad-data", estimated=True))).encode()
        replace_file(path, start + pack_record(RecordKind.GAP, total.until_us, gap) + rest)
    return True


def _missing_before(path: Path, total: Manifest) -> int:
    """Return how many samples lie between the recording so far and this segment's first sound, but its own gaps."""
    first = next((record for record in read_records(path) if record.kind is RecordKind.CHUNK), None)
    if first is None:
        return 0
    begun_us = first.arrived_at_us - Chunk.unpack(first.body).duration_us - total.about.started_at_us
    told = sum(gap.samples for gap in read_segment(path).gaps if gap.at == 0)
    return round(begun_us * total.about.sample_rate_hz / SECOND_US) - total.position - told


def _seal(
    folder: RecordingFolder, name: str, content: SegmentContent, gaps: list[Gap], about: About
) -> tuple[list[bytes], int]:
    cut_bytes = content.file_bytes - content.whole_bytes
    writer = SegmentWriter.reopen(folder.path / name, content)
    try:
        if cut_bytes:
            audio = sum(chunk.samples for chunk in content.chunks)
            told = audio + sum(gap.samples for gap in gaps)
            most = max(0, LONGEST_S * about.sample_rate_hz - told)
            samples = min(cut_bytes // (2 * about.channels), most)
            logger.warning("%d bytes behind the last whole record of %s are cut and declared", cut_bytes, name)
            gap = Gap(audio, max(1, samples), "bad-data", estimated=True)
            writer.append_gap(gap, content.last_arrived_at_us)
            gaps.append(gap)
        digests = list(writer.digests)
        writer.seal(content.last_arrived_at_us)
        writer.sync()
        return digests, writer.size
    finally:
        writer.close()


def _about_from(folder: RecordingFolder, names: list[str]) -> Manifest | None:
    """Make a manifest from the first segment that still says whose it is."""
    for name in names:
        meta: dict[str, Any] = read_segment(folder.path / name).meta
        try:
            manifest = Manifest(About.from_json(meta))
            return replace(manifest, anchor_us=int(meta["anchor_us"]), boot=str(meta["boot"]))
        except (KeyError, TypeError, ValueError):
            continue
    return None


def _number(name: str) -> int:
    digits = name.partition("-")[0]
    return int(digits) if digits.isdigit() else 0
