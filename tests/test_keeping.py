"""Keeping on a running server: the bucket goes away under recording devices, a quota is reached, what is due goes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from bench.fleet import NumberedSketch, capture, fleet_in, numbered_fleet
from bench.kept import Kept, finished, kept_in, wav_of
from devices.simulator.sketch import Firmware
from tests.bucket_server import BucketServer
from tests.studio import Studio, StudioRoom, studio_on

_PLACES = """
from recordings.models import Segment
from django.db.models import F
rows = Segment.objects.filter(recording__room=room).values_list("place", "upload_tries", "upload_error")
answer = [list(row) for row in rows]
"""
_POLICY = """
from recordings.keeping.retention import set_policy
alice = User.objects.get(username="alice")
set_policy(alice.home_organization(), None, alice, **limits)
"""
_STORED = """
from django.db.models import Sum
from recordings.models import Recording
answer = Recording.objects.filter(room=room).aggregate(total=Sum("stored_bytes"))["total"]
"""
_LONG_AGO = """
from datetime import timedelta
from django.utils import timezone
from recordings.models import Recording, Turn
Recording.objects.filter(room=room).update(ended_at=timezone.now() - timedelta(days=40))
Turn.objects.all().delete()
"""


@contextlib.asynccontextmanager
async def microphones(studio: Studio, room: StudioRoom, count: int) -> AsyncIterator[list[NumberedSketch]]:
    """Devices in a room, each of which remembers what it sent."""
    fleet = numbered_fleet(Firmware("127.0.0.1", studio.server.port, studio.new_id() + "-{}", boot_s=0.1), count)
    async with fleet_in(studio, [room.id], fleet):
        yield fleet


async def record(studio: Studio, fleet: list[NumberedSketch], seconds: float) -> None:
    await capture(studio, fleet, on=True)
    await asyncio.sleep(seconds)
    await capture(studio, fleet, on=False)


async def expect_sound(studio: Studio, fleet: list[NumberedSketch], kept: list[Kept]) -> None:
    """What the devices sent is what is served, sample by sample."""
    served = set()
    for each in kept:
        wav = await wav_of(studio, each, "?gaps=skip")
        served.add(wav.readframes(wav.getnframes()))
    assert served == {b"".join(sketch.sent) for sketch in fleet}


def warned(page, kind: str | None) -> bool:
    board = next(message for message in reversed(page.heard) if message["type"] == "board")
    disk = board["room"]["disk"]
    return (disk and disk["kind"]) == kind


@pytest.mark.parametrize("away", ["ended", "hanging"])
async def test_a_bucket_that_is_away_while_devices_record_loses_nothing_and_gets_all_of_it(tmp_path, away):
    with (
        BucketServer(tmp_path) as bucket,
        studio_on(tmp_path / "data", **bucket.settings, S3_KEEP_LOCAL_HOURS="0") as studio,
    ):
        room = await studio.room()
        bucket.end() if away == "ended" else bucket.stop()
        async with microphones(studio, room, 2) as fleet:
            await record(studio, fleet, seconds=4)
            kept = await finished(studio, room.id)
            await expect_sound(studio, fleet, kept)
            assert [each.told["gaps"] for each in kept] == [[], []]
            if away == "ended":
                await studio.comes_true(lambda: failed(studio, room), "failures that are visible")
                bucket.start()
            else:
                bucket.resume()
            await studio.comes_true(lambda: lie_elsewhere(studio, room), "everything in the bucket, nothing here")
            assert list(studio.server.recordings_dir.glob("*/*/*.seg")) == []
            await expect_sound(studio, fleet, kept)


async def failed(studio: Studio, room: StudioRoom) -> bool:
    rows = await studio.shell.does(_PLACES, room=room.id)
    return len(rows) == 2 and all(place == "here" and tries and error for place, tries, error in rows)


async def lie_elsewhere(studio: Studio, room: StudioRoom) -> bool:
    rows = await studio.shell.does(_PLACES, room=room.id)
    return len(rows) == 2 and all(row == ["elsewhere", 0, ""] for row in rows)


async def test_a_quota_pauses_recording_is_told_and_recording_goes_on_when_it_is_lifted(studio):
    room, cookie = await studio.room(), await studio.sign_in("alice")
    async with microphones(studio, room, 1) as fleet, studio.live(cookie, room) as page:
        await capture(studio, fleet, on=True)
        await page.until(lambda: warned(page, None))
        stored = await studio.comes_true(lambda: studio.shell.does(_STORED, room=room.id), "something kept")
        await studio.shell.does(_POLICY, limits={"quota_bytes": stored})
        await page.until(lambda: warned(page, "quota"))
        held = await studio.shell.does(_STORED, room=room.id)
        heard = len(page.chunks)
        await asyncio.sleep(2)
        assert await studio.shell.does(_STORED, room=room.id) - held < 32_000  # what was on its way
        assert len(page.chunks) - heard > 20  # it is still heard
        await studio.shell.does(_POLICY, limits={"quota_bytes": None})
        await page.until(lambda: warned(page, None))
        await asyncio.sleep(1)
        await capture(studio, fleet, on=False)
    (kept,) = await finished(studio, room.id)
    assert [gap["reason"] for gap in kept.told["gaps"]] == ["disk-full"]
    assert kept.told["audio_seconds"] > 1 and kept.told["gaps"][0]["seconds"] > 1.5


async def test_what_is_due_goes_by_itself_and_what_is_held_stays(studio):
    due, held = await studio.room(), await studio.room()
    for room in (due, held):
        async with microphones(studio, room, 1) as fleet:
            await record(studio, fleet, seconds=1)
        await finished(studio, room.id)
        await studio.shell.does(_LONG_AGO, room=room.id)
    policy = _POLICY.replace("None, alice", "Room.objects.get(pk=room), alice")
    await studio.shell.does(policy, room=held.id, limits={"keep_days": 1, "legal_hold": True})
    (gone,) = await kept_in(studio, due.id)
    await studio.shell.does(policy, room=due.id, limits={"keep_days": 30})
    await studio.shell.does(_LONG_AGO, room=due.id)

    async def is_empty() -> bool:
        return await kept_in(studio, due.id) == []

    await studio.comes_true(is_empty, "an empty room")
    assert not gone.folder.exists()
    (still,) = await kept_in(studio, held.id)
    assert any(still.folder.glob("*.seg"))
    status, answer = await studio.ask("DELETE", f"/api/v1/recordings/{still.told['id']}/")
    assert status == 409 and "legal hold" in str(answer)
