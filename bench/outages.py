"""One device that records through three outages: a dropped link, a loss of power, and a restart of the server."""

import asyncio
from dataclasses import dataclass

from bench.fleet import capture, fleet_in, numbered_fleet, until
from bench.kept import Comparison, compare, finished
from devices.simulator.arduino_websockets import Timing
from devices.simulator.sketch import Firmware
from tests.studio import Studio


@dataclass
class Outages:
    """What is in the device's recording, and the gaps that were declared."""

    recordings: int
    comparison: Comparison
    gaps: list[dict]
    sound_and_gaps_differ_from_duration_s: float


async def outages(studio: Studio, *, seconds: float, retry_s: float = 5.0) -> Outages:
    """Record for so long, with an outage after each quarter of it."""
    room = (await studio.room()).id
    firmware = Firmware("127.0.0.1", studio.server.port, "esp32-outage-{}", timing=Timing(retry_s=retry_s), boot_s=1.0)
    (sketch,) = fleet = numbered_fleet(firmware, 1)
    async with fleet_in(studio, [room], fleet):
        await capture(studio, fleet, on=True)
        for outage in (sketch.drop_link, sketch.power_cut, studio.server.restart):
            await asyncio.sleep(seconds / 4)
            before = sketch.disconnects + sketch.boots
            await asyncio.to_thread(outage) if outage == studio.server.restart else outage()
            await until(lambda before=before: sketch.disconnects + sketch.boots > before)
            await until(lambda: sketch.is_recording)
        await asyncio.sleep(seconds / 4)
        await capture(studio, fleet, on=False)
        kept = await finished(studio, room)
    told = kept[0].told
    return Outages(
        recordings=len(kept),
        comparison=await compare(studio, sketch, kept[0]),
        gaps=told["gaps"],
        sound_and_gaps_differ_from_duration_s=told["duration_seconds"]
        - told["audio_seconds"]
        - sum(gap["seconds"] for gap in told["gaps"]),
    )
