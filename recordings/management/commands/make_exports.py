"""`manage.py make_exports`: makes the files that people asked for; each worker starts it by itself when one waits."""

import os
import signal
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from recordings.exporting.exports import claim, sweep
from recordings.exporting.making import make

NICENESS = 10  # recording and listening come first
LINGER_S = 20.0  # the next file is often asked for right after the first, and a start takes two seconds
LOOK_EVERY_S = 0.5


class Command(BaseCommand):
    """Make what waits, and end when nothing has come for a while."""

    help = "Make the files that people asked for, and end when nothing has come for a while."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--linger", type=float, default=LINGER_S, help="how many seconds to wait for more")

    def handle(self, *args: Any, **options: Any) -> None:
        os.nice(NICENESS)
        self._ended = False
        self._parent = os.getppid()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._end)
        try:
            self._work(options["linger"])
        except DatabaseError as error:
            raise CommandError(f"the database does not answer: {error}") from error

    def _work(self, linger_s: float) -> None:
        sweep()
        busy_until_s = time.monotonic()
        while not self._is_ending():
            export = claim()
            if export:
                make(export, lambda: self._ended)
                busy_until_s = time.monotonic()
            elif time.monotonic() - busy_until_s >= linger_s:
                return
            else:
                time.sleep(LOOK_EVERY_S)

    def _end(self, number: int, frame: object) -> None:
        self._ended = True

    def _is_ending(self) -> bool:
        return self._ended or os.getppid() != self._parent  # whoever started it is gone: the next worker starts its own
