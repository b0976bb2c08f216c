"""The server is killed again and again under recording devices: what was written by then must be there afterwards."""

import asyncio
import json
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.fleet import capture, fleet_in, numbered_fleet, until
from bench.kept import Comparison, Kept, compare, finished, folders_on_disk
from devices.simulator.arduino_websockets import Timing
from devices.simulator.sketch import Firmware
from tests.installation import Installation
from tests.studio import Studio

RETRY_S = 1.0  # a sketch in the field waits 5 s: shorter, so that more of the time is recorded
SHORTEST_S, LONGEST_S = 1.0, 4.0  # of recording between two kills
TAIL_S = 2.0


@dataclass
class Crashes:
    """What came of all kills, over all devices."""

    kills: int
    comparisons: list[Comparison]
    written_before_kills: int
    """Chunks that whole records on disk held at one of the kills."""
    missing_after: int
    """Of these, how many are in no recording."""
    recordings: int
    settled_after_s: float
    """From the start of a server after the last kill, its devices gone for ever, until all is finished."""


async def crashes(studio: Studio, *, kills: int, microphones: int, seed: int = 1, is_wanted: bool = True) -> Crashes:
    """Kill the server so often under so many recording devices; in the end once more, and no device returns.

    With `is_wanted` these are still asked to capture, so that recovery waits for their return a while.
    """
    room = (await studio.room()).id
    timing = Timing(retry_s=RETRY_S)
    firmware = Firmware("127.0.0.1", studio.server.port, "esp32-crash-{:03d}", timing=timing, boot_s=0.1)
    fleet = numbered_fleet(firmware, microphones)
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    written: dict[str, set[bytes]] = {}
    async with fleet_in(studio, [room], fleet) as devices:
        await capture(studio, fleet, on=True)
        for _kill in range(kills):
            await asyncio.sleep(chance.uniform(SHORTEST_S, LONGEST_S))
            await asyncio.to_thread(studio.server.kill)
            await asyncio.to_thread(_note_written, studio, written)
            await asyncio.to_thread(studio.server.start)
            await until(lambda: all(sketch.is_recording for sketch in fleet))
        await asyncio.sleep(TAIL_S)
        await asyncio.to_thread(studio.server.kill)
        await asyncio.to_thread(_note_written, studio, written)
    if not is_wanted:
        await studio.shell.does("Device.objects.update(desired_capture=False)")
    kept, settled_s = await _settled(studio, room)
    by_device = {sketch.firmware.device_id: sketch for sketch in fleet}
    sketches = {devices[name][1]: sketch for name, sketch in by_device.items()}
    after = await asyncio.to_thread(lambda: {payload for each in kept for payload in each.payloads()})
    before = set().union(*written.values())
    return Crashes(
        kills=kills + 1,
        comparisons=[await compare(studio, sketches[each.told["device"]], each) for each in kept],
        written_before_kills=len(before),
        missing_after=len(before - after),
        recordings=len(kept),
        settled_after_s=settled_s,
    )


async def _settled(studio: Studio, room: str) -> tuple[list[Kept], float]:
    await asyncio.to_thread(studio.server.start)
    started_s = time.monotonic()
    kept = await finished(studio, room)
    return kept, time.monotonic() - started_s


def _note_written(studio: Studio, written: dict[str, set[bytes]]) -> None:
    """Read what whole records hold now, while no server runs."""
    for folder in folders_on_disk(studio):
        written.setdefault(folder.name, set()).update(Kept({}, folder).payloads())


def tried_apart(root: Path, *names: str) -> dict[str, Any]:
    """Call `bench.deaths.try_all` in an administrator's shell of an empty installation, and return what it found."""
    code = (
        "import json; from pathlib import Path; from bench import deaths;"
        f" print(json.dumps(deaths.try_all(Path({str(root)!r}), *{names!r})))"
    )
    installation = Installation(root / "data", settings={"OPENBLAS_NUM_THREADS": "1", "LOG_LEVEL": "CRITICAL"})
    installation.data_dir.mkdir(parents=True)
    return json.loads(installation.manage("shell", "--verbosity", "0", "--command", code).splitlines()[-1])
