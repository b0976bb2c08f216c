"""The pages in a real Chromium, against a real server and its simulated microphone: heard, lost, found again."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser import (
    DESKTOP,
    DEVICE,
    PHONE,
    connect_and_start,
    enter,
    make_room,
    open_chromium,  # noqa: F401 - fixtures, these three
    open_pages,  # noqa: F401
    start_a_server,  # noqa: F401
    wait_for_the_device,
)
from tests.installation import Installation

LOUDEST = """() => {
    const samples = new Float32Array(leganize.analyser.fftSize);
    leganize.analyser.getFloatTimeDomainData(samples);
    return samples.reduce((loudest, sample) => Math.max(loudest, Math.abs(sample)), 0);
}"""
IS_HEARD = f"() => leganize.analyser && ({LOUDEST})() > 0.01"
IS_SILENT_FOR_A_SECOND = f"""async () => {{
    for (let turn = 0; turn < 20; turn += 1) {{
        if (({LOUDEST})() > 0.001) return false;
        await new Promise((resolve) => setTimeout(resolve, 50));
    }}
    return true;
}}"""


def meter_of(page: Page):
    return page.get_by_role("meter", name=DEVICE)


def expect_moving(page: Page) -> None:
    expect(meter_of(page).locator("rect.is-lit").first).to_be_attached()
    expect(meter_of(page)).not_to_have_attribute("aria-valuenow", "-60")


def expect_dead(page: Page) -> None:
    expect(meter_of(page).locator("rect.is-lit")).to_have_count(0)
    expect(meter_of(page)).to_have_attribute("aria-valuenow", "-60")


@pytest.mark.parametrize(
    ("host", "mode"), [("127.0.0.1", "worklet"), ("leganize.test", "scheduled")], ids=["localhost", "plain-http-name"]
)
def test_from_the_sign_in_link_to_sound_and_stop(server: Installation, visit: Callable, host: str, mode: str):
    seen = visit()
    page = seen.page
    enter(page, server, host)
    make_room(page, "Weekly planning")
    connect_and_start(page)
    expect_moving(page)
    assert page.evaluate("leganize.analyser") is None, "sound by itself"

    page.locator("[data-part=listen]").click()
    page.wait_for_function(IS_HEARD)
    assert page.evaluate("leganize.stats.mode") == mode
    expect(page.get_by_text("Over plain http this browser plays in a simpler way.")).to_be_visible(
        visible=mode == "scheduled"
    )

    volume = page.get_by_role("slider", name=DEVICE)
    volume.fill("0")
    page.wait_for_function(IS_SILENT_FOR_A_SECOND)
    volume.fill("80")
    page.wait_for_function(IS_HEARD)
    page.get_by_role("button", name="Mute").click()
    page.wait_for_function(IS_SILENT_FOR_A_SECOND)
    expect_moving(page)
    page.get_by_role("button", name="Mute").click()
    page.wait_for_function(IS_HEARD)

    page.locator(".lane").get_by_role("button", name="Stop").click()
    expect(page.locator(".lane").get_by_text("Connected")).to_be_visible()
    expect_dead(page)
    assert seen.complaints == []


def test_a_room_is_heard_its_loss_is_told_and_it_comes_back_by_itself(server: Installation, visit: Callable):
    seen = visit()
    page = seen.page
    enter(page, server, "127.0.0.1")
    room = make_room(page, "Studio B")
    connect_and_start(page)
    page.goto(f"{server.url}/rooms/{room}/")
    expect(page.get_by_text("Your browser holds sound back until you ask.")).to_be_visible()
    page.keyboard.press("l")
    expect(page.get_by_role("button", name="Listening")).to_be_visible()
    page.wait_for_function(IS_HEARD)
    page.keyboard.press("m")
    page.wait_for_function(IS_SILENT_FOR_A_SECOND)
    page.keyboard.press("m")
    page.keyboard.press("1")
    expect(page.locator(".lane.is-alone")).to_have_count(1)
    page.wait_for_function(IS_HEARD)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys on this page")).to_be_visible()
    page.keyboard.press("Escape")
    assert seen.complaints == []

    server.kill()
    expect(page.get_by_role("alert")).to_contain_text("Connection lost. Trying again in")
    expect_dead(page)
    stop = page.locator(".lane").get_by_role("button", name="Needs the connection")
    expect(stop).to_be_disabled()
    server.start()
    # the server itself was gone: it must not claim to have recorded what nobody heard
    expect(page.get_by_role("alert")).to_contain_text(
        re.compile(r"Connected again\. You missed \d+ s live\. What is missing there is marked\.")
    )
    expect(page.locator(".lane").get_by_role("button", name="Stop")).to_be_enabled()
    expect_moving(page)
    page.wait_for_function(IS_HEARD)


def test_stop_all_asks_first_and_stops(server: Installation, visit: Callable):
    seen = visit(PHONE)
    page = seen.page
    enter(page, server, "127.0.0.1")
    room = make_room(page, "Studio B")
    connect_and_start(page)
    page.goto(f"{server.url}/rooms/{room}/")
    expect(page.get_by_role("slider", name=DEVICE)).to_be_hidden()
    page.get_by_role("button", name=DEVICE).click()
    expect(page.get_by_role("slider", name=DEVICE)).to_be_visible()
    page.get_by_role("button", name="Stop all").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Stop all capture in Studio B?")
    expect(dialog.get_by_role("button", name="Keep capturing")).to_be_focused()
    dialog.get_by_role("button", name="Stop all").click()
    expect(dialog).to_be_hidden()
    expect(page.locator(".lane").get_by_text("Connected")).to_be_visible()
    expect(page.get_by_text("Nothing is running", exact=True)).to_be_visible()
    expect_dead(page)
    assert seen.complaints == []


def test_one_person_speaks_into_the_room_and_another_hears_it(server: Installation, visit: Callable):
    speaker, hearer = visit(), visit()
    enter(speaker.page, server, "127.0.0.1")
    room = make_room(speaker.page, "Studio B")
    cookies = speaker.page.context.cookies()
    hearer.page.context.add_cookies(cookies)
    for each in (speaker, hearer):
        each.page.goto(f"{server.url}/rooms/{room}/")
    hearer.page.get_by_role("button", name="Listen", exact=True).click()
    speaker.page.get_by_role("button", name="Talk", exact=True).click()
    expect(speaker.page.get_by_role("button", name="Talking")).to_be_visible()
    expect(hearer.page.get_by_text("Someone speaks into the room.")).to_be_visible()
    hearer.page.wait_for_function(IS_HEARD)
    speaker.page.get_by_role("button", name="Talking").click()
    expect(hearer.page.get_by_text("Someone speaks into the room.")).to_be_hidden()
    assert speaker.complaints == hearer.complaints == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_page_complains_in_the_console(server: Installation, visit: Callable, viewport: dict[str, int]):
    seen = visit(viewport)
    page = seen.page
    page.goto(f"{server.url}/accounts/login/")
    enter(page, server, "127.0.0.1")
    room = make_room(page, "Studio B")
    connect_and_start(page)
    for path in ("/connect", "/rooms/", f"/rooms/{room}/", f"/rooms/{room}/settings/", "/devices/", "/recordings/"):
        page.goto(server.url + path, wait_until="networkidle")
        widest = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert widest <= 0, f"{path} is {widest} px wider than its window"
    assert seen.complaints == []


def test_a_page_that_lost_only_its_own_way_is_told_that_the_recording_has_it(server: Installation, visit: Callable):
    seen = visit()
    page = seen.page
    enter(page, server, "127.0.0.1")
    room = make_room(page, "Studio B")
    connect_and_start(page)
    page.wait_for_timeout(1500)  # so that it ran before the page came, and all the while that the page is away
    page.goto(f"{server.url}/rooms/{room}/")
    expect_moving(page)
    page.evaluate("import('/static/js/live/socket.js').then(({ live }) => live.socket.close(4000))")
    page.context.set_offline(True)
    expect(page.get_by_role("alert")).to_contain_text("Connection lost.")
    expect_dead(page)
    page.wait_for_timeout(2000)
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_contain_text(
        re.compile(r"You missed \d+ s live\. They are in the recording\.")
    )
    expect_moving(page)


def test_a_viewer_listens_and_finds_no_button_that_decides(server: Installation, visit: Callable):
    alice = server.person("alice")
    vera = server.person("vera", role="viewer", organization=alice.organization)
    room = server.call("POST", "/api/v1/rooms/", {"name": "Studio B"}, as_=alice)[1]["id"]
    waiting = wait_for_the_device(server, alice)
    device = server.call("POST", f"/api/v1/rooms/{room}/devices", {"connection": waiting}, as_=alice)[1]["id"]
    server.call("POST", f"/api/v1/devices/{device}/capture", {"on": True}, as_=alice)
    seen = visit()
    page = seen.page
    page.goto(f"{server.url}/accounts/login/?next=/rooms/{room}/")
    page.get_by_label("Username").fill(vera.name)
    page.get_by_label("Password").fill(vera.password)
    page.keyboard.press("Enter")
    expect(page.get_by_text("You can listen here. Starting and stopping is for operators.")).to_be_visible()
    page.get_by_role("button", name="Listen", exact=True).click()
    page.wait_for_function(IS_HEARD)
    for name in ("Stop", "Stop all", "Talk", "End room", "Start"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    server.call("POST", f"/api/v1/rooms/{room}/end", {}, as_=alice)
    expect(page.get_by_role("alert")).to_contain_text("This room has ended. What was recorded stays.")
    expect_dead(page)
    assert seen.complaints == []


def test_the_page_of_a_room_that_ends_loads_itself_anew_and_tells_what_happened(server: Installation, visit: Callable):
    seen = visit()
    page = seen.page
    enter(page, server, "127.0.0.1")
    room = make_room(page, "Studio B")
    page.goto(f"{server.url}/rooms/{room}/")
    expect(page.get_by_role("button", name="End room")).to_be_enabled()
    page.wait_for_function("() => leganize.stats.socket === 'online'")
    page.evaluate(
        "id => import('/static/js/forms.js').then(({ send }) => send(`/api/v1/rooms/${id}/end`, {}))", room
    )  # as if from elsewhere
    expect(page.get_by_role("link", name="Its recordings stay.")).to_be_visible()
    expect(page.get_by_role("heading", level=2)).to_have_text(["What happened"])
    expect(page.locator(".happened li").first).to_be_visible()
    assert page.evaluate("globalThis.leganize") is None, "a socket to a room that is over"
    assert seen.complaints == []
