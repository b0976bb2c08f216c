"""Making the file of one claimed export: a bit at a time, on the disk as it goes, and no longer than it is wanted."""

import errno
import logging
import os
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

from django.db import DatabaseError, connection
from django.utils import timezone
from django.utils.translation import gettext_noop

from recordings.exporting.archive import sound_of, suffix_of, write_archive, write_file
from recordings.exporting.encoders import estimated_bytes
from recordings.exporting.exports import file_of, part_of
from recordings.keeping.bucket import Unreachable
from recordings.listening.file_names import file_stem, safe_name
from recordings.listening.stretch import Stretch, stretch_of
from recordings.models import Export, Recording

logger = logging.getLogger(__name__)

TELL_EVERY_S = 0.5
RESERVE_BYTES = 256 * 1024 * 1024  # an export never takes from recordings the last of a disk
SYNC_BYTES = 16 * 1024 * 1024  # all at once at its end would hold up what is being recorded
DATABASE_PATIENCE_S = 120
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

NO_ROOM = gettext_noop("The disk has no room for this file. Free some space, or ask for less.")
NO_SOUND = gettext_noop("Nothing was recorded there.")
ELSEWHERE = gettext_noop("Some of this sound lies elsewhere, and cannot be reached now. Ask again later.")
BROKEN = gettext_noop("It could not be made. The server's log says why.")


class Lost(Exception):
    """The export is no longer ours to make: cancelled, given to somebody else, or this process is to end."""


class Refused(Exception):
    """The export cannot be made; the sentence says why."""


def make(export: Export, is_ending: Callable[[], bool] = lambda: False) -> None:
    """Make the file of an export that this process has claimed, and tell its row how that went."""
    part = part_of(export)
    claim = Claim(export, is_ending)
    try:
        stretches = _stretches_of(export)
        _look_for_room(export, stretches)
        total = sum(stretch.samples for stretch in stretches)
        with closing(_write(export, stretches, part)) as writing:
            for samples in writing:
                claim.tell(samples / total, part)
        _finish(export, claim, part, stretches)
    except Lost:
        claim.give_back()
    except Refused as refusal:
        claim.end(Export.State.FAILED, error=str(refusal))
    except Unreachable as error:
        logger.warning("export %s has to be asked for again: %s", export.pk, error)
        claim.end(Export.State.FAILED, error=ELSEWHERE)
    except OSError as error:
        logger.warning("export %s could not be written: %s", export.pk, error)
        claim.end(Export.State.FAILED, error=NO_ROOM if error.errno in FULL else BROKEN)
    except Exception:
        logger.exception("export %s could not be made", export.pk)
        claim.end(Export.State.FAILED, error=BROKEN)
    finally:
        part.unlink(missing_ok=True)
        part.with_suffix(".track").unlink(missing_ok=True)


class Claim:
    """One attempt at one export. Whatever it says reaches the row only while the attempt is still the newest."""

    def __init__(self, export: Export, is_ending: Callable[[], bool]) -> None:
        self._export, self._is_ending = export, is_ending
        self._told_s = float("-inf")
        self._synced_bytes = 0

    def tell(self, progress: float, part: Path) -> None:
        """Say now and then how far it is, and bring what was made to the disk itself. Raises Lost and Refused."""
        if self._is_ending():
            raise Lost
        if (size := part.stat().st_size) - self._synced_bytes >= SYNC_BYTES:
            _sync(part)
            self._synced_bytes = size
        if time.monotonic() - self._told_s < TELL_EVERY_S:
            return
        if shutil.disk_usage(part.parent).free < RESERVE_BYTES:
            raise Refused(NO_ROOM)
        self._tell_row(min(1.0, progress))
        self._told_s = time.monotonic()

    def _tell_row(self, progress: float) -> None:
        try:
            is_ours = self._update(progress=progress, touched_at=timezone.now())
        except DatabaseError as error:
            logger.warning("export %s goes on without its row: %s", self._export.pk, error)
            connection.close()
            is_ours = True  # if it is not, the next look at the row will tell
        if not is_ours:
            raise Lost

    def give_back(self) -> None:
        """Let somebody else make it, at once and without counting this attempt."""
        tries = self._export.tries - 1
        self._update(state=Export.State.WAITING, progress=0, tries=tries, touched_at=None)

    def end(self, state: str, **more: object) -> bool:
        """Say that it is over; False when that is no longer ours to say. Raises DatabaseError after two minutes."""
        deadline = time.monotonic() + DATABASE_PATIENCE_S
        while True:
            try:
                return self._update(state=state, finished_at=timezone.now(), **more)
            except DatabaseError:
                connection.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def _update(self, **columns: object) -> bool:
        mine = Export.objects.filter(pk=self._export.pk, state=Export.State.RUNNING, tries=self._export.tries)
        return bool(mine.update(**columns))


def _stretches_of(export: Export) -> list[Stretch]:
    wanted = export.recordings.filter(deleted_at=None).select_related("room", "device").order_by("started_at", "pk")
    stretches = [_part(recording, export) for recording in wanted]
    found = [stretch for stretch in stretches if stretch.samples]
    if not found:
        raise Refused(NO_SOUND)
    return found


def _part(recording: Recording, export: Export) -> Stretch:
    began = recording.started_at
    moments = {
        name: (at - began).total_seconds() for name, at in (("from_s", export.from_at), ("to_s", export.to_at)) if at
    }
    return stretch_of(recording, gaps=export.gaps, **moments)


def _look_for_room(export: Export, stretches: list[Stretch]) -> None:
    """Refuse what will not fit, before it fills the disk to find out. Raises Refused."""
    sizes = [estimated_bytes(export.format, sound_of(stretch)) for stretch in stretches]
    needed = sum(sizes) + (max(sizes) if export.zipped else 0)
    if shutil.disk_usage(part_of(export).parent).free < needed + RESERVE_BYTES:
        raise Refused(NO_ROOM)


def _write(export: Export, stretches: list[Stretch], part: Path) -> Generator[int, None, None]:
    part.unlink(missing_ok=True)
    if export.zipped:
        return write_archive(stretches, part, export.format)
    return write_file(stretches[0], part, export.format)


def _finish(export: Export, claim: Claim, part: Path, stretches: list[Stretch]) -> None:
    _sync(part)
    done = file_of(export)
    size = part.stat().st_size
    os.replace(part, done)
    if not claim.end(Export.State.DONE, progress=1.0, stored_bytes=size, file_name=_name(export, stretches), error=""):
        is_of_another = Export.objects.filter(
            pk=export.pk, state__in=(Export.State.RUNNING, Export.State.DONE)
        ).exists()
        if not is_of_another:
            done.unlink(missing_ok=True)


def _name(export: Export, stretches: list[Stretch]) -> str:
    first = stretches[0].recording
    if not export.zipped:
        return f"{file_stem(first)}.{suffix_of(export.format)}"
    began = timezone.localtime(stretches[0].starts_at)
    return f"{safe_name(first.room.name)}, {began:%Y-%m-%d %H.%M}, {export.get_format_display()}.zip"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
