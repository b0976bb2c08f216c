"""The page of a recording in Chromium: watched as it grows, heard, marked, named, and downloaded as it was sent."""

import asyncio
import contextlib
import io
import re
import threading
import time
import wave
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from devices.simulator.arduino_websockets import Timing
from devices.simulator.microphone import SHIPPED_SPEECH, Microphone
from devices.simulator.sketch import Firmware, Sketch
from tests.browser import (
    PATIENCE_MS,
    open_chromium,  # noqa: F401 - fixtures, these two
    open_pages,  # noqa: F401
    wait_for_the_device,
)
from tests.installation import Installation, InstallationFactory, Person
from tests.test_browser import IS_HEARD, IS_SILENT_FOR_A_SECOND
from tests.two_recordings import open_page, position_of

RATE_HZ = 16_000
QUICK = Timing(retry_s=1.0)
TALLEST = """() => {
    const canvas = document.querySelector(".strip canvas");
    const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let tallest = 0;
    for (let x = 0; x < width; x += 1) {
        let painted = 0;
        for (let y = 0; y < height; y += 1) painted += data[(y * width + x) * 4 + 3] > 0;
        if (painted < height) tallest = Math.max(tallest, painted / height);
    }
    return tallest;
}"""


class FieldDevice:
    """A simulated microphone that lives on a thread of its own, beside the browser's loop."""

    def __init__(self, server: Installation, device_id: str) -> None:
        firmware = Firmware("127.0.0.1", server.port, device_id, timing=QUICK, rejoin_pause_s=0.1, boot_s=0.1)
        self.sketch = Sketch(firmware, Microphone.from_wav(SHIPPED_SPEECH), keeps_sent=True)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> "FieldDevice":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self._life.cancel)
        self._thread.join(10)

    def drop_link(self) -> None:
        """Lose the Wi-Fi for a moment."""
        self._loop.call_soon_threadsafe(self.sketch.drop_link)

    @property
    def sent(self) -> bytes:
        """All the sound that the socket took."""
        return b"".join(self.sketch.sent)

    def _live(self) -> None:
        runner = asyncio.Runner(loop_factory=lambda: self._loop)
        with runner, contextlib.suppress(asyncio.CancelledError):
            runner.run(self._run())

    async def _run(self) -> None:
        self._life = asyncio.current_task()
        await self.sketch.run()


@pytest.fixture
def server(leganize_server: InstallationFactory) -> Installation:
    return leganize_server()


@pytest.fixture
def alice(server: Installation) -> Person:
    return server.person("alice")


@pytest.fixture
def room(server: Installation, alice: Person) -> str:
    return server.call("POST", "/api/v1/rooms/", {"name": "Studio B"}, as_=alice)[1]["id"]


@pytest.fixture
def device(server: Installation) -> Iterator[FieldDevice]:
    with FieldDevice(server, "piano-l") as device:
        yield device


def comes_true(look: Callable[[], Any], what: str) -> Any:
    """Look again and again until there is something to see."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.2)
    raise AssertionError(f"never came true: {what}")


def begin(server: Installation, alice: Person, room: str) -> tuple[str, str]:
    """Bring the waiting device into the room and let it capture; returns its UUID and its recording's."""
    connection = wait_for_the_device(server, alice)
    device = server.call("POST", f"/api/v1/rooms/{room}/devices", {"connection": connection}, as_=alice)[1]["id"]
    capture(server, alice, device, on=True)
    return device, comes_true(lambda: listed(server, alice, room), "a recording")[0]["id"]


def capture(server: Installation, alice: Person, device: str, *, on: bool) -> None:
    server.call("POST", f"/api/v1/devices/{device}/capture", {"on": on}, as_=alice)


def listed(server: Installation, alice: Person, room: str) -> list[dict[str, Any]]:
    return server.call("GET", f"/api/v1/recordings/?room={room}", as_=alice)[1]["results"]


def total_of(page: Page) -> float:
    return page.evaluate("leganize.view.totalSeconds")


def samples_of(wav: bytes) -> np.ndarray:
    with wave.open(io.BytesIO(wav)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE_HZ, 1, 2)
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2")


def test_watched_as_it_grows_heard_marked_named_and_downloaded_as_it_was_sent(server, alice, room, device, visit):
    kept_device, recording = begin(server, alice, room)
    seen = visit()
    page = seen.page
    open_page(page, server, alice, recording)
    expect(page.get_by_text("Still recording")).to_be_visible()
    watch_it_grow(page)
    device.drop_link()
    gap = page.locator(".gap-row").first
    expect(gap).to_contain_text("Device offline")
    hear_it(page)

    page.keyboard.press("Home")
    page.keyboard.press("g")
    at = float(gap.get_attribute("data-at"))
    assert position_of(page) == pytest.approx(at, abs=0.01)
    mark_and_name(page)

    capture(server, alice, kept_device, on=False)
    expect(page.get_by_text("Still recording")).to_be_hidden()  # without a reload
    expect(page.locator("[data-part=sum-missing]")).to_contain_text("missing in 1 gap")
    (told,) = listed(server, alice, room)
    assert (told["title"], told["gaps"][0]["at_seconds"]) == ("Piano rehearsal", pytest.approx(at))
    compare_with_what_was_sent(page, told["gaps"][0], np.frombuffer(device.sent, "<i2"))
    assert seen.complaints == []


def watch_it_grow(page: Page) -> None:
    """It grows by itself, what is drawn is sound, and nothing is heard that nobody asked for."""
    first = page.evaluate("leganize.view.totalSeconds")
    page.wait_for_function(f"() => leganize.view.totalSeconds > {first + 3}")
    page.wait_for_function(f"() => ({TALLEST})() > 0.3")
    assert page.evaluate("leganize.analyser") is None, "sound by itself"


def hear_it(page: Page) -> None:
    """The clock of the sound system runs, and what comes out is not silence until it is paused."""
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.wait_for_function(IS_HEARD)
    started = page.evaluate("leganize.player.context.currentTime")
    page.wait_for_function(f"() => leganize.player.context.currentTime > {started + 1}")
    assert position_of(page) > 0.5
    page.keyboard.press(" ")
    page.wait_for_function(IS_SILENT_FOR_A_SECOND)


def mark_and_name(page: Page) -> None:
    """Set a marker with a name, and name the recording, by keyboard alone."""
    page.keyboard.press("m")
    expect(page.get_by_label("Name of this marker")).to_be_focused()
    page.keyboard.type("Cadenza")
    page.keyboard.press("Enter")
    expect(page.locator(".marker-row")).to_contain_text("Cadenza")
    expect(page.locator(".marker-row")).to_contain_text("alice")
    page.get_by_role("button", name="Rename").press("Enter")
    page.keyboard.type("Piano rehearsal")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Piano rehearsal")


def compare_with_what_was_sent(page: Page, gap: dict[str, Any], sent: np.ndarray) -> None:
    """The download is what the device sent, sample by sample, with silence for as long as the gap, or without it."""
    heard = downloaded(page)
    begins, length = (round(gap[name] * RATE_HZ) for name in ("at_seconds", "seconds"))
    assert not heard[begins : begins + length].any(), "a gap is silence"
    assert np.array_equal(np.delete(heard, np.s_[begins : begins + length]), sent)
    page.get_by_role("button", name="Change").click()
    page.get_by_label("Gaps left out").check()
    assert np.array_equal(downloaded(page), sent)


def downloaded(page: Page) -> np.ndarray:
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile("^WAV")).click()
    return samples_of(started.value.path().read_bytes())


def test_what_is_heard_at_the_edge_of_now_goes_on(server, alice, room, device, visit):
    _device, recording = begin(server, alice, room)
    seen = visit()
    page = seen.page
    open_page(page, server, alice, recording)
    page.wait_for_function("() => leganize.view.totalSeconds > 6")
    page.get_by_role("button", name="Jump to now").click()
    page.wait_for_function(IS_HEARD)
    heard = position_of(page)
    page.wait_for_function(f"() => leganize.player.seconds > {heard + 6}")
    behind = page.evaluate("leganize.view.totalSeconds - leganize.player.seconds")
    assert 0 < behind < 8
    assert seen.complaints == []
