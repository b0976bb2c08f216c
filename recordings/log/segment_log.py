"""The segment log: append-only files of records, each with its length and CRC, so that what was written is found."""

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
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
HEADER_BYTES = _HEADER.size
MAX_BODY_BYTES = 512 * 1024  # a chunk and a seal of 16 MB are smaller; a larger length is damage
DIGEST_BYTES = 16  # of SHA-256: nobody finds a second record with the same 128 bits
SUFFIX = ".seg"


class RecordKind(IntEnum):
    """What a record holds."""

    META = 1  # JSON: whose sound this is
    CHUNK = 2  # a packed chunk
    GAP = 3  # JSON: a Gap
    SEAL = 4  # the digests of all records before it; nothing follows


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was read back. `arrived_at_us` is µs since 1970 by the recording's clock."""

    kind: RecordKind
    arrived_at_us: int
    body: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without sound: after `at` samples of sound of its segment, `samples` long, and why."""

    at: int
    samples: int
    reason: str
    estimated: bool = False


@dataclass(slots=True)
class SegmentContent:
    """What one segment holds, up to its first damage. `whole_bytes` is the end of its last whole record."""

    meta: dict[str, Any] = field(default_factory=dict)
    chunks: list[Chunk] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    last_arrived_at_us: int = 0
    whole_bytes: int = 0
    file_bytes: int = 0
    is_sealed: bool = False


def pack_record(kind: RecordKind, arrived_at_us: int, body: bytes) -> bytes:
    """Return a record as it is appended to a segment."""
    crc = zlib.crc32(body, zlib.crc32(_CHECKED.pack(kind, arrived_at_us, len(body))))
    return _HEADER.pack(MAGIC, kind, arrived_at_us, len(body), crc) + body


def record_digest(record: bytes | memoryview) -> bytes:
    """Return by what the seal knows a packed record."""
    return hashlib.sha256(record).digest()[:DIGEST_BYTES]


def segment_digest(digests: list[bytes]) -> str:
    """Return the hex digest by which the index knows a whole segment: SHA-256 over the digests of its records."""
    return hashlib.sha256(b"".join(digests)).hexdigest()


def read_records(path: Path) -> Iterator[Record]:
    """Yield the whole records of a segment, in order, and stop before the first that is torn or damaged."""
    return _records(path.read_bytes(), 0)


def without_damaged_start(path: Path) -> bytes:
    """Return what follows the damage at a segment's beginning: whole records, to start with; empty where none is."""
    data = path.read_bytes()
    at = data.find(MAGIC)
    while at >= 0 and next(_records(data, at), None) is None:
        at = data.find(MAGIC, at + 1)
    return data[at:] if at >= 0 else b""


def _records(data: bytes, at: int) -> Iterator[Record]:
    while at + HEADER_BYTES <= len(data):
        magic, kind, arrived_at_us, length, crc = _HEADER.unpack_from(data, at)
        end = at + HEADER_BYTES + length
        if magic != MAGIC or kind not in _KINDS or length > MAX_BODY_BYTES or end > len(data):
            return
        body = data[at + HEADER_BYTES : end]
        if zlib.crc32(body, zlib.crc32(_CHECKED.pack(kind, arrived_at_us, length))) != crc:
            return
        yield Record(_KINDS[kind], arrived_at_us, body, record_digest(data[at:end]))
        at = end


def read_segment(path: Path) -> SegmentContent:
    """Read a segment, at most some MB, as far as its records are whole. Raises OSError."""
    content = SegmentContent(file_bytes=path.stat().st_size)
    for record in read_records(path):
        if content.is_sealed or not _take(content, record):
            break  # what follows a seal, or what only a newer version can read, is not ours to guess
        content.whole_bytes += HEADER_BYTES + len(record.body)
        content.digests.append(record.digest)
        content.last_arrived_at_us = record.arrived_at_us
    content.gaps.sort(key=lambda gap: gap.at)  # one that was estimated is written after it happened
    return content


def runs(content: SegmentContent) -> Iterator[tuple[int, bytes]]:
    """Yield the sound of a segment between its gaps: (samples since its start with gaps, s16le PCM)."""
    if not content.chunks:
        return
    width = 2 * content.chunks[0].channels
    pcm = b"".join(chunk.payload for chunk in content.chunks)
    begun, missing = 0, 0
    for gap in [*content.gaps, Gap(len(pcm) // width, 0, "")]:
        if gap.at > begun:
            yield begun + missing, pcm[begun * width : gap.at * width]
        begun, missing = max(begun, gap.at), missing + gap.samples


def read_chunks(path: Path) -> Iterator[Chunk]:
    """Yield the chunks of a segment in the order in which they were written."""
    yield from read_segment(path).chunks


def _take(content: SegmentContent, record: Record) -> bool:
    try:
        match record.kind:
            case RecordKind.META:
                content.meta = json.loads(record.body)
            case RecordKind.CHUNK:
                content.chunks.append(Chunk.unpack(record.body))
            case RecordKind.GAP:
                content.gaps.append(Gap(**json.loads(record.body)))
            case RecordKind.SEAL:
                content.is_sealed = True
    except (WireError, ValueError, TypeError):
        return False
    return True


_KINDS = {int(kind): kind for kind in RecordKind}


class SegmentWriter:
    """Writes one segment. A record that does not fit the disk leaves no trace. Used by one thread; raises OSError."""

    def __init__(self, path: Path, meta: dict[str, Any], arrived_at_us: int) -> None:
        self.path = path
        self.size = 0
        self.digests: list[bytes] = []
        self._unsynced = False
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o640)
        try:
            self._append(RecordKind.META, arrived_at_us, json.dumps(meta).encode())
        except OSError:
            os.close(self._descriptor)
            path.unlink()
            raise

    @classmethod
    def reopen(cls, path: Path, content: SegmentContent) -> "SegmentWriter":
        """Go on after the last whole record of a segment whose writer died, and cut what is behind it."""
        writer = cls.__new__(cls)
        writer.path, writer.size, writer.digests = path, content.whole_bytes, list(content.digests)
        writer._unsynced = True
        writer._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.ftruncate(writer._descriptor, content.whole_bytes)
        return writer

    def append_chunk(self, chunk: Chunk, arrived_at_us: int) -> None:
        """Write one chunk; when this returns, the kernel has it."""
        self._append(RecordKind.CHUNK, arrived_at_us, chunk.pack())

    def append_gap(self, gap: Gap, arrived_at_us: int) -> None:
        """Declare what is missing."""
        body = {"at": gap.at, "samples": gap.samples, "reason": gap.reason, "estimated": gap.estimated}
        self._append(RecordKind.GAP, arrived_at_us, json.dumps(body).encode())

    def sync(self) -> None:
        """Ask the disk to keep what was written, if anything was since the last time."""
        if self._unsynced:
            _fdatasync(self._descriptor)
            self._unsynced = False

    def seal(self, arrived_at_us: int) -> str:
        """Write the last record, and return the digest of the segment."""
        digest = segment_digest(self.digests)
        self._append(RecordKind.SEAL, arrived_at_us, b"".join(self.digests))
        return digest

    def close(self) -> None:
        """Give the file back; nothing is synced by this."""
        os.close(self._descriptor)

    def _append(self, kind: RecordKind, arrived_at_us: int, body: bytes) -> None:
        record = pack_record(kind, arrived_at_us, body)
        try:
            written = os.write(self._descriptor, record)
            while written < len(record):
                written += os.write(self._descriptor, memoryview(record)[written:])
        except OSError:
            os.ftruncate(self._descriptor, self.size)  # half a record would hide everything after it
            raise
        self.size += len(record)
        if kind is not RecordKind.SEAL:
            self.digests.append(record_digest(record))
        self._unsynced = True


def _fdatasync(descriptor: int) -> None:
    (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(descriptor)  # macOS has only fsync
