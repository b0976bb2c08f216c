"""Measures what was promised in numbers and puts it in a table: `make proof` at full length, `make bench` quickly."""

import argparse
import asyncio
import logging
import os
import platform
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import live_proof, recordings

HEAD = "| promised | measured | kept | on |\n| --- | --- | --- | --- |\n"
Measured = tuple[str, bool]


@dataclass(frozen=True)
class Promise:
    """One row of the table. `measure(folder, full)` returns what was found, and whether that keeps the promise."""

    name: str
    text: str
    measure: Callable[[Path, bool], Awaitable[Measured]]


PROMISES = [Promise(*each) for each in (*live_proof.PROMISES, *recordings.PROMISES)]


def main() -> None:
    """Measure, print the table, and write it where it was asked for. Exits with 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short: a first look")
    parser.add_argument("--write", type=Path, help="also write the table to this file; rows not measured now stay")
    parser.add_argument(
        "--only", nargs="+", choices=[each.name for each in PROMISES], help="measure no more than these"
    )
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)  # of damage that is done on purpose
    promises = [each for each in PROMISES if not chosen.only or each.name in chosen.only]
    with tempfile.TemporaryDirectory(prefix="leganize-proof-") as folder:
        os.environ |= {"LEGANIZE_DATA": folder, "DJANGO_SETTINGS_MODULE": "leganize.settings"}
        rows = asyncio.run(_measure(promises, Path(folder), full=not chosen.quick))
    sys.stdout.write(HEAD + "".join(rows.values()))
    if chosen.write:
        chosen.write.write_text(_page(_earlier_rows(chosen.write) | rows), encoding="utf-8")
    sys.exit(0 if all("| NO |" not in row for row in rows.values()) else 1)


async def _measure(promises: list[Promise], folder: Path, *, full: bool) -> dict[str, str]:
    rows = {}
    for promise in promises:
        sys.stderr.write(f"measuring: {promise.text}\n")
        found, is_kept = await promise.measure(folder / promise.name, full)
        rows[promise.text] = (
            f"| {promise.text} | {found} | {'yes' if is_kept else 'NO'} | {datetime.now(UTC):%Y-%m-%d} |\n"
        )
    return rows


def _earlier_rows(path: Path) -> dict[str, str]:
    known = {promise.text for promise in PROMISES}
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in lines if line.startswith("| ")}
    return {text: row for text, row in rows.items() if text in known and row.count(" | ") == HEAD.count(" | ") // 2}


def _page(rows: dict[str, str]) -> str:
    machine = f"{os.cpu_count()} cores, {platform.system()} on {platform.machine()}, Python {platform.python_version()}"
    table = HEAD + "".join(rows[each.text] for each in PROMISES if each.text in rows)
    return (
        "# What was promised in numbers\n\n"
        f"Measured by `make proof`: {machine}.\n"
        "The server, the simulated microphones and the viewers shared these cores.\n\n"
        f"{table}\n{live_proof.HOW}\n{recordings.HOW}"
    )


if __name__ == "__main__":
    main()
