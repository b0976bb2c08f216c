"""Who enters a room as the field does: each row of protocol v1's queries, hand-overs, tokens, replacements."""

import asyncio
from datetime import datetime

import pytest

from tests.studio import WS_HOST, Studio
from tests.visitors import URL_SAFE, pcm


class TestQueries:
    """One endpoint, told apart by its query string."""

    async def test_a_device_on_its_first_boot_is_kept_pending(self, studio, device_id):
        async with studio.device(device_id) as device:
            assert await device.hears("waiting-for-config") == {"type": "waiting-for-config", "deviceId": device_id}
            await studio.lists("/api/esp32/pending", device_id)
        assert device.faults == []

    async def test_a_device_with_its_token_is_greeted_in_its_room(self, studio, device_id):
        room = await studio.room()
        credentials = await studio.paired(room, device_id)
        async with studio.device(device_id, credentials) as device:
            greeting = await device.hears("connected")
            assert greeting.keys() == {"type", "roomId", "timestamp"}
            assert greeting["roomId"] == room.id
            assert datetime.fromisoformat(greeting["timestamp"]).tzinfo
            assert await studio.lists("/api/esp32/connected", device_id) == {"deviceId": device_id, "roomId": room.id}
            assert device.kinds() == ["connected"]

    @pytest.mark.parametrize("who", ["", "&type=browser"])
    async def test_a_page_with_its_token_is_greeted(self, studio, who):
        room = await studio.room()
        async with studio.page(room, who) as page:
            greeting = page.heard[0]
            assert (greeting.keys(), greeting["roomId"]) == ({"type", "roomId", "timestamp"}, room.id)

    async def test_a_page_opens_two_sockets_to_one_room(self, studio, device_id):
        room = await studio.room()
        async with studio.page(room) as one, studio.page(room) as other, studio.device_in(room, device_id) as device:
            await device.sound(room.id, pcm())
            await one.hears_sound(pcm())
            await other.hears_sound(pcm())

    async def test_whoever_names_no_room_and_no_token_is_closed_after_a_moment_for_a_first_frame(self, studio):
        room = await studio.room()
        for query in ("", f"roomId={room.id}", f"accessToken={room.token}", "roomId=&accessToken=", "type=browser"):
            async with studio.knock(query) as page:
                assert await page.ends() == (1008, "Missing roomId or accessToken")

    async def test_only_the_two_paths_are_sockets(self, studio):
        async with studio.device("x") as device:
            assert device.status == 101
        status, _answer = await studio.ask("GET", "/ws")
        assert status == 404


class TestHandOver:
    """A page gives its room to a device and closes."""

    async def test_what_a_device_is_told_fits_its_url_and_names_the_host_of_the_settings(self, studio, device_id):
        room = await studio.room()
        async with studio.device(device_id) as device:
            await studio.lists("/api/esp32/pending", device_id)
            await studio.hand_over(room, device, device_id)
        config = device.heard[-1]
        assert config.keys() == {"type", "roomId", "accessToken", "wsHost"}
        assert (config["roomId"], config["wsHost"]) == (room.id, WS_HOST)
        assert config["accessToken"] != room.token
        assert all(URL_SAFE.fullmatch(config[name]) for name in ("roomId", "accessToken"))
        assert device.faults == []

    async def test_it_happens_although_the_page_closes_as_soon_as_it_is_open(self, studio, device_id):
        room = await studio.room()
        async with studio.device(device_id) as device:
            await studio.lists("/api/esp32/pending", device_id)
            async with studio.knock(f"{room.query}&type=browser&targetDeviceId={device_id}") as page:
                page.socket.transport.abort()
            assert (await device.hears("room-config"))["roomId"] == room.id

    async def test_a_device_that_sits_in_another_room_is_re_homed(self, studio, device_id):
        one, other = await studio.room(), await studio.room()
        async with studio.device_in(one, device_id) as device:
            there = await studio.hand_over(other, device, device_id)
            assert f"roomId={other.id}" in there
            async with studio.device(device_id, there) as again:
                await again.hears("connected", roomId=other.id)
                assert await device.ends() == (4409, "Replaced")
                await studio.lists("/api/esp32/connected", device_id, roomId=other.id)
        assert device.faults == again.faults == []

    async def test_what_still_comes_on_the_old_socket_belongs_to_no_room(self, studio, device_id):
        one, other = await studio.room(), await studio.room()
        async with studio.page(one) as here, studio.page(other) as there, studio.device_in(one, device_id) as device:
            await studio.hand_over(other, device, device_id)
            await device.sound(one.id, pcm(seed=1))
            await device.sound(other.id, pcm(seed=2))
            async with studio.device_in(one, studio.new_id()) as fence:
                await fence.sound(one.id, pcm(seed=3))
                await here.hears_sound(pcm(seed=3))
            assert there.sound == b""

    async def test_without_the_right_to_control_nothing_is_handed_over(self, studio, device_id):
        room = await studio.guest(await studio.room(), may_talk=True)
        async with studio.device(device_id):
            await studio.lists("/api/esp32/pending", device_id)
            async with studio.knock(f"{room.query}&type=browser&targetDeviceId={device_id}") as page:
                assert await page.ends() == (4401, "Not allowed")
            await studio.lists("/api/esp32/pending", device_id)

    async def test_a_device_that_is_not_there_is_an_error_in_words(self, studio, device_id):
        room = await studio.room()
        async with studio.knock(f"{room.query}&type=browser&targetDeviceId={device_id}") as page:
            assert "no device with this ID" in (await page.hears("error"))["message"]
            assert (await page.ends())[0] == 1008

    async def test_a_name_is_resolved_within_the_organization_of_the_page(self, studio, device_id):
        ours, theirs = await studio.room(), await studio.room(as_=studio.charlie)
        async with studio.device_in(ours, device_id) as our_device:
            credentials = ""
            async with studio.device(device_id) as newcomer:
                await studio.lists("/api/esp32/pending", device_id, as_=studio.charlie)
                credentials = await studio.hand_over(theirs, newcomer, device_id)
            async with studio.device(device_id, credentials) as their_device, studio.page(theirs) as page:
                await their_device.hears("connected", roomId=theirs.id)
                await page.say("start-recording", targetDeviceId=device_id)
                await their_device.hears("start-recording", roomId=theirs.id)
                await our_device.sound(ours.id, pcm())
                assert "start-recording" not in our_device.kinds()
                assert our_device.closed is None


class TestTokens:
    """The token decides: for one device, in the one room that it is bound to."""

    async def refused(self, studio: Studio, device_id: str, more: str) -> None:
        async with studio.device(device_id, more) as device:
            assert await device.hears("waiting-for-config") == {"type": "waiting-for-config", "deviceId": device_id}
            await studio.lists("/api/esp32/pending", device_id)
            assert device.kinds() == ["waiting-for-config"]

    async def test_a_made_up_token_parks_a_device(self, studio, device_id):
        room = await studio.room()
        await self.refused(studio, device_id, f"&roomId={room.id}&accessToken=anything-at-all")

    async def test_a_page_s_token_is_none_for_a_device(self, studio, device_id):
        room = await studio.room()
        await studio.paired(room, device_id)
        await self.refused(studio, device_id, f"&{room.query}")

    async def test_a_device_s_token_is_none_for_a_page(self, studio, device_id):
        room = await studio.room()
        credentials = await studio.paired(room, device_id)
        async with studio.knock(f"type=browser{credentials}") as page:
            assert await page.ends() == (4401, "Not allowed")

    async def test_the_token_of_another_device_parks(self, studio, device_id):
        room = await studio.room()
        credentials = await studio.paired(room, device_id)
        await self.refused(studio, studio.new_id(), credentials)

    async def test_a_token_names_its_own_room_and_opens_no_other(self, studio, device_id):
        mine, other = await studio.room(), await studio.room()
        credentials = await studio.paired(mine, device_id)
        async with (
            studio.page(other) as page,
            studio.device(device_id, credentials.replace(mine.id, other.id)) as device,
        ):
            await device.hears("room-config", roomId=mine.id)  # the token is genuine: it is shown the way back
            await device.sound(other.id, pcm())
            await device.say("{broken")
            await device.hears("error")
            assert "connected" not in device.kinds()
            assert page.sound == b""

    async def test_a_device_that_was_moved_while_away_is_sent_on(self, studio, device_id):
        one, other = await studio.room(), await studio.room()
        credentials = await studio.paired(one, device_id)
        async with studio.device(device_id, credentials) as device:
            await device.hears("connected")
            await studio.lists("/api/esp32/connected", device_id)
            await device.leave()
        async with studio.knock(f"{other.query}&targetDeviceId={device_id}") as page:
            await page.ends()
        async with studio.device(device_id, credentials) as device:
            assert (await device.hears("room-config"))["roomId"] == other.id
            assert "connected" not in device.kinds()

    async def test_an_older_token_works_until_the_new_one_is_used(self, studio, device_id):
        one = await studio.room()
        first = await studio.paired(one, device_id)
        async with studio.device(device_id) as device:  # it lost its room-config with its power
            assert (await device.hears("room-config"))["roomId"] == one.id
            second = f"&roomId={one.id}&accessToken={device.heard[-1]['accessToken']}"
        assert first != second
        async with studio.device(device_id, first) as device:
            await device.hears("connected")
        async with studio.device(device_id, second) as device:
            await device.hears("connected")
            await studio.lists("/api/esp32/connected", device_id)
        await self.refused(studio, device_id, first)


class TestReplacement:
    """The newest authenticated socket of a device wins, and nobody else evicts it."""

    async def test_a_newer_socket_with_the_token_replaces_the_old_one(self, studio, device_id):
        room = await studio.room()
        credentials = await studio.paired(room, device_id)
        async with studio.page(room) as page, studio.device(device_id, credentials) as old:
            await old.hears("connected")
            async with studio.device(device_id, credentials) as new:
                await new.hears("connected")
                assert await old.ends() == (4409, "Replaced")
                await new.sound(room.id, pcm())
                await page.hears_sound(pcm())

    async def test_the_late_close_of_the_old_socket_evicts_nobody(self, studio, device_id):
        room = await studio.room()
        credentials = await studio.paired(room, device_id)
        async with studio.page(room) as page, studio.device(device_id, credentials) as new:
            async with studio.device(device_id, credentials):
                pass
            async with studio.device(device_id, credentials) as newest:
                await newest.hears("connected")
                await new.ends()
                new.break_link()
                entry = await studio.shows(device_id, lambda entry: entry["state"] == "connected")
                await newest.sound(room.id, pcm())
                await page.hears_sound(pcm())
                assert entry["room"]["id"] == room.id
                assert newest.closed is None

    @pytest.mark.parametrize("more", ["", "&roomId=%s&accessToken=wrong"])
    async def test_a_socket_without_the_token_evicts_nobody(self, studio, device_id, more):
        room = await studio.room()
        async with studio.page(room) as page, studio.device_in(room, device_id) as device:
            async with studio.device(device_id, more % room.id if more else "") as stranger:
                await stranger.hears("waiting-for-config")
                await studio.lists("/api/esp32/pending", device_id)
                await asyncio.sleep(4)  # longer than a device has to answer a ping
                await stranger.sound(room.id, pcm(seed=2))
                await stranger.hears("error")
                await device.sound(room.id, pcm(seed=1))
                await page.hears_sound(pcm(seed=1))
            assert device.closed is None
            assert stranger.kinds() == ["waiting-for-config", "error"]
