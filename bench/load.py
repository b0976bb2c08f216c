"""Many microphones for long: whether memory stays flat, every WAV is what was sent, and what recording costs."""

import asyncio
import contextlib
import time
from dataclasses import dataclass

import numpy as np

from bench.fleet import NumberedSketch, capture, cpu_seconds, fleet_in, numbered_fleet, resident_mb
from bench.kept import finished, wav_of
from bench.viewers import pages_in
from devices.simulator.sketch import Firmware
from tests.studio import Studio

LOOK_EVERY_S = 2.0
WARM_AFTER = 0.2  # of the time: what every room and segment takes is taken by then
SETTLE_S = 1.5
_RECORDS = "Room.objects.update(records=records)"


@dataclass
class Load:
    """What was seen of memory and sound."""

    microphones: int
    chunks_sent: int
    recordings: int
    exact: int
    """WAVs that are, sample by sample, what their device sent."""
    gaps: int
    warm_mb: float
    """Resident memory once it is warm: the median of the first half from then on."""
    last_mb: float
    """The median of the second half."""
    cpu_percent: float

    @property
    def growth_mb(self) -> float:
        """By how much memory grew while nothing changed."""
        return self.last_mb - self.warm_mb


@dataclass
class Cost:
    """CPU of the server per chunk, in µs, in alternating stretches with and without recording."""

    without_us: list[float]
    with_us: list[float]

    @property
    def median_without_us(self) -> float:
        """What a chunk costs that is only relayed."""
        return float(np.median(self.without_us))

    @property
    def median_with_us(self) -> float:
        """What a chunk costs that is recorded too."""
        return float(np.median(self.with_us))

    @property
    def added_percent(self) -> float:
        """By how much recording raises it."""
        return 100 * (self.median_with_us / self.median_without_us - 1)


async def load(studio: Studio, *, microphones: int, rooms: int, seconds: float) -> Load:
    """Record many microphones for so long."""
    places = [(await studio.room()).id for _ in range(rooms)]
    fleet = _fleet(studio, microphones)
    seen: list[float] = []
    async with fleet_in(studio, places, fleet) as devices:
        await capture(studio, fleet, on=True)
        cpu_s, started_s = cpu_seconds(studio), time.monotonic()
        while time.monotonic() - started_s < seconds:
            await asyncio.sleep(min(LOOK_EVERY_S, seconds / 10))
            seen.append(resident_mb(studio))
        busy = 100 * (cpu_seconds(studio) - cpu_s) / (time.monotonic() - started_s)
        await capture(studio, fleet, on=False)
        kept = [each for place in places for each in await finished(studio, place)]
    sketches = {devices[sketch.firmware.device_id][1]: sketch for sketch in fleet}
    exact = 0
    for each in kept:
        sound = await wav_of(studio, each, "?gaps=skip")
        exact += await asyncio.to_thread(
            _is_all_of, sketches[each.told["device"]], sound.readframes(sound.getnframes())
        )
    warm = seen[int(len(seen) * WARM_AFTER) :]
    return Load(
        microphones=microphones,
        chunks_sent=sum(sketch.chunks_sent for sketch in fleet),
        recordings=len(kept),
        exact=exact,
        gaps=sum(len(each.told["gaps"]) for each in kept),
        warm_mb=float(np.median(warm[: len(warm) // 2])),
        last_mb=float(np.median(warm[len(warm) // 2 :])),
        cpu_percent=busy,
    )


async def cost(studio: Studio, *, microphones: int, viewers: int, stretches: int, seconds: float) -> Cost:
    """Let the rooms be recorded and not be recorded in turns, all else the same, and compare CPU per chunk."""
    places = [(await studio.room()).id for _ in range(max(1, microphones // 5))]
    fleet = _fleet(studio, microphones)
    cookie = await studio.sign_in("alice")
    found = Cost([], [])
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(fleet_in(studio, places, fleet))
        await stack.enter_async_context(pages_in(studio.server.port, places * viewers, cookie))
        await capture(studio, fleet, on=True)
        for turn in range(2 * stretches):
            records = turn % 2 == 1
            await studio.shell.does(_RECORDS, records=records)
            await asyncio.sleep(SETTLE_S)  # the heartbeat finds it within a second
            cpu_s, chunks = cpu_seconds(studio), sum(sketch.chunks_sent for sketch in fleet)
            await asyncio.sleep(seconds)
            spent_us = 1e6 * (cpu_seconds(studio) - cpu_s)
            taken = sum(sketch.chunks_sent for sketch in fleet) - chunks
            (found.with_us if records else found.without_us).append(spent_us / taken)
        await capture(studio, fleet, on=False)
    return found


def _fleet(studio: Studio, count: int) -> list[NumberedSketch]:
    firmware = Firmware("127.0.0.1", studio.server.port, "esp32-load-{:03d}", boot_s=0.1)
    return numbered_fleet(firmware, count, remembers=False)


def _is_all_of(sketch: NumberedSketch, pcm: bytes) -> bool:
    """Compare without ever holding what was sent: each stretch is made again."""
    samples = sketch.firmware.buffer_samples
    if len(pcm) != 2 * samples * sketch.chunks_sent:
        return False
    stretches = (sketch.microphone.stretch(number, samples) for number in range(sketch.chunks_sent))
    return all(pcm[2 * samples * n : 2 * samples * (n + 1)] == each for n, each in enumerate(stretches))
