"""Odd names on every socket, on uvicorn and on Daphne: nothing breaks, nobody else is disturbed."""

import asyncio
import contextlib
import json
from itertools import product

import pytest

from tests.bare_http import request
from tests.odd_names import ODD, besieged_studio, both_ways, encoded
from tests.studio import Studio, StudioRoom
from tests.visitors import Page, RawDevice


@pytest.fixture(scope="module", params=["serve", "runserver"])
def studio(request, tmp_path_factory):
    with besieged_studio(tmp_path_factory.mktemp("bad-names"), request.param) as studio:
        yield studio


@pytest.fixture(scope="module")
def room(studio: Studio) -> StudioRoom:
    return asyncio.run(studio.room())


@pytest.fixture(params=ODD.values(), ids=ODD)
def odd(request) -> str:
    return request.param


def joined(fields: dict[str, bytes]) -> bytes:
    return b"&".join(b"%s=%s" % (name.encode(), value) for name, value in fields.items())


class TestSockets:
    async def test_as_the_id_of_a_device(self, studio, odd):
        async with studio.undisturbed():
            for query in both_ways(odd):
                async with RawDevice(studio.server, b"type=esp32&deviceId=" + query) as device:
                    assert device.status in (101, 400, 0)
                    if device.status == 101:
                        assert (await device.ends())[0] in (1008, 1006)
                        assert set(device.kinds()) <= {"error"}
                    assert device.faults == []
        _status, answer = await studio.ask("GET", "/api/esp32/pending")
        assert odd not in [each["deviceId"] for each in answer["devices"]]

    async def test_as_the_room_or_the_token_of_a_device(self, studio, room, device_id, odd):
        given = {
            "type": b"esp32",
            "deviceId": device_id.encode(),
            "roomId": room.id.encode(),
            "accessToken": b"lgd_wrong",
        }
        async with studio.undisturbed():
            for where, text in product(("roomId", "accessToken"), both_ways(odd)):
                async with RawDevice(studio.server, joined({**given, where: text})) as device:
                    assert device.status in (101, 400, 0)
                    if device.status == 101:
                        await device.hears("waiting-for-config", deviceId=device_id)
                    assert device.faults == []

    async def test_as_anything_that_a_page_of_the_field_says(self, studio, room, odd):
        given = {"type": b"browser", "roomId": room.id.encode(), "accessToken": room.token.encode()}
        async with studio.undisturbed():
            for where, text in product(("roomId", "accessToken", "type", "targetDeviceId"), both_ways(odd)):
                async with RawDevice(studio.server, joined({**given, where: text})) as page:
                    assert page.status in (101, 400, 0)
                    if page.status == 101 and where == "type":
                        await page.hears("connected")
                    elif page.status == 101:
                        assert (await page.ends())[0] in (4401, 1008)

    async def test_as_the_room_of_a_page_of_ours(self, studio, odd):
        cookie = await studio.sign_in("alice")
        async with studio.undisturbed():
            with contextlib.suppress(UnicodeEncodeError):  # half an emoji is no URL
                async with Page(studio.server, f"/ws/live?room={encoded(odd)}", cookie=cookie) as page:
                    if odd:
                        assert await page.ends() == (4401, "Not allowed")
                    else:
                        await page.hears("board")

    async def test_as_the_cookie_of_a_page_of_ours(self, studio, room, odd):
        async with studio.undisturbed():
            cookie = f"sessionid={encoded(odd)}"
            async with Page(studio.server, f"/ws/live?room={room.id}", cookie=cookie) as page:
                assert await page.ends() == (4401, "Not allowed")

    async def test_as_the_target_of_a_command(self, studio, room, odd):
        async with studio.undisturbed(), studio.page(room) as page:
            for what in ("start-recording", "stop-recording", "go-pending"):
                await page.say(what, targetDeviceId=odd)
                assert (await page.hears("error")).keys() == {"type", "message"}

    async def test_as_fields_that_nobody_asked_for(self, studio, device_id, odd):
        name = encoded(odd[:20])
        more = "".join(f"&{name}{number}={name}" for number in range(30))
        async with studio.undisturbed(), studio.device(device_id, more) as device:
            await device.hears("waiting-for-config")
            assert device.faults == []

    @pytest.mark.parametrize("size", [9_000, 20_000, 70_000])
    async def test_a_url_longer_than_a_server_reads_is_turned_away(self, studio, size):
        async with studio.undisturbed(), studio.device("a" * size) as device:
            assert device.status in (101, 400, 0)  # how long is too long depends on the server; 0: it hangs up
            assert (await device.ends())[0] in (1008, 1006)

    async def test_as_the_path_of_a_socket(self, studio, odd):
        async with studio.undisturbed():
            status, _content = await request(
                studio.server, "GET", b"/ws/" + encoded(odd or "x").encode(),
                headers={
                    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                },
            )  # fmt: skip
            assert status in (400, 403, 404)

    async def test_in_the_request_line_of_a_call(self, studio, odd):
        by_key = {"Authorization": f"Bearer {studio.alice.key}"}
        for text in both_ways(odd):
            status, _content = await request(studio.server, "GET", b"/api/room/" + text, headers=by_key)
            assert status < 500


async def test_what_a_page_is_told_about_an_odd_name_is_json_and_short(studio, room, odd):
    async with studio.page(room) as page:
        await page.say("start-recording", targetDeviceId=odd)
        error = await page.hears("error")
        assert len(json.dumps(error)) <= 512
