"""Our own pages' socket: let in by session and Origin, fed with boards and chunks, held to its person's rights."""

import asyncio
import http.cookiejar
import json
import urllib.parse
import urllib.request
from dataclasses import replace

import pytest
import websockets

from devices.simulator.arduino_websockets import Timing
from devices.simulator.microphone import SHIPPED_SPEECH, Microphone
from devices.simulator.sketch import Firmware, Sketch
from leganize.wire.chunk import Chunk
from tests.installation import Installation, Person

FIELD = Firmware("127.0.0.1", 0, boot_s=0.1, idle_pause_s=0.01, rejoin_pause_s=0.1, timing=Timing(retry_s=0.5))


@pytest.fixture(params=["serve", "runserver"])
def server(request, leganize_server) -> Installation:
    return leganize_server(asgi_server=request.param)


@pytest.fixture
def uvicorn(leganize_server) -> Installation:
    return leganize_server()


def signed_in(server: Installation, person: Person) -> str:
    """Sign in as a browser does and return its Cookie header."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    browser.open(f"{server.url}/accounts/login/", timeout=10)
    token = next(cookie.value for cookie in jar if cookie.name == "csrftoken")
    form = {"username": person.name, "password": person.password, "csrfmiddlewaretoken": token}
    browser.open(f"{server.url}/accounts/login/", urllib.parse.urlencode(form).encode(), timeout=10)
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


def live(server: Installation, cookies: str, room: str = "", origin: str | None = "own"):
    headers = {"Cookie": cookies} if cookies else {}
    if origin:
        headers["Origin"] = server.url if origin == "own" else origin
    url = f"{server.ws_url}/ws/live" + (f"?room={room}" if room else "")
    return websockets.connect(url, additional_headers=headers, compression=None)


async def next_event(socket, kind: str, seconds: float = 15) -> dict:
    async with asyncio.timeout(seconds):
        while True:
            message = await socket.recv()
            if isinstance(message, str) and json.loads(message)["type"] == kind:
                return json.loads(message)


async def until_board(socket, wanted, seconds: float = 15) -> dict:
    async with asyncio.timeout(seconds):
        while not wanted(board := await next_event(socket, "board", seconds)):
            pass
        return board


async def close_code(socket) -> int:
    async with asyncio.timeout(15):
        try:
            while True:
                await socket.recv()
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code


def make_room(server: Installation, person: Person) -> str:
    return server.call("POST", "/api/v1/rooms/", {"name": "Weekly planning", "records": False}, as_=person)[1]["id"]


async def test_a_person_sees_a_device_arrive_be_connected_capture_and_leave(server):
    alice = server.person("alice")
    room, cookies = make_room(server, alice), signed_in(server, alice)
    sketch = Sketch(replace(FIELD, port=server.port, device_id="mic-1"), Microphone.from_wav(SHIPPED_SPEECH))
    async with live(server, cookies) as lobby, live(server, cookies, room) as page:
        async with sketch:
            waiting = (await until_board(lobby, lambda board: board["pending"]))["pending"][0]
            assert waiting["deviceId"] == "mic-1"
            server.call("POST", f"/api/v1/rooms/{room}/devices/", {"connection": waiting["connection"]}, as_=alice)
            states = lambda state: lambda board: [each["state"] for each in board["devices"]] == [state]  # noqa: E731
            device = (await until_board(page, states("connected")))["devices"][0]
            server.call("POST", f"/api/v1/devices/{device['id']}/capture", {"on": True}, as_=alice)
            await until_board(page, states("capturing"))
            while isinstance(message := await asyncio.wait_for(page.recv(), 10), str):
                pass
            assert Chunk.unpack(message).stream == device["stream"]
            assert len(Chunk.unpack(message).payload) == 2048
            server.call("POST", f"/api/v1/devices/{device['id']}/capture", {"on": False}, as_=alice)
            await until_board(page, states("connected"))
        await until_board(page, states("reconnecting"))


@pytest.mark.parametrize("origin", [None, "file://", "http://evil.example", "null"])
async def test_a_cookie_from_anywhere_but_our_own_pages_is_ignored(uvicorn, origin):
    cookies = signed_in(uvicorn, uvicorn.person("alice"))
    async with live(uvicorn, cookies, origin=origin) as socket:
        assert await close_code(socket) == 4401


async def test_who_is_not_signed_in_or_asks_for_anothers_room_gets_one_answer(uvicorn):
    alice, charlie = uvicorn.person("alice"), uvicorn.person("charlie")
    room, cookies = make_room(uvicorn, alice), signed_in(uvicorn, charlie)
    for cookie, asked in [("", ""), (cookies, room), (cookies, "../../etc/passwd"), (cookies, alice.organization)]:
        async with live(uvicorn, cookie, asked) as socket:
            assert await close_code(socket) == 4401


async def test_a_viewer_may_listen_but_neither_speak_nor_decide(uvicorn):
    alice = uvicorn.person("alice")
    vera = uvicorn.person("vera", role="viewer", organization=alice.organization)
    async with live(uvicorn, signed_in(uvicorn, vera), make_room(uvicorn, alice)) as socket:
        board = await next_event(socket, "board")
        assert board["room"]["mayControl"] is False
        await socket.send('{"type":"start-stream"}')
        assert "not allowed" in (await next_event(socket, "error"))["message"]
        await socket.send(bytes(64))
        assert "start-stream" in (await next_event(socket, "error"))["message"]


async def test_a_person_speaks_and_others_hear_but_not_they_themselves(uvicorn):
    alice = uvicorn.person("alice")
    cookies, room = signed_in(uvicorn, alice), make_room(uvicorn, alice)
    async with live(uvicorn, cookies, room) as speaker, live(uvicorn, cookies, room) as hearer:
        await next_event(hearer, "board")
        await speaker.send('{"type":"start-stream"}')
        await next_event(speaker, "stream-started")
        await speaker.send(b"\1\0" * 1024)
        while isinstance(heard := await asyncio.wait_for(hearer.recv(), 10), str):
            pass
        assert Chunk.unpack(heard).payload == b"\1\0" * 1024
        assert Chunk.unpack(heard).stream >= 2**31
        await speaker.send('{"type":"weather"}')
        await speaker.send("{")
        assert (await next_event(speaker, "error"))["message"]


async def test_the_board_comes_in_the_language_of_the_browsers_pages(uvicorn):
    alice = uvicorn.person("alice")
    cookies, room = signed_in(uvicorn, alice), make_room(uvicorn, alice)
    async with live(uvicorn, cookies + "; django_language=ru", room) as socket:
        said = (await next_event(socket, "board"))["room"]["events"][-1]["text"]
        assert any("а" <= letter <= "я" for letter in said.lower())
