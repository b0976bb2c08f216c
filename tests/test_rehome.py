"""A device that lost its power comes back with its ID alone: whether its room is given back is the policy REHOME."""

import contextlib

import pytest

from tests.studio import Studio, studio_on
from tests.visitors import RawDevice, pcm

ELSEWHERE = "127.0.0.2"  # another address of this machine: to the server another device's


@pytest.fixture(scope="module", params=["serve", "runserver"])
def always(request, tmp_path_factory):
    with studio_on(tmp_path_factory.mktemp("rehome"), request.param, REHOME="always") as studio:
        yield studio


@pytest.fixture(scope="module")
def same_address(tmp_path_factory):
    with studio_on(tmp_path_factory.mktemp("rehome"), REHOME="same-address") as studio:
        yield studio


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    with studio_on(tmp_path_factory.mktemp("rehome"), REHOME="ask") as studio:
        yield studio


async def rehomings(studio: Studio, device_id: str) -> list[dict]:
    """Return what the audit says of rooms that were given back to this device."""
    code = (
        "events = Event.objects.filter(kind='device-rehomed', subject=name)\n"
        "answer = [{'room': str(e.room_id), 'address': e.detail['address'], 'actor': e.actor} for e in events]"
    )
    return await studio.shell.does(code, name=device_id)


@contextlib.asynccontextmanager
async def dead_socket(studio: Studio, room, device_id: str):
    """A device that is in a room as far as the server knows: it lost its power, and answers nothing any more."""
    credentials = await studio.paired(room, device_id)
    async with studio.device(device_id, credentials, answers_pings=False) as dead:
        await dead.hears("connected")
        await studio.lists("/api/esp32/connected", device_id)
        yield dead


async def is_given_back(studio: Studio, device: RawDevice, device_id: str, room, address: str = "127.0.0.1") -> None:
    """A device is handed its room, enters it and is heard there, and the audit says so."""
    config = await device.hears("room-config", roomId=room.id)
    studio.tokens.append(config["accessToken"])
    credentials = f"&roomId={room.id}&accessToken={config['accessToken']}"
    async with studio.page(room) as page, studio.device(device_id, credentials, address=address) as again:
        await again.hears("connected", roomId=room.id)
        await again.sound(room.id, pcm())
        await page.hears_sound(pcm())
    assert await rehomings(studio, device_id) == [{"room": room.id, "address": address, "actor": ""}]
    assert device.faults == again.faults == []


class TestAlways:
    async def test_a_device_whose_old_socket_is_gone_gets_its_room_back(self, always):
        room, name = await always.room(), always.new_id()
        async with always.device_in(room, name):
            pass
        async with always.device(name, address=ELSEWHERE) as device:
            await is_given_back(always, device, name, room, ELSEWHERE)

    async def test_a_device_whose_old_socket_answers_no_ping_gets_its_room_back(self, always):
        room, name = await always.room(), always.new_id()
        async with dead_socket(always, room, name) as dead, always.device(name) as device:
            await device.hears("waiting-for-config")
            await is_given_back(always, device, name, room)
            await dead.ends()

    async def test_what_was_wanted_of_it_goes_on(self, always):
        room, name = await always.room(), always.new_id()
        async with always.page(room) as page, dead_socket(always, room, name) as dead:
            await page.say("start-recording", targetDeviceId=name)
            await dead.hears("start-recording")
            async with always.device(name) as device:
                config = await device.hears("room-config", roomId=room.id)
            async with always.device(name, f"&roomId={room.id}&accessToken={config['accessToken']}") as again:
                await again.hears("start-recording", roomId=room.id)

    async def test_two_live_sockets_with_one_name_are_a_conflict_in_words(self, always):
        room, name = await always.room(), always.new_id()
        cookie = await always.sign_in("alice")
        async with (
            always.live(cookie) as board,
            always.page(room) as page,
            always.device_in(room, name) as device,
        ):
            async with always.device(name, address=ELSEWHERE) as newcomer:
                await newcomer.hears("waiting-for-config")
                entry = await always.shows(name, lambda entry: entry["conflict"])
                assert entry["conflict"]["addresses"] == ["127.0.0.1", ELSEWHERE]
                shown = await board.until(lambda: conflicts(board, name))
                assert shown == entry["conflict"]
                pending = next(each for each in board.heard[-1]["pending"] if each["deviceId"] == name)
                assert shown["connection"] == pending["connection"]
                assert newcomer.kinds() == ["waiting-for-config"]
            await always.shows(name, lambda entry: not entry["conflict"])
            await device.sound(room.id, pcm())
            await page.hears_sound(pcm())
            assert device.kinds() == ["connected"]
        assert await rehomings(always, name) == []

    async def test_of_two_newcomers_one_gets_the_room(self, always):
        room, name = await always.room(), always.new_id()
        async with dead_socket(always, room, name), always.device(name) as one, always.device(name) as other:
            await one.hears("waiting-for-config")
            await other.hears("waiting-for-config")
            await always.comes_true(lambda: rehomings(always, name), "one is given the room")
            chosen = one if "room-config" in one.kinds() else other
            await is_given_back(always, chosen, name, room)
            assert [device.kinds().count("room-config") for device in (one, other)].count(1) == 1

    async def test_a_room_that_has_ended_is_not_given_back(self, always):
        room, name = await always.room(), always.new_id()
        async with always.device_in(room, name):
            pass
        await always.ask("POST", f"/api/room/{room.id}/end")
        await self.stays_pending(always, name)

    async def test_a_wrong_token_gets_no_room_back(self, always):
        room, name = await always.room(), always.new_id()
        async with always.device_in(room, name):
            pass
        await self.stays_pending(always, name, f"&roomId={room.id}&accessToken=wrong")

    async def test_a_name_that_two_organizations_claimed_gets_nobody_s_room(self, always):
        ours, theirs, name = await always.room(), await always.room(as_=always.charlie), always.new_id()
        async with always.device_in(ours, name), always.device(name) as second:
            await always.lists("/api/esp32/pending", name)
            await always.hand_over(theirs, second, name)
        async with always.device(name, address="127.0.0.3") as third:
            await third.hears("waiting-for-config")
            await always.lists("/api/esp32/pending", name)
            await self.fence(always)
            assert third.kinds() == ["waiting-for-config"]

    async def stays_pending(self, studio: Studio, name: str, more: str = "") -> None:
        async with studio.device(name, more) as device:
            await device.hears("waiting-for-config")
            await studio.lists("/api/esp32/pending", name)
            await self.fence(studio)
            assert device.kinds() == ["waiting-for-config"]
        assert await rehomings(studio, name) == []

    async def fence(self, studio: Studio) -> None:
        """Wait until another device that comes later has been given its room back."""
        room, name = await studio.room(), studio.new_id()
        async with studio.device_in(room, name):
            pass
        async with studio.device(name) as device:
            await device.hears("room-config")


class TestSameAddress:
    async def test_the_address_of_its_last_socket_gets_the_room_back(self, same_address):
        room, name = await same_address.room(), same_address.new_id()
        async with dead_socket(same_address, room, name), same_address.device(name) as device:
            await is_given_back(same_address, device, name, room)

    async def test_another_address_waits_for_a_person(self, same_address):
        room, name = await same_address.room(), same_address.new_id()
        async with same_address.device_in(room, name):
            pass
        async with same_address.device(name, address=ELSEWHERE) as device:
            await waits_for_a_person(same_address, device, name, room)


class TestAsk:
    async def test_nothing_is_given_back_without_a_person(self, ask):
        room, name = await ask.room(), ask.new_id()
        async with dead_socket(ask, room, name) as dead, ask.device(name) as device:
            await dead.ends()
            await waits_for_a_person(ask, device, name, room)


async def waits_for_a_person(studio: Studio, device: RawDevice, name: str, room) -> None:
    """A device is shown as waiting, heartbeat after heartbeat, until someone hands it its room."""
    await device.hears("waiting-for-config")
    entry = await studio.shows(name, lambda entry: entry["state"] == "pending" and entry["connection"])
    later = studio.new_id()
    async with studio.device(later):
        await studio.lists("/api/esp32/pending", later)
    assert entry["conflict"] is None
    assert device.kinds() == ["waiting-for-config"]
    assert await rehomings(studio, name) == []
    assert f"roomId={room.id}" in await studio.hand_over(room, device, name)


def conflicts(board, name: str):
    """Return the conflict that a board shows for a device."""
    return next((each["conflict"] for each in board.heard[-1]["devices"] if each["deviceId"] == name), None)
