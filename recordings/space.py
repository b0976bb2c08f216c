"""What a room's page says of its recording: how long, written up to when, and for how long the disk will do."""

import shutil
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from recordings.models import Recording
from rooms.models import Room

SECONDS_PER_DAY = 86_400
SETTLED_RATE_S = 60  # of shorter recording no rate can be told


def recording_of_room(room: Room) -> dict[str, Any]:
    """Return `recording` (None while nothing is recorded) and `spaceDays` (None when nothing was ever recorded)."""
    running = list(Recording.objects.filter(room=room, state=Recording.State.RECORDING))
    return {"recording": _summary(running) if running else None, "spaceDays": days_left()}


def days_left() -> int | None:
    """Return for how many days the free space lasts at the rate of the last seven days; None before there is a rate."""
    week = Recording.objects.filter(started_at__gt=timezone.now() - timedelta(days=7))
    stored = week.aggregate(total=Sum("stored_bytes"))["total"]
    if not stored:
        return None
    first = week.order_by("started_at").values_list("started_at", flat=True).first()
    passed = (timezone.now() - first).total_seconds() if first else 0.0
    if passed < SETTLED_RATE_S:
        return None
    free = shutil.disk_usage(settings.RECORDINGS_DIR if settings.RECORDINGS_DIR.exists() else settings.DATA_DIR).free
    return int(free / (stored / passed) / SECONDS_PER_DAY)


def _summary(running: list[Recording]) -> dict[str, Any]:
    since = min(each.started_at for each in running)
    written = max((each.written_until for each in running if each.written_until), default=None)
    return {
        "since": since.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "seconds": (written - since).total_seconds() if written else 0,
        "writtenUntil": written.isoformat(timespec="milliseconds").replace("+00:00", "Z") if written else None,
        "missingSeconds": round(sum(each.missing_seconds for each in running)),
    }
