"""`manage.py recover_recordings`: what workers do by themselves, now: settle what is cut off, rebuild lost rows."""

from typing import Any

from django.core.management.base import BaseCommand

from recordings import recovery


class Command(BaseCommand):
    help = (
        "Settle recordings that no process writes any more, and write the rows of recordings on disk that have none. "
        "Safe at any time: what is being written is left alone."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        settled = recovery.settle()
        rebuilt = recovery.rebuild_lost_rows()
        self.stdout.write(f"{settled} captures that may go on were looked at, {rebuilt} other recordings settled.")
