"""One closed segment held against what its seal lists and the index vouches for: the first record that differs."""

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from leganize.wire.chunk import Chunk
from leganize.wire.errors import WireError
from recordings.log.segment_log import (
    DIGEST_BYTES,
    HEADER_BYTES,
    MAGIC,
    MAX_BODY_BYTES,
    SUFFIX,
    RecordKind,
    pack_record,
    read_segment,
    record_digest,
    segment_digest,
)

_HEADER = struct.Struct("!4sB3xQI")  # magic, kind, arrival in µs, length: enough to find the next record


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is not as it was signed. `record` counts from 1; `at_us` is µs since 1970."""

    file: str
    what: str
    record: int | None = None
    at_us: int | None = None

    def __str__(self) -> str:
        place = self.file if self.record is None else f"{self.file}, record {self.record}"
        return f"{place}, {utc(self.at_us)}: {self.what}" if self.at_us else f"{place}: {self.what}"


@dataclass(frozen=True, slots=True)
class Found:
    """A record as it lies in a file, whole or not."""

    kind: int
    at_us: int
    body: bytes
    end: int
    is_whole: bool
    is_cut: bool
    digest: bytes


def faults_of_segment(path: Path, entry: dict[str, Any]) -> Iterator[Fault]:
    """Compare a segment, record by record, with the digests that its seal lists and the index vouches for."""
    data = path.read_bytes()
    records = list(_walk(data))
    due = _sealed_digests(data, entry)
    if due is None:
        yield from _faults_without_seal(path, records, entry)
        return
    found = [record.digest for record in records if record.is_whole]
    seal = len(due)
    if found[:seal] != due:
        yield _first_difference(path, records, due)
    elif len(data) != entry["bytes"] or len(records) != seal + 1 or not records[seal].is_whole:
        yield Fault(path.name, "something stands here that was not written", seal + 1, entry["until_us"])
    else:
        yield from _faults_of_content(path, entry)


def _sealed_digests(data: bytes, entry: dict[str, Any]) -> list[bytes] | None:
    """Return the digests listed by the seal at the end, or None when it is not the one that was signed."""
    length = DIGEST_BYTES * entry["records"]
    last = next(_walk(data[max(0, len(data) - length - HEADER_BYTES) :]), None)
    if last is None or not last.is_whole or last.kind != RecordKind.SEAL or len(last.body) != length:
        return None
    due = [last.body[at : at + DIGEST_BYTES] for at in range(0, length, DIGEST_BYTES)]
    return due if segment_digest(due) == entry["digest"] else None


def _first_difference(path: Path, records: list[Found], due: list[bytes]) -> Fault:
    found = [record.digest for record in records]
    at = next(index for index in range(len(due)) if found[index : index + 1] != [due[index]])
    if at == len(records):
        return Fault(path.name, "is missing: the file ends before it", at + 1, records[-1].at_us if records else None)
    return Fault(path.name, _what_differs(records[at], found, due, at), at + 1, _time_of(records, at))


def _what_differs(record: Found, found: list[bytes], due: list[bytes], at: int) -> str:
    place = due.index(found[at]) + 1 if found[at] in due else None
    if not record.is_whole:
        return _damage(record)
    if place is None:
        return "was put in: nobody signed it" if found[at + 1 : at + 2] == [due[at]] else "was altered"
    if place <= at:
        return f"is record {place} once more"
    return f"is {'reordered' if due[at] in found else 'missing'}: record {place} stands in its place"


def _time_of(records: list[Found], at: int) -> int | None:
    """Return when a record came; of one that is damaged, when the last whole one before it did."""
    return next((record.at_us for record in reversed(records[: at + 1]) if record.is_whole), None)


def _damage(record: Found) -> str:
    return "is cut off" if record.is_cut else "was altered: its checksum does not fit"


def _faults_without_seal(path: Path, records: list[Found], entry: dict[str, Any]) -> Iterator[Fault]:
    """Say what can be said when the seal itself is not the one that was signed."""
    kept = [record.digest for record in records if record.kind != RecordKind.SEAL and record.is_whole]
    damaged = next((index for index, record in enumerate(records) if not record.is_whole), None)
    jump = _first_jump(records)
    if records and records[0].is_whole and (stranger := _stranger(records[0], entry)):
        yield Fault(path.name, stranger, 1, records[0].at_us)
    elif segment_digest(kept) == entry["digest"]:
        yield Fault(path.name, "the seal was altered", entry["records"] + 1, entry["until_us"])
    elif damaged is not None:
        yield Fault(path.name, _damage(records[damaged]), damaged + 1, _time_of(records, damaged))
    elif jump is not None:
        what = "does not follow the one before it, and the seal was made anew"
        yield Fault(path.name, what, jump + 1, records[jump].at_us)
    elif len(records) <= entry["records"] and records and records[-1].kind != RecordKind.SEAL:
        yield Fault(path.name, "is missing: the file ends before it", len(records) + 1, records[-1].at_us)
    else:
        yield Fault(path.name, "a record was altered, which one the seal no longer tells", None, entry["until_us"])


def _stranger(first: Found, entry: dict[str, Any]) -> str:
    """Say whose segment it is by its first record, when it is not the one of the index."""
    try:
        number, epoch = (json.loads(first.body)[name] for name in ("number", "epoch"))
    except (KeyError, TypeError, ValueError):
        return "does not say whose segment this is"
    own = f"{number:06d}-{epoch}{SUFFIX}"
    return "" if own == entry["name"] else f"this is the content of {own}"


def _first_jump(records: list[Found]) -> int | None:
    """Return the first chunk whose number does not follow the one before it, though no gap stands between them."""
    last: int | None = None
    for index, record in enumerate(records):
        if record.kind != RecordKind.CHUNK:
            last = None if record.kind == RecordKind.GAP else last
            continue
        try:
            seq = Chunk.unpack(record.body).seq
        except WireError:
            return index
        if last is not None and seq != last + 1:
            return index
        last = seq
    return None


def _faults_of_content(path: Path, entry: dict[str, Any]) -> Iterator[Fault]:
    content = read_segment(path)
    audio = sum(chunk.samples for chunk in content.chunks)
    gaps = [asdict(gap) for gap in content.gaps]
    if audio != entry["audio"] or gaps != entry["gaps"]:
        yield Fault(path.name, f"holds {audio} samples and {len(gaps)} gaps, the index says otherwise")


def _walk(data: bytes) -> Iterator[Found]:
    """Yield records by their lengths, also those that are not whole; the last one ends where the file does."""
    at = 0
    while at < len(data):
        head = data[at : at + HEADER_BYTES]
        magic, kind, at_us, length = _HEADER.unpack_from(head.ljust(HEADER_BYTES, b"\0"))
        end = at + HEADER_BYTES + length
        body = data[at + HEADER_BYTES : end]
        is_cut = end > len(data)
        is_whole = magic == MAGIC and pack_record(kind, at_us, body) == data[at:end]
        if magic != MAGIC or length > MAX_BODY_BYTES:
            end = len(data)
        yield Found(kind, at_us, body, end, is_whole, is_cut, record_digest(data[at:end]))
        at = end


def utc(at_us: int) -> str:
    """Return µs since 1970 as people read them; a forger may have written a year that no calendar has."""
    try:
        at = datetime.fromtimestamp(at_us / 1_000_000, UTC)
    except (OverflowError, ValueError):
        return f"{at_us} µs after 1970"
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
