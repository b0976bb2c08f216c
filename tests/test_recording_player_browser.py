"""The player of recordings in Chromium: lanes in step, alone and muted, its keys, and hands on it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser import (
    PHONE,
    open_chromium,  # noqa: F401 - fixtures, these two
    open_pages,  # noqa: F401
)
from tests.test_browser import IS_HEARD, IS_SILENT_FOR_A_SECOND
from tests.two_recordings import (
    Kept,
    lane,
    open_a_room_with_two,  # noqa: F401 - a fixture
    open_page,
    position_of,
)

KNOCKS = """async (speed) => {
    const { Feed } = await import("/static/js/recording/feed.js");
    const { PlayClock } = await import("/static/js/recording/playclock.js");
    const rate = 16000;
    const context = new OfflineAudioContext(2, rate * 12, rate);
    const merger = new ChannelMergerNode(context, { numberOfInputs: 2 });
    merger.connect(context.destination);
    const clock = new PlayClock();
    clock.speed = speed;
    clock.runFrom(1, 0.1);
    const feeds = [0, 0.5].map((offset, lane) => {
        const into = new GainNode(context);
        into.connect(merger, 0, lane);
        const take = { id: `${lane}`, offset, seconds: 12, state: "finished" };
        return new Feed([take], into);
    });
    const sound = (take, index) => {
        const plane = new Float32Array(4 * rate);
        const knock = Math.round((3 - take.offset - index * 4) * rate); // at 3 s of the axis
        if (knock >= 0 && knock < plane.length) plane.fill(1, knock, knock + 160);
        return { from: index * 4, until: index * 4 + 4, sampleRateHz: rate, planes: [plane] };
    };
    const pieces = { at: (take, seconds) => sound(take, Math.floor(seconds / 4 + 1e-6)) };
    for (const feed of feeds) {
        feed.moveTo(1);
        feed.schedule(context, clock, pieces, 9);
    }
    const heard = await context.startRendering();
    const louder = (plane) => (best, sample, at) => (Math.abs(sample) > Math.abs(plane[best]) ? at : best);
    return [0, 1].map((lane) => heard.getChannelData(lane)).map((plane) => plane.reduce(louder(plane), 0) / rate);
}"""


@pytest.mark.parametrize("speed", [1, 0.5, 0.75, 1.5, 2])
def test_lanes_are_in_step(kept: Kept, visit: Callable, speed: float):
    page = visit().page
    page.goto(f"{kept.server.url}/accounts/login/")
    left, right = page.evaluate(KNOCKS, speed)
    right_moment = 0.1 + (3 - 1) / speed
    assert abs(left - right) <= 0.02, "the lanes are not in step"
    assert left == pytest.approx(right_moment, abs=0.0001 if speed == 1 else 0.03)


def test_lanes_are_heard_together_alone_and_muted(kept: Kept, visit: Callable):
    seen = visit()
    page = seen.page
    open_page(page, kept.server, kept.alice, kept.recordings[0])
    expect(page.get_by_text("0:26 by the clock")).to_be_visible()
    assert page.evaluate("leganize.analyser") is None, "sound by itself"
    page.keyboard.press(" ")
    page.wait_for_function(IS_HEARD)
    meters = [page.get_by_role("meter", name=f"Level of Piano, {side}") for side in ("left", "right")]
    for meter in meters:
        expect(meter).not_to_have_attribute("aria-valuenow", "-60")
    lane(page, "Piano, left").get_by_role("button", name="Mute").click()
    expect(meters[0]).to_have_attribute("aria-valuenow", "-60")
    page.wait_for_function(IS_HEARD)
    lane(page, "Piano, left").get_by_role("button", name="Alone").click()
    page.wait_for_function(IS_SILENT_FOR_A_SECOND)
    lane(page, "Piano, left").get_by_role("button", name="Mute").click()
    page.wait_for_function(IS_HEARD)
    page.get_by_role("slider", name="Volume of Piano, left").fill("0")
    page.wait_for_function(IS_SILENT_FOR_A_SECOND)
    page.keyboard.press("Home")
    assert seen.complaints == []


def test_every_key_does_what_the_list_says(kept: Kept, visit: Callable):
    seen = visit()
    page = seen.page
    open_page(page, kept.server, kept.alice, kept.recordings[0])
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys on this page")).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    assert position_of(page) == 0, "a key behind a dialog"
    for key, seconds in [
        ("ArrowRight", 10), ("ArrowRight", 20), ("Shift+ArrowRight", 21), ("ArrowLeft", 11), ("Shift+ArrowLeft", 10),
        ("End", 26), ("Home", 0), ("ArrowLeft", 0), ("g", 8), ("g", 19), ("g", 19),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert position_of(page) == pytest.approx(seconds, abs=0.01), key
    page.keyboard.press(".")
    expect(page.get_by_label("Speed")).to_have_value("1.25")
    page.keyboard.press(",")
    page.keyboard.press(",")
    expect(page.get_by_label("Speed")).to_have_value("0.75")
    assert seen.complaints == []


def test_a_click_goes_there_and_the_wheel_comes_closer(kept: Kept, visit: Callable):
    page = visit().page
    open_page(page, kept.server, kept.alice, kept.recordings[0])
    box = page.locator(".strip-sound").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 40)
    assert position_of(page) == pytest.approx(13, abs=0.1)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.wait_for_function("() => leganize.view.to - leganize.view.from < 25")
    middle = page.evaluate("(leganize.view.from + leganize.view.to) / 2")
    assert middle == pytest.approx(13, abs=0.2)
    page.get_by_role("button", name="Whole", exact=True).click()
    assert page.evaluate("leganize.view.isWhole")


def test_speech_at_another_speed_goes_on_and_ends_where_it_should(kept: Kept, visit: Callable):
    seen = visit()
    page = seen.page
    open_page(page, kept.server, kept.alice, kept.recordings[1])
    page.get_by_label("Speed").select_option("2")
    page.evaluate("leganize.player.seek(15)")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(IS_HEARD)
    expect(page.get_by_role("button", name="Play")).to_be_visible()  # it ended by itself
    assert position_of(page) == pytest.approx(20, abs=0.01)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => leganize.player.seconds > 0.5 && leganize.player.seconds < 15")
    assert seen.complaints == []


def test_two_fingers_come_closer_and_a_tap_goes_there(kept: Kept, visit: Callable):
    seen = visit(PHONE)
    page = seen.page
    open_page(page, kept.server, kept.alice, kept.recordings[0])
    box = page.locator(".strip-sound").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 50
    _touch(page, [[x - 40, x + 40], [x - 50, x + 50], [x - 55, x + 55]], y)
    assert page.evaluate("leganize.view.to - leganize.view.from") == pytest.approx(20, abs=0.01)
    assert position_of(page) == 0, "two fingers are no tap"
    _touch(page, [[x]], y)
    assert position_of(page) == pytest.approx(13, abs=0.5)
    assert seen.complaints == []


def _touch(page: Page, moves: list[list[float]], y: float) -> None:
    """Put fingers down at the first places, draw them over the others, and lift them."""
    fingers = page.context.new_cdp_session(page)
    fingers.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
    for step, places in enumerate(moves):
        points = [{"x": x, "y": y, "id": number} for number, x in enumerate(places)]
        fingers.send("Input.dispatchTouchEvent", {"type": "touchMove" if step else "touchStart", "touchPoints": points})
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
