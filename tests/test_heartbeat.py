"""What is saved in a shell, without a word to the server, reaches live sockets by the heartbeat alone."""

import asyncio

import pytest

from tests.studio import Studio, StudioRoom, big_stores, studio_on
from tests.visitors import RawDevice, pcm

_NOW = "from django.utils import timezone; now = timezone.now()\n"


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL and Redis"])
def studio(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("heartbeat")
    if request.param == "SQLite":
        with studio_on(folder) as studio:
            yield studio
        return
    with big_stores(request) as stores, studio_on(folder, **stores) as studio:
        yield studio


@pytest.fixture
async def room(studio: Studio) -> StudioRoom:
    return await studio.room()


async def is_parked(
    studio: Studio, device: RawDevice, device_id: str, room: StudioRoom, token: str, *, is_old: bool = False
) -> None:
    """A device is told to go, closed when it is too old to obey, and parked with what it still has."""
    assert await device.hears("go-pending") == {"type": "go-pending"}
    await device.sound(room.id, pcm())
    if not is_old:
        await device.leave()
    assert (await device.ends())[0] == 1000
    async with studio.device(device_id, f"&roomId={room.id}&accessToken={token}") as again:
        await again.hears("waiting-for-config")
        await studio.lists("/api/esp32/pending", device_id)
        assert again.kinds() == ["waiting-for-config"]
    assert device.faults == again.faults == []


class TestRooms:
    async def test_an_ended_room_closes_its_pages_and_parks_its_devices(self, studio, room, device_id):
        cookie = await studio.sign_in("alice")
        async with (
            studio.page(room) as page,
            studio.live(cookie, room) as ours,
            studio.live(cookie) as board,
            studio.device_in(room, device_id) as device,
        ):
            token = studio.tokens[-1]
            await studio.shell.does("r = Room.objects.get(pk=room); r.status = 'ENDED'; r.save()", room=room.id)
            assert await page.ends() == (4401, "Not allowed")
            assert await ours.ends() == (4401, "Not allowed")
            await is_parked(studio, device, device_id, room, token, is_old=True)
            assert page.sound == b""
            assert board.closed is None

    async def test_a_deleted_room_does_the_same(self, studio, room, device_id):
        cookie = await studio.sign_in("alice")
        async with (
            studio.page(room) as page,
            studio.live(cookie, room) as ours,
            studio.device_in(room, device_id) as device,
        ):
            token = studio.tokens[-1]
            await studio.shell.does("Room.objects.get(pk=room).delete()", room=room.id)
            assert await page.ends() == (4401, "Not allowed")
            assert await ours.ends() == (4401, "Not allowed")
            await is_parked(studio, device, device_id, room, token)


class TestGrants:
    @pytest.mark.parametrize("change", ["grant.revoked_at = now", "grant.expires_at = now"], ids=["revoked", "expired"])
    async def test_a_grant_that_ended_closes_its_page_alone(self, studio, room, change):
        guest = await studio.guest(room)
        async with studio.page(room) as page, studio.page(guest) as ended:
            code = f"{_NOW}grant = Grant.objects.filter(room=room, label='A guest').get(); {change}; grant.save()"
            await studio.shell.does(code, room=room.id)
            assert await ended.ends() == (4401, "Not allowed")
            await page.say("start-stream")
            await page.hears("stream-started")

    async def test_a_right_that_was_taken_is_gone(self, studio, room):
        guest = await studio.guest(room, may_talk=True)
        async with studio.page(guest) as page:
            await page.say("start-stream")
            await page.hears("stream-started")
            await studio.shell.does("Grant.objects.filter(room=room).update(may_talk=False)", room=room.id)

            async def is_refused() -> bool:
                await page.say("start-stream")
                await page.until(lambda: page.heard[-1]["type"] in ("stream-started", "error"))
                return "error" in page.kinds()

            await studio.comes_true(is_refused, "talking is refused")
            assert page.closed is None


class TestPeople:
    async def newcomer(self, studio: Studio, name: str, role: str = "operator") -> str:
        """Make someone who is a member of the studio alone, and return the cookie of their browser."""
        code = (
            "user = User.objects.create_user(name, password='a long password of theirs')\n"
            "user.memberships.all().delete()\n"
            "Membership.objects.create(user=user, organization_id=organization, role=role)"
        )
        await studio.shell.does(code, name=name, organization=studio.alice.organization, role=role)
        return await studio.sign_in(name)

    async def test_a_membership_that_was_removed_closes_the_room_and_empties_the_board(self, studio, room, device_id):
        cookie = await self.newcomer(studio, "dora")
        async with (
            studio.device_in(room, device_id),
            studio.live(cookie, room) as page,
            studio.live(cookie) as board,
        ):
            await board.until(lambda: any(entry["deviceId"] == device_id for entry in board.heard[-1]["devices"]))
            await studio.shell.does("Membership.objects.get(user__username='dora').delete()")
            assert await page.ends() == (4401, "Not allowed")
            await board.until(lambda: board.heard[-1]["devices"] == [])

    async def test_a_role_that_was_lowered_takes_the_right_to_talk(self, studio, room):
        cookie = await self.newcomer(studio, "emil")
        async with studio.live(cookie, room) as page:
            await page.say("start-stream")
            await page.hears("stream-started")
            await studio.shell.does("m = Membership.objects.get(user__username='emil'); m.role = 'viewer'; m.save()")
            await page.until(lambda: any(each.get("room") and not each["room"]["mayTalk"] for each in page.heard))
            await page.say("start-stream")
            await page.hears("error")

    async def test_whoever_may_talk_no_more_is_heard_no_more(self, studio, room):
        guest = await studio.guest(room, may_talk=True)
        async with studio.page(room) as page, studio.page(guest) as speaker:
            await speaker.say("start-stream")
            await speaker.hears("stream-started")
            await speaker.talk(pcm(seed=1))
            await page.hears_sound(pcm(seed=1))
            await studio.shell.does("Grant.objects.filter(label='A guest').update(may_talk=False)")
            await asyncio.sleep(2)  # two heartbeats
            await speaker.talk(pcm(seed=2))
            assert "not allowed" in (await speaker.hears("error"))["message"]
            assert page.sound == pcm(seed=1)

    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("fay", "user.is_active = False; user.save()"),
            ("gus", "user.set_password('another long password'); user.save()"),
            ("hal", "from django.contrib.sessions.models import Session; Session.objects.filter(pk=session).delete()"),
            ("ina", "user.delete()"),
        ],
        ids=["deactivated", "with a new password", "signed out", "deleted"],
    )
    async def test_someone_who_is_gone_has_no_sockets(self, studio, room, name, change):
        cookie, alices = await self.newcomer(studio, name), await studio.sign_in("alice")
        async with (
            studio.live(cookie, room) as page,
            studio.live(cookie) as board,
            studio.live(alices, room) as other,
        ):
            session = cookie.partition("=")[2]
            await studio.shell.does(f"user = User.objects.get(username=name); {change}", name=name, session=session)
            assert await page.ends() == (4401, "Not allowed")
            assert await board.ends() == (4401, "Not allowed")
            await other.say("start-stream")
            await other.hears("stream-started")


class TestDevices:
    async def test_a_wish_is_obeyed(self, studio, room, device_id):
        flip = "d = Device.objects.get(device_id=name); d.desired_capture = on; d.save()"
        async with studio.page(room) as page, studio.device_in(room, device_id) as device:
            await studio.shell.does(flip, name=device_id, on=True)
            await device.hears("start-recording", roomId=room.id)
            await page.hears("esp32-started-recording", deviceId=device_id)
            await studio.shell.does(flip, name=device_id, on=False)
            await device.hears("stop-recording", roomId=room.id)
            assert device.kinds() == ["connected", "start-recording", "stop-recording"]

    @pytest.mark.parametrize(
        "change",
        [
            "device.released_at = now; device.save()",
            "device.room = None; device.save()",
            "device.tokens.all().delete()",
            "device.delete()",
        ],
        ids=["released", "without a room", "without a token", "deleted"],
    )
    async def test_a_device_that_belongs_here_no_more_is_parked(self, studio, room, device_id, change):
        async with studio.page(room) as page, studio.device_in(room, device_id) as device:
            token = studio.tokens[-1]
            await studio.shell.does(f"{_NOW}device = Device.objects.get(device_id=name); {change}", name=device_id)
            await is_parked(studio, device, device_id, room, token)
            assert page.sound == b""
            assert page.closed is None

    async def test_a_device_that_was_moved_is_sent_on(self, studio, room, device_id):
        other = await studio.room()
        async with studio.device_in(room, device_id) as device:
            code = "d = Device.objects.get(device_id=name); d.room_id = room; d.save()"
            await studio.shell.does(code, name=device_id, room=other.id)
            config = await device.hears("room-config", roomId=other.id)
            studio.tokens.append(config["accessToken"])
            async with studio.device(device_id, f"&roomId={other.id}&accessToken={config['accessToken']}") as again:
                await again.hears("connected", roomId=other.id)
                assert await device.ends() == (4409, "Replaced")

    async def test_what_its_sound_is_like_is_read_anew(self, studio, room, device_id):
        cookie = await studio.sign_in("vera")
        async with studio.live(cookie, room) as page, studio.device_in(room, device_id) as device:
            await device.sound(room.id, pcm())
            code = "d = Device.objects.get(device_id=name); d.sample_rate_hz = 8000; d.channels = 2; d.save()"
            await studio.shell.does(code, name=device_id)

            async def is_read_anew() -> bool:
                await device.sound(room.id, pcm())
                return bool(page.chunks) and page.chunks[-1].sample_rate_hz == 8000

            await studio.comes_true(is_read_anew, "a chunk of 8 kHz")
            assert (page.chunks[0].sample_rate_hz, page.chunks[0].channels) == (16000, 1)
            assert page.chunks[-1].channels == 2
