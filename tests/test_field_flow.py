"""A sketch from the field against a real server: the whole flow, and everything that happens to such devices."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import websockets

from devices.simulator.arduino_websockets import Timing
from devices.simulator.microphone import Microphone
from devices.simulator.sketch import Firmware, Sketch
from tests.installation import Installation

# real waits, but for those that only make a test long: the retry, the boot, and a loop() that sleeps
FIELD = Firmware(
    "127.0.0.1", 0, boot_s=0.2, idle_pause_s=0.01, rejoin_pause_s=0.1, timing=Timing(retry_s=0.5)
)  # fmt: skip

BYTES_PER_S = 32_000  # of 16 kHz mono


class Studio:
    """Alice's side of the story: what she does over HTTP, and what she sees."""

    def __init__(self, server: Installation) -> None:
        self.server = server
        self.alice = server.person("alice")

    async def ask(self, method: str, path: str, body: Any = None, *, expect: tuple[int, ...] = (200, 201, 202)) -> Any:
        status, answer = await asyncio.to_thread(self.server.call, method, path, body, as_=self.alice)
        assert status in expect, f"{method} {path} answered {status}: {answer}"
        return answer

    async def make_room(self) -> str:
        """Make a room as a v1 page does, which is also given a token to listen with."""
        room = await self.ask("POST", "/api/room", {"meetingType": "Weekly planning"})
        self.room, self.token = room["roomId"], room["accessToken"]
        return self.room

    async def connect(self, device_id: str) -> str:
        """Put a waiting device into the room, as soon as the lobby shows it."""
        waiting = await self.wait_for("/api/v1/lobby/", lambda entry: entry["deviceId"] == device_id)
        device = await self.ask("POST", f"/api/v1/rooms/{self.room}/devices/", {"connection": waiting["connection"]})
        return device["id"]

    async def capture(self, device: str, *, on: bool) -> None:
        await self.ask("POST", f"/api/v1/devices/{device}/capture/", {"on": on})

    async def wait_for(self, path: str, wanted: Any, seconds: float = 15) -> dict[str, Any]:
        """Return the first entry of a list that is as wanted, once there is one."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            entries = (await self.ask("GET", path))["results"]
            found = next(filter(wanted, entries), None)
            if found:
                return found
            assert asyncio.get_running_loop().time() < deadline, f"{path} stayed {entries}"
            await asyncio.sleep(0.1)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["Listener"]:
        """Listen to the room as a v1 page does."""
        url = f"{self.server.ws_url}/ws?roomId={self.room}&accessToken={self.token}"
        async with websockets.connect(url, compression=None) as socket:
            listener = Listener()
            hearing = asyncio.create_task(listener.hear(socket))
            yield listener
            hearing.cancel()


class Listener:
    """What a v1 page of the room has heard."""

    def __init__(self) -> None:
        self.sound = b""
        self.others: list[dict[str, Any]] = []

    async def hear(self, socket: websockets.ClientConnection) -> None:
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "esp32-audio-chunk":
                self.sound += base64.b64decode(message["audio"])
            else:
                self.others.append(message)

    async def until(self, length: int) -> None:
        """Wait until so many bytes of sound were heard."""
        async with asyncio.timeout(20):
            while len(self.sound) < length:  # noqa: ASYNC110 (fifty looks a second cost less than a lock)
                await asyncio.sleep(0.02)


def a_microphone() -> Microphone:
    """Noise, so that no two chunks are alike."""
    return Microphone(np.random.default_rng(1).integers(-20000, 20000, 160_000, dtype=np.int16))


def a_sketch(server: Installation, **lines: Any) -> Sketch:
    return Sketch(replace(FIELD, port=server.port, **lines), a_microphone(), keeps_sent=True)


@pytest.fixture(params=["serve", "runserver", "serve on PostgreSQL and Redis"])
def server(request) -> Installation:
    """The same promises on uvicorn, on Daphne, and on what bigger installations stand on."""
    if request.param == "serve on PostgreSQL and Redis":
        stores = {
            "DATABASE_URL": request.getfixturevalue("postgres_url"),
            "REDIS_URL": request.getfixturevalue("redis_url"),
        }
        # asked for last, so that it ends before what it stands on
        return request.getfixturevalue("leganize_server")(**stores, OPEN_LOBBY="true", REHOME="always")
    return request.getfixturevalue("leganize_server")(asgi_server=request.param)


async def test_a_sketch_goes_through_the_whole_flow_and_is_heard_bit_by_bit(server):
    studio = await asyncio.to_thread(Studio, server)
    await studio.make_room()
    async with a_sketch(server) as sketch, studio.listening() as listener:
        device = await studio.connect("esp32-meeting-01")
        await sketch.until(lambda: sketch.state == "connected")
        await studio.capture(device, on=True)
        await listener.until(2 * BYTES_PER_S)
        shown = await studio.wait_for("/api/v1/devices/", lambda entry: entry["state"] == "capturing")
        assert shown["id"] == device and shown["wanted"]
        await studio.capture(device, on=False)
        await sketch.until(lambda: sketch.state == "connected")
        await studio.wait_for("/api/v1/devices/", lambda entry: entry["state"] == "connected")
        sent = b"".join(sketch.sent)
        await listener.until(len(sent))
        assert listener.sound == sent
        assert {"type": "esp32-started-recording", "deviceId": "esp32-meeting-01"}.items() <= next(
            message for message in listener.others if message["type"] == "esp32-started-recording"
        ).items()
    assert sketch.faults == []
    assert "Traceback" not in server.log


async def test_it_survives_a_dropped_link_a_power_cut_and_a_restart_of_the_server(server):
    studio = await asyncio.to_thread(Studio, server)
    await studio.make_room()
    async with a_sketch(server) as sketch:
        device = await studio.connect("esp32-meeting-01")
        await studio.capture(device, on=True)
        await sketch.until(lambda: sketch.state == "capturing")

        sketch.drop_link()
        await sketch.until(lambda: sketch.state != "capturing")
        await sketch.until(lambda: sketch.state == "capturing")

        sketch.power_cut()
        await sketch.until(lambda: sketch.state == "away")
        await sketch.until(lambda: sketch.state == "capturing", seconds=20)
        assert sketch.boots == 2

        await asyncio.to_thread(server.restart)
        await sketch.until(lambda: sketch.disconnects >= 3)
        await sketch.until(lambda: sketch.state == "capturing", seconds=20)

        await studio.capture(device, on=False)
        await sketch.until(lambda: sketch.state == "connected")
    assert sketch.faults == []
    assert "Traceback" not in server.log


async def test_a_killed_server_finds_its_devices_again(leganize_server):
    server = leganize_server()
    studio = await asyncio.to_thread(Studio, server)
    await studio.make_room()
    async with a_sketch(server) as sketch:
        device = await studio.connect("esp32-meeting-01")
        await studio.capture(device, on=True)
        await sketch.until(lambda: sketch.chunks_sent > 10)
        await asyncio.to_thread(server.kill)
        await sketch.until(lambda: sketch.state == "away")
        await asyncio.to_thread(server.start)
        await sketch.until(lambda: sketch.state == "capturing", seconds=20)
    assert sketch.faults == []


async def test_a_start_asked_for_while_a_device_is_away_waits_for_its_return(leganize_server):
    server = leganize_server()
    studio = await asyncio.to_thread(Studio, server)
    await studio.make_room()
    async with a_sketch(server) as sketch:
        device = await studio.connect("esp32-meeting-01")
        await sketch.until(lambda: sketch.state == "connected")
    await studio.wait_for("/api/v1/devices/", lambda entry: entry["state"] in ("away", "reconnecting"))
    await studio.capture(device, on=True)
    async with a_sketch(server) as sketch:  # it comes back with its ID alone, as after a night without power
        await sketch.until(lambda: sketch.state == "capturing", seconds=20)
    assert sketch.faults == []


async def test_a_device_with_a_token_that_ended_is_parked_and_learns_nothing(leganize_server):
    server = leganize_server()
    studio = await asyncio.to_thread(Studio, server)
    await studio.make_room()
    async with a_sketch(server) as sketch:
        device = await studio.connect("esp32-meeting-01")
        await sketch.until(lambda: sketch.state == "connected")
        await studio.ask("POST", f"/api/v1/devices/{device}/release/", expect=(204,))
        await sketch.until(lambda: sketch.state == "pending")
        await studio.wait_for("/api/v1/lobby/", lambda entry: entry["deviceId"] == "esp32-meeting-01")
        assert sketch.room_id == studio.room  # an old sketch keeps its old URL, and is told to wait
        assert sketch.received[-1] == {"type": "waiting-for-config", "deviceId": "esp32-meeting-01"}
    assert sketch.faults == []


async def test_a_buffer_too_large_for_its_document_keeps_its_socket_and_is_named(leganize_server):
    server = leganize_server()
    studio = await asyncio.to_thread(Studio, server)
    await studio.make_room()
    async with a_sketch(server, buffer_samples=2048) as sketch:
        device = await studio.connect("esp32-meeting-01")
        await studio.capture(device, on=True)
        await studio.wait_for("/api/v1/devices/", lambda entry: entry["problem"])
        assert sketch.state == "capturing"
        assert sketch.disconnects == 1  # only the one with which it took its room
    assert sketch.faults == []
