"""What an administrator has done with one recording: verified, wherever its segments lie, or finished at once."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.models import User
from recordings import recovery
from recordings.keeping import offsite, removal
from recordings.log.folder import folder_of
from recordings.models import Recording, Segment
from recordings.verify import verify
from rooms.happenings import note

MOST_BYTES = 10**9  # while a browser waits; for larger ones there is the command


def examine(recording: Recording, by: User) -> tuple[bool, str]:
    """Verify a recording and note it; return whether it is whole, and the verifier's line.

    Raises ValueError with words when it is too large for that, OSError when a segment cannot be had.
    """
    if recording.stored_bytes > MOST_BYTES:
        path = folder_of(recording.organization_id, recording.pk)
        raise ValueError(_("It is too large to wait for: run python -m recordings.verify %(path)s") % {"path": path})
    with gathered(recording) as folder:
        verdict = verify(folder)
    kind = "recording-damaged" if verdict.fault else "recording-verified"
    note(recording.organization, kind, room=recording.room, subject=str(recording), actor=by)
    return verdict.fault is None, verdict.sentence


@contextmanager
def gathered(recording: Recording) -> Iterator[Path]:
    """Yield a folder in which all of a recording lies: its own or, where segments lie elsewhere, one of links."""
    own = folder_of(recording.organization_id, recording.pk)
    if not recording.segments.filter(place=Segment.Place.ELSEWHERE).exists():
        yield own
        return
    with tempfile.TemporaryDirectory(prefix=".gathered-", dir=settings.S3_CACHE_DIR.parent) as name:
        folder = Path(name) / own.name  # the chain begins with the folder's name
        folder.mkdir()
        for paper in offsite.PAPERS:
            os.symlink(own / paper, folder / paper)
        for segment in recording.segments.select_related("recording"):
            path = offsite.path_of(segment)
            # what was fetched may be evicted while we look at it: a second name keeps it
            (os.symlink if path.parent == own else os.link)(path, folder / segment.name)
        yield folder


def finish(recording: Recording, by: User) -> None:
    """Let no device go on with a recording, and bring it to its end now. Raises ValueError with words, OSError."""
    if recording.state == Recording.State.FINISHED:
        raise ValueError(_("This recording is finished already."))
    if not removal.lets_go(recording):
        raise ValueError(_("This recording goes on. Stop its device first."))
    recovery.settle()
    note(recording.organization, "recording-finished", room=recording.room, subject=str(recording), actor=by)
