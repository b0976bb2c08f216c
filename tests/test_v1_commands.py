"""What a page of the field asks of a device, and what becomes of it when the device is elsewhere."""

import pytest

from tests.visitors import pcm


class TestCommands:
    """What a page asks of a device."""

    async def test_a_device_starts_and_stops_and_the_pages_hear_of_it(self, studio, device_id):
        room = await studio.room()
        async with studio.page(room) as asker, studio.page(room) as other, studio.device_in(room, device_id) as device:
            await asker.say("start-recording", targetDeviceId=device_id)
            assert await device.hears("start-recording") == {"type": "start-recording", "roomId": room.id}
            for page in (asker, other):
                told = await page.hears("esp32-started-recording")
                assert told == {"type": "esp32-started-recording", "deviceId": device_id}
            await device.sound(room.id, pcm())
            await asker.say("stop-recording", targetDeviceId=device_id)
            assert await device.hears("stop-recording") == {"type": "stop-recording", "roomId": room.id}
        assert device.faults == []

    async def test_a_start_for_a_pending_device_brings_it_first_and_is_kept_until_it_is_back(self, studio, device_id):
        room = await studio.room()
        async with studio.page(room) as page:
            async with studio.device(device_id) as device:
                await studio.lists("/api/esp32/pending", device_id)
                await page.say("start-recording", targetDeviceId=device_id)
                config = await device.hears("room-config", roomId=room.id)
                assert "start-recording" not in device.kinds()
            credentials = f"&roomId={room.id}&accessToken={config['accessToken']}"
            async with studio.device(device_id, credentials) as device:
                await device.hears("connected")
                await device.hears("start-recording", roomId=room.id)
                await page.hears("esp32-started-recording", deviceId=device_id)

    async def test_a_start_for_an_absent_device_is_kept_for_its_return(self, studio, device_id):
        room = await studio.room()
        credentials = await studio.paired(room, device_id)
        async with studio.page(room) as page:
            await page.say("start-recording", targetDeviceId=device_id)
            await studio.shows(device_id, lambda entry: entry["wanted"])
            async with studio.device(device_id, credentials) as device:
                await device.hears("start-recording", roomId=room.id)

    async def test_a_stop_clears_a_start_that_was_kept(self, studio, device_id):
        room = await studio.room()
        credentials = await studio.paired(room, device_id)
        async with studio.page(room) as page:
            await page.say("start-recording", targetDeviceId=device_id)
            await studio.shows(device_id, lambda entry: entry["wanted"])
            await page.say("stop-recording", targetDeviceId=device_id)
            await studio.shows(device_id, lambda entry: not entry["wanted"])
            async with studio.device(device_id, credentials) as device:
                await studio.shows(device_id, lambda entry: entry["state"] == "connected")
                assert device.kinds() == ["connected"]

    async def test_a_start_that_was_kept_for_one_room_is_not_obeyed_in_another(self, studio, device_id):
        one, other = await studio.room(), await studio.room()
        credentials = await studio.paired(one, device_id)
        async with studio.page(one) as page:
            await page.say("start-recording", targetDeviceId=device_id)
            await studio.shows(device_id, lambda entry: entry["wanted"])
        async with studio.knock(f"{other.query}&targetDeviceId={device_id}") as page:
            await page.ends()
        async with studio.device(device_id, credentials) as device:
            config = await device.hears("room-config", roomId=other.id)
        async with studio.device(device_id, f"&roomId={other.id}&accessToken={config['accessToken']}") as device:
            await device.hears("connected", roomId=other.id)
            await studio.shows(device_id, lambda entry: entry["state"] == "connected")
            assert device.kinds() == ["connected"]

    async def test_a_start_for_a_device_in_another_room_brings_it_here(self, studio, device_id):
        one, other = await studio.room(), await studio.room()
        async with studio.page(other) as page, studio.device_in(one, device_id) as device:
            await page.say("start-recording", targetDeviceId=device_id)
            config = await device.hears("room-config", roomId=other.id)
            async with studio.device(device_id, f"&roomId={other.id}&accessToken={config['accessToken']}") as again:
                await again.hears("start-recording", roomId=other.id)
                await page.hears("esp32-started-recording", deviceId=device_id)
            assert "start-recording" not in device.kinds()

    async def test_a_device_that_dropped_while_it_captured_is_told_again_when_it_returns(self, studio, device_id):
        room = await studio.room()
        credentials = await studio.paired(room, device_id)
        async with studio.page(room) as page:
            async with studio.device(device_id, credentials) as device:
                await device.hears("connected")
                await studio.lists("/api/esp32/connected", device_id)
                await page.say("start-recording", targetDeviceId=device_id)
                await device.hears("start-recording")
                device.break_link()
            async with studio.device(device_id, credentials) as device:
                await device.hears("start-recording", roomId=room.id)

    async def test_go_pending_takes_a_device_out_of_its_room_for_good(self, studio, device_id):
        room = await studio.room()
        credentials = await studio.paired(room, device_id)
        async with studio.page(room) as page, studio.device(device_id, credentials) as device:
            await device.hears("connected")
            await studio.lists("/api/esp32/connected", device_id)
            await page.say("go-pending", targetDeviceId=device_id)
            assert await device.hears("go-pending") == {"type": "go-pending"}
            await device.leave()
        async with studio.device(device_id) as device:
            await studio.lists("/api/esp32/pending", device_id)
            assert device.kinds() == ["waiting-for-config"]

    async def test_an_older_sketch_that_ignores_go_pending_is_closed_and_its_token_is_none(self, studio, device_id):
        room = await studio.room()
        credentials = await studio.paired(room, device_id)
        async with studio.page(room) as page, studio.device(device_id, credentials) as device:
            await device.hears("connected")
            await studio.lists("/api/esp32/connected", device_id)
            await page.say("go-pending", targetDeviceId=device_id)
            await device.hears("go-pending")
            await device.sound(room.id, pcm())
            assert (await device.ends())[0] == 1000
            assert page.sound == b""
        async with studio.device(device_id, credentials) as device:
            await studio.lists("/api/esp32/pending", device_id)
            assert device.kinds() == ["waiting-for-config"]

    @pytest.mark.parametrize("what", ["stop-recording", "go-pending"])
    async def test_what_cannot_be_done_is_told_to_the_asker_alone(self, studio, device_id, what):
        room = await studio.room()
        async with studio.page(room) as asker, studio.page(room) as other:
            await asker.say(what, targetDeviceId=device_id)
            assert "not in this room" in (await asker.hears("error"))["message"]
            await asker.say("start-stream")
            await asker.hears("stream-started")
            assert other.kinds() == ["connected"]
