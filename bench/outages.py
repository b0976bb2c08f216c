"""One device that records through outages of its link, its power and its server, and through steps of the clock."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.fleet import NumberedSketch, capture, fleet_in, numbered_fleet, until
from bench.kept import Comparison, compare, finished
from devices.simulator.arduino_websockets import Timing
from devices.simulator.sketch import Firmware
from tests.installation import Installation
from tests.studio import Studio

HOUR_S = 3600


@dataclass(frozen=True)
class Event:
    """What happens to a device that records. It `cuts` if the device loses its connection by it."""

    happens: Callable[[], object]
    cuts: bool = True
    takes_time: bool = False  # it blocks, so it belongs on a thread; what touches the sketch's socket must not


@dataclass
class Recorded:
    """What is in the device's recording, and the gaps that were declared."""

    recordings: int
    comparison: Comparison
    gaps: list[dict]
    unaccounted_s: float
    """What the API calls the duration, less sound and gaps."""


def three_outages(studio: Studio, sketch: NumberedSketch) -> list[Event]:
    """A dropped link, a loss of power, a restart of the server."""
    return [Event(sketch.drop_link), Event(sketch.power_cut), Event(studio.server.restart, takes_time=True)]


def clock_steps(step_file: Path) -> Callable[[Studio, NumberedSketch], list[Event]]:
    """The clock an hour forward and two back, with a dropped link and a killed server after them."""

    def events(studio: Studio, sketch: NumberedSketch) -> list[Event]:
        def kill() -> None:
            studio.server.kill()
            studio.server.start()

        forward = Event(lambda: step_file.write_text(str(HOUR_S)), cuts=False)
        back = Event(lambda: step_file.write_text(str(-HOUR_S)), cuts=False)
        return [forward, Event(sketch.drop_link), back, Event(kill, takes_time=True)]

    return events


def with_a_clock_that_steps(step_file: Path) -> dict[str, str]:
    """Return the settings of a server whose clock goes wrong by as many seconds as this file says."""
    step_file.write_text("0")
    return {"DJANGO_SETTINGS_MODULE": "tests.stepping_settings", "CLOCK_STEP_FILE": str(step_file)}


async def recorded_through(
    studio: Studio,
    events: Callable[[Studio, NumberedSketch], list[Event]],
    *,
    seconds: float,
    retry_s: float = 5.0,
) -> Recorded:
    """Record for so long, not counting the outages, with an event after each even part of it."""
    room = (await studio.room()).id
    firmware = Firmware("127.0.0.1", studio.server.port, "esp32-outage-{}", timing=Timing(retry_s=retry_s), boot_s=1.0)
    (sketch,) = fleet = numbered_fleet(firmware, 1)
    happening = events(studio, sketch)
    async with fleet_in(studio, [room], fleet):
        await capture(studio, fleet, on=True)
        for event in happening:
            await asyncio.sleep(seconds / (len(happening) + 1))
            before = sketch.disconnects + sketch.boots
            await asyncio.to_thread(event.happens) if event.takes_time else event.happens()
            if event.cuts:
                await until(lambda before=before: sketch.disconnects + sketch.boots > before)
            await until(lambda: sketch.is_recording)
        await asyncio.sleep(seconds / (len(happening) + 1))
        await capture(studio, fleet, on=False)
        kept = await finished(studio, room)
    told = kept[0].told
    unaccounted_s = told["duration_seconds"] - told["audio_seconds"] - sum(gap["seconds"] for gap in told["gaps"])
    return Recorded(len(kept), await compare(studio, sketch, kept[0]), told["gaps"], unaccounted_s)


async def handed_over(studio: Studio, there: Installation, *, microphones: int, seconds: float) -> list[Recorded]:
    """Kill the worker that devices record with; they come back, as through a balancer, to the studio's own."""
    room = (await studio.room()).id
    firmware = Firmware("127.0.0.1", there.port, "esp32-moves-{}", timing=Timing(retry_s=0.5), boot_s=0.1)
    fleet = numbered_fleet(firmware, microphones)
    async with fleet_in(studio, [room], fleet) as devices:
        await capture(studio, fleet, on=True)
        await asyncio.sleep(seconds)
        for sketch in fleet:
            sketch.leads_to(studio.server.port)
        await asyncio.to_thread(there.kill)
        await until(lambda: all(sketch.disconnects for sketch in fleet))
        await until(lambda: all(sketch.is_recording for sketch in fleet))
        await asyncio.sleep(seconds)
        await capture(studio, fleet, on=False)
        kept = await finished(studio, room)
    sketches = {devices[sketch.firmware.device_id][1]: sketch for sketch in fleet}
    comparisons = [await compare(studio, sketches[each.told["device"]], each) for each in kept]
    return [Recorded(len(kept), found, each.told["gaps"], 0.0) for found, each in zip(comparisons, kept, strict=True)]
