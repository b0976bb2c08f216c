"""Microphones in rooms of a running studio, and sound of which every chunk can be told from every other."""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import psutil

from devices.simulator.fleet import run_fleet
from devices.simulator.microphone import Microphone
from devices.simulator.sketch import Firmware, Sketch
from tests.studio import Studio

PATIENCE_S = 60
_CLAIM = """
from devices.pairing import claim
from devices.presence import lobby
alice = User.objects.get(username="alice")
waiting = {connection.reported_id: connection for connection in lobby(alice)}
devices = {name: claim(waiting[name], Room.objects.get(pk=room), by=alice) for name, room in places.items()}
answer = {name: [device.stream, str(device.pk)] for name, device in devices.items()}
"""
_CAPTURE = """
from devices.control import set_capture
for device in Device.objects.filter(device_id__in=names):
    set_capture(device, on=on, by="a measurement")
"""
_PENDING = "from devices.models import Connection; answer = Connection.objects.live().filter(state='pending').count()"


class NumberedMicrophone(Microphone):
    """Hears noise of which every stretch can be made again from its number."""

    def __init__(self, name: str, *, remembers: bool = True) -> None:
        self.name = name
        self.number = 0
        self.heard_at_s: dict[bytes, float] = {}
        """When the capture of each stretch was complete, by the monotonic clock, if it `remembers`."""
        self._remembers = remembers

    def read(self, samples: int) -> bytes:
        stretch = self.stretch(self.number, samples)
        self.number += 1
        if self._remembers:
            self.heard_at_s[stretch] = time.monotonic()
        return stretch

    def skip(self, samples: int) -> None:
        """What is not heard has no number."""

    def stretch(self, number: int, samples: int) -> bytes:
        """Return the stretch of that number."""
        return hashlib.shake_128(f"{self.name} {number}".encode()).digest(2 * samples)


class NumberedSketch(Sketch):
    """A sketch of which is known what it sent, and when it heard it."""

    def __init__(self, firmware: Firmware, *, remembers: bool = True) -> None:
        self.microphone = NumberedMicrophone(firmware.device_id, remembers=remembers)
        super().__init__(firmware, self.microphone, keeps_sent=remembers)

    def leads_to(self, port: int) -> None:
        """Let its next connection reach another worker, as a balancer does."""
        self.firmware = replace(self.firmware, port=port)
        self._client._port = port


def numbered_fleet(firmware: Firmware, count: int, *, remembers: bool = True) -> list[NumberedSketch]:
    """Flash `count` devices that hear numbered noise; the firmware's device ID is a pattern with `{}`."""
    names = [firmware.device_id.format(number) for number in range(1, count + 1)]
    return [NumberedSketch(replace(firmware, device_id=name), remembers=remembers) for name in names]


@contextlib.asynccontextmanager
async def fleet_in(
    studio: Studio, rooms: list[str], fleet: Sequence[Sketch]
) -> AsyncIterator[dict[str, tuple[int, str, str]]]:
    """Run a fleet, claimed and spread over rooms; yields each device's stream, UUID and room by its name."""
    running = asyncio.create_task(run_fleet(list(fleet)))
    try:
        await until_shell(studio, _PENDING, len(fleet))
        places = {sketch.firmware.device_id: rooms[index % len(rooms)] for index, sketch in enumerate(fleet)}
        known = await studio.shell.does(_CLAIM, places=places)
        await until(lambda: all(sketch.in_room for sketch in fleet))
        yield {name: (known[name][0], known[name][1], places[name]) for name in places}
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def capture(studio: Studio, fleet: Sequence[Sketch], *, on: bool) -> None:
    """Ask all devices to start or to stop, and wait until they do."""
    names = [sketch.firmware.device_id for sketch in fleet]
    await studio.shell.does(_CAPTURE, names=names, on=on)
    await until(lambda: all(sketch.is_recording == on for sketch in fleet))


async def until(reached: Callable[[], Any], *, seconds: float = PATIENCE_S) -> None:
    """Wait until something is so in this process."""
    async with asyncio.timeout(seconds):
        while not reached():  # noqa: ASYNC110 - what is looked at is another process
            await asyncio.sleep(0.02)


async def until_shell(studio: Studio, code: str, wanted: int) -> None:
    """Wait until an administrator's shell counts so many."""
    async with asyncio.timeout(PATIENCE_S):
        while await studio.shell.does(code) < wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


def resident_mb(studio: Studio) -> float:
    """Return the memory of the server's process."""
    return psutil.Process(studio.server.process.pid).memory_info().rss / 1e6


def cpu_seconds(studio: Studio) -> float:
    """Return the CPU time that the server's process has used."""
    times = psutil.Process(studio.server.process.pid).cpu_times()
    return times.user + times.system
