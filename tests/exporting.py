"""What the tests of exports share: two recordings of one room, and how a file of them is made at once."""

import wave
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings as configured

from devices.models import Device
from recordings.exporting.exports import claim, file_of
from recordings.exporting.making import make
from recordings.log.segment_log import Gap
from recordings.models import Export, Recording
from tests.kept import keep, noise

RATE_HZ = 16_000
PCM = noise(80_000)
GAPS = (Gap(16_000, 8000, "device-offline"), Gap(60_000, 1600, "queue-full", True))
BY_THE_CLOCK = PCM[:32_000] + bytes(16_000) + PCM[32_000:120_000] + bytes(3200) + PCM[120_000:]
ETUDE = noise(32_000, channels=2, seed=5)


@pytest.fixture(autouse=True, name="own_folders")
def keep_apart(settings, tmp_path) -> None:
    """Keep what a test records and makes where only it looks."""
    settings.RECORDINGS_DIR, settings.EXPORTS_DIR = tmp_path / "recordings", tmp_path / "exports"


@pytest.fixture(name="kept")
def keep_table(studio_device) -> Recording:
    """5 s of sound and 0.6 s of gaps, which began an hour ago."""
    return keep(studio_device, PCM, GAPS, segment_seconds=1)


@pytest.fixture(name="piano")
def keep_piano(cast, kept) -> Recording:
    """A second device of the room, of which 2 s in stereo were recorded, two seconds later."""
    device = Device.objects.create(
        organization=cast.organization, device_id="piano-r", name="เปียโน / ขวา", room=kept.room
    )
    return keep(device, ETUDE, channels=2, started_at=kept.started_at + timedelta(seconds=2), title="Étude")


def made(export: Export) -> Path:
    """Make what was asked for, in this process, and return the file."""
    claimed = claim()
    assert claimed == export
    make(claimed)
    export.refresh_from_db()
    assert (export.state, export.error) == (Export.State.DONE, ""), export.error
    return file_of(export)


def sound_in(wav: bytes) -> bytes:
    """Return the samples of a WAV."""
    with wave.open(BytesIO(wav)) as file:
        return file.readframes(file.getnframes())


def leftovers() -> list[str]:
    """Return what lies in the folder of exports."""
    return sorted(path.name for path in configured.EXPORTS_DIR.iterdir())
