"""What a dead writer left: its last segment cut to its last whole record, sealed and entered into the index."""

import logging
from dataclasses import replace
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recordings.log.folder import About, Manifest, RecordingFolder, SegmentEntry
from recordings.log.peaks import energy_of
from recordings.log.segment_log import Gap, SegmentContent, SegmentWriter, read_segment, segment_digest

logger = logging.getLogger(__name__)

LONGEST_CUT_S = 30  # of a segment; a file system may have left megabytes of zeros behind less sound than that
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
    if not content.meta:
        logger.warning("%s of recording %s holds no whole record and is removed", name, folder.path.name)
        path.unlink()
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


def _seal(
    folder: RecordingFolder, name: str, content: SegmentContent, gaps: list[Gap], about: About
) -> tuple[list[bytes], int]:
    cut_bytes = content.file_bytes - content.whole_bytes
    writer = SegmentWriter.reopen(folder.path / name, content)
    try:
        if cut_bytes:
            audio = sum(chunk.samples for chunk in content.chunks)
            samples = min(cut_bytes // (2 * about.channels), LONGEST_CUT_S * about.sample_rate_hz)
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
