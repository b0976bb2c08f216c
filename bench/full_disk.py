"""A disk that fills up under recording devices and is emptied again: what is kept, who is told, what answers."""

import asyncio
import contextlib
import errno
import os
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.fleet import capture, fleet_in, numbered_fleet
from bench.kept import Comparison, Kept, compare, finished, kept_in
from devices.simulator.sketch import Firmware
from tests.installation import Installation
from tests.shell import Shell
from tests.studio import Studio
from tests.visitors import Page

MEGABYTES = 8
_ON_TMPFS = 'mount -t tmpfs -o size="$1"m none "$2" && shift 2 && exec "$@"'
_CALLS = ("/api/v1/recordings/", "/api/v1/devices/", "/api/v1/rooms/", "/healthz", "/readyz")
_PAGES = ("/", "/rooms/", "/recordings/", "/devices/", "/admin/")


@dataclass
class FullDisk:
    """What came of it."""

    comparisons: list[Comparison] = field(default_factory=list)
    reasons: set[str] = field(default_factory=set)
    told_after_s: float = 0.0
    """From the moment when nothing more fitted until a page's board said so."""
    resumed_after_s: float = 0.0
    """From the moment when there was space until more sound was on disk."""
    earlier_is_intact: bool = False
    """What was on disk before is, byte by byte, after it."""
    counted_and_not_there_s: float = 0.0
    """By how much the API claimed more sound, while the disk was full, than whole records hold."""
    live_chunks_meanwhile: int = 0
    answers: list[tuple[str, int]] = field(default_factory=list)
    """What HTTP calls were answered while nothing could be written."""

    @property
    def failures(self) -> list[tuple[str, int]]:
        """Answers that a server must not give."""
        return [(path, status) for path, status in self.answers if status >= 500]


@contextlib.contextmanager
def studio_on_small_disk(folder: Path, megabytes: int = MEGABYTES, **settings: str) -> Iterator[Studio]:
    """Open a studio whose recordings lie on a disk of that size, which only its server's process sees.

    It is a tmpfs in a mount namespace of its own, so it needs no root and is gone with the process.
    """
    disk = folder / "disk"
    disk.mkdir(parents=True)
    server = Installation(folder / "data", settings={"RECORDINGS_DIR": str(disk), **settings})
    server.launcher = ["unshare", "--map-root-user", "--mount", "sh", "-c", _ON_TMPFS, "sh", str(megabytes), str(disk)]
    with server, Shell(server) as shell:
        yield Studio(server, shell)
    assert "Traceback" not in server.log, server.log[server.log.index("Traceback") - 300 :][:3000]


async def full_disk(studio: Studio, *, microphones: int, seconds: float) -> FullDisk:
    """Record for so long on an empty disk, on a full one, and on an empty one again."""
    found = FullDisk()
    room, cookie = await studio.room(), await studio.sign_in("alice")
    fleet = numbered_fleet(Firmware("127.0.0.1", studio.server.port, "esp32-disk-{:03d}", boot_s=0.1), microphones)
    async with fleet_in(studio, [room.id], fleet) as devices, studio.live(cookie, room) as page:
        await capture(studio, fleet, on=True)
        await asyncio.sleep(seconds)
        before = await asyncio.to_thread(_closed_bytes, studio)
        async with _filled(studio):
            found.told_after_s = await _seconds_until_told(page)
            heard = len(page.chunks)
            await _look_around(studio, room.id, cookie, found, seconds)
            found.live_chunks_meanwhile = len(page.chunks) - heard
        found.resumed_after_s = await _seconds_until_more(studio)
        await asyncio.sleep(seconds)
        await capture(studio, fleet, on=False)
        kept = [_seen_from_here(studio, each) for each in await finished(studio, room.id)]
        after = await asyncio.to_thread(_closed_bytes, studio)
        found.earlier_is_intact = all(after.get(name, b"").startswith(content) for name, content in before.items())
        sketches = {devices[sketch.firmware.device_id][1]: sketch for sketch in fleet}
        found.comparisons = [await compare(studio, sketches[each.told["device"]], each) for each in kept]
        found.reasons = {gap["reason"] for each in kept for gap in each.told["gaps"]}
    return found


def disk_of(studio: Studio) -> Path:
    """Return the small disk as this process reaches it: by the root of the server's."""
    return Path(f"/proc/{studio.server.process.pid}/root{studio.server.recordings_dir}")


@contextlib.asynccontextmanager
async def _filled(studio: Studio) -> AsyncIterator[None]:
    """While this lasts, not a byte is free."""
    filler = disk_of(studio) / "filler"
    await asyncio.to_thread(fill, filler)
    try:
        yield
    finally:
        filler.unlink()


def fill(filler: Path) -> None:
    """Write to `filler` until not a byte more fits."""
    descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
    size = 1024 * 1024
    while size:
        try:
            os.write(descriptor, bytes(size))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            size //= 2
    os.close(descriptor)


async def _seconds_until_told(page: Page) -> float:
    started_s = time.monotonic()
    heard = len(page.heard)
    await page.until(lambda: any(_tells(message) for message in page.heard[heard:]))
    return time.monotonic() - started_s


def _tells(message: dict) -> bool:
    trouble = ((message.get("room") or {}).get("recording") or {}).get("trouble")
    return bool(trouble) and trouble["kind"] == "full"


async def _look_around(studio: Studio, room: str, cookie: str, found: FullDisk, seconds: float) -> None:
    """Use the API and the pages for so long, decisions included, and hold what is claimed against the disk."""
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        for path in _CALLS:
            status, _answer = await studio.ask("GET", path)
            found.answers.append((path, status))
        for path in (*_PAGES, f"/rooms/{room}/"):
            found.answers.append((path, await asyncio.to_thread(_page_status, studio, path, cookie)))
        status, _answer = await studio.ask("POST", "/api/room", {"meetingType": "While the disk is full"})
        found.answers.append(("/api/room", status))
        claimed = {each.told["id"]: (each.told["audio_seconds"], each) for each in await kept_in(studio, room)}
        for seconds_claimed, each in claimed.values():
            payloads = await asyncio.to_thread(_seen_from_here(studio, each).payloads)
            there_s = sum(map(len, payloads)) / 2 / 16000
            found.counted_and_not_there_s = max(found.counted_and_not_there_s, seconds_claimed - there_s)
        await asyncio.sleep(0.2)


def _page_status(studio: Studio, path: str, cookie: str) -> int:
    request = urllib.request.Request(studio.server.url + path, headers={"Cookie": cookie})  # noqa: S310 - our own
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status
    except urllib.error.HTTPError as refusal:
        return refusal.code


async def _seconds_until_more(studio: Studio) -> float:
    started_s, before = time.monotonic(), _total_bytes(studio)
    async with asyncio.timeout(60):
        while _total_bytes(studio) <= before:  # noqa: ASYNC110 - what is looked at is another process
            await asyncio.sleep(0.05)
    return time.monotonic() - started_s


def _seen_from_here(studio: Studio, kept: Kept) -> Kept:
    return Kept(kept.told, disk_of(studio) / kept.folder.relative_to(studio.server.recordings_dir))


def _closed_bytes(studio: Studio) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in disk_of(studio).rglob("*.seg")}


def _total_bytes(studio: Studio) -> int:
    return sum(path.stat().st_size for path in disk_of(studio).rglob("*.seg"))
