"""Two recordings of one room on a running server, an hour old: what the tests of their page look at."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page

from tests.installation import Installation, Person
from tests.shell import Shell

_KEEP = """
from datetime import timedelta
from django.utils import timezone
from recordings.log.folder import folder_of
from recordings.log.peaks import PeakWriter
from recordings.log.segment_log import Gap
from recordings.listening.sound import read_pcm
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


@dataclass(frozen=True)
class Kept:
    """The recordings, left and right, and who may see them."""

    server: Installation
    alice: Person
    vera: Person
    recordings: list[str]


def keep_two(server: Installation) -> Kept:
    """Make people, a room and two recordings in it: melodies of 20 s, the left one with gaps at 8 and 19 s."""
    alice = server.person("alice")
    vera = server.person("vera", role="viewer", organization=alice.organization)
    with Shell(server) as shell:
        return Kept(server, alice, vera, shell.run(_KEEP, organization=alice.organization))


@pytest.fixture(scope="module", name="kept")
def open_a_room_with_two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """Both recordings on a server that the tests of one module share."""
    with Installation(tmp_path_factory.mktemp("player")) as server:
        yield keep_two(server)
        log = server.log
        assert "Traceback" not in log, log[log.index("Traceback") - 300 :][:3000]


def open_page(page: Page, server: Installation, who: Person, recording: str) -> None:
    """Sign in and open the page of a recording, until it can be used."""
    page.goto(f"{server.url}/accounts/login/?next=/recordings/{recording}/")
    page.get_by_label("Username").fill(who.name)
    page.get_by_label("Password").fill(who.password)
    page.keyboard.press("Enter")
    page.wait_for_function("() => globalThis.leganize?.view")


def lane(page: Page, name: str) -> Locator:
    """The lane of a device."""
    return page.locator(".strip", has_text=name)


def position_of(page: Page) -> float:
    """Where one is, in seconds."""
    return page.evaluate("leganize.player.seconds")
