"""The segment log: append-only files of records, each with its length and CRC, so that what was written is found."""

import fcntl
import json
import os
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from leganize.wire.chunk import Chunk
from leganize.wire.errors import WireError

MAGIC = b"LGS1"
_HEADER = struct.Struct(
    "!4sB3xQII"
)  # magic, kind, arrival in µs since 1970, length, CRC-32 of all that follows the magic
_CHECKED = struct.Struct("!BQI")
SEGMENT_SECONDS = 30  # the most that a damaged file can take with it
SEGMENT_BYTES = 16 * 1024 * 1024
MAX_BODY_BYTES = 512 * 1024  # a chunk is smaller; a larger length is damage
SUFFIX = ".seg"


class RecordKind(IntEnum):
    """What a record holds."""

    META = 1  # JSON: whose sound this is
    CHUNK = 2  # a packed chunk
    GAP = 3  # JSON: from, to and why


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was read back. `arrived_at_us` is µs since 1970 by the server's clock."""

    kind: RecordKind
    arrived_at_us: int
    body: bytes


def pack_record(kind: RecordKind, arrived_at_us: int, body: bytes) -> bytes:
    """Return a record as it is appended to a segment."""
    crc = zlib.crc32(body, zlib.crc32(_CHECKED.pack(kind, arrived_at_us, len(body))))
    return _HEADER.pack(MAGIC, kind, arrived_at_us, len(body), crc) + body


def read_records(path: Path) -> Iterator[Record]:
    """Yield the whole records of a segment, in order, and stop before the first that is torn or damaged."""
    with path.open("rb") as file:
        while len(header := file.read(_HEADER.size)) == _HEADER.size:
            magic, kind, arrived_at_us, length, crc = _HEADER.unpack(header)
            if magic != MAGIC or length > MAX_BODY_BYTES:
                return
            body = file.read(length)
            if len(body) < length or zlib.crc32(body, zlib.crc32(_CHECKED.pack(kind, arrived_at_us, length))) != crc:
                return
            yield Record(RecordKind(kind), arrived_at_us, body)


def read_chunks(path: Path) -> Iterator[Chunk]:
    """Yield the chunks of a segment in the order in which they were written."""
    for record in read_records(path):
        if record.kind is RecordKind.CHUNK:
            try:
                yield Chunk.unpack(record.body)
            except WireError:
                return  # its CRC holds, so a newer version wrote it: what follows is not ours to guess


def segments_of(folder: Path) -> list[Path]:
    """Return a recording's segments, oldest first: their names begin with the epoch, which sorts by time."""
    return sorted(folder.glob(f"*{SUFFIX}"))


class SegmentWriter:
    """Writes one connection's records into segments, each locked while it is open. Used by one thread."""

    def __init__(
        self, folder: Path, epoch_hex: str, meta: dict[str, Any], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder, self._epoch_hex, self._meta, self._clock = folder, epoch_hex, meta, clock
        self._descriptor: int | None = None
        self._opened_s = 0.0
        self._size = 0
        self._number = 0
        self._unsynced = False

    def append(self, chunk: Chunk, arrived_at_us: int) -> int:
        """Write one chunk and return its bytes on disk; when this returns, the kernel has it. Raises OSError."""
        if self._descriptor is None or self._is_full():
            self._next_segment(arrived_at_us)
        return self._write(pack_record(RecordKind.CHUNK, arrived_at_us, chunk.pack()))

    def sync(self) -> None:
        """Ask the disk to keep what was written, if anything was since the last time. Raises OSError."""
        if self._descriptor is not None and self._unsynced:
            _fdatasync(self._descriptor)
            self._unsynced = False

    def close(self) -> None:
        """Close the open segment for good. Raises OSError."""
        if self._descriptor is not None:
            self.sync()
            os.close(self._descriptor)
            self._descriptor = None

    def _is_full(self) -> bool:
        return self._size >= SEGMENT_BYTES or self._clock() - self._opened_s >= SEGMENT_SECONDS

    def _next_segment(self, arrived_at_us: int) -> None:
        self.close()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{self._epoch_hex}-{self._number:06d}{SUFFIX}"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o640)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._number += 1
        self._size, self._opened_s = 0, self._clock()
        self._write(pack_record(RecordKind.META, arrived_at_us, json.dumps(self._meta).encode()))

    def _write(self, data: bytes) -> int:
        assert self._descriptor is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._size += len(data)
        self._unsynced = True
        return len(data)


def _fdatasync(descriptor: int) -> None:
    (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(descriptor)  # macOS has only fsync
