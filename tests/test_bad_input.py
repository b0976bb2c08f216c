"""One table of bad input and endings for every socket of ours, each row on uvicorn and on Daphne."""

import asyncio
import json
from urllib.parse import quote

import pytest

from tests.studio import Studio, StudioRoom, studio_on
from tests.visitors import Page, pcm

MAX_MESSAGE_BYTES = 256 * 1024
WRONG_FOR_ALL = [
    "", "{broken", "[]", "null", "7", '"type"', "{}", '{"type":null}', '{"type":7}', '{"type":["x"]}', "[" * 90_000,
]  # fmt: skip
WRONG_CHUNKS = {
    "another room": {"roomId": "00000000-0000-0000-0000-000000000000", "audio": "AAAA"},
    "no room": {"audio": "AAA="},
    "a room that is no text": {"roomId": {"a": [1]}, "audio": "AAA="},
    "no base64": {"audio": "?*!"},
    "half a sample": {"audio": "AAAA"},
    "a number": {"audio": 7},
    "a list": {"audio": [0, 0]},
}
WRONG_FOR_PAGES = {
    "no target": {"type": "start-recording"},
    "a target that is no text": {"type": "stop-recording", "targetDeviceId": 7},
    "a target that is no ID": {"type": "go-pending", "targetDeviceId": "../../etc/passwd"},
    "nobody": {"type": "start-recording", "targetDeviceId": "esp32-that-is-not-there"},
    "sound before start-stream": {"type": "audio-data", "audio": "AAA="},
    "no count": {"type": "ack", "bytes": "many"},
}


@pytest.fixture(scope="module", params=["serve", "runserver"])
def studio(request, tmp_path_factory):
    with studio_on(tmp_path_factory.mktemp("bad-input"), request.param) as studio:
        yield studio


@pytest.fixture(scope="module")
def device_and_room(studio: Studio) -> tuple[str, StudioRoom, str]:
    """A device that has its room in its URL: each test switches it on anew."""

    async def pair() -> tuple[str, StudioRoom, str]:
        room, name = await studio.room(), studio.new_id()
        return name, room, await studio.paired(room, name)

    return asyncio.run(pair())


class TestDevices:
    @pytest.mark.parametrize("text", WRONG_FOR_ALL, ids=lambda text: text[:12] or "nothing")
    async def test_what_is_no_message_is_an_error_and_the_socket_stays(self, studio, device_and_room, text):
        await self.is_told(studio, device_and_room, text)

    @pytest.mark.parametrize("fields", WRONG_CHUNKS.values(), ids=WRONG_CHUNKS)
    async def test_a_wrong_chunk_is_an_error_and_the_socket_stays(self, studio, device_and_room, fields):
        _name, room, _credentials = device_and_room
        given = {} if fields is WRONG_CHUNKS["no room"] else {"roomId": room.id}
        await self.is_told(studio, device_and_room, json.dumps({"type": "esp32-audio-chunk", **given, **fields}))

    async def is_told(self, studio: Studio, device_and_room: tuple[str, StudioRoom, str], text: str) -> None:
        name, room, credentials = device_and_room
        async with studio.page(room) as page, studio.device(name, credentials) as device:
            await device.hears("connected")
            await device.say(text)
            assert (await device.hears("error")).keys() == {"type", "message"}
            await device.sound(room.id, pcm())
            await page.hears_sound(pcm())
            assert (device.faults, device.closed) == ([], None)
            assert "error" not in page.kinds()

    async def test_binary_does_not_belong_here(self, studio, device_and_room):
        name, room, credentials = device_and_room
        async with studio.page(room) as page, studio.device(name, credentials) as device:
            await device.hears("connected")
            await device.say_binary(pcm())
            assert "binary" in (await device.hears("error"))["message"]
            await device.sound(room.id, pcm(seed=2))
            await page.hears_sound(pcm(seed=2))

    async def test_errors_come_at_most_once_a_second(self, studio, device_and_room):
        name, room, credentials = device_and_room
        clock = asyncio.get_running_loop().time
        async with studio.page(room) as page, studio.device(name, credentials) as device:
            await device.hears("connected")
            began = clock()
            for _ in range(40):
                await device.say("{broken")
            await device.sound(room.id, pcm())
            await page.hears_sound(pcm())
            assert 1 <= device.kinds().count("error") <= 1 + (clock() - began)

    async def test_fifty_errors_within_a_minute_close(self, studio, device_and_room):
        name, _room, credentials = device_and_room
        async with studio.device(name, credentials) as device:
            await device.hears("connected")
            for _ in range(50):
                await device.say("{broken")
            assert await device.ends() == (1008, "Too many errors")
        assert device.faults == []

    @pytest.mark.parametrize("audio", [None, ""])
    async def test_sound_that_is_null_is_told_to_the_pages_of_the_room(self, studio, audio):
        room, name = await studio.room(), studio.new_id()
        cookie = await studio.sign_in("vera")
        async with (
            studio.page(room) as page,
            studio.live(cookie, room) as ours,
            studio.device_in(room, name) as device,
        ):
            for _ in range(3):
                await device.say({"type": "esp32-audio-chunk", "roomId": room.id, "audio": audio})
            await device.hears("error")
            for each in (page, ours):
                notice = await each.hears("notice")
                assert notice["deviceId"] == name
                assert "BUFFER_SIZE" in notice["message"]
            await studio.shows(name, lambda entry: entry["problem"])
            await device.sound(room.id, pcm())
            await page.hears_sound(pcm())
            await studio.shows(name, lambda entry: not entry["problem"])
            assert page.kinds().count("notice") == 1

    async def test_what_a_camera_says_about_itself_is_kept(self, studio):
        room, name = await studio.room(), studio.new_id()
        async with studio.device_in(room, name) as device:
            await device.say("temperature 41")
            await device.hears("error")
            await studio.configure(name, kind="camera")
            await asyncio.sleep(1.5)  # two heartbeats: the worker knows of it by then
            for text in ("temperature 42 °C", "x" * 513, "{broken"):
                await device.say(text)
                await asyncio.sleep(1.1)  # errors are told once a second
            await device.hears("error")
            await device.hears("error")
            assert device.kinds().count("error") == 3
        saved = "answer = list(Connection.objects.filter(reported_id=name).values_list('telemetry', flat=True))"

        async def look() -> bool:
            return "temperature 42 °C" in await studio.shell.does(saved, name=name)

        await studio.comes_true(look, "the camera's words are kept")

    async def test_a_message_over_256_kib_closes(self, studio, device_and_room):
        name, _room, credentials = device_and_room
        async with studio.device(name, credentials) as device:
            await device.hears("connected")
            await device.say("x" * MAX_MESSAGE_BYTES)
            await device.hears("error")
            await device.say("x" * (MAX_MESSAGE_BYTES + 1))
            assert (await device.ends())[0] == 1009

    async def test_faster_than_200_messages_a_second_is_told_once_and_then_closed(self, studio, device_and_room):
        name, _room, credentials = device_and_room
        async with studio.device(name, credentials) as device:
            await device.hears("connected")
            for _ in range(5000):
                await device.say('{"type":"unknown"}')
                if device.closed:
                    break
            assert await device.ends() == (4429, "Too fast")
        assert device.kinds() == ["connected", "error"]
        assert device.faults == []

    async def test_twice_the_declared_rate_is_told_once_and_then_closed(self, studio, device_and_room):
        name, room, credentials = device_and_room
        async with studio.device(name, credentials) as device:
            await device.hears("connected")
            for seed in range(120):
                await device.sound(room.id, pcm(32000, seed))
            assert await device.ends() == (4429, "Too fast")
        assert device.kinds() == ["connected", "error"]

    async def test_text_that_is_no_text_ends_that_socket_alone(self, studio, device_and_room):
        name, _room, credentials = device_and_room
        async with studio.undisturbed(), studio.device(name, credentials) as device:
            await device.hears("connected")
            await device.say(b"\xff\xfe\x00")
            assert (await device.ends())[0] == 1007

    @pytest.mark.parametrize("name", ["", "a b", "a/b", "a" * 65, "<img>", "ไมค์"])
    async def test_an_id_that_is_none_is_told_and_closed(self, studio, name):
        async with studio.device(quote(name)) as device:
            assert "deviceId" in (await device.hears("error"))["message"]
            assert await device.ends() == (1008, "Invalid deviceId")
        assert device.faults == []


class TestPages:
    @pytest.fixture(params=["field", "ours"])
    async def page(self, request, studio: Studio):
        """A page of the field, and one of ours, in a room of their own."""
        room = await studio.room()
        cookie = await studio.sign_in("alice")
        async with studio.page(room) if request.param == "field" else studio.live(cookie, room) as page:
            await page.until(lambda: page.heard)
            yield page

    async def stays(self, page: Page) -> None:
        await page.say("start-stream")
        await page.hears("stream-started")
        assert page.closed is None

    @pytest.mark.parametrize("text", WRONG_FOR_ALL, ids=lambda text: text[:12] or "nothing")
    async def test_what_is_no_message_is_an_error_and_the_socket_stays(self, page, text):
        await page.send(text)
        assert (await page.hears("error")).keys() == {"type", "message"}
        await self.stays(page)

    @pytest.mark.parametrize("message", WRONG_FOR_PAGES.values(), ids=WRONG_FOR_PAGES)
    async def test_a_wrong_message_is_an_error_and_the_socket_stays(self, page, message):
        await page.send(json.dumps(message))
        assert (await page.hears("error")).keys() == {"type", "message"}
        await self.stays(page)

    async def test_binary_before_start_stream_is_an_error(self, page):
        await page.send(pcm())
        await page.hears("error")
        await self.stays(page)

    async def test_fifty_errors_within_a_minute_close(self, page):
        for _ in range(50):
            await page.send("{broken")
        assert await page.ends() == (1008, "Too many errors")
        assert page.kinds().count("error") == 49

    async def test_a_message_over_256_kib_closes(self, page):
        await page.send("x" * MAX_MESSAGE_BYTES)
        await page.hears("error")
        await page.send("x" * (MAX_MESSAGE_BYTES + 1))
        assert (await page.ends())[0] == 1009

    async def test_faster_than_200_messages_a_second_is_told_once_and_then_closed(self, page):
        for _ in range(5000):
            await page.send('{"type":"unknown"}')
            await asyncio.sleep(0.001)  # what is still under way when a server closes costs the sender its close code
            if page.closed:
                break
        assert await page.ends() == (4429, "Too fast")
        assert page.kinds().count("error") == 1

    async def test_text_that_is_no_text_ends_that_socket_alone(self, studio, page):
        async with studio.undisturbed():
            await page.sends_invalid_text(b"\xff\xfe\x00")
            assert (await page.ends())[0] == 1007

    async def test_a_guest_who_may_only_listen_controls_nothing(self, studio, device_and_room):
        name, room, credentials = device_and_room
        guest = await studio.guest(room)
        async with studio.page(guest) as page, studio.device(name, credentials) as device:
            await device.hears("connected")
            for what in ("start-recording", "stop-recording", "go-pending"):
                await page.say(what, targetDeviceId=name)
                assert "not allowed" in (await page.hears("error"))["message"]
            await studio.shows(name, lambda entry: not entry["wanted"] and entry["room"])
            assert device.kinds() == ["connected"]
