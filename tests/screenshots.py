"""Pictures of every page, on a desk and on a phone: `python -m tests.screenshots BASE_URL SIGN_IN_PATH OUTDIR`."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
SETTLE_MS = 1500  # the socket's first board, and a meter's first second
SHOWN_TWICE = ("room", "devices", "recordings", "recording")  # also in the dark and in Thai
LIVE_PAGES = ("connect", "room")
LISTEN_MS = 20_000  # so that the tape shows some speech
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


@dataclass(frozen=True)
class Look:
    """In which way the pages are looked at."""

    name: str
    viewport: dict[str, int]
    theme: str = "light"
    language: str = "en"
    pages: tuple[str, ...] = ()  # empty: all of them


LOOKS = [
    Look("desktop", DESK),
    Look("phone", PHONE),
    Look("dark-desktop", DESK, theme="dark", pages=SHOWN_TWICE),
    Look("dark-phone", PHONE, theme="dark", pages=SHOWN_TWICE),
    Look("th-desktop", DESK, language="th", pages=SHOWN_TWICE),
    Look("th-phone", PHONE, language="th", pages=SHOWN_TWICE),
    Look("ru-phone", PHONE, language="ru"),
]


async def main(base_url: str, sign_in_path: str, outdir: Path) -> None:
    """Sign in once by the link, then visit every page in every look."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            session = await _sign_in(browser, urljoin(base_url, sign_in_path))
            for look in LOOKS:
                async with _looking(browser, base_url, session, look) as page:
                    await _take_all(page, base_url, look, outdir)
        finally:
            await browser.close()


async def _sign_in(browser: Browser, link: str) -> list[dict]:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(link)
    cookies = await context.cookies()
    await context.close()
    return [cookie for cookie in cookies if cookie["name"] == "sessionid"]


@asynccontextmanager
async def _looking(browser: Browser, base_url: str, session: list[dict], look: Look) -> AsyncIterator[Page]:
    context: BrowserContext = await browser.new_context(
        viewport=look.viewport, color_scheme=look.theme, locale=look.language, timezone_id="Asia/Bangkok"
    )
    chosen = [{"name": "django_language", "value": look.language, "url": base_url}]
    await context.add_cookies([*session, *chosen])
    page = await context.new_page()
    page.on("console", lambda message: _complain(look, message.type, message.text))
    page.on("pageerror", lambda error: _complain(look, "error", str(error)))
    yield page
    await context.close()


def _complain(look: Look, kind: str, text: str) -> None:
    if kind in ("error", "warning"):
        print(f"{look.name}: {kind}: {text}", file=sys.stderr)


async def _take_all(page: Page, base_url: str, look: Look, outdir: Path) -> None:
    for name, path in (await _paths(page, base_url)).items():
        if look.pages and name not in look.pages:
            continue
        await page.goto(urljoin(base_url, path), wait_until="load")
        await page.wait_for_timeout(LISTEN_MS if name in LIVE_PAGES and look.viewport == DESK else SETTLE_MS)
        await page.screenshot(path=outdir / f"{name}-{look.name}.png", full_page=look.viewport == DESK)
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            print(f"{name}-{look.name}: {wide} px wider than the screen", file=sys.stderr)


async def _paths(page: Page, base_url: str) -> dict[str, str]:
    """Return the pages by name; room, device and recording are the first ones of their lists."""
    found = {
        "connect": "connect", "rooms": "rooms/", "devices": "devices/", "recordings": "recordings/",
        "keeping": "recordings/keeping/", "password": "accounts/password/", "not-found": "nowhere/",
    }  # fmt: skip
    for name, listed in (("room", "rooms/"), ("device", "devices/"), ("recording", "recordings/")):
        await page.goto(urljoin(base_url, listed))
        link = page.locator(".who a.name").first
        if await link.count():
            found[name] = await link.get_attribute("href") or listed
    if "room" in found:
        found["room-settings"] = f"{found['room']}settings/"
    return found


if __name__ == "__main__":
    Path(sys.argv[3]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
