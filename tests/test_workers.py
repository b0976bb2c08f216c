"""Several workers over real Redis and PostgreSQL: one room, whoever holds the device and whoever holds the page."""

import asyncio
import os
import signal
from dataclasses import replace

import pytest

from devices.simulator.microphone import SHIPPED_SPEECH, Microphone
from devices.simulator.sketch import Sketch
from leganize.wire.chunk import Chunk
from tests.installation import Installation, Person
from tests.stores import redis_server
from tests.test_live_page import FIELD, live, make_room, signed_in, until_board


@pytest.fixture
def workers(leganize_server, redis_url, postgres_url) -> tuple[Installation, Installation]:
    shared = {
        "DATABASE_URL": postgres_url,
        "REDIS_URL": redis_url,
        "OPEN_LOBBY": "true",
        "SECRET_KEY": "shared by all workers of this test, and long enough",
        "WORKER_LEASE_SECONDS": "4",
    }
    return leganize_server(**shared), leganize_server(**shared)


def has_state(state: str):
    return lambda board: [each["state"] for each in board["devices"]] == [state]


async def heard(page, chunks: int) -> list[Chunk]:
    found: list[Chunk] = []
    async with asyncio.timeout(30):
        while len(found) < chunks:
            message = await page.recv()
            if isinstance(message, bytes):
                found.append(Chunk.unpack(message))
    return found


async def connect(server: Installation, person: Person, room: str, lobby, page) -> dict:
    """Put the device that waits into the room, and return it once it is there."""
    waiting = (await until_board(lobby, lambda board: board["pending"]))["pending"][0]
    server.call("POST", f"/api/v1/rooms/{room}/devices/", {"connection": waiting["connection"]}, as_=person)
    return (await until_board(page, has_state("connected")))["devices"][0]


async def test_a_device_on_one_worker_is_claimed_started_and_heard_on_another(workers):
    here, there = workers
    alice = here.person("alice")
    room, cookies = make_room(here, alice), signed_in(here, alice)
    async with (
        Sketch(replace(FIELD, port=there.port, device_id="mic-1"), Microphone.from_wav(SHIPPED_SPEECH)),
        live(here, cookies) as lobby,
        live(here, cookies, room) as page,
        live(there, cookies, room) as neighbour,
    ):
        device = await connect(here, alice, room, lobby, page)
        here.call("POST", f"/api/v1/devices/{device['id']}/capture", {"on": True}, as_=alice)
        across, beside = await asyncio.gather(heard(page, 40), heard(neighbour, 40))
        assert [each.seq for each in across] == list(range(across[0].seq, across[0].seq + 40))
        assert [each.seq for each in beside] == list(range(beside[0].seq, beside[0].seq + 40))
        here.call("POST", f"/api/v1/devices/{device['id']}/capture", {"on": False}, as_=alice)
        await until_board(page, has_state("connected"))


async def test_redis_that_hangs_and_comes_back_costs_neighbours_nothing_and_others_only_the_while(workers, redis_url):
    here, there = workers
    alice = here.person("alice")
    room, cookies = make_room(here, alice), signed_in(here, alice)
    async with (
        Sketch(replace(FIELD, port=there.port, device_id="mic-1"), Microphone.from_wav(SHIPPED_SPEECH)),
        live(there, cookies) as lobby,
        live(here, cookies, room) as page,
        live(there, cookies, room) as neighbour,
    ):
        device = await connect(there, alice, room, lobby, page)
        there.call("POST", f"/api/v1/devices/{device['id']}/capture", {"on": True}, as_=alice)
        await heard(page, 5)
        redis_pid = _process_listening_at(redis_url)
        os.kill(redis_pid, signal.SIGSTOP)
        try:
            beside = await heard(neighbour, 60)
        finally:
            os.kill(redis_pid, signal.SIGCONT)
        assert [each.seq for each in beside] == list(range(beside[0].seq, beside[0].seq + 60))
        latest = beside[-1].seq
        async with asyncio.timeout(20):
            while (await heard(page, 1))[0].seq <= latest:
                pass


async def test_what_a_dead_worker_held_stops_counting(workers):
    here, there = workers
    alice = here.person("alice")
    room, cookies = make_room(here, alice), signed_in(here, alice)
    async with (
        Sketch(replace(FIELD, port=there.port, device_id="mic-1"), Microphone.from_wav(SHIPPED_SPEECH)),
        live(here, cookies) as lobby,
        live(here, cookies, room) as page,
    ):
        await connect(here, alice, room, lobby, page)
        there.kill()
        await until_board(page, lambda board: board["devices"][0]["state"] in ("reconnecting", "away"), 30)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_what_is_decided_while_redis_is_away_is_answered_and_done(leganize_server, tmp_path, how):
    with redis_server(tmp_path) as redis_url:
        here = leganize_server(REDIS_URL=redis_url, OPEN_LOBBY="true", REHOME="always")
        alice = here.person("alice")
        room, cookies = make_room(here, alice), signed_in(here, alice)
        async with (
            Sketch(replace(FIELD, port=here.port, device_id="mic-1"), Microphone.from_wav(SHIPPED_SPEECH)),
            live(here, cookies) as lobby,
            live(here, cookies, room) as page,
        ):
            device = await connect(here, alice, room, lobby, page)
            redis_pid = _process_listening_at(redis_url)
            os.kill(redis_pid, how)
            try:
                path = f"/api/v1/devices/{device['id']}/capture"
                status, _answer = await asyncio.to_thread(here.call, "POST", path, {"on": True}, as_=alice)
                assert status in (200, 202)
                await until_board(page, has_state("capturing"))
            finally:
                os.kill(redis_pid, signal.SIGCONT)
        assert "Traceback" not in here.log


def _process_listening_at(redis_url: str) -> int:
    import redis

    with redis.Redis.from_url(redis_url) as client:
        return int(client.info("server")["process_id"])
