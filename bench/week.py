"""A recording of a week, made in a moment: how soon its page opens, and how soon it plays from elsewhere."""

import asyncio
import json
import os
import random
import shutil
import urllib.request
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from bench.fleet import fleet_in, numbered_fleet
from devices.simulator.sketch import Firmware
from leganize.wire.identity import new_epoch
from recordings.log.segment_log import Gap
from tests.browser import CHROMIUM_ARGUMENTS, CHROMIUM_NAMES, DESKTOP
from tests.studio import Studio

RATE_HZ = 16000
SEGMENT_S = 30
GAP_S = 10
GAP_EVERY = 1000  # segments
SEEKS = 12
IS_DRAWN = """() => {
    const canvas = document.querySelector(".strip canvas");
    if (!canvas?.width || !globalThis.leganize?.view) return false;
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.some((value, index) => index % 4 === 3 && value > 0) && performance.now();
}"""
SEEK = """async (to) => {
    const started = performance.now();
    leganize.player.seek(to);
    while (leganize.player.state !== "playing") await new Promise((done) => setTimeout(done, 2));
    return performance.now() - started;
}"""
_WRITE = "from bench.week import write; answer = write(device, days)"


@dataclass
class Week:
    """What was measured, in ms."""

    segments: int
    opened_ms: list[float]
    """From the navigation until the whole recording is drawn."""
    seeks_ms: list[float]
    """From the wish until sound goes on from a moment that was never fetched before."""


def write(device_id: str, days: float) -> str:
    """Make a recording of so many days with its rows, peaks and files, and return its UUID; needs Django.

    Its segments are two files under many names, so that it is there in a moment and takes no space.
    """
    from devices.models import Device
    from recordings.log.recorder import folder_of
    from recordings.models import Segment
    from tests.kept import empty_recording, keep_segment, melody, sum_up

    recording = empty_recording(Device.objects.get(pk=device_id), title="A week")
    sound, gap = melody(SEGMENT_S * RATE_HZ), Gap(5 * RATE_HZ, GAP_S * RATE_HZ, "device-offline")
    patterns = [
        keep_segment(recording, sound),
        keep_segment(recording, sound[: 2 * RATE_HZ * (SEGMENT_S - GAP_S)], (gap,)),
    ]
    count = round(days * 86_400 / SEGMENT_S)
    rows, folder, audio = [], folder_of(recording.organization_id, recording.pk), 0
    for number in range(count):
        pattern = patterns[number % GAP_EVERY == GAP_EVERY // 2]
        rows.append(
            Segment(
                recording=recording,
                number=number,
                name=f"{number:06d}-{new_epoch().hex}.seg",
                is_closed=True,
                start_sample=number * SEGMENT_S * RATE_HZ,
                start_audio_sample=audio,
                gaps=pattern.gaps,
                audio_samples=pattern.audio_samples,
                gap_samples=pattern.gap_samples,
                digest=pattern.digest,
                stored_bytes=pattern.stored_bytes,
            )
        )
        audio += pattern.audio_samples
        os.link(folder / pattern.name, folder / rows[-1].name)
    for pattern in patterns:
        (folder / pattern.name).unlink()
        pattern.delete()
    Segment.objects.bulk_create(rows, batch_size=1000)
    _write_peaks(folder, count)
    recording.started_at -= timedelta(days=days)
    sum_up(recording)
    return str(recording.pk)


def _write_peaks(folder: Path, segments: int) -> None:
    """Draw loud and quiet stretches in each grain; where they lie does not matter here, that they are many does."""
    chance = np.random.default_rng(7)
    peaks = chance.integers(500, 20_000, segments * SEGMENT_S * 10, dtype="<i2")
    for level in range(3):
        np.stack([-peaks, peaks], 1).astype("<i2").tofile(folder / f"peaks-{level}")
        peaks = peaks[: len(peaks) // 16 * 16].reshape(-1, 16).max(axis=1)


async def make_week(studio: Studio, device: str, days: float) -> str:
    """Let the administrator's shell write it; returns its UUID."""
    return await studio.shell.does(_WRITE, device=device, days=days)


@dataclass
class Heard:
    """What HTTP answered about a long recording."""

    segments: int
    statuses: dict[str, int]
    sound_is_exact: bool
    """The last segment's sound, asked for as the last bytes of the file, is that sound."""
    loud_points: int
    """Of the 1000 points of its whole shape, how many are not flat."""


async def hear_the_end(studio: Studio, *, days: float) -> Heard:
    """Make a long recording, and ask for its page, its shape, and the sound at its end."""
    from tests.kept import melody

    device = await waiting_device(studio)
    recording, cookie = await make_week(studio, device, days), await studio.sign_in("alice")
    last = melody(SEGMENT_S * RATE_HZ)
    key = {"Authorization": f"Bearer {studio.alice.key}"}
    asked = {
        "page": (f"/recordings/{recording}/", {"Cookie": cookie}),
        "shape": (f"/api/v1/recordings/{recording}/peaks/?points=1000", key),
        "sound": (f"/recordings/{recording}/audio.wav", key | {"Range": f"bytes=-{len(last)}"}),
    }
    answers = {name: await asyncio.to_thread(_get, studio, *what) for name, what in asked.items()}
    return Heard(
        segments=round(days * 86_400 / SEGMENT_S),
        statuses={name: status for name, (status, _content) in answers.items()},
        sound_is_exact=answers["sound"][1] == last,
        loud_points=sum(high > low for low, high in json.loads(answers["shape"][1])["points"]),
    )


async def waiting_device(studio: Studio) -> str:
    """Return the UUID of a device that was in a room of its own, and is gone."""
    room = (await studio.room()).id
    fleet = numbered_fleet(Firmware("127.0.0.1", studio.server.port, "esp32-week-{}", boot_s=0.1), 1)
    async with fleet_in(studio, [room], fleet) as devices:
        ((_stream, device, _room),) = devices.values()
    return device


def measure_in_chromium(studio: Studio, recording: str, cookie: str, *, days: float, times: int = 5) -> Week:
    """Open the page so often, then play it from moments all over the week."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)))
    chance = random.Random(7)  # noqa: S311 - moments, not secrets
    name, _equals, value = cookie.partition("=")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=CHROMIUM_ARGUMENTS)
        context = browser.new_context(viewport=DESKTOP)
        context.add_cookies([{"name": name, "value": value, "url": studio.server.url}])
        page = context.new_page()
        opened = [_open(page, f"{studio.server.url}/recordings/{recording}/") for _ in range(times)]
        page.keyboard.press(" ")
        page.wait_for_function("() => leganize.player.state === 'playing'")
        moments = [chance.uniform(0.05, 0.95) * days * 86_400 for _ in range(SEEKS)]
        seeks = [page.evaluate(SEEK, moment) for moment in moments]
        browser.close()
    return Week(round(days * 86_400 / SEGMENT_S), opened, seeks)


def _open(page: Page, url: str) -> float:
    page.goto(url, wait_until="commit")
    return page.wait_for_function(IS_DRAWN).json_value()


def _get(studio: Studio, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    request = urllib.request.Request(studio.server.url + path, headers=headers)  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return answer.status, answer.read()
