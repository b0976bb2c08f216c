"""Measures what was promised in numbers and puts it in a table: `make proof` at full length, `make bench` quickly."""

import argparse
import asyncio
import logging
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import live_proof, recordings

HEAD = "| promised | measured | kept | on |\n| --- | --- | --- | --- |\n"
KEPT = "yes"
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
    rows: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="leganize-proof-") as folder:
        os.environ |= {"LEGANIZE_DATA": folder, "DJANGO_SETTINGS_MODULE": "leganize.settings"}
        for promise in promises:
            sys.stderr.write(f"measuring: {promise.text}\n")
            rows[promise.text] = _row(promise, Path(folder) / promise.name, full=not chosen.quick)
            if chosen.write:  # each at once: three quarters of an hour are not to be lost by the last of them
                chosen.write.write_text(_page(_earlier_rows(chosen.write) | rows), encoding="utf-8")
    sys.stdout.write(HEAD + "".join(rows.values()))
    sys.exit(0 if all(f"| {KEPT} |" in row for row in rows.values()) else 1)


def _row(promise: Promise, folder: Path, *, full: bool) -> str:
    try:
        found, is_kept = asyncio.run(promise.measure(folder, full))
    except Exception as error:  # whatever broke, the others are still to be measured
        traceback.print_exc()
        found, is_kept = f"could not be measured: {type(error).__name__}", False
    return f"| {promise.text} | {found} | {KEPT if is_kept else 'NO'} | {datetime.now(UTC):%Y-%m-%d} |\n"


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
