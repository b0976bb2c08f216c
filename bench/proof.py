"""Measures what was promised in numbers and puts it in a table: `make proof` at full length, `make bench` quickly."""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

_own_folder = tempfile.TemporaryDirectory(prefix="leganize-proof-")
os.environ["LEGANIZE_DATA"] = _own_folder.name  # before anything of the project looks for its data folder

from bench import measurements  # noqa: E402
from tests.studio import studio_on  # noqa: E402

HEAD = "| promised | measured | kept |\n| --- | --- | --- |\n"
HOW = """\
**How.** The microphones are the sketches of `devices/simulator` in real time: 64 ms of 16 kHz mono a chunk, in 8 rooms
of 5, with 10 pages each. A chunk's header carries the server's clock at its arrival; a page compares it with the same
clock when it has the chunk in hand, so the way through the kernel and the page's own delay count against us. Lost is
what microphones sent and a page of their room never got. The stalled page stops reading; memory is the server's
resident set against the moment before. The 60 devices are claimed and hold tokens; they lose their links at one moment,
come back in step as sketches do, and are timed from the TCP connection to `connected`, while `tests/slow_settings.py`
makes every query wait.
"""

Row = tuple[str, str, bool]


def main() -> None:
    """Measure, print the table, and write it where it was asked for. Exits with 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short: a first look")
    parser.add_argument("--write", type=Path, help="also write the table to this file")
    chosen = parser.parse_args()
    rows = asyncio.run(_measure(Path(_own_folder.name), seconds=9 if chosen.quick else 60))
    table = HEAD + "".join(f"| {promise} | {found} | {'yes' if kept else 'NO'} |\n" for promise, found, kept in rows)
    sys.stdout.write(table)
    if chosen.write:
        chosen.write.write_text(_page(table), encoding="utf-8")
    sys.exit(0 if all(kept for _promise, _found, kept in rows) else 1)


async def _measure(folder: Path, seconds: float) -> list[Row]:
    return [
        await _latency(folder / "latency", seconds),
        await _stall(folder / "stall", seconds),
        await _handshakes(folder / "handshakes"),
    ]


async def _latency(folder: Path, seconds: float) -> Row:
    _say(f"40 microphones and 80 viewers, {seconds:.0f} s")
    with studio_on(folder) as studio:
        late = await measurements.latency(studio, rooms=8, microphones_each=5, viewers_each=10, seconds=seconds)
    return (
        "40 microphones, 80 viewers: from a chunk's arrival to its departure p99 under 20 ms, and nothing lost",
        f"p50 {late.p50_ms:.1f} ms, p99 {late.p99_ms:.1f} ms, worst {late.worst_ms:.0f} ms;"
        f" of {late.deliveries:,} deliveries {late.lost} lost; server: {late.server_cpu_percent:.0f} % of a core",
        late.p99_ms < 20 and late.lost == 0,
    )


async def _stall(folder: Path, seconds: float) -> Row:
    _say(f"one viewer of five stalls, {seconds:.0f} s")
    with studio_on(folder) as studio:
        found = await measurements.stall(studio, microphones=5, viewers=5, seconds=seconds)
    closed = f"closed after {found.closed_after_s:.0f} s" if found.closed_after_s else "not closed in that time"
    return (
        "one viewer of five stalled for 60 s: at most 5 MB more memory, the others unaffected",
        f"{found.memory_growth_mb:+.1f} MB, {closed}; the others: {found.others_lost} lost,"
        f" p99 {found.others_p99_ms:.1f} ms",
        found.memory_growth_mb <= 5 and found.others_lost == 0,
    )


async def _handshakes(folder: Path) -> Row:
    _say("60 devices return at once while every query takes 100 ms")
    with studio_on(folder) as studio:
        found = await measurements.handshakes(studio, count=60, query_delay_ms=100)
    return (
        "60 handshakes at once with 100 ms per query: all within 3 s",
        f"the slowest {found.slowest_s:.2f} s, half of them within {found.median_s:.2f} s;"
        f" {found.second_tries} second tries",
        found.slowest_s < 3 and found.second_tries == 0,
    )


def _page(table: str) -> str:
    machine = f"{os.cpu_count()} cores, {platform.system()} on {platform.machine()}, Python {platform.python_version()}"
    return (
        "# What was promised in numbers\n\n"
        f"Measured by `make proof` on {datetime.now(UTC):%Y-%m-%d}: {machine}.\n"
        "The server, the simulated microphones and the viewers shared these cores.\n\n"
        f"{table}\n{HOW}"
    )


def _say(what: str) -> None:
    sys.stderr.write(f"measuring: {what}\n")


if __name__ == "__main__":
    main()
