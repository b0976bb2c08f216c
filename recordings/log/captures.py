"""Captures that may go on: the small files by which a returning device finds its recording, without a database."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings

from recordings.log.folder import About, RecordingFolder, folder_of, replace_file


@dataclass(frozen=True, slots=True)
class Capture:
    """What decides to which recording a chunk belongs, beside the moment when its capture was asked for."""

    device: UUID
    room: UUID
    sample_rate_hz: int
    channels: int


@dataclass(frozen=True, slots=True)
class OpenNote:
    """A capture that may go on: in which recording."""

    path: Path
    recording: UUID
    organization: UUID
    capture_us: int

    @property
    def folder(self) -> RecordingFolder:
        """The recording's folder."""
        return RecordingFolder(folder_of(self.organization, self.recording))

    def remove(self) -> None:
        """Let the next chunk of this capture begin a new recording. Raises OSError."""
        self.path.unlink(missing_ok=True)


def note_open(capture: Capture, about: About) -> OpenNote:
    """Note that chunks of `capture` belong to a recording, until the note is removed. Raises OSError."""
    path = _note_path(capture)
    value = {"recording": about.recording.hex, "organization": about.organization.hex, "capture_us": about.capture_us}
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(value).encode())
    return OpenNote(path, about.recording, about.organization, about.capture_us)


def find_open(capture: Capture) -> OpenNote | None:
    """Return the note of a capture that may go on."""
    return _read_note(_note_path(capture))


def open_notes() -> Iterator[OpenNote]:
    """Yield every capture that may go on, on any worker of this disk."""
    for path in sorted((Path(settings.RECORDINGS_DIR) / "open").glob("*.json")):
        note = _read_note(path)
        if note:
            yield note


def _note_path(capture: Capture) -> Path:
    name = f"{capture.device.hex}-{capture.room.hex}-{capture.sample_rate_hz}-{capture.channels}.json"
    return Path(settings.RECORDINGS_DIR) / "open" / name


def _read_note(path: Path) -> OpenNote | None:
    try:
        value = json.loads(path.read_bytes())
        return OpenNote(path, UUID(value["recording"]), UUID(value["organization"]), int(value["capture_us"]))
    except (OSError, KeyError, TypeError, ValueError):
        return None
