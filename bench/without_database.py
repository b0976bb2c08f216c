"""PostgreSQL hangs, or is killed and comes back, while devices record: the disk goes on, the rows catch up."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.fleet import capture, fleet_in, numbered_fleet
from bench.kept import Comparison, compare, finished
from devices.simulator.sketch import Firmware
from tests.stores import PostgresServer
from tests.studio import Studio, studio_on

_ANEW = "from django.db import connection; connection.close(); connection.close_pool()"  # the shell's own were cut


@dataclass
class WithoutDatabase:
    """What came of it."""

    written_meanwhile: int = 0
    """Bytes that reached the segment log while nobody answered."""
    disconnects: int = 0
    caught_up_after_s: float = 0.0
    """From the database's return until the rows tell of what was written meanwhile."""
    gaps: int = 0
    comparisons: list[Comparison] = field(default_factory=list)


@contextlib.contextmanager
def studio_on_postgres(folder: Path) -> Iterator[tuple[Studio, PostgresServer]]:
    """Open a studio on a PostgreSQL of its own, which may be stopped and killed."""
    with PostgresServer() as postgres, postgres.database() as url:
        stores = {"DATABASE_URL": url, "OPEN_LOBBY": "true", "REHOME": "always"}
        with studio_on(folder, **stores) as studio:
            yield studio, postgres


async def without_database(
    studio: Studio, postgres: PostgresServer, *, microphones: int, seconds: float, how: signal.Signals
) -> WithoutDatabase:
    """Record for some seconds with the database, for `seconds` without it, and for some with it again."""
    found, room = WithoutDatabase(), (await studio.room()).id
    firmware = Firmware("127.0.0.1", studio.server.port, f"esp32-{how.name.lower()}-{{:03d}}", boot_s=0.1)
    fleet = numbered_fleet(firmware, microphones)
    async with fleet_in(studio, [room], fleet) as devices:
        await capture(studio, fleet, on=True)
        await asyncio.sleep(2)
        before = sum(sketch.disconnects for sketch in fleet)
        away = postgres.away(how)
        await asyncio.to_thread(away.__enter__)  # not in the way of the sketches, which live in this loop
        try:
            already = _log_bytes(studio)
            await asyncio.sleep(seconds)
            found.written_meanwhile = _log_bytes(studio) - already
        finally:
            await asyncio.to_thread(away.__exit__, None, None, None)
        returned_s, written = time.monotonic(), _log_bytes(studio)
        await studio.shell.does(_ANEW)
        await _until_rows_tell(studio, room, written)
        found.caught_up_after_s = time.monotonic() - returned_s
        await asyncio.sleep(2)
        found.disconnects = sum(sketch.disconnects for sketch in fleet) - before
        await capture(studio, fleet, on=False)
        kept = await finished(studio, room)
    sketches = {devices[sketch.firmware.device_id][1]: sketch for sketch in fleet}
    found.comparisons = [await compare(studio, sketches[each.told["device"]], each) for each in kept]
    found.gaps = sum(len(each.told["gaps"]) for each in kept)
    return found


async def _until_rows_tell(studio: Studio, room: str, written: int) -> None:
    async with asyncio.timeout(60):
        while True:
            status, answer = await studio.ask("GET", f"/api/v1/recordings/?room={room}")
            if status == 200 and sum(each["bytes"] for each in answer["results"]) >= written:
                return
            await asyncio.sleep(0.1)


def _log_bytes(studio: Studio) -> int:
    return sum(path.stat().st_size for path in studio.server.recordings_dir.rglob("*.seg"))
