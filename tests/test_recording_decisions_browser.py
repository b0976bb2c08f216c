"""What people do on a recording's page in Chromium: take files away, name, mark, delete, and lose the server."""

import io
import re
import urllib.request
from collections.abc import Callable

import av
import numpy as np
from playwright.sync_api import expect

from tests.browser import (
    PHONE,
    open_chromium,  # noqa: F401 - fixtures, these two
    open_pages,  # noqa: F401
)
from tests.installation import InstallationFactory
from tests.test_browser import IS_HEARD
from tests.two_recordings import (
    Kept,
    keep_two,
    lane,
    open_a_room_with_two,  # noqa: F401 - a fixture
    open_page,
)


def test_a_file_is_made_shown_after_a_reload_and_holds_what_was_recorded(kept: Kept, visit: Callable):
    seen = visit()
    page = seen.page
    open_page(page, kept.server, kept.alice, kept.recordings[0])
    page.get_by_role("button", name="Change").click()
    page.get_by_label("Piano, right", exact=True).uncheck()
    page.get_by_label("Gaps left out").check()
    page.get_by_label("FLAC").check()
    page.get_by_role("button", name="Make FLAC").click()
    expect(page.locator(".job")).to_contain_text("Making FLAC")
    page.reload()
    expect(page.locator(".job")).to_contain_text("FLAC is ready.")
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile("^FLAC, ")).click()
    with av.open(io.BytesIO(started.value.path().read_bytes())) as flac:
        heard = np.concatenate([frame.to_ndarray().ravel() for frame in flac.decode(audio=0)])
    wav = _fetched(kept, f"/recordings/{kept.recordings[0]}/audio.wav?gaps=skip")
    assert np.array_equal(heard, np.frombuffer(wav[44:], "<i2"))
    page.locator(".job").get_by_role("button", name="Remove").click()
    expect(page.locator(".job")).to_have_count(0)
    assert seen.complaints == []


def _fetched(kept: Kept, path: str) -> bytes:
    request = urllib.request.Request(kept.server.url + path, headers={"Authorization": f"Bearer {kept.alice.key}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def test_two_lanes_come_in_a_zip_and_one_is_a_link(kept: Kept, visit: Callable):
    page = visit().page
    open_page(page, kept.server, kept.alice, kept.recordings[0])
    expect(page.get_by_role("button", name=re.compile("^2 WAV in a ZIP, 1.4 MB"))).to_be_visible()
    page.get_by_role("button", name="Change").click()
    page.get_by_label("Piano, left", exact=True).uncheck()
    link = page.get_by_role("link", name=re.compile("^WAV, 625 kB"))
    expect(link).to_have_attribute("href", f"/recordings/{kept.recordings[1]}/audio.wav?gaps=silence")
    page.get_by_label("A part").check()
    expect(page.get_by_role("link", name=re.compile("^WAV"))).to_have_attribute("href", re.compile("from=.*to="))


def test_no_button_offers_what_would_do_nothing(kept: Kept, visit: Callable):
    page = visit().page
    open_page(page, kept.server, kept.alice, kept.recordings[1])  # nothing is missing in it
    expect(page.get_by_role("button", name="Next gap")).to_be_disabled()
    closer, wider = (page.get_by_role("button", name=name) for name in ("Closer", "Further away"))
    expect(closer).to_be_disabled()  # of its 20 s there is no more to see
    expect(wider).to_be_disabled()
    page.get_by_role("button", name="Change").click()
    for device in ("Piano, left", "Piano, right"):
        page.get_by_label(device, exact=True).uncheck()
    expect(page.get_by_role("button", name="Nothing is chosen")).to_be_disabled()
    expect(page.locator("[data-part=download-link]")).to_be_hidden()
    page.goto(f"{kept.server.url}/recordings/{kept.recordings[0]}/")
    closer.click()
    expect(wider).to_be_enabled()
    expect(closer).to_be_disabled()
    wider.click()
    expect(closer).to_be_enabled()


def test_a_part_of_all_that_is_shown_is_all_of_it(kept: Kept, visit: Callable):
    page = visit().page
    open_page(page, kept.server, kept.alice, kept.recordings[0])
    page.get_by_role("button", name="Change").click()
    page.get_by_label("Piano, right", exact=True).uncheck()
    page.get_by_label("A part").check()
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile("^WAV, ")).click()
    assert started.value.path().read_bytes() == _fetched(kept, f"/recordings/{kept.recordings[0]}/audio.wav")


def test_a_viewer_hears_and_downloads_and_finds_no_button_that_decides(kept: Kept, visit: Callable):
    seen = visit()
    page = seen.page
    open_page(page, kept.server, kept.vera, kept.recordings[0])
    for name in ("Rename", "Keep", "Mark", "Mark here", "Delete"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    page.keyboard.press("m")
    page.keyboard.press(" ")
    page.wait_for_function(IS_HEARD)
    expect(page.locator(".marker-row")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("in a ZIP"))).to_be_enabled()
    assert seen.complaints == []


def test_a_phone_has_it_all_below_each_other(kept: Kept, visit: Callable):
    seen = visit(PHONE)
    page = seen.page
    open_page(page, kept.server, kept.alice, kept.recordings[0])
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    mute = lane(page, "Piano, left").get_by_role("button", name="Mute")
    expect(mute).to_be_hidden()
    page.get_by_role("button", name="Piano, left").click()
    expect(mute).to_be_visible()
    page.locator(".recording-head summary").click()
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Name of this recording").fill("Piano rehearsal")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Piano rehearsal")
    page.get_by_role("button", name="Mark here").click()
    expect(page.get_by_label("Name of this marker")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator(".marker-row").hover()
    page.locator(".marker-row").get_by_role("button", name="Remove").click()
    expect(page.locator(".marker-row")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".marker-row")).to_have_count(1)
    assert seen.complaints == []


def test_what_is_deleted_can_be_taken_back(kept: Kept, visit: Callable):
    seen = visit()
    page = seen.page
    open_page(page, kept.server, kept.alice, kept.recordings[1])
    page.locator(".recording-head summary").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    dialog.get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile(r"/recordings/"))
    expect(page.locator(".toast")).to_contain_text("Deleted")
    page.get_by_role("button", name="Undo").click()
    page.goto(f"{kept.server.url}/recordings/{kept.recordings[1]}/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("#recording")).to_be_visible()
    assert seen.complaints == []


def test_a_page_without_its_server_says_so_and_recovers(leganize_server: InstallationFactory, visit: Callable):
    server = leganize_server()
    lost = keep_two(server)
    page = visit().page
    open_page(page, server, lost.alice, lost.recordings[0])
    page.wait_for_function("() => leganize.stats.socket === 'online'")
    server.kill()
    expect(page.get_by_role("alert")).to_contain_text("Connection lost.")
    expect(page.get_by_role("button", name="Needs the connection").first).to_be_disabled()
    page.keyboard.press(" ")
    expect(page.get_by_text("fetching sound")).to_be_visible()
    server.start()
    expect(page.get_by_role("button", name="Rename")).to_be_enabled()
    page.wait_for_function(IS_HEARD)  # what was asked for goes on by itself
