"""What is heard by whom: devices and people who speak, pages of the field and pages of ours."""

import asyncio
import base64
import json

import numpy as np
import pytest

from tests.visitors import pcm


class TestSound:
    """What is heard by whom."""

    async def test_sound_reaches_pages_bit_by_bit_and_no_device(self, studio, device_id):
        room = await studio.room()
        async with (
            studio.page(room) as page,
            studio.device_in(room, device_id) as device,
            studio.device_in(room, studio.new_id()) as neighbour,
        ):
            spoken = [pcm(samples, seed) for seed, samples in enumerate((512, 1024, 2048, 4096))]
            for chunk in spoken:
                await device.sound(room.id, chunk)
            await page.hears_sound(b"".join(spoken))
            assert page.heard[-1].keys() == {"type", "audio"}
            assert neighbour.kinds() == device.kinds() == ["connected"]

    async def test_sound_stays_in_its_room(self, studio, device_id):
        one, other = await studio.room(), await studio.room()
        async with studio.page(one) as here, studio.page(other) as there, studio.device_in(one, device_id) as device:
            await device.sound(other.id, pcm(seed=1))
            assert "roomId" in (await device.hears("error"))["message"]
            await device.sound(one.id, pcm(seed=2))
            await here.hears_sound(pcm(seed=2))
            assert there.sound == b""

    @pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (22050, 1), (44100, 1), (16000, 2), (44100, 2)])
    async def test_a_page_of_the_field_hears_16_khz_mono_whatever_the_device_sends(
        self, studio, device_id, rate_hz, channels
    ):
        room = await studio.room()
        moments = np.arange(rate_hz * 2) / rate_hz
        tone = np.repeat((12000 * np.sin(2 * np.pi * 440 * moments)).astype("<i2"), channels).tobytes()
        async with studio.page(room) as page, studio.device_in(room, device_id) as device:
            await studio.configure(device_id, sample_rate_hz=rate_hz, channels=channels)
            await asyncio.sleep(1.5)  # two heartbeats: the worker knows of it by then
            for start in range(0, len(tone), 4096):
                await device.sound(room.id, tone[start : start + 4096])
            await page.until(lambda: len(page.sound) > 1.9 * 32000)
            heard = np.frombuffer(page.sound, "<i2")
        assert len(heard) <= 2 * 16000
        second = heard[8000:24000].astype(float)
        assert np.argmax(np.abs(np.fft.rfft(second))) == 440  # one second: the bin is the frequency
        assert 11000 < np.abs(second).max() < 13000

    async def test_the_halves_of_stereo_are_mixed(self, studio, device_id):
        room = await studio.room()
        left, right = np.full(16000, 8000, "<i2"), np.full(16000, 2000, "<i2")
        stereo = np.column_stack([left, right]).astype("<i2").tobytes()
        async with studio.page(room) as page, studio.device_in(room, device_id) as device:
            await studio.configure(device_id, channels=2)
            await asyncio.sleep(1.5)
            for start in range(0, len(stereo), 4096):
                await device.sound(room.id, stereo[start : start + 4096])
            await page.until(lambda: len(page.sound) > 30000)
        middle = np.frombuffer(page.sound, "<i2")[4000:12000]
        assert abs(float(middle.mean()) - 5000) < 50


class TestSpeaking:
    """A page sends its own microphone."""

    async def test_it_is_heard_by_the_other_pages_and_never_by_itself_or_a_device(self, studio, device_id):
        room = await studio.room()
        cookie = await studio.sign_in("vera")
        async with (
            studio.page(room) as speaker,
            studio.page(room) as listener,
            studio.live(cookie, room) as ours,
            studio.device_in(room, device_id) as device,
        ):
            await speaker.say("start-stream")
            assert await speaker.hears("stream-started") == {"type": "stream-started"}
            await speaker.talk(pcm(seed=1))
            await speaker.talk(pcm(seed=2))
            await listener.hears_sound(pcm(seed=1) + pcm(seed=2))
            await ours.until(lambda: len(ours.chunks) == 2)
            await speaker.say("stop-stream")
            await speaker.talk(pcm(seed=3))
            assert "start-stream" in (await speaker.hears("error"))["message"]
            await device.sound(room.id, pcm(seed=4))
            await listener.hears_sound(pcm(seed=1) + pcm(seed=2) + pcm(seed=4))
            await speaker.hears_sound(pcm(seed=4))
            assert device.kinds() == ["connected"]
        assert ours.chunks[0].payload == pcm(seed=1)
        assert ours.chunks[0].stream >= 2**31

    async def test_two_who_speak_hear_each_other(self, studio):
        room = await studio.room()
        async with studio.page(room) as one, studio.page(room) as other:
            for page in (one, other):
                await page.say("start-stream")
                await page.hears("stream-started")
            await one.talk(pcm(seed=1))
            await other.talk(pcm(seed=2))
            await one.hears_sound(pcm(seed=2))
            await other.hears_sound(pcm(seed=1))

    async def test_a_guest_who_may_only_listen_is_told_so(self, studio):
        room = await studio.guest(await studio.room())
        async with studio.page(room) as page:
            await page.say("start-stream")
            assert "not allowed" in (await page.hears("error"))["message"]
            await page.talk(pcm())
            await page.hears("error")
            assert page.closed is None

    async def test_what_nobody_knows_is_ignored_and_what_is_broken_is_told_to_its_sender(self, studio, device_id):
        room = await studio.room()
        async with studio.page(room) as page, studio.page(room) as other, studio.device_in(room, device_id) as device:
            for peer in (page, device):
                await (peer.say("what-is-this") if peer is page else peer.say({"type": "what-is-this"}))
            await page.send("{broken")
            assert (await page.hears("error")).keys() == {"type", "message"}
            await device.say("{broken")
            assert (await device.hears("error")).keys() == {"type", "message"}
            assert page.kinds() == device.kinds() == ["connected", "error"]
            assert other.kinds() == ["connected"]


class TestOnAir:
    """What a chunk looks like on its way."""

    async def test_a_page_of_ours_hears_the_bytes_of_the_device(self, studio, device_id):
        room = await studio.room()
        cookie = await studio.sign_in("alice")
        async with studio.live(cookie, room) as page, studio.device_in(room, device_id) as device:
            await studio.configure(device_id, sample_rate_hz=8000)
            await asyncio.sleep(1.5)
            for seed in range(3):
                await device.sound(room.id, pcm(seed=seed))
            await page.until(lambda: len(page.chunks) == 3)
            board = await page.until(lambda: next((each for each in page.heard if each.get("devices")), None))
        assert [chunk.payload for chunk in page.chunks] == [pcm(seed=seed) for seed in range(3)]
        assert [chunk.seq for chunk in page.chunks] == [0, 1, 2]
        assert {(chunk.sample_rate_hz, chunk.channels) for chunk in page.chunks} == {(8000, 1)}
        assert len({chunk.boot_id for chunk in page.chunks}) == 1
        assert {entry["stream"] for entry in board["devices"]} == {page.chunks[0].stream}

    async def test_base64_of_any_usual_kind_is_read(self, studio, device_id):
        room = await studio.room()
        async with studio.page(room) as page, studio.device_in(room, device_id) as device:
            audio = base64.b64encode(b"\xff\xef" * 512).decode()
            assert "/" in audio
            message = {"type": "esp32-audio-chunk", "roomId": room.id, "audio": audio}
            await device.say(json.dumps(message).replace("/", "\\/"))
            await page.hears_sound(b"\xff\xef" * 512)
