"""What the page of a recording shows: the devices of its room side by side, on this recording's own axis of time."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from recordings.models import Marker, Recording, Segment

MAX_LANES = 16  # more would neither be seen nor told apart by ear; the page says how many it left out
MAX_TAKES = 200  # of all lanes; a device that was started and stopped more often during one recording is shown in part
LIVE_WITHIN = timedelta(seconds=5)  # the rows follow the disk once a second, and a worker may be busy
GAPS_AGAIN_S = 120  # a gap may still be estimated in a segment of 30 s; so far back a look for what is new goes


def board_of(recording: Recording, user: Any, since_s: float | None = None) -> dict[str, Any]:
    """Return what the page draws: lanes of takes with their gaps; with `since_s` only the gaps that may be new.

    Seconds count from this recording's start; a take has its own in `offset`.
    """
    takes, left_out = _takes(recording, user)
    gaps = _gaps(takes, recording, since_s)
    lanes: dict[UUID, dict[str, Any]] = {}
    for take in takes:
        lane = lanes.setdefault(take.device_id, {"id": str(take.device_id), "name": str(take.device), "takes": []})
        lane["takes"].append(_take(take, recording, gaps[take.pk]))
    return {
        "id": str(recording.pk),
        "state": recording.state,
        "live": is_live(recording),
        "startedAt": _iso(recording.started_at),
        "seconds": recording.duration_seconds,
        "audioSeconds": recording.audio_seconds,
        "gapCount": recording.gap_count,
        "lanes": list(lanes.values()),
        "lanesLeftOut": left_out,
    }


def markers_of(recording: Recording, board: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the markers of everything that the board shows, in the order of the moments they name."""
    offsets = {UUID(take["id"]): take["offset"] for lane in board["lanes"] for take in lane["takes"]}
    found = Marker.objects.filter(recording__in=offsets).select_related("author")
    shown = [
        {
            "id": marker.pk,
            "recording": str(marker.recording_id),
            "at": marker.at_seconds + offsets[marker.recording_id],
            "text": marker.text,
            "author": name_of(marker.author) if marker.author else "",
        }
        for marker in found
    ]
    return sorted(shown, key=lambda marker: marker["at"])


def is_live(recording: Recording) -> bool:
    """Tell whether sound reaches the disk now: a device that is away may come back, but nothing runs meanwhile."""
    written = recording.written_until
    running = recording.state == Recording.State.RECORDING
    return running and written is not None and timezone.now() - written < LIVE_WITHIN


def name_of(user: Any) -> str:
    """Return what others call a person."""
    return str(user.get_full_name() or user.get_username())


def _takes(recording: Recording, user: Any) -> tuple[list[Recording], int]:
    """Return this recording and what overlaps it of the room's other devices, and how many devices were left out.

    What its own device recorded next begins where this one ends, and by a clock's error a little earlier.
    """
    until = timezone.now() if _runs(recording) else recording.started_at + timedelta(seconds=recording.duration_seconds)
    overlapping = (
        Recording.objects.visible_to(user)
        .filter(Q(ended_at=None) | Q(ended_at__gt=recording.started_at), room=recording.room, started_at__lt=until)
        .exclude(device=recording.device_id)
        .select_related("device")
        .order_by("started_at")[:MAX_TAKES]
    )
    by_device: dict[UUID, list[Recording]] = defaultdict(list, {recording.device_id: [recording]})
    for each in overlapping:
        by_device[each.device_id].append(each)
    own, *others = by_device.values()
    others.sort(key=lambda takes: str(takes[0].device).casefold())
    shown = [own, *others][:MAX_LANES]
    return [take for takes in shown for take in takes], len(by_device) - len(shown)


def _gaps(takes: Iterable[Recording], recording: Recording, since_s: float | None) -> dict[UUID, list[dict[str, Any]]]:
    """Return the gaps of all takes by one query; a week has 20,000 segments, and few of them have gaps."""
    by_take = {take.pk: take for take in takes}
    segments = Segment.objects.filter(recording__in=by_take, gap_samples__gt=0).order_by("recording", "number")
    if since_s is not None:
        wanted = Q()
        for take in by_take.values():
            from_s = since_s - GAPS_AGAIN_S - (take.started_at - recording.started_at).total_seconds()
            wanted |= Q(recording=take.pk, start_sample__gte=max(0, int(from_s * take.sample_rate_hz)))
        segments = segments.filter(wanted)
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for take_id, start, gaps in segments.values_list("recording", "start_sample", "gaps"):
        rate_hz = by_take[take_id].sample_rate_hz
        for before, samples, reason, is_estimated in gaps:
            at = start + before
            found[take_id].append(
                {"at": at / rate_hz, "seconds": samples / rate_hz, "reason": reason, "estimated": is_estimated}
            )
            start += samples
    return found


def _take(take: Recording, recording: Recording, gaps: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": str(take.pk),
        "state": take.state,
        "live": is_live(take),
        "offset": (take.started_at - recording.started_at).total_seconds(),
        "seconds": take.duration_seconds,
        "audioSeconds": take.audio_seconds,
        "rate": take.sample_rate_hz,
        "channels": take.channels,
        "level": take.level_dbfs,
        "gapCount": take.gap_count,
        "gaps": gaps,
    }


def _runs(recording: Recording) -> bool:
    return recording.state != Recording.State.FINISHED


def _iso(at: Any) -> str:
    return str(at.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
