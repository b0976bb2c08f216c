"""How a recording leaves the disk for good: aside in one step, then its rows, then its bytes, wherever they lie."""

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.models import Organization
from recordings.exporting import exports
from recordings.keeping import ballast, fetched, offsite
from recordings.log.captures import open_notes
from recordings.log.folder import RecordingFolder, folder_of
from recordings.models import Recording, Segment
from rooms.happenings import note

logger = logging.getLogger(__name__)

ASIDE = ".leaving-"  # before the recording's hex digits: recovery looks only at folders that are named by those alone
ELSEWHERE = "-elsewhere"  # behind them, where copies may lie of which no row will tell any more


def lock(organization: Organization) -> None:
    """Within a transaction, let those who change what is kept and those who remove it wait for each other."""
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)


def lets_go(recording: Recording) -> bool:
    """See that no device goes on with a recording, so that its next chunk begins another; False where one does now.

    Raises OSError.
    """
    path = folder_of(recording.organization_id, recording.pk)
    if not path.exists():
        return True
    with _locked(path) as is_ours:
        for capture in open_notes() if is_ours else []:
            if capture.recording == recording.pk:
                capture.remove()
    return is_ours


def remove(recording: Recording, by: str, kind: str, is_still_due: Callable[[Recording], bool]) -> bool:
    """Remove a recording and note it as `kind`; False where it is not due any more, or is being written.

    Killed before its rows went, it is put back by `finish`; killed later, `finish` does the rest. Raises OSError and
    DatabaseError.
    """
    ballast.give_up_when_full()
    path = folder_of(recording.organization_id, recording.pk)
    with ExitStack() as locks:  # held until the rows are gone: whoever finds the folder aside has to wait for that
        if path.exists() and not locks.enter_context(_locked(path)):
            return False
        with transaction.atomic():
            lock(recording.organization)
            found = Recording.objects.select_related("organization", "room", "device").filter(pk=recording.pk).first()
            if found is None or not is_still_due(found):
                return False
            _put_aside(found, path, locks)
            note(found.organization, kind, room=found.room, subject=str(found), actor=by)
            exports.forget(found)
            found.delete()
    finish(path.parent)
    return True


def finish(folder: Path | None = None) -> int:
    """Bring removals that were cut off to their end, of one organization's folder or of all; how many have to wait."""
    waiting = 0
    root = Path(settings.RECORDINGS_DIR)
    for aside in sorted(folder.glob(f"{ASIDE}*") if folder else root.glob(f"*/{ASIDE}*")):
        try:
            with _locked(aside) as is_ours:
                waiting += not (is_ours and _finish_one(aside))
        except OSError as error:
            waiting += 1
            logger.warning("what was removed is not yet gone: %s: %s", aside.name, error)
    return waiting


def _finish_one(aside: Path) -> bool:
    recording_id = UUID(aside.name.removeprefix(ASIDE).removesuffix(ELSEWHERE))
    organization_id = UUID(aside.parent.name)
    if Recording.objects.filter(pk=recording_id).exists():
        os.replace(aside, folder_of(organization_id, recording_id))
        logger.info("recording %s was not removed after all: its folder is back", recording_id)
        return True
    fetched.forget(organization_id, recording_id)
    if aside.name.endswith(ELSEWHERE):
        offsite.remove_copies(organization_id, recording_id)
    shutil.rmtree(aside)
    return True


def _put_aside(recording: Recording, path: Path, locks: ExitStack) -> None:
    """Move a recording's folder out of sight; where nothing lies here, one still reminds of what lies elsewhere."""
    copies = Segment.objects.filter(recording=recording).exclude(place=Segment.Place.HERE)
    elsewhere = ELSEWHERE if settings.S3_BUCKET or copies.exists() else ""
    aside = path.with_name(f"{ASIDE}{path.name}{elsewhere}")
    if path.exists():
        os.replace(path, aside)
    elif elsewhere:
        aside.mkdir(parents=True, exist_ok=True)
        locks.enter_context(_locked(aside))


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    folder = RecordingFolder(path)
    is_ours = folder.lock()
    try:
        yield is_ours
    finally:
        folder.unlock()
