"""What Prometheus is told: of this worker from its memory, of the installation from a few counts in its database."""

import asyncio
import contextlib
import hmac
import os
import shutil
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from channels.db import DatabaseSyncToAsync
from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from devices.models import Worker
from gateway import sockets
from recordings.log.recorder import MAX_WAITING_BYTES, recorder
from recordings.models import Export, Recording, Segment
from rooms.relay import Dialect, relay

ASK_SECONDS = 2.0  # a scrape is answered without what does not answer: a disk or a database that hangs is worth knowing
OFFSITE = "recordings-offsite"  # the storage that closed segments go to, where one is set
LOST_BY_RECORDER = ("queue-full", "disk-full", "over-quota")
PAGE_KINDS = {Dialect.LIVE: "page", Dialect.V1: "page-v1"}

_thread = ThreadPoolExecutor(1, "metrics")  # one: scrapes behind a database that hangs do not pile up threads


@dataclass
class Asked:
    """What has to be asked of a disk or a database; what did not answer in time is None or empty."""

    disk_total_bytes: int | None = None
    disk_free_bytes: int | None = None
    database_answers: bool = False
    recordings: dict[str, int] = field(default_factory=dict)
    exports: dict[str, int] = field(default_factory=dict)
    segments_waiting: int = 0
    segments_failing: int = 0
    heartbeat_ages_s: dict[str, float] = field(default_factory=dict)


class ThisWorker(Collector):
    """The metrics of one scrape; reads the process's counters when collected, on the event loop that changes them."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._worker = f"{socket.gethostname()}:{os.getpid()}"

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield from self._sockets()
        yield from self._chunks()
        yield from self._recorder()
        yield from self._disk()
        yield from self._database()

    def _sockets(self) -> Iterator[Metric]:
        kinds = Counter(f"device-{each.report.state}" for each in sockets.devices.values())
        kinds.update(PAGE_KINDS[each.session.dialect] for each in sockets.pages)
        known = ["device-pending", "device-connected", "device-capturing", *PAGE_KINDS.values()]
        yield self._gauge("sockets", "Open sockets", {kind: kinds[kind] for kind in known}, "kind")
        yield self._gauge("rooms_watched", "Rooms with viewers on this worker", len(relay.feeds))

    def _chunks(self) -> Iterator[Metric]:
        outboxes = [viewer.outbox for feed in relay.feeds.values() for viewer in feed.everyone()]
        yield self._counter("chunks", "Chunks taken from devices and talking pages", relay.chunks)
        delivered = relay.delivered + sum(outbox.delivered for outbox in outboxes)
        yield self._counter("deliveries", "Messages handed to viewers' transports", delivered)
        dropped = {
            "viewer-slow": relay.dropped + sum(outbox.dropped for outbox in outboxes),
            "bus-full": relay.bus.dropped,
            **{reason: recorder.lost_chunks[reason] for reason in LOST_BY_RECORDER},
        }
        yield self._counter("drops", "Chunks given up, by what had no room for them", dropped, "reason")
        waiting = sum(outbox.waiting_bytes for outbox in outboxes)
        yield self._gauge("outbox_bytes", "Bytes that wait for slow viewers", waiting)

    def _recorder(self) -> Iterator[Metric]:
        yield self._counter("recorder_chunks", "Chunks written to the segment log", recorder.written_chunks)
        yield self._gauge("recorder_queue_bytes", "Bytes that wait to be written", recorder.waiting_bytes)
        yield self._gauge("recorder_queue_limit_bytes", "Beyond it chunks are given up", MAX_WAITING_BYTES)
        yield self._gauge("recorder_lag_seconds", "How long chunks wait before they are written", recorder.lag_seconds)
        yield self._gauge("fsync_seconds", "Duration of the last round of syncs", recorder.sync_seconds)

    def _disk(self) -> Iterator[Metric]:
        if self._asked.disk_total_bytes is not None:
            yield self._gauge("disk_size_bytes", "Size of the recordings' disk", self._asked.disk_total_bytes)
            yield self._gauge("disk_free_bytes", "Free space for recordings", self._asked.disk_free_bytes or 0)

    def _database(self) -> Iterator[Metric]:
        asked = self._asked
        yield self._gauge("database_up", "1 when the database answered this scrape", int(asked.database_answers))
        if not asked.database_answers:
            return
        yield _of_all("recordings", "Recordings that are not deleted", asked.recordings, "state")
        yield _of_all("exports", "Exports", asked.exports, "state")
        segments = {"waiting": asked.segments_waiting, "failing": asked.segments_failing}
        yield _of_all("segments_to_upload", "Closed segments that are on no other storage yet", segments, "upload")
        ages = asked.heartbeat_ages_s
        yield _of_all("worker_heartbeat_age_seconds", "Time since a worker was last seen", ages, "worker")

    def _gauge(self, name: str, text: str, value: float | dict[str, int], label: str = "") -> Metric:
        return self._filled(GaugeMetricFamily(f"leganize_{name}", text, labels=self._labels(label)), value)

    def _counter(self, name: str, text: str, value: float | dict[str, int], label: str = "") -> Metric:
        return self._filled(CounterMetricFamily(f"leganize_{name}", text, labels=self._labels(label)), value)

    def _labels(self, label: str) -> list[str]:
        return ["worker", label] if label else ["worker"]

    def _filled(
        self, family: GaugeMetricFamily | CounterMetricFamily, value: float | dict[str, int]
    ) -> GaugeMetricFamily | CounterMetricFamily:
        if not isinstance(value, dict):
            family.add_metric([self._worker], value)
            return family
        for name, count in value.items():
            family.add_metric([self._worker, name], count)
        return family


class Inquiry:
    """Asks once for all scrapes that come meanwhile, and again only when that was answered."""

    def __init__(self) -> None:
        self._asked = Asked()
        self._task: asyncio.Task[None] | None = None

    async def answer(self) -> Asked:
        """Return what was answered within `ASK_SECONDS`, which may be nothing."""
        if self._task is None or self._task.done():
            self._asked = Asked()
            fill = DatabaseSyncToAsync(_fill, thread_sensitive=False, executor=_thread)
            self._task = asyncio.create_task(fill(self._asked))
        await asyncio.wait({self._task}, timeout=ASK_SECONDS)
        return self._asked


inquiry = Inquiry()


@never_cache
@require_safe
async def metrics(request: HttpRequest) -> HttpResponse:
    """Answer a scrape; whoever is neither Prometheus with its token nor a superuser finds nothing here."""
    if not await _may_read(request):
        raise Http404
    return HttpResponse(exposition(await inquiry.answer()), content_type=CONTENT_TYPE_LATEST)


def exposition(asked: Asked) -> bytes:
    """Return all metrics as Prometheus reads them. To be called on the event loop."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(ThisWorker(asked))
    return generate_latest(registry)


def ask() -> Asked:
    """Ask the disk and the database."""
    asked = Asked()
    _fill(asked)
    return asked


async def _may_read(request: HttpRequest) -> bool:
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and settings.METRICS_TOKEN:
        return hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
    try:
        user = await request.auser()
    except DatabaseError:
        return False  # nobody can be recognised now
    return user.is_active and user.is_superuser


def _fill(asked: Asked) -> None:
    """Fill `asked` bit by bit, the disk first: it is here also while the database is away."""
    folder = settings.RECORDINGS_DIR if settings.RECORDINGS_DIR.exists() else settings.DATA_DIR
    usage = shutil.disk_usage(folder)
    asked.disk_total_bytes, asked.disk_free_bytes = usage.total, usage.free
    with contextlib.suppress(DatabaseError):  # the scrape says so: leganize_database_up
        _ask_database(asked)
        asked.database_answers = True


def _ask_database(asked: Asked) -> None:
    asked.recordings = _by_state(Recording.objects.filter(deleted_at=None), Recording.State.values)
    asked.exports = _by_state(Export.objects.all(), Export.State.values)
    if OFFSITE in settings.STORAGES:
        waiting = Segment.objects.filter(is_closed=True, place=Segment.Place.HERE)
        counts = waiting.aggregate(waiting=Count("pk"), failing=Count("pk", filter=Q(upload_tries__gt=0)))
        asked.segments_waiting, asked.segments_failing = counts["waiting"], counts["failing"]
    now = timezone.now()
    for worker in Worker.objects.filter(stopped_at=None):
        asked.heartbeat_ages_s[str(worker)] = (now - worker.seen_at).total_seconds()


def _by_state(rows: QuerySet[Any], states: list[str]) -> dict[str, int]:
    counted = dict(rows.order_by().values_list("state").annotate(Count("pk")))
    return {state: counted.get(state, 0) for state in states}


def _of_all(name: str, text: str, values: Mapping[str, float], label: str) -> Metric:
    """Make a gauge that is the same whichever worker answers."""
    family = GaugeMetricFamily(f"leganize_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
