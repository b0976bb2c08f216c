"""One recording's folder: its lock, its manifest and its index."""

import fcntl
import json
import os
import re
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from recordings.log import signing
from recordings.log.segment_log import SUFFIX, Gap

VERSION = 1
_NAME = re.compile(rf"[0-9]{{6,}}-[0-9a-f]{{32}}{re.escape(SUFFIX)}")
LONGEST_LINE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class About:
    """Whose recording it is and how its sound is to be read; the same from its first chunk to its last."""

    recording: UUID
    organization: UUID
    room: UUID
    room_name: str
    device: UUID
    device_name: str
    sample_rate_hz: int
    channels: int
    capture_us: int  # when the capture was asked for: a new start is a new recording
    started_at_us: int

    def json(self) -> dict[str, Any]:
        """Return it as it stands in a manifest and in each segment's first record."""
        return {name: str(value) if isinstance(value, UUID) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `json` wrote. Raises KeyError, TypeError or ValueError."""
        uuids = ("recording", "organization", "room", "device")
        fields: dict[str, Any] = {name: UUID(value[name]) if name in uuids else value[name] for name in cls.__slots__}
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """A closed segment as the index tells of it. Positions are samples per channel from the recording's start."""

    number: int
    name: str
    start: int
    start_audio: int
    audio: int
    gaps: tuple[Gap, ...]
    bytes: int
    records: int
    until_us: int
    energy: int  # sum of squares of its samples
    digest: str
    cut_bytes: int = 0  # what recovery had to cut
    chain: str = ""

    @property
    def missing(self) -> int:
        """Samples of its gaps."""
        return sum(gap.samples for gap in self.gaps)

    def json(self) -> dict[str, Any]:
        """Return it as a line of the index holds it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `json` wrote. Raises KeyError, TypeError or ValueError."""
        return cls(**{**value, "gaps": tuple(Gap(**gap) for gap in value["gaps"])})


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of a recording as a whole, up to its last closed segment."""

    about: About
    state: str = "recording"  # recording, or finished; a finished one goes on if its device returns to the same capture
    anchor_us: int = 0  # its clock: µs since 1970 when this machine's monotonic clock of `boot` stood at 0
    boot: str = ""
    left: str = ""  # why the last connection ended, as a gap's reason; empty while one is open, or was cut off
    until_us: int = 0
    segments: int = 0
    gaps: int = 0
    audio: int = 0
    missing: int = 0
    bytes: int = 0
    energy: int = 0
    chain: str = ""

    @property
    def position(self) -> int:
        """Samples of sound and of gaps."""
        return self.audio + self.missing

    def with_entry(self, entry: SegmentEntry) -> "Manifest":
        """Return it with one more closed segment."""
        return replace(
            self,
            until_us=entry.until_us,
            segments=self.segments + 1,
            gaps=self.gaps + len(entry.gaps),
            audio=self.audio + entry.audio,
            missing=self.missing + entry.missing,
            bytes=self.bytes + entry.bytes,
            energy=self.energy + entry.energy,
            chain=entry.chain,
        )

    def segment_meta(self, epoch_hex: str) -> dict[str, Any]:
        """Return the first record of the next segment."""
        own = {"number": self.segments, "epoch": epoch_hex, "anchor_us": self.anchor_us, "boot": self.boot}
        return self.about.json() | own

    def segment_name(self, epoch_hex: str) -> str:
        """Return the name of the next segment."""
        return f"{self.segments:06d}-{epoch_hex}{SUFFIX}"

    def cleared(self) -> "Manifest":
        """Return it without any segment, to be summed up anew."""
        zero = Manifest(self.about)
        begun = replace(zero, until_us=self.about.started_at_us)
        return replace(begun, state=self.state, anchor_us=self.anchor_us, boot=self.boot, left=self.left)

    def json(self) -> dict[str, Any]:
        """Return it as `manifest.json` holds it, without a signature."""
        flat = {name: getattr(self, name) for name in self.__slots__ if name != "about"}
        return {"version": VERSION, **self.about.json(), **flat}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `json` wrote. Raises KeyError, TypeError or ValueError."""
        return cls(About.from_json(value), **{name: value[name] for name in cls.__slots__ if name != "about"})


@dataclass(slots=True)
class RecordingFolder:
    """Where one recording lies. Who writes holds its lock."""

    path: Path
    _lock: int | None = field(default=None, repr=False)

    def lock(self) -> bool:
        """Take the lock, without waiting; False when another process has it. Raises OSError."""
        if self._lock is None:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o640)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            self._lock = descriptor
        return True

    def unlock(self) -> None:
        """Let others write."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def manifest(self) -> Manifest | None:
        """Return the manifest, or None where there is none that can be read."""
        try:
            return Manifest.from_json(json.loads((self.path / "manifest.json").read_bytes()))
        except (OSError, KeyError, TypeError, ValueError):
            return None

    def write_manifest(self, manifest: Manifest, key: Ed25519PrivateKey) -> None:
        """Replace the manifest in one step. Raises OSError, and then the old one stands."""
        data = json.dumps(signing.signed(manifest.json(), key), indent=1).encode()
        replace_file(self.path / "manifest.json", data)

    def entries(self) -> list[SegmentEntry]:
        """Return the index, as far as its chain holds; a torn last line is what a crash leaves."""
        try:
            lines = (self.path / "segments.jsonl").read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        found: list[SegmentEntry] = []
        chain = signing.first_link(self.path.name)
        for line in lines:
            try:
                value = json.loads(line)
                chain = signing.next_link(chain, value)
                if value["chain"] != chain:
                    break
                found.append(SegmentEntry.from_json(value))
            except (KeyError, TypeError, ValueError):
                break
        return found

    def last_entry(self) -> SegmentEntry | None:
        """Return the index's last line without reading it all; None where there is none, or it is torn."""
        with suppress(OSError, KeyError, TypeError, ValueError), (self.path / "segments.jsonl").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LONGEST_LINE_BYTES))
            *_earlier, last, rest = file.read().split(b"\n")
            return SegmentEntry.from_json(json.loads(last)) if not rest else None
        return None

    def append_entry(self, entry: SegmentEntry, previous: str) -> SegmentEntry:
        """Write one line of the index and return it with its link. Raises OSError, and then nothing was written."""
        linked = replace(entry, chain=signing.next_link(previous or signing.first_link(self.path.name), entry.json()))
        path = self.path / "segments.jsonl"
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        size = os.fstat(descriptor).st_size
        line = signing.canonical(linked.json()) + b"\n"
        try:
            if os.write(descriptor, line) < len(line):
                raise OSError(28, "No space left for a line of the index")
        except OSError:
            os.ftruncate(descriptor, size)
            raise
        finally:
            os.close(descriptor)
        return linked

    def rewrite_entries(self, entries: list[SegmentEntry]) -> None:
        """Replace the index by `entries`, which keep their links. Raises OSError."""
        data = b"".join(signing.canonical(entry.json()) + b"\n" for entry in entries)
        replace_file(self.path / "segments.jsonl", data)

    def segment_names(self) -> list[str]:
        """Return the names of the segments that lie here, oldest first; what is named otherwise is none of ours."""
        return sorted(name for name in os.listdir(self.path) if _NAME.fullmatch(name))


def folder_of(organization_id: UUID, recording_id: UUID) -> Path:
    """Return where the segments of a recording lie."""
    return Path(settings.RECORDINGS_DIR) / organization_id.hex / recording_id.hex


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that a crash leaves either the old one or the new one. Raises OSError."""
    own = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if settings.FSYNC != "never":
                os.fsync(file.fileno())
        os.replace(own, path)
    except OSError:
        with suppress(OSError):
            own.unlink()
        raise


def remove_folder(path: Path) -> None:
    """Remove a recording's folder: first out of sight, then for good, so that a crash leaves no half of it."""
    aside = path.with_name(f".gone-{path.name}")
    with suppress(FileNotFoundError):
        os.replace(path, aside)
    shutil.rmtree(aside, ignore_errors=True)
