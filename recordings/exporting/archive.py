"""Several recordings in one ZIP, written as it grows: a file for each, and a manifest that says what each file is."""

import hashlib
import json
import zipfile
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils import timezone

from recordings.exporting.encoders import Sound, encode
from recordings.listening.file_names import file_stem
from recordings.listening.gaps import gaps_of
from recordings.listening.stretch import Stretch
from recordings.models import Export

MANIFEST = "manifest.json"
PIECE_BYTES = 1024 * 1024
_FIRST_ZIP_YEAR = 1980
_READABLE = 0o644 << 16


@dataclass(frozen=True)
class Written:
    """A file of an archive as the manifest tells of it."""

    name: str
    stretch: Stretch
    size: int
    sha256: str


def sound_of(stretch: Stretch) -> Sound:
    """Return what an encoder is to know of a stretch."""
    kept = stretch.recording
    tags = {
        "title": str(kept),
        "artist": str(kept.device),
        "album": str(kept.room),
        "date": f"{timezone.localtime(stretch.starts_at):%Y-%m-%d}",
    }
    return Sound(stretch.samples, kept.sample_rate_hz, kept.channels, tags)


def write_file(stretch: Stretch, path: Path, file_format: str) -> Generator[int, None, None]:
    """Write one stretch as a file of its own, and yield after each piece how many of its samples are in it.

    Raises OSError, as when the disk is full, and Unreachable.
    """
    yield from encode(stretch.pcm(), path, file_format, sound_of(stretch))


def write_archive(stretches: list[Stretch], path: Path, file_format: str) -> Generator[int, None, None]:
    """Write a ZIP, and yield after each piece how many samples of all of them are in it. Raises as `write_file`.

    Beside it lies one file at a time, because an encoder goes back to its file's beginning, and a ZIP cannot.
    """
    written: list[Written] = []
    done = 0
    names = _names(stretches, file_format)
    with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for name, stretch in zip(names, stretches, strict=True):
            scratch = path.with_suffix(".track")
            scratch.unlink(missing_ok=True)
            for samples in write_file(stretch, scratch, file_format):
                yield done + samples
            done += stretch.samples
            sum_of_all = hashlib.sha256()
            with closing(_copy(scratch, archive, _entry(name, stretch.starts_at))) as pieces:
                for piece in pieces:
                    sum_of_all.update(piece)
                    yield done
            written.append(Written(name, stretch, scratch.stat().st_size, sum_of_all.hexdigest()))
            scratch.unlink()
        manifest = json.dumps(describe(written, file_format), ensure_ascii=False, indent=2)
        archive.writestr(_entry(MANIFEST, timezone.now()), manifest)


def describe(written: list[Written], file_format: str) -> dict[str, Any]:
    """Return the manifest: times are by the clock, `offset_seconds` puts all files on one axis."""
    starts_at = min(each.stretch.starts_at for each in written)
    gaps = gaps_of([each.stretch.recording for each in written])
    return {
        "format": file_format,
        "gaps": written[0].stretch.gaps,
        "starts_at": starts_at.isoformat(),
        "files": [_described(each, starts_at, gaps.get(each.stretch.recording.pk, [])) for each in written],
    }


def _described(file: Written, axis_starts_at: datetime, gaps: list[Any]) -> dict[str, Any]:
    part, kept = file.stretch, file.stretch.recording
    begin = part.clock_from / kept.sample_rate_hz
    inside = [
        {
            "at_seconds": max(gap.at_seconds, begin) - begin,
            "seconds": min(gap.at_seconds + gap.seconds, begin + part.clock_seconds) - max(gap.at_seconds, begin),
            "reason": gap.reason,
            "estimated": gap.estimated,
        }
        for gap in gaps
        if gap.at_seconds < begin + part.clock_seconds and gap.at_seconds + gap.seconds > begin
    ]
    return {
        "name": file.name,
        "recording": str(kept.pk),
        "title": kept.title,
        "room": {"id": str(kept.room_id), "name": kept.room.name},
        "device": {"id": str(kept.device_id), "device_id": kept.device.device_id, "name": kept.device.name},
        "started_at": part.starts_at.isoformat(),
        "offset_seconds": (part.starts_at - axis_starts_at).total_seconds(),
        "duration_seconds": part.clock_seconds,
        "audio_seconds": part.clock_seconds - sum(gap["seconds"] for gap in inside),
        "gaps": inside,
        "sample_rate_hz": kept.sample_rate_hz,
        "channels": kept.channels,
        "bytes": file.size,
        "sha256": file.sha256,
    }


def _copy(source: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Generator[bytes, None, None]:
    with source.open("rb") as file, archive.open(entry, "w", force_zip64=True) as target:
        while piece := file.read(PIECE_BYTES):
            target.write(piece)
            yield piece


def _entry(name: str, at: datetime) -> zipfile.ZipInfo:
    local = timezone.localtime(at)
    entry = zipfile.ZipInfo(name, date_time=(max(local.year, _FIRST_ZIP_YEAR), *local.timetuple()[1:6]))
    entry.external_attr = _READABLE
    return entry


def _names(stretches: list[Stretch], file_format: str) -> list[str]:
    """Return a name for each, no two alike, also where case does not count."""
    names: list[str] = []
    taken: set[str] = {MANIFEST}
    for stretch in stretches:
        stem, number = file_stem(stretch.recording), 1
        name = f"{stem}.{suffix_of(file_format)}"
        while name.casefold() in taken:
            number += 1
            name = f"{stem} ({number}).{suffix_of(file_format)}"
        taken.add(name.casefold())
        names.append(name)
    return names


def suffix_of(file_format: str) -> str:
    """Return how the name of a file of this format ends."""
    return "ogg" if file_format == Export.Format.OPUS else file_format
