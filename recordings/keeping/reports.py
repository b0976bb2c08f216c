"""What this worker cannot write down, told as rows to the pages of other workers, and what those told us."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from devices.models import Connection
from recordings.log.recorder import recorder
from recordings.log.troubles import Trouble
from recordings.models import ReportedTrouble
from rooms.models import Room


class Reports:
    """The reports of one worker. Without other workers there is nobody to tell, and a full disk takes no row."""

    def __init__(self) -> None:
        self._worker_id: UUID | None = None
        self._told: set[str] = set()

    def tell(self, worker_id: UUID, lasting: list[Trouble], now: datetime) -> None:
        """Bring the rows in line with what troubles `worker_id` now; most often nothing does. Raises DatabaseError."""
        self._worker_id = worker_id
        kinds = {each.kind: each for each in lasting if each.organization is None}
        for kind, trouble in kinds.items():
            told = {"since": trouble.since, "chunks_lost": trouble.chunks_lost, "seen_at": now}
            ReportedTrouble.objects.update_or_create(worker_id=worker_id, kind=kind, defaults=told)
        if self._told - kinds.keys():
            ReportedTrouble.objects.filter(worker=worker_id).exclude(kind__in=kinds).delete()
        self._told = set(kinds)

    def of_others(self, room: Room | None, now: datetime) -> list[Trouble]:
        """Return what troubles the other workers now; with `room`, those that hold a device of it."""
        fresh = now - timedelta(seconds=settings.WORKER_LEASE_SECONDS)
        found = ReportedTrouble.objects.filter(seen_at__gt=fresh).exclude(worker=self._worker_id)
        if room:
            found = found.filter(worker__in=Connection.objects.live().filter(room=room).values("worker"))
        return [Trouble(each.kind, each.since, each.chunks_lost) for each in found.order_by("since")]


reports = Reports()


def tell(worker_id: UUID) -> None:
    """Called by each heartbeat of `worker_id`. Raises DatabaseError."""
    if not settings.EMBEDDED:
        reports.tell(worker_id, recorder.troubles(), timezone.now())


def lasting(room: Room | None = None) -> list[Trouble]:
    """Return what keeps sound from being kept now, here and, unless this is the only worker, on the others.

    What concerns one organization alone is told only for a `room` of it, and by this worker alone.
    """
    concerned = (None, room.organization_id if room else None)
    here = [each for each in recorder.troubles() if each.organization in concerned]
    return here if settings.EMBEDDED else here + reports.of_others(room, timezone.now())
