"""Files that people ask for, as rows: they wait, are claimed by one process, made, cancelled, and forgotten."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import User
from recordings.models import Export, Recording
from rooms.models import Room

MAX_UNDER_WAY = 20  # of one organization; whoever asks for more is told to wait, and nobody else has to
MAX_RECORDINGS = 500  # in one archive
STALE_AFTER = timedelta(seconds=10)  # a process that lives says so twice a second
MAX_TRIES = 3  # a job that ends its process each time must not do so for ever
UNDER_WAY = (Export.State.WAITING, Export.State.RUNNING)
OVER = (Export.State.DONE, Export.State.FAILED, Export.State.CANCELLED)
GIVEN_UP = gettext_noop("It could not be made in three attempts. The server's log may say why.")


class TooMany(ValueError):
    """So many exports of this organization are under way that one more has to wait to be asked for."""


def ask(
    user: User,
    recordings: Iterable[Recording],
    *,
    file_format: str = Export.Format.WAV,
    gaps: str = Export.Gaps.SILENCE,
    zipped: bool = False,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
) -> Export:
    """Have a file made of `recordings`, which `user` may see; of several, a ZIP. Raises ValueError with a sentence."""
    wanted = list(recordings)
    if from_at and to_at and from_at >= to_at:
        raise ValueError(_("“from” lies after “to”."))
    wanted = [each for each in wanted if _reaches_into(each, from_at, to_at)]
    if not wanted:
        raise ValueError(_("Nothing was recorded there."))
    if len(wanted) > MAX_RECORDINGS:
        raise ValueError(_("These are more than %(count)s recordings. Ask for less time.") % {"count": MAX_RECORDINGS})
    organization_id = wanted[0].organization_id
    if any(each.organization_id != organization_id for each in wanted):
        raise ValueError(_("These recordings belong to several organizations. Ask for each one's own."))
    if Export.objects.filter(organization=organization_id, state__in=UNDER_WAY).count() >= MAX_UNDER_WAY:
        told = _("%(count)s files are being made already. Wait for one, or cancel one.")
        raise TooMany(told % {"count": MAX_UNDER_WAY})
    export = Export.objects.create(
        organization_id=organization_id,
        asked_by=user,
        format=file_format,
        gaps=gaps,
        zipped=zipped or len(wanted) > 1,
        from_at=from_at,
        to_at=to_at,
    )
    export.recordings.set(wanted)
    return export


def recordings_of_room(user: User, room: Room) -> QuerySet[Recording]:
    """Return what `user` may have made into an archive of `room`."""
    return Recording.objects.visible_to(user).filter(room=room).order_by("started_at")


def visible_exports(user: Any) -> QuerySet[Export]:
    """Return the exports that `user` may see: of a recording that was deleted, nobody has the file any more."""
    parts = Export.recordings.through.objects.filter(export=OuterRef("pk"))
    deleted = parts.filter(recording__deleted_at__isnull=False)
    return Export.objects.visible_to(user).filter(Exists(parts)).exclude(Exists(deleted))


def cancel(export: Export) -> None:
    """Stop what is under way, and remove what is done; its process notices within a second."""
    Export.objects.filter(pk=export.pk).exclude(state__in=(Export.State.FAILED, Export.State.CANCELLED)).update(
        state=Export.State.CANCELLED, finished_at=timezone.now(), stored_bytes=0
    )
    export.refresh_from_db()
    path = file_of(export)
    transaction.on_commit(lambda: path.unlink(missing_ok=True))  # rolled back, it must not have cost the file


def retry(exports: QuerySet[Export]) -> int:
    """Let exports that failed be made after all; how many those are."""
    return exports.filter(state=Export.State.FAILED).update(
        state=Export.State.WAITING, tries=0, progress=0, error="", finished_at=None, touched_at=None
    )


def forget(recording: Recording) -> None:
    """Remove every file that was made of `recording`, done or not, at the commit of who removes it for good."""
    for export in Export.objects.filter(recordings=recording):
        cancel(export)
        export.delete()


def claim(now: datetime | None = None) -> Export | None:
    """Take the oldest export that waits; of all processes that ask, one gets it. None when there is none."""
    moment = now or timezone.now()
    give_back_abandoned(moment)
    for waiting in Export.objects.filter(state=Export.State.WAITING).order_by("asked_at")[:10]:
        begun = {"state": Export.State.RUNNING, "tries": waiting.tries + 1, "started_at": moment, "touched_at": moment}
        still = Export.objects.filter(pk=waiting.pk, state=Export.State.WAITING, tries=waiting.tries)
        if still.update(progress=0, **begun):
            waiting.refresh_from_db()
            for path in _folder().glob(f"{waiting.pk.hex}*"):
                path.unlink(missing_ok=True)  # what attempts left that were killed
            return waiting
    return None


def give_back_abandoned(now: datetime | None = None) -> None:
    """Let exports whose process died wait again; after three times they have failed."""
    moment = now or timezone.now()
    dead = Export.objects.filter(_is_abandoned(moment))
    dead.filter(tries__gte=MAX_TRIES).update(state=Export.State.FAILED, error=GIVEN_UP, finished_at=moment)
    dead.update(state=Export.State.WAITING, progress=0)


def is_work_waiting(now: datetime | None = None) -> bool:
    """Tell whether there is something to make or to clear away."""
    moment = now or timezone.now()
    waits = Q(state=Export.State.WAITING) | _is_abandoned(moment) | _is_expired(moment)
    return Export.objects.filter(waits).exists()


def sweep(now: datetime | None = None) -> None:
    """Remove exports that were kept long enough, and files that belong to none, as a killed process leaves them."""
    moment = now or timezone.now()
    for export in Export.objects.filter(_is_expired(moment) | Q(recordings=None)).distinct():
        file_of(export).unlink(missing_ok=True)
        export.delete()
    files = [path for path in _folder().iterdir() if _owner(path)]  # before their rows are read: none may be newer
    rows = {row.pk: row for row in Export.objects.filter(pk__in=[_owner(path) for path in files])}
    for path in files:
        row = rows.get(_owner(path) or UUID(int=0))
        if row is None or path not in _files_of(row):
            path.unlink(missing_ok=True)


def file_of(export: Export) -> Path:
    """Return where the file of an export lies when it is done."""
    return _folder() / export.pk.hex


def part_of(export: Export) -> Path:
    """Return where it grows: each attempt has a file of its own, so that no two write into one."""
    return _folder() / f"{export.pk.hex}-{export.tries}.part"


def _files_of(export: Export) -> set[Path]:
    match export.state:
        case Export.State.DONE:
            return {file_of(export)}
        case Export.State.RUNNING:
            return {file_of(export), part_of(export), part_of(export).with_suffix(".track")}
    return set()


def _folder() -> Path:
    folder = Path(settings.EXPORTS_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _owner(path: Path) -> UUID | None:
    try:
        return UUID(hex=path.name[:32])
    except ValueError:
        return None  # not ours: whoever put it there knows why


def _is_abandoned(now: datetime) -> Q:
    # a sign of life from the future is one from before the clock was set back, and tells nothing
    silent = Q(touched_at__lt=now - STALE_AFTER) | Q(touched_at__gt=now + STALE_AFTER) | Q(touched_at=None)
    return Q(state=Export.State.RUNNING) & silent


def _is_expired(now: datetime) -> Q:
    return Q(state__in=OVER, finished_at__lt=now - timedelta(days=settings.EXPORT_KEEP_DAYS))


def _reaches_into(recording: Recording, from_at: datetime | None, to_at: datetime | None) -> bool:
    runs = recording.state != Recording.State.FINISHED
    ended_at = recording.started_at + timedelta(seconds=recording.duration_seconds)
    begins_before = to_at is None or recording.started_at < to_at
    return begins_before and (from_at is None or runs or ended_at > from_at)
