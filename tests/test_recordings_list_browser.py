"""The list of recordings in a real Chromium: one appears, grows and ends, and nothing moves under the pointer."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser import (
    DEVICE,
    PHONE,
    connect_and_start,
    enter,
    make_room,
    open_chromium,  # noqa: F401 - fixtures, these three
    open_pages,  # noqa: F401
    start_a_server,  # noqa: F401
)
from tests.installation import Installation

WAVE_PIXELS = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let found = 0;
    for (let at = 0; at < data.length; at += 4) if (data[at + 2] > 150) found += 1;
    return found;
}"""


def rows_of(page: Page) -> Locator:
    return page.locator("tr[data-recording]")


def capture(page: Page, *, on: bool) -> None:
    """Start or stop the microphone, as if from elsewhere."""
    page.evaluate(
        """async (on) => {
            const { send } = await import("/static/js/forms.js");
            const { results } = await (await fetch("/api/v1/devices/")).json();
            await send(`/api/v1/devices/${results[0].id}/capture`, { on });
        }""",
        on,
    )


def test_a_recording_appears_grows_and_ends_without_a_reload(server: Installation, visit: Callable):
    seen = visit()
    page = seen.page
    enter(page, server, "127.0.0.1")
    page.goto(f"{server.url}/recordings/")
    expect(page.get_by_role("heading", name="No recordings yet")).to_be_visible()
    page.evaluate("globalThis.isSamePage = true")

    other = page.context.new_page()
    other.goto(f"{server.url}/connect")
    make_room(other, "Weekly planning")
    connect_and_start(other)

    row = rows_of(page).first
    expect(row).to_contain_text("Still recording")
    expect(row).to_contain_text(DEVICE)
    expect(page.locator("[data-sentence]")).to_contain_text("1 recording,")
    sound = row.locator("canvas")
    expect(sound).to_have_attribute("data-seconds", re.compile(r"^[1-9]"))
    before = float(sound.get_attribute("data-seconds") or 0)
    page.wait_for_function(
        "before => document.querySelector('canvas.thumbnail').dataset.seconds > before + 2", arg=before
    )
    assert sound.evaluate(WAVE_PIXELS) > 200, "nothing is drawn"

    capture(other, on=False)
    expect(row).to_contain_text("Complete")
    expect(row).not_to_contain_text("Still recording")
    expect(row.locator(".length")).to_have_text(re.compile(r"^\d+:\d\d$"))
    expect(row.locator(".size")).to_have_text(re.compile(r"^[\d.]+\s[KM]B$"))
    assert page.evaluate("globalThis.isSamePage"), "the page was loaded again"
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert "/recordings/" in page.url and page.url != f"{server.url}/recordings/"
    assert seen.complaints == []


def test_nothing_moves_under_the_pointer_until_it_has_left(server: Installation, visit: Callable):
    seen = visit()
    page = seen.page
    enter(page, server, "127.0.0.1")
    make_room(page, "Studio B")
    connect_and_start(page)
    page.goto(f"{server.url}/recordings/")
    expect(rows_of(page)).to_have_count(1)
    capture(page, on=False)
    expect(rows_of(page).first).to_contain_text("Complete")

    rows_of(page).first.hover()
    place = rows_of(page).first.bounding_box()
    capture(page, on=True)
    expect(page.get_by_role("button", name="Show 1 new recording")).to_be_visible()
    assert rows_of(page).count() == 1 and rows_of(page).first.bounding_box() == place
    page.mouse.move(5, 5)
    expect(rows_of(page)).to_have_count(2)
    expect(rows_of(page).first).to_contain_text("Still recording")
    expect(page.get_by_role("button", name="Show 1 new recording")).to_be_hidden()
    assert seen.complaints == []


def test_what_was_deleted_comes_back_by_undo(server: Installation, visit: Callable):
    seen = visit(PHONE)
    page = seen.page
    enter(page, server, "127.0.0.1")
    make_room(page, "Studio B")
    connect_and_start(page)
    page.goto(f"{server.url}/recordings/")
    expect(rows_of(page).first).to_contain_text("Still recording")
    capture(page, on=False)
    expect(rows_of(page).first).to_contain_text("Complete")
    recording = rows_of(page).first.get_attribute("data-recording")
    page.evaluate(
        "id => import('/static/js/forms.js').then(({ send }) => send(`/api/v1/recordings/${id}`, {}, 'DELETE'))",
        recording,
    )  # as if from elsewhere
    expect(page.get_by_role("heading", name="No recordings yet")).to_be_visible()
    page.goto(f"{server.url}/recordings/?deleted={recording}")
    expect(page.locator(".toast")).to_contain_text("Deleted")
    assert page.url == f"{server.url}/recordings/", "a reload would say it again"
    page.get_by_role("button", name="Undo").click()
    expect(rows_of(page)).to_have_count(1)
    expect(page.locator(".toast")).to_contain_text("is back.")
    page.get_by_role("button", name="Filter").click()
    page.get_by_label("State").select_option("recording")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than the phone"
    assert seen.complaints == []
