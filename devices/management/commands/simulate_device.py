"""Runs simulated microphones against a server: `manage.py simulate_device --count 3`, until Ctrl-C."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from devices.simulator.arduino_websockets import trusting_tls
from devices.simulator.fleet import Mishaps, make_fleet, run_fleet
from devices.simulator.microphone import SHIPPED_SPEECH
from devices.simulator.sketch import Firmware

PARENT_LOOKED_FOR_EVERY_S = 0.5


class Command(BaseCommand):
    help = "Run simulated ESP32 microphones that speak protocol v1, until Ctrl-C. They send when they are asked to."
    requires_system_checks: list[str] = []  # it is a client: the server's settings are not its concern

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--host", default="127.0.0.1", help="the sketch's wsHost")
        add("--port", type=int, default=settings.PORT, help="the sketch's wsPort")
        add("--tls", action="store_true", help="beginSSL instead of begin; like the sketch, it takes any certificate")
        add("--count", type=int, default=1, help="how many devices")
        add("--device-id", default="esp32-demo-{:02d}", help="their IDs, {} is the number of each (%(default)s)")
        add("--wav", type=Path, default=SHIPPED_SPEECH, help="what they hear, 16-bit WAV, round and round")
        add("--rate", type=int, default=16000, choices=(8000, 16000, 22050, 44100), help="SAMPLE_RATE")
        add("--channels", type=int, default=1, choices=(1, 2), help="CHANNELS")
        add("--buffer", type=int, default=1024, help="BUFFER_SIZE; from 2048 on a real sketch sends null")
        add("--seconds", type=float, help="end by itself after so long")
        add("--start", action="store_true", help="capture as soon as they are in a room, without being asked")
        add("--drop-every", type=float, default=0, metavar="SECONDS", help="each loses its link so often")
        add("--power-cut-every", type=float, default=0, metavar="SECONDS", help="each loses its power so often")

    def handle(self, *args: Any, **options: Any) -> None:
        firmware = Firmware(
            host=options["host"],
            port=options["port"],
            device_id=options["device_id"],
            sample_rate_hz=options["rate"],
            channels=options["channels"],
            buffer_samples=options["buffer"],
            tls=trusting_tls() if options["tls"] else None,
            starts_by_itself=options["start"],
        )
        try:
            fleet = make_fleet(firmware, options["count"], options["wav"])
        except (OSError, EOFError, ValueError) as error:
            raise CommandError(str(error)) from error
        mishaps = Mishaps(options["drop_every"], options["power_cut_every"])
        say = self.stdout.write if options["verbosity"] else (lambda line: None)
        asyncio.run(_until_told_to_end(run_fleet(fleet, mishaps=mishaps, seconds=options["seconds"], say=say)))


async def _until_told_to_end(running: Any) -> None:
    """Run until done, Ctrl-C, SIGTERM, or the end of the process that started this one."""
    fleet = asyncio.ensure_future(running)
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, fleet.cancel)
    orphaned = asyncio.create_task(_until_orphaned())
    await asyncio.wait([fleet, orphaned], return_when=asyncio.FIRST_COMPLETED)
    orphaned.cancel()
    fleet.cancel()
    await asyncio.wait([fleet])
    if not fleet.cancelled():
        fleet.result()


async def _until_orphaned() -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 (no event tells of a parent's end)
        await asyncio.sleep(PARENT_LOOKED_FOR_EVERY_S)
