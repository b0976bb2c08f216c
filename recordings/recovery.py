"""The one finaliser that is relied on: settles what nobody writes any more, and rebuilds rows that were lost."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from devices.binding import microseconds
from devices.models import Device
from recordings import index
from recordings.log.captures import OpenNote, open_notes
from recordings.log.clocks import Clocks
from recordings.log.folder import Manifest, RecordingFolder, folder_of
from recordings.log.growing import Snapshot, snapshot_of
from recordings.log.repair import Repaired, declare_missing, repaired
from recordings.log.signing import read_or_make_key
from recordings.models import Recording

logger = logging.getLogger(__name__)

SECOND_US = 1_000_000
ABSENT_US = 30 * SECOND_US  # after it, at the next look, a recording is called finished; its device may still return
AT_ONCE = 200  # rows of so many recordings in one transaction


def settle(clocks: Clocks | None = None) -> int:
    """Bring to rest every recording that no living process writes to, though its note or its row says that it goes on.

    Returns how many were looked at. Raises DatabaseError; then nothing is lost, the next call does it.
    """
    told: list[Snapshot] = []
    noted = set()
    for note in list(open_notes()):
        folder = note.folder
        if folder.path.is_dir():
            noted.add(note.recording)
            told += _with_lock(folder, partial(_settled, note, folder, clocks or Clocks()))
        else:
            note.remove()
    for row in Recording.objects.exclude(state=Recording.State.FINISHED).exclude(pk__in=noted):
        told += _row_settled(row)
    index.write_rows(told)
    return len(told)


def rebuild_lost_rows() -> int:
    """Write the rows of all recordings on disk that have none; returns how many."""
    known = set(Recording.objects.values_list("pk", flat=True)) | {note.recording for note in open_notes()}
    told: list[Snapshot] = []
    count = 0
    for folder, recording_id in _folders():
        if recording_id in known:
            continue
        found = _with_lock(folder, partial(_finished, folder))
        count, told = count + len(found), told + found
        if len(told) >= AT_ONCE:
            index.write_rows(told)
            told = []
    index.write_rows(told)
    return count


def _with_lock(folder: RecordingFolder, work: Callable[[], list[Snapshot]]) -> list[Snapshot]:
    """Do `work` unless somebody writes there; a folder that the disk refuses keeps no other from being settled."""
    try:
        if not folder.lock():
            return []
        try:
            return work()
        finally:
            folder.unlock()
    except OSError as error:
        logger.error("%s cannot be settled: %s", folder.path, error)
        return []


def _row_settled(row: Recording) -> list[Snapshot]:
    """Finish a row that goes on without a note: by its folder, or as it stands where there is nothing on disk."""
    folder = RecordingFolder(folder_of(row.organization_id, row.pk))
    if folder.path.is_dir():
        told = _with_lock(folder, partial(_finished, folder))
        if told or folder.manifest() is not None:
            return told
    row.state, row.ended_at = Recording.State.FINISHED, row.written_until
    row.save(update_fields=["state", "ended_at"])
    return []


def _settled(note: OpenNote, folder: RecordingFolder, clocks: Clocks) -> list[Snapshot]:
    key = read_or_make_key(settings.DATA_DIR / "signing_key.pem")
    found = _whole(folder, key)
    if found is None:
        note.remove()
        return []
    manifest, entries = found
    away_us = _away_us(manifest, clocks)
    over = away_us > settings.RESUME_WITHIN_SECONDS * SECOND_US or not _is_wanted(manifest)
    if manifest.state == "recording" and (over or away_us > ABSENT_US):
        manifest = replace(manifest, state="finished")
        folder.write_manifest(manifest, key)
        logger.info("recording %s is settled: %d segments", folder.path.name, manifest.segments)
    if over:
        note.remove()
    told = snapshot_of(manifest, entries)
    return [told if told.state == "finished" else replace(told, state="settling")]


def _finished(folder: RecordingFolder) -> list[Snapshot]:
    key = read_or_make_key(settings.DATA_DIR / "signing_key.pem")
    found = _whole(folder, key)
    if found is None:
        logger.warning("%s holds nothing that says whose recording it is", folder.path)
        return []
    manifest = replace(found[0], state="finished", left="")
    if manifest != found[0]:
        folder.write_manifest(manifest, key)
    return [snapshot_of(manifest, tuple(folder.entries()))]


def _whole(folder: RecordingFolder, key: Ed25519PrivateKey) -> Repaired | None:
    """Repair a folder; what its row once told of, and is on the disk no more, is declared as missing at its end."""
    found = repaired(folder, key)
    if found is None:
        return None
    manifest, entries = found
    row = Recording.objects.filter(pk=manifest.about.recording).first()
    lost = round(row.duration_seconds * row.sample_rate_hz) - manifest.position if row else 0
    if lost <= 0:
        return found
    manifest, declared = declare_missing(folder, manifest, lost, key)
    return manifest, (*entries, *declared)


def _away_us(manifest: Manifest, clocks: Clocks) -> int:
    """Return for how long nothing was written, by the steady clock where it is still the same."""
    same_boot = manifest.boot and manifest.boot == clocks.boot
    now_us = manifest.anchor_us + clocks.steady_us() if same_boot else clocks.world_us()
    return max(0, now_us - manifest.until_us)


def _is_wanted(manifest: Manifest) -> bool:
    """Tell whether the capture that it records is still asked for, in that room."""
    about = manifest.about
    device = Device.objects.select_related("room").filter(pk=about.device, released_at=None).first()
    room = device.room if device else None
    if device is None or room is None or room.pk != about.room or not (room.is_active and room.records):
        return False
    return device.desired_capture and microseconds(device.desired_at) == about.capture_us


def _folders() -> Iterator[tuple[RecordingFolder, UUID]]:
    for path in sorted(Path(settings.RECORDINGS_DIR).glob("*/*")):
        if len(path.parent.name) == len(path.name) == 32 and path.is_dir():
            try:
                yield RecordingFolder(path), UUID(hex=path.name)
            except ValueError:
                continue
