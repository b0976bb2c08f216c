"""The rows that stand for what the recorder wrote: brought up to date behind it, settled when its worker is gone."""

from datetime import timedelta

from django.utils import timezone

from devices.models import Device
from recordings.models import Recording
from recordings.recorder import ABSENT_S, OpenRecording
from rooms.models import Room

_UPDATED = ["state", "ended_at", "written_until", "stored_bytes", "audio_seconds", "missing_seconds"]


def write_rows(recordings: list[OpenRecording]) -> None:
    """Insert or update the rows of `recordings` in one statement, but those of a deleted room or device."""
    if not recordings:
        return
    rooms = set(Room.objects.filter(pk__in={each.room_id for each in recordings}).values_list("pk", flat=True))
    devices = set(Device.objects.filter(pk__in={each.device_id for each in recordings}).values_list("pk", flat=True))
    rows = [_row(each) for each in recordings if each.room_id in rooms and each.device_id in devices]
    Recording.objects.bulk_create(rows, update_conflicts=True, unique_fields=["id"], update_fields=_UPDATED)


def settle_abandoned(quiet: timedelta = timedelta(seconds=2 * ABSENT_S)) -> int:
    """Finish recordings that nobody has written to for `quiet`: their worker died. Returns how many those were."""
    oldest = timezone.now() - quiet
    abandoned = Recording.objects.filter(state=Recording.State.RECORDING, written_until__lt=oldest)
    count = 0
    for recording in abandoned:
        recording.state, recording.ended_at = Recording.State.FINISHED, recording.written_until
        recording.save(update_fields=["state", "ended_at"])
        count += 1
    return count


def _row(recording: OpenRecording) -> Recording:
    finished = recording.finished
    return Recording(
        id=recording.id,
        organization_id=recording.organization_id,
        room_id=recording.room_id,
        device_id=recording.device_id,
        state=Recording.State.FINISHED if finished else Recording.State.RECORDING,
        sample_rate_hz=recording.sample_rate_hz,
        channels=recording.channels,
        started_at=recording.started_at,
        ended_at=recording.written_until if finished else None,
        written_until=recording.written_until,
        stored_bytes=recording.stored_bytes,
        missing_seconds=recording.missing_seconds,
        audio_seconds=recording.samples / recording.sample_rate_hz,
    )
