"""A real Chromium for the tests of pages: one page in a session of its own, and what its console complained of."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.installation import Installation, InstallationFactory, Person

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--host-resolver-rules=MAP leganize.test 127.0.0.1",  # a LAN name, for which browsers trust no plain http
]
PATIENCE_MS = 20_000  # two cores may be shared with other tests
DEVICE = "esp32-demo-01"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Visit:
    """One page of one browser, and what its console complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        # a header that is right on https and for localhost; on a LAN name Chromium says that it takes no notice of it
        is_remark = "Cross-Origin-Opener-Policy header has been ignored" in message.text
        if message.type in ("error", "warning") and not is_remark:
            self.complaints.append(f"{message.location.get('url')}: {message.text}")


@pytest.fixture(scope="module", name="chromium")
def open_chromium() -> Iterator[Browser]:
    """Debian's Chromium, or whatever it is called here; gone with this file, for its loop keeps others from running."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    assert found, f"none of {', '.join(CHROMIUM_NAMES)} is installed"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(name="visit")
def open_pages(chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """Call it for a page in a fresh session, `visit(viewport=PHONE)`."""
    contexts = []

    def open_page(viewport: dict[str, int] = DESKTOP) -> Visit:
        contexts.append(chromium.new_context(viewport=viewport))
        contexts[-1].set_default_timeout(PATIENCE_MS)
        visit = Visit(contexts[-1].new_page())
        visit.listen()
        return visit

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(name="server")
def start_a_server(leganize_server: InstallationFactory) -> Installation:
    """A server with a simulated microphone, known by two names."""
    return leganize_server(DEMO="true", ALLOWED_HOSTS="leganize.test")


def enter(page: Page, server: Installation, host: str) -> None:
    """Use the sign-in link of the start, by the name of the server that the browser is to know."""
    path = server.sign_in_url.partition("/accounts/")[2]
    page.goto(f"http://{host}:{server.port}/accounts/{path}")
    expect(page).to_have_url(re.compile("/connect$"))


def make_room(page: Page, name: str) -> str:
    """Create a room on /connect and return its UUID."""
    page.get_by_label("Name", exact=True).first.fill(name)
    page.get_by_role("button", name="Create").click()
    expect(page).to_have_url(re.compile(r"\?room=[0-9a-f-]{36}$"))
    return page.url.rpartition("=")[2]


def connect_and_start(page: Page) -> None:
    """Press the buttons of the device's place in the lobby."""
    place = page.locator(f".slot[data-device={DEVICE}]")
    place.get_by_role("button", name="Connect").click()
    place.get_by_role("button", name="Start").click()
    expect(place.get_by_text("Capturing")).to_be_visible()


def wait_for_the_device(server: Installation, person: Person) -> str:
    """Return the connection of the simulated microphone once it waits in the lobby."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < deadline:
        waiting = server.call("GET", "/api/v1/lobby/", as_=person)[1]["results"]
        if waiting:
            return waiting[0]["connection"]
        time.sleep(0.2)
    raise AssertionError(f"no device came into the lobby:\n{server.log}")
