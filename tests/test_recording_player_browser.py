"""The player of recordings in Chromium: lanes in step, files made, and what a viewer, a phone and a loss change."""

import io
import re
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import av
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser import (
    PHONE,
    open_chromium,  # noqa: F401 - fixtures, these two
    open_pages,  # noqa: F401
)
from tests.installation import Installation, InstallationFactory, Person
from tests.shell import Shell
from tests.test_browser import IS_HEARD, IS_SILENT_FOR_A_SECOND

RATE_HZ = 16_000
_KEEP = """
from datetime import timedelta
from django.utils import timezone
from recordings.folder import folder_of
from recordings.peaks import PeakWriter
from recordings.segment_log import Gap
from recordings.sound import read_pcm
from tests.kept import keep, melody
studio = Organization.objects.get(pk=organization)
room = Room.objects.create(organization=studio, name="Studio B")
began = timezone.now() - timedelta(hours=1)
answer = []
for number, name in enumerate(["Piano, left", "Piano, right"]):
    device = Device.objects.create(organization=studio, device_id=f"piano-{number}", name=name, room=room)
    gaps = (Gap(8 * 16000, 4 * 16000, "device-offline"), Gap(15 * 16000, 2 * 16000, "device-offline", True))
    kept = keep(device, melody(20 * 16000), () if number else gaps, started_at=began + timedelta(seconds=number))
    peaks, at = PeakWriter(folder_of(studio.pk, kept.pk), 16000, 1), 0
    for pcm in read_pcm(kept):
        peaks.write(at, pcm)
        at += len(pcm) // 2
    answer.append(str(kept.pk))
"""
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


@dataclass(frozen=True)
class Kept:
    """Two recordings of one room on a running server, and who may see them."""

    server: Installation
    alice: Person
    vera: Person
    recordings: list[str]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    with Installation(tmp_path_factory.mktemp("player")) as server, Shell(server) as shell:
        alice = server.person("alice")
        vera = server.person("vera", role="viewer", organization=alice.organization)
        yield Kept(server, alice, vera, shell.run(_KEEP, organization=alice.organization))
        assert "Traceback" not in server.log


def open_page(page: Page, kept: Kept, who: Person, recording: str) -> None:
    page.goto(f"{kept.server.url}/accounts/login/?next=/recordings/{recording}/")
    page.get_by_label("Username").fill(who.name)
    page.get_by_label("Password").fill(who.password)
    page.keyboard.press("Enter")
    page.wait_for_function("() => globalThis.leganize?.view")


def lane(page: Page, name: str):
    return page.locator(".strip", has_text=name)


def position_of(page: Page) -> float:
    return page.evaluate("leganize.player.seconds")


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
    open_page(page, kept, kept.alice, kept.recordings[0])
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
    open_page(page, kept, kept.alice, kept.recordings[0])
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
    open_page(page, kept, kept.alice, kept.recordings[0])
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
    open_page(page, kept, kept.alice, kept.recordings[1])
    page.get_by_label("Speed").select_option("2")
    page.evaluate("leganize.player.seek(15)")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(IS_HEARD)
    expect(page.get_by_role("button", name="Play")).to_be_visible()  # it ended by itself
    assert position_of(page) == pytest.approx(20, abs=0.01)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => leganize.player.seconds > 0.5 && leganize.player.seconds < 15")
    assert seen.complaints == []


def test_a_file_is_made_shown_after_a_reload_and_holds_what_was_recorded(kept: Kept, visit: Callable):
    seen = visit()
    page = seen.page
    open_page(page, kept, kept.alice, kept.recordings[0])
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
    open_page(page, kept, kept.alice, kept.recordings[0])
    expect(page.get_by_role("button", name=re.compile("^2 WAV in a ZIP, 1.4 MB"))).to_be_visible()
    page.get_by_role("button", name="Change").click()
    page.get_by_label("Piano, left", exact=True).uncheck()
    link = page.get_by_role("link", name=re.compile("^WAV, 625 kB"))
    expect(link).to_have_attribute("href", f"/recordings/{kept.recordings[1]}/audio.wav?gaps=silence")
    page.get_by_label("A part").check()
    expect(page.get_by_role("link", name=re.compile("^WAV"))).to_have_attribute("href", re.compile("from=.*to="))


def test_a_viewer_hears_and_downloads_and_finds_no_button_that_decides(kept: Kept, visit: Callable):
    seen = visit()
    page = seen.page
    open_page(page, kept, kept.vera, kept.recordings[0])
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
    open_page(page, kept, kept.alice, kept.recordings[0])
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
    open_page(page, kept, kept.alice, kept.recordings[1])
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
    with Shell(server) as shell:
        alice = server.person("alice")
        lost = Kept(server, alice, alice, shell.run(_KEEP, organization=alice.organization))
    page = visit().page
    open_page(page, lost, alice, lost.recordings[0])
    page.wait_for_function("() => leganize.stats.socket === 'online'")
    server.kill()
    expect(page.get_by_role("alert")).to_contain_text("Connection lost.")
    expect(page.get_by_role("button", name="Needs the connection").first).to_be_disabled()
    page.keyboard.press(" ")
    expect(page.get_by_text("fetching sound")).to_be_visible()
    server.start()
    expect(page.get_by_role("button", name="Rename")).to_be_enabled()
    page.wait_for_function(IS_HEARD)  # what was asked for goes on by itself
