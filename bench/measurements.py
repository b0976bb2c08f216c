"""The measurements behind the promised numbers; how long and how many are arguments: a test runs them small."""

import asyncio
import time
from dataclasses import dataclass

import numpy as np

from bench.fleet import capture, cpu_seconds, fleet_in, resident_mb, until
from bench.viewers import CheapPage, pages_in
from devices.simulator.fleet import make_fleet
from devices.simulator.sketch import Firmware, Sketch
from tests.studio import Studio

SETTLE_S = 2.0  # what is under way arrives, what starting cost is over


@dataclass(frozen=True)
class Latency:
    """How late chunks were at pages, and how many never came."""

    chunks_sent: int
    deliveries: int
    lost: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    server_cpu_percent: float


@dataclass(frozen=True)
class Stall:
    """What one viewer that stops reading costs the server and the others."""

    memory_growth_mb: float
    closed_after_s: float | None
    others_lost: int
    others_p99_ms: float


@dataclass(frozen=True)
class Handshakes:
    """How long devices that come at once take into their rooms, from the TCP connection to `connected`."""

    count: int
    slowest_s: float
    median_s: float
    second_tries: int


async def latency(studio: Studio, *, rooms: int, microphones_each: int, viewers_each: int, seconds: float) -> Latency:
    """Measure from a chunk's arrival at the server to its arrival at a page, the way through the kernel included."""
    places = [(await studio.room()).id for _ in range(rooms)]
    cookie = await studio.sign_in("alice")
    fleet = _fleet(studio, rooms * microphones_each)
    async with (
        fleet_in(studio, places, fleet) as known,
        pages_in(studio.server.port, places * viewers_each, cookie) as pages,
    ):
        cpu_s, started_s = cpu_seconds(studio), time.monotonic()
        await _capture_for(studio, fleet, seconds)
        busy = 100 * (cpu_seconds(studio) - cpu_s) / (time.monotonic() - started_s)
        lateness = np.concatenate([np.frombuffer(page.lateness_us, np.int64) for page in pages]) / 1000
        return Latency(
            chunks_sent=sum(sketch.chunks_sent for sketch in fleet),
            deliveries=len(lateness),
            lost=sum(_lost(page, fleet, known, places[index % rooms]) for index, page in enumerate(pages)),
            p50_ms=float(np.percentile(lateness, 50)),
            p99_ms=float(np.percentile(lateness, 99)),
            worst_ms=float(lateness.max()),
            server_cpu_percent=busy,
        )


async def stall(studio: Studio, *, microphones: int, viewers: int, seconds: float) -> Stall:
    """Let one of several viewers stop reading for so long, and watch the server's memory and the others."""
    room = (await studio.room()).id
    cookie = await studio.sign_in("alice")
    fleet = _fleet(studio, microphones)
    async with (
        fleet_in(studio, [room], fleet) as known,
        pages_in(studio.server.port, [room] * viewers, cookie) as pages,
    ):
        capturing = asyncio.create_task(_capture_for(studio, fleet, seconds + 2 * SETTLE_S))
        await asyncio.sleep(2 * SETTLE_S)  # memory that every room takes is taken by then
        before_mb = most_mb = resident_mb(studio)
        stalled, *others = pages
        stalled.stall()
        stalled_at_s, closed_s = time.monotonic(), None
        while not capturing.done():
            await asyncio.sleep(0.5)
            most_mb = max(most_mb, resident_mb(studio))
            if closed_s is None and "page of alice left" in studio.server.log:
                closed_s = time.monotonic() - stalled_at_s
        await capturing
        late = np.concatenate([np.frombuffer(page.lateness_us, np.int64) for page in others]) / 1000
        return Stall(
            memory_growth_mb=most_mb - before_mb,
            closed_after_s=closed_s,
            others_lost=sum(_lost(page, fleet, known, room) for page in others),
            others_p99_ms=float(np.percentile(late, 99)),
        )


async def handshakes(studio: Studio, *, count: int, query_delay_ms: int) -> Handshakes:
    """Let claimed devices lose their links at one moment, so that they come back in step, to a slow database."""
    room = (await studio.room()).id
    fleet = _fleet(studio, count)
    async with fleet_in(studio, [room], fleet):
        slow = {"DJANGO_SETTINGS_MODULE": "tests.slow_settings", "QUERY_DELAY_MS": str(query_delay_ms)}
        await asyncio.to_thread(lambda: studio.server.restart(**slow))
        await until(lambda: all(sketch.in_room for sketch in fleet))
        await asyncio.sleep(SETTLE_S)  # a link that drops with a ping unanswered drops once more by itself
        tries_before = sum(sketch.disconnects for sketch in fleet)
        for sketch in fleet:
            sketch.entries_s.clear()
            sketch.drop_link()
        await until(lambda: all(sketch.entries_s for sketch in fleet))
        took = [sketch.entries_s[0] for sketch in fleet]
        return Handshakes(
            count=count,
            slowest_s=max(took),
            median_s=float(np.median(took)),
            second_tries=sum(sketch.disconnects for sketch in fleet) - tries_before - count,
        )


async def _capture_for(studio: Studio, fleet: list[Sketch], seconds: float) -> None:
    await capture(studio, fleet, on=True)
    await asyncio.sleep(seconds)
    await capture(studio, fleet, on=False)
    await asyncio.sleep(SETTLE_S)


def _fleet(studio: Studio, count: int) -> list[Sketch]:
    return make_fleet(
        Firmware("127.0.0.1", studio.server.port, "esp32-bench-{:03d}", idle_pause_s=0.02, boot_s=0.1), count
    )


def _lost(page: CheapPage, fleet: list[Sketch], known: dict[str, tuple[int, str, str]], room: str) -> int:
    due = 0
    for sketch in fleet:
        stream, _device, place = known[sketch.firmware.device_id]
        if place == room:
            due += sketch.chunks_sent - page.chunks[stream]
    return due
