"""The rows behind the disk: one per recording, one per segment, brought up to date with what was written."""

import logging
from datetime import UTC, datetime, timedelta

from django.db import transaction

from accounts.models import Organization
from devices.models import Device
from recordings.log.folder import SegmentEntry
from recordings.log.growing import Snapshot
from recordings.models import Recording, Segment
from rooms.models import Room

logger = logging.getLogger(__name__)

_RECORDING_FIELDS = [
    "state", "started_at", "ended_at", "written_until", "stored_bytes", "audio_seconds", "missing_seconds", "gap_count",
    "level_dbfs",
]  # fmt: skip
_SEGMENT_FIELDS = [
    "name", "is_closed", "start_sample", "start_audio_sample", "audio_samples", "gap_samples", "gaps", "stored_bytes",
    "digest",
]  # fmt: skip
_MANY = 100  # segments of one recording: worth a question which of them are told of already


@transaction.atomic
def write_rows(snapshots: list[Snapshot]) -> None:
    """Insert or update the rows of what was written, but those whose organization, room or device is no more."""
    known = _known(snapshots)
    if not known:
        return
    Recording.objects.bulk_create(
        [_recording(each) for each in known],
        update_conflicts=True, unique_fields=["id"], update_fields=_RECORDING_FIELDS,
    )  # fmt: skip
    segments = [segment for each in known for segment in _segments(each)]
    Segment.objects.bulk_create(
        segments, update_conflicts=True, unique_fields=["recording", "number"], update_fields=_SEGMENT_FIELDS
    )
    settled = [each.about.recording for each in known if each.open is None]
    Segment.objects.filter(recording__in=settled, is_closed=False).delete()  # it held nothing, and was removed


def _known(snapshots: list[Snapshot]) -> list[Snapshot]:
    if not snapshots:
        return []
    abouts = [each.about for each in snapshots]
    organizations = set(Organization.objects.filter(pk__in={each.organization for each in abouts}).values_list("pk"))
    rooms = set(Room.objects.filter(pk__in={each.room for each in abouts}).values_list("pk"))
    devices = set(Device.objects.filter(pk__in={each.device for each in abouts}).values_list("pk"))
    known = []
    for each in snapshots:
        about = each.about
        if (about.organization,) in organizations and (about.room,) in rooms and (about.device,) in devices:
            known.append(each)
        else:
            logger.warning("recording %s has no row: its room or device is no more", about.recording)
    return known


def _recording(told: Snapshot) -> Recording:
    about, rate = told.about, told.about.sample_rate_hz
    started_at = _moment(about.started_at_us)
    length = timedelta(seconds=(told.audio + told.missing) / rate)
    return Recording(
        id=about.recording,
        organization_id=about.organization,
        room_id=about.room,
        device_id=about.device,
        state=told.state,
        sample_rate_hz=rate,
        channels=about.channels,
        started_at=started_at,
        ended_at=started_at + length if told.state == Recording.State.FINISHED else None,
        written_until=_moment(told.until_us),
        stored_bytes=told.bytes,
        audio_seconds=told.audio / rate,
        missing_seconds=told.missing / rate,
        gap_count=told.gaps,
        level_dbfs=told.level_dbfs,
    )


def _segments(told: Snapshot) -> list[Segment]:
    entries = list(told.closed)
    if len(entries) > _MANY:
        rows = Segment.objects.filter(recording=told.about.recording, is_closed=True)
        there = set(rows.values_list("number", "digest"))
        entries = [entry for entry in entries if (entry.number, entry.digest) not in there]
    open_too = [told.open] if told.open else []
    return [_segment(told, entry, is_closed=True) for entry in entries] + [
        _segment(told, entry, is_closed=False) for entry in open_too
    ]


def _segment(told: Snapshot, entry: SegmentEntry, *, is_closed: bool) -> Segment:
    return Segment(
        recording_id=told.about.recording,
        number=entry.number,
        name=entry.name,
        is_closed=is_closed,
        start_sample=entry.start,
        start_audio_sample=entry.start_audio,
        audio_samples=entry.audio,
        gap_samples=entry.missing,
        gaps=[[gap.at, gap.samples, gap.reason, gap.estimated] for gap in entry.gaps],
        stored_bytes=entry.bytes,
        digest=entry.digest,
    )


def _moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
