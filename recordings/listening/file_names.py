"""What the file of a recording is called where a person saves it."""

import re

from django.utils import timezone

from recordings.models import Recording

LONGEST = 120  # with a number and a suffix still a name on every file system, also in three-byte letters
_NEVER = re.compile(r'[\x00-\x1f\x7f"*/:<>?\\|]+')  # what Windows or Unix refuse in a name


def file_stem(recording: Recording) -> str:
    """Return a name without its suffix: the recording's own or its room and device, and when it began."""
    began = timezone.localtime(recording.started_at)
    named = recording.title or f"{recording.room.name}, {recording.device}"
    return f"{safe_name(named)}, {began:%Y-%m-%d %H.%M}"


def safe_name(text: str) -> str:
    """Return `text` as it can stand in a file's name on any system."""
    plain = " ".join(_NEVER.sub(" ", text).split())
    while len(plain.encode()) > LONGEST:
        plain = plain[:-1]
    return plain.strip(" .") or "recording"
