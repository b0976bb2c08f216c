"""Who is here: each socket reports what changed, and the reports are written behind it in batches, never in its way."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from channels.db import DatabaseSyncToAsync
from django.conf import settings
from django.db import DatabaseError, IntegrityError, models
from django.utils import timezone

from devices.models import Connection, Device

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Report:
    """One socket as its worker sees it now: the columns of `Connection` that the worker owns."""

    id: UUID
    worker_id: UUID
    reported_id: str
    address: str | None
    opened_at: datetime
    state: str = Connection.State.PENDING
    device_id: UUID | None = None
    room_id: UUID | None = None
    capturing_since: datetime | None = None
    last_chunk_at: datetime | None = None
    chunks: int = 0
    received_bytes: int = 0
    hint_rate_hz: int | None = None
    hint_channels: int | None = None
    problem: str = ""
    telemetry: str = ""
    conflict: bool = False
    closed_at: datetime | None = None
    close_code: int | None = None


_COLUMNS = [field.name for field in fields(Report)]
_UPDATED = [name for name in _COLUMNS if name not in ("id", "worker_id", "reported_id", "opened_at")]


class PresenceWriter:
    """Collects reports and writes the latest of each socket, a batch at a time, on a thread of its own."""

    def __init__(self) -> None:
        self._changed: dict[UUID, Report] = {}
        self._thread = ThreadPoolExecutor(1, "presence")

    def report(self, report: Report) -> None:
        """Note that `report` changed; it is read when it is written, so the latest state counts."""
        self._changed[report.id] = report

    async def flush(self) -> None:
        """Write what changed. When the database is away it stays noted, and later calls try again."""
        batch, self._changed = self._changed, {}
        if not batch:
            return
        rows = [_row(report) for report in batch.values()]
        try:
            await DatabaseSyncToAsync(write_rows, thread_sensitive=False, executor=self._thread)(rows)
        except DatabaseError as error:
            logger.warning("presence of %d sockets waits for the database: %s", len(batch), error)
            self._changed = {**batch, **self._changed}


def write_rows(rows: list[Connection]) -> None:
    """Insert or update connections by their ID, and remember when and where their devices were last heard."""
    try:
        _upsert(rows)
    except IntegrityError:  # a device or room was deleted meanwhile: write the others, leave that one
        for row in rows:
            try:
                _upsert([row])
            except IntegrityError as error:
                logger.warning("connection %s has lost what it belonged to: %s", row.pk, error)
    now = timezone.now()
    heard = {
        row.device_id: Device(pk=row.device_id, last_heard_at=row.closed_at or now, last_address=row.address)
        for row in rows
        if row.device_id and row.state != Connection.State.PENDING
    }
    Device.objects.bulk_update(heard.values(), ["last_heard_at", "last_address"])  # one query, however many are here


def lobby(user: Any) -> models.QuerySet[Connection]:
    """Return the live pending sockets that `user` may connect: in an open lobby all, else those with their names."""
    if not user.is_authenticated or not user.is_active:
        return Connection.objects.none()
    return _waiting(Device.objects.operable_by(user))


def lobby_of(organization_id: UUID) -> models.QuerySet[Connection]:
    """Return the live pending sockets that an organization may connect."""
    return _waiting(Device.objects.filter(organization=organization_id))


def _waiting(devices: models.QuerySet[Device]) -> models.QuerySet[Connection]:
    waiting = Connection.objects.live().filter(state=Connection.State.PENDING, offer=None).select_related("worker")
    if not settings.OPEN_LOBBY:
        waiting = waiting.filter(reported_id__in=devices.filter(released_at=None).values("device_id"))
    return waiting.order_by("opened_at")


def _upsert(rows: list[Connection]) -> None:
    Connection.objects.bulk_create(rows, update_conflicts=True, unique_fields=["id"], update_fields=_UPDATED)


def _row(report: Report) -> Connection:
    return Connection(**{name: getattr(report, name) for name in _COLUMNS})


presence = PresenceWriter()
