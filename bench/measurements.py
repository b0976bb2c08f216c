"""The measurements behind the promised numbers; how long and how many are arguments: a test runs them small."""

import asyncio
import contextlib
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.viewers import CheapPage, pages_in
from devices.simulator.fleet import make_fleet, run_fleet
from devices.simulator.sketch import Firmware, Sketch
from tests.studio import Studio

PATIENCE_S = 60
SETTLE_S = 2.0  # what is under way arrives, what starting cost is over
_CLAIM = """
from devices.pairing import claim
from devices.presence import lobby
alice = User.objects.get(username="alice")
waiting = {connection.reported_id: connection for connection in lobby(alice)}
devices = {name: claim(waiting[name], Room.objects.get(pk=room), by=alice) for name, room in places.items()}
answer = {name: device.stream for name, device in devices.items()}
"""
_CAPTURE = """
from devices.control import set_capture
for device in Device.objects.filter(device_id__in=names):
    set_capture(device, on=on, by="a measurement")
"""
_PENDING = "from devices.models import Connection; answer = Connection.objects.live().filter(state='pending').count()"


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
    async with (
        _fleet_in(studio, places, microphones_each) as (fleet, streams),
        pages_in(studio.server.port, places * viewers_each, cookie) as pages,
    ):
        cpu_s, started_s = _cpu_seconds(studio), time.monotonic()
        await _capture_for(studio, fleet, seconds)
        busy = 100 * (_cpu_seconds(studio) - cpu_s) / (time.monotonic() - started_s)
        lateness = np.concatenate([np.frombuffer(page.lateness_us, np.int64) for page in pages]) / 1000
        return Latency(
            chunks_sent=sum(sketch.chunks_sent for sketch in fleet),
            deliveries=len(lateness),
            lost=sum(_lost(page, fleet, streams, places[index % rooms]) for index, page in enumerate(pages)),
            p50_ms=float(np.percentile(lateness, 50)),
            p99_ms=float(np.percentile(lateness, 99)),
            worst_ms=float(lateness.max()),
            server_cpu_percent=busy,
        )


async def stall(studio: Studio, *, microphones: int, viewers: int, seconds: float) -> Stall:
    """Let one of several viewers stop reading for so long, and watch the server's memory and the others."""
    room = (await studio.room()).id
    cookie = await studio.sign_in("alice")
    async with (
        _fleet_in(studio, [room], microphones) as (fleet, streams),
        pages_in(studio.server.port, [room] * viewers, cookie) as pages,
    ):
        capturing = asyncio.create_task(_capture_for(studio, fleet, seconds + 2 * SETTLE_S))
        await asyncio.sleep(2 * SETTLE_S)  # memory that every room takes is taken by then
        before_kb = most_kb = _resident_kb(studio)
        stalled, *others = pages
        stalled.stall()
        stalled_at_s, closed_s = time.monotonic(), None
        while not capturing.done():
            await asyncio.sleep(0.5)
            most_kb = max(most_kb, _resident_kb(studio))
            if closed_s is None and "page of alice left" in studio.server.log:
                closed_s = time.monotonic() - stalled_at_s
        await capturing
        late = np.concatenate([np.frombuffer(page.lateness_us, np.int64) for page in others]) / 1000
        return Stall(
            memory_growth_mb=(most_kb - before_kb) / 1000,
            closed_after_s=closed_s,
            others_lost=sum(_lost(page, fleet, streams, room) for page in others),
            others_p99_ms=float(np.percentile(late, 99)),
        )


async def handshakes(studio: Studio, *, count: int, query_delay_ms: int) -> Handshakes:
    """Let claimed devices lose their links at one moment, so that they come back in step, to a slow database."""
    room = (await studio.room()).id
    async with _fleet_in(studio, [room], count) as (fleet, _streams):
        slow = {"DJANGO_SETTINGS_MODULE": "tests.slow_settings", "QUERY_DELAY_MS": str(query_delay_ms)}
        await asyncio.to_thread(lambda: studio.server.restart(**slow))
        await _until(lambda: all(sketch.in_room for sketch in fleet))
        await asyncio.sleep(SETTLE_S)  # a link that drops with a ping unanswered drops once more by itself
        tries_before = sum(sketch.disconnects for sketch in fleet)
        for sketch in fleet:
            sketch.entries_s.clear()
            sketch.drop_link()
        await _until(lambda: all(sketch.entries_s for sketch in fleet))
        took = [sketch.entries_s[0] for sketch in fleet]
        return Handshakes(
            count=count,
            slowest_s=max(took),
            median_s=float(np.median(took)),
            second_tries=sum(sketch.disconnects for sketch in fleet) - tries_before - count,
        )


@contextlib.asynccontextmanager
async def _fleet_in(studio: Studio, rooms: list[str], each: int) -> AsyncIterator[tuple[list[Sketch], dict[str, Any]]]:
    """Run so many microphones in each room, claimed and connected; yields them and where each is: (stream, room)."""
    firmware = Firmware("127.0.0.1", studio.server.port, "esp32-bench-{:03d}", idle_pause_s=0.02, boot_s=0.1)
    fleet = make_fleet(firmware, each * len(rooms))
    running = asyncio.create_task(run_fleet(fleet))
    try:
        await _until_shell(studio, _PENDING, len(fleet))
        places = {sketch.firmware.device_id: rooms[index % len(rooms)] for index, sketch in enumerate(fleet)}
        streams = await studio.shell.does(_CLAIM, places=places)
        await _until(lambda: all(sketch.in_room for sketch in fleet))
        yield fleet, {name: (streams[name], places[name]) for name in places}
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def _capture_for(studio: Studio, fleet: list[Sketch], seconds: float) -> None:
    names = [sketch.firmware.device_id for sketch in fleet]
    await studio.shell.does(_CAPTURE, names=names, on=True)
    await _until(lambda: all(sketch.is_recording for sketch in fleet))
    await asyncio.sleep(seconds)
    await studio.shell.does(_CAPTURE, names=names, on=False)
    await _until(lambda: not any(sketch.is_recording for sketch in fleet))
    await asyncio.sleep(SETTLE_S)


def _lost(page: CheapPage, fleet: list[Sketch], streams: dict[str, Any], room: str) -> int:
    due = 0
    for sketch in fleet:
        stream, place = streams[sketch.firmware.device_id]
        if place == room:
            due += sketch.chunks_sent - page.chunks[stream]
    return due


async def _until(reached: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not reached():  # noqa: ASYNC110 - what is looked at is another process
            await asyncio.sleep(0.02)


async def _until_shell(studio: Studio, code: str, wanted: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await studio.shell.does(code) < wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


def _resident_kb(studio: Studio) -> int:
    return int(_ps(studio, "rss"))


def _cpu_seconds(studio: Studio) -> float:
    """Read `[[hours:]minutes:]seconds` as ps writes it on Linux and on a Mac."""
    total = 0.0
    for part in _ps(studio, "time").replace("-", ":").split(":"):
        total = total * 60 + float(part)
    return total


def _ps(studio: Studio, what: str) -> str:
    command = ["ps", "-o", f"{what}=", "-p", str(studio.server.process.pid)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 (our own server)
