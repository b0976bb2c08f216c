"""Segments fetched back for listening: verified, in a folder of limited size; what was not heard for longest goes."""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from django.conf import settings

from recordings.keeping import bucket
from recordings.log.recorder import has_room
from recordings.log.segment_log import read_segment, segment_digest
from recordings.models import Segment

MB = 1024 * 1024
STALE_S = 3600  # a fetch that began so long ago was killed
LEFT_ALONE_S = 5.0  # a bucket that is away: who listens meanwhile need not wait for it segment by segment
_one_at_a_time = [threading.Lock() for _ in range(16)]  # who wants the same segment waits for the one fetch


class _Patience:
    until_s = float("-inf")


_patience = _Patience()


def fetched(segment: Segment) -> Path:
    """Return a copy of a segment that lies elsewhere, fetched if need be. Raises FileNotFoundError, OSError with words.

    It may be evicted later: open it at once. A copy that is not what was written here is no copy.
    """
    path = _folder_of(segment.recording.organization_id, segment.recording_id) / segment.name
    with _one_at_a_time[hash(path) % len(_one_at_a_time)]:
        with suppress(FileNotFoundError):
            os.utime(path)
            return path
        if time.monotonic() < _patience.until_s:
            raise bucket.Unreachable("the bucket did not answer a moment ago")
        path.parent.mkdir(parents=True, exist_ok=True)
        own = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            with own.open("wb") as file:
                _fetch(key_of(segment), file)
            if not is_whole(own, segment.digest):
                raise FileNotFoundError(f"the copy of segment {segment.name} was altered, and there is no other")
            _make_room(own.stat().st_size)
            os.replace(own, path)
        finally:
            own.unlink(missing_ok=True)
    return path


def key_of(segment: Segment, name: str = "") -> str:
    """Return under which key a segment lies in the bucket, or another file of its recording."""
    return f"{folder_key(segment.recording.organization_id, segment.recording_id)}/{name or segment.name}"


def folder_key(organization_id: UUID, recording_id: UUID) -> str:
    """Return what the keys of all files of a recording begin with."""
    return f"{organization_id.hex}/{recording_id.hex}"


def is_whole(path: Path, digest: str) -> bool:
    """Tell whether a file is a closed segment that ends with its seal and, where `digest` is known, has that digest."""
    content = read_segment(path)
    sealed = content.is_sealed and content.whole_bytes == content.file_bytes
    return sealed and digest in ("", segment_digest(content.digests[:-1]))


def forget(organization_id: UUID, recording_id: UUID) -> None:
    """Remove what was fetched of one recording. Raises OSError."""
    folder = _folder_of(organization_id, recording_id)
    for path in folder.glob("*"):
        path.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        folder.rmdir()


def size_bytes() -> int:
    """Return how much is kept of what was fetched."""
    return sum(size for _used_at, size, _path in _kept())


def _folder_of(organization_id: UUID, recording_id: UUID) -> Path:
    return Path(settings.S3_CACHE_DIR) / folder_key(organization_id, recording_id)


def _fetch(key: str, file: BinaryIO) -> None:
    try:
        bucket.fetch(key, file)
    except bucket.Unreachable:
        _patience.until_s = time.monotonic() + LEFT_ALONE_S
        raise


def _make_room(wanted_bytes: int) -> None:
    kept = sorted(_kept())
    allowed_bytes = settings.S3_CACHE_MB * MB if has_room() else 0  # what is recorded now needs the disk more
    left = allowed_bytes - wanted_bytes - sum(size for _used_at, size, _path in kept)
    for _used_at, size, path in kept:
        if left >= 0:
            return
        path.unlink(missing_ok=True)  # who reads it now goes on reading: the bytes stay until it is closed
        left += size


def _kept() -> list[tuple[float, int, Path]]:
    found = []
    stale_before = time.time() - STALE_S
    for path in Path(settings.S3_CACHE_DIR).glob("*/*/*"):
        with suppress(FileNotFoundError):  # another worker may have made room
            about = path.stat()
            if not path.name.startswith(".") or about.st_mtime < stale_before:
                found.append((about.st_mtime, about.st_size, path))
    return found
