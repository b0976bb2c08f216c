"""Who may not enter learns nothing: one answer, the same bytes and queries, whatever is wrong; and how sockets end."""

import asyncio
import json
from uuid import uuid4

import pytest

from tests.studio import Studio, StudioRoom, studio_on
from tests.visitors import Page, RawDevice, pcm

_END = "Room.objects.filter(pk=room).update(status='ENDED')"
_EXPIRE = "Grant.objects.filter(room=room).update(expires_at='2020-01-01T00:00Z')"
_REVOKE = "from django.utils import timezone; Grant.objects.filter(room=room).update(revoked_at=timezone.now())"
_RELEASE = "from django.utils import timezone; Device.objects.filter(device_id=name).update(released_at=timezone.now())"
_FORGET = "DeviceToken.objects.filter(device__device_id=name).delete()"


@pytest.fixture(scope="module", params=["serve", "runserver"])
def studio(request, tmp_path_factory):
    with studio_on(tmp_path_factory.mktemp("refusals"), request.param) as studio:
        yield studio


class TestPages:
    async def refusals(self, studio: Studio) -> dict[str, str]:
        """Return a query for each way in which a page may not enter."""
        ended, expired, revoked, mine, other = [await studio.room() for _ in range(5)]
        theirs = await studio.room(as_=studio.charlie)
        await studio.shell.does(_END, room=ended.id)
        await studio.shell.does(_EXPIRE, room=expired.id)
        await studio.shell.does(_REVOKE, room=revoked.id)
        stranger = uuid4()
        return {
            "an unknown room": f"roomId={stranger}&accessToken={mine.token}",
            "a room that is none": f"roomId=meeting-1&accessToken={mine.token}",
            "an ended room": ended.query,
            "a wrong token": f"roomId={mine.id}&accessToken=lgg_{'x' * 40}",
            "a token that is none": f"roomId={mine.id}&accessToken=%20",
            "an expired token": expired.query,
            "a revoked token": revoked.query,
            "the token of another room": f"roomId={mine.id}&accessToken={other.token}",
            "the token of another organization": f"roomId={mine.id}&accessToken={theirs.token}",
            "a hand-over without a right": f"roomId={stranger}&accessToken=x&targetDeviceId=esp32-meeting-01",
        }

    async def test_every_refusal_of_a_page_is_the_same_bytes(self, studio):
        answers = {}
        for name, query in (await self.refusals(studio)).items():
            async with RawDevice(studio.server, query) as page:
                assert await page.ends() == (4401, "Not allowed"), name
                answers[name] = page.answer
        assert len(set(answers.values())) == 1, answers

    async def test_every_refusal_of_a_page_of_ours_is_the_same(self, studio):
        ended, theirs, room = await studio.room(), await studio.room(as_=studio.charlie), await studio.room()
        await studio.shell.does(_END, room=ended.id)
        cookie = await studio.sign_in("alice")
        for room_id, who in ((ended.id, cookie), (theirs.id, cookie), (str(uuid4()), cookie), (room.id, "sessionid=x")):
            async with Page(studio.server, f"/ws/live?room={room_id}", cookie=who) as page:
                assert await page.ends() == (4401, "Not allowed")
                assert page.heard == []

    async def test_a_page_of_elsewhere_cannot_use_a_browser_s_cookie(self, studio):
        cookie = await studio.sign_in("alice")
        for origin in ("file://", "http://evil.example", "null", None):
            headers = {"Cookie": cookie, **({"Origin": origin} if origin else {})}
            async with Page(studio.server, "/ws/live", headers=headers) as page:
                assert await page.ends() == (4401, "Not allowed")

    @pytest.mark.django_db
    def test_every_refusal_costs_the_same_query(self, studio_room, cast, django_assert_num_queries):
        from rooms.grants import admit, make_grant, revoke_grant

        _grant, good = make_grant(studio_room, by=cast.alice)
        revoked, ended = make_grant(studio_room, by=cast.alice)
        revoke_grant(revoked, by=cast.alice)
        room = str(studio_room.pk)
        for asked in ((room, good), (room, ended), (room, "-"), (str(uuid4()), good), ("meeting-1", "lgg_wrong")):
            with django_assert_num_queries(1):
                assert bool(admit([asked])) == (asked == (room, good))


class TestDevices:
    async def test_every_device_that_may_not_enter_is_parked_with_the_same_bytes(self, studio):
        name = studio.new_id()
        room, ended = await studio.room(), await studio.room()
        credentials = await studio.paired(room, name)
        token = credentials.rpartition("=")[2]
        asked = {
            "a wrong token": f"&roomId={room.id}&accessToken=lgd_{'x' * 40}",
            "the token of a page": f"&{room.query}",
            "an unknown room": f"&roomId={uuid4()}&accessToken=wrong",
            "a room that is none": "&roomId=meeting-1&accessToken=wrong",
            "a token alone": "&accessToken=wrong",
            "a token that is none": f"&roomId={room.id}&accessToken=%20",
        }
        await studio.shell.does(_FORGET, name=name)
        asked["a token that was taken back"] = credentials
        answers = {what: await self.parked(studio, name, more) for what, more in asked.items()}
        await studio.shell.does(_RELEASE, name=name)
        answers["a released device"] = await self.parked(studio, name, credentials)
        await studio.shell.does(_END, room=ended.id)
        answers["an ended room"] = await self.parked(studio, name, f"&roomId={ended.id}&accessToken={token}")
        assert len(set(answers.values())) == 1, answers

    async def parked(self, studio: Studio, name: str, more: str) -> bytes:
        async with studio.device(name, more) as device:
            await device.hears("waiting-for-config", deviceId=name)
            await studio.lists("/api/esp32/pending", name)
            assert device.faults == []
            first = device.answer
            await device.leave()
        return first

    async def test_what_a_parked_device_sends_reaches_nobody(self, studio):
        room, name = await studio.room(), studio.new_id()
        async with studio.page(room) as page:
            async with studio.device(name, f"&roomId={room.id}&accessToken=wrong") as device:
                await device.hears("waiting-for-config")
                await device.sound(room.id, pcm(seed=1))
                await device.hears("error")
            async with studio.device_in(room, studio.new_id()) as neighbour:
                await neighbour.sound(room.id, pcm(seed=2))
                await page.hears_sound(pcm(seed=2))


class TestEndings:
    async def test_whoever_leaves_before_saying_anything_leaves_nothing_behind(self, studio):
        for query in ("", "type=browser", "type=esp32&deviceId=esp32-gone", "roomId=x&accessToken=y"):
            for _ in range(10):
                async with RawDevice(studio.server, query) as visitor:
                    visitor.break_link()
        # that no task of theirs is left is seen when the server ends


@pytest.mark.timeout(150)
async def test_viewers_that_stay_stuck_are_given_up_and_the_others_hear_all(tmp_path):
    with studio_on(tmp_path / "var") as studio:
        room, name, cookie = await studio.room(), studio.new_id(), await studio.sign_in("vera")
        async with (
            studio.live(cookie, room) as silent,
            studio.live(cookie, room) as deaf,
            studio.live(cookie, room) as page,
            studio.device_in(room, name) as device,
        ):
            await studio.configure(name, sample_rate_hz=44100, channels=2)
            await asyncio.sleep(1.5)  # two heartbeats: the worker knows of it by then
            await silent.send(json.dumps({"type": "ack", "bytes": 0}))  # from now on it owes acknowledgements
            deaf.socket.transport.pause_reading()
            sent: list[bytes] = []
            sending = asyncio.create_task(stream(device, room, sent))
            silent.patience_s = 90
            assert await silent.ends() == (4408, "Too slow")
            await studio.comes_true(lambda: two_were_given_up(studio), "the deaf one is given up too")
            sending.cancel()
            await page.until(lambda: len(page.chunks) == len(sent))
            assert [chunk.payload for chunk in page.chunks] == sent
            assert device.closed is None


async def two_were_given_up(studio: Studio) -> bool:
    return studio.server.log.count("is too slow") == 2


async def stream(device: RawDevice, room: StudioRoom, sent: list[bytes]) -> None:
    """Send stereo of 44.1 kHz in real time."""
    while True:
        sent.append(pcm(4096, len(sent)))
        await device.sound(room.id, sent[-1])
        await asyncio.sleep(4096 / 88200)


async def test_a_server_that_restarts_says_so(tmp_path):
    with studio_on(tmp_path / "var") as studio:
        room, name = await studio.room(), studio.new_id()
        cookie = await studio.sign_in("alice")
        async with (
            studio.page(room) as page,
            studio.live(cookie, room) as ours,
            studio.device_in(room, name) as device,
            studio.device(studio.new_id()) as pending,
        ):
            await asyncio.to_thread(studio.server.terminate)
            for each in (page, ours, device, pending):
                assert (await each.ends())[0] == 1012


async def test_tokens_stay_out_of_the_log_at_any_level(tmp_path):
    with studio_on(tmp_path / "var", LOG_LEVEL="DEBUG") as studio:
        room, name = await studio.room(), studio.new_id()
        cookie = await studio.sign_in("alice")
        async with studio.live(cookie, room), studio.page(room) as page, studio.device_in(room, name) as device:
            await device.sound(room.id, pcm())
            await page.hears_sound(pcm())
        wrong = "lgd_" + "secret" * 6
        studio.tokens.append(wrong)
        async with studio.device(name, f"&roomId={room.id}&accessToken={wrong}") as device:
            await device.hears("waiting-for-config")
        plain = "no-prefix-" * 4
        studio.tokens.append(plain)
        for path in (f"ws?accessToken={wrong}", wrong, f"accessToken={plain}", f"accounts/enter/MQ/{plain}/"):
            await studio.ask("GET", f"/{path}")
        assert "[redacted]" in studio.server.log
