"""`manage.py recover_recordings`: what workers do by themselves, now: settle, rebuild, read it all again."""

import time
from typing import Any

from django.core.management.base import BaseCommand

from recordings import inspection, recovery

TELL_EVERY_S = 5.0


class Command(BaseCommand):
    help = (
        "Settle recordings that no process writes any more, write rows that are lost, and read every finished "
        "recording again, so that what cannot be read counts as missing. Safe at any time: what is being written is "
        "left alone."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        settled = recovery.settle()
        rebuilt = recovery.rebuild_lost_rows()
        self.stdout.write(f"{settled} captures that may go on were looked at, {rebuilt} other recordings settled.")
        self._told_s = time.monotonic()
        found = inspection.inspect_all(thorough=True, progress=self._tell)
        self.stdout.write(
            f"{found.recordings} finished recordings of {found.segments} segments were read: "
            f"{found.damaged_segments} segments are damaged and {found.lost_seconds:.1f} s of sound newly declared "
            f"missing, {found.returned_segments} segments can be read again, {found.rebuilt_rows} rows of segments "
            f"written anew, {found.redrawn} shapes drawn again."
        )

    def _tell(self, done: int, total: int) -> None:
        if time.monotonic() - self._told_s >= TELL_EVERY_S:
            self._told_s = time.monotonic()
            self.stdout.write(f"{done} of {total} recordings read")
