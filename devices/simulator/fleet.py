"""Many simulated microphones at once: a demo for newcomers, a load for benchmarks, an orchestra for tests."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from devices.simulator.microphone import SHIPPED_SPEECH, Microphone
from devices.simulator.sketch import Firmware, Sketch

STATUS_EVERY_S = 10.0


@dataclass(frozen=True)
class Mishaps:
    """What befalls each device of a fleet, every so many seconds; 0 is never."""

    drop_every_s: float = 0
    power_cut_every_s: float = 0


NO_MISHAPS = Mishaps()


def make_fleet(firmware: Firmware, count: int, wav: Path = SHIPPED_SPEECH, *, keeps_sent: bool = False) -> list[Sketch]:
    """Flash `count` devices; the firmware's device ID is a pattern with `{}` for their number, counted from 1."""
    if count > 1 and "{" not in firmware.device_id:
        raise ValueError(f"{count} devices cannot all be called {firmware.device_id}: put {{}} where their number goes")
    names = [firmware.device_id.format(number) for number in range(1, count + 1)]
    heard = Microphone.from_wav(wav, sample_rate_hz=firmware.sample_rate_hz, channels=firmware.channels)
    return [
        Sketch(replace(firmware, device_id=name), heard.another(position=index), keeps_sent=keeps_sent)
        for index, name in enumerate(names)
    ]


async def run_fleet(
    fleet: list[Sketch],
    *,
    mishaps: Mishaps = NO_MISHAPS,
    seconds: float | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Run a fleet until it is cancelled or `seconds` have passed, with a status line now and then."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
            tasks.create_task(_tell(fleet, say))
            for index, sketch in enumerate(fleet):
                share = (index + 1) / len(fleet)  # so that a fleet does not stumble all at once
                tasks.create_task(sketch.run())
                tasks.create_task(_every(mishaps.drop_every_s, share, sketch.drop_link))
                tasks.create_task(_every(mishaps.power_cut_every_s, share, sketch.power_cut))
    say(status_line(fleet))


def status_line(fleet: list[Sketch]) -> str:
    """Say in one line where a fleet stands."""
    states = Counter(sketch.state for sketch in fleet)
    told = ", ".join(
        f"{states[state]} {state}" for state in ("away", "pending", "connected", "capturing") if states[state]
    )
    totals = {
        "chunks sent": sum(sketch.chunks_sent for sketch in fleet),
        "times disconnected": sum(sketch.disconnects for sketch in fleet),
        "power cuts": sum(max(0, sketch.boots - 1) for sketch in fleet),
        "messages that would have crashed a real one": sum(len(sketch.faults) for sketch in fleet),
    }
    return "; ".join([told, *(f"{number} {what}" for what, number in totals.items() if number)])


async def _tell(fleet: list[Sketch], say: Callable[[str], None]) -> None:
    while True:
        await asyncio.sleep(STATUS_EVERY_S)
        say(status_line(fleet))


async def _every(seconds: float, share: float, befall: Callable[[], None]) -> None:
    if not seconds:
        return
    await asyncio.sleep(seconds * share)
    while True:
        befall()
        await asyncio.sleep(seconds)
