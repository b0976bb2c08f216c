"""What the files hold that are made in the background, alone and together, and what may be asked for."""

import hashlib
import json
import zipfile
from datetime import timedelta

import av
import numpy as np
import pytest

from devices.models import Device
from recordings.exporting import exports, making
from recordings.exporting.exports import TooMany, ask, cancel
from recordings.models import Export, Recording
from rooms.models import Room
from tests.exporting import (  # noqa: F401 - fixtures
    BY_THE_CLOCK,
    ETUDE,
    GAPS,
    PCM,
    keep_apart,
    keep_piano,
    keep_table,
    leftovers,
    made,
    sound_in,
)
from tests.kept import keep, keep_segment, melody, noise

State = Export.State
pytestmark = pytest.mark.django_db(transaction=True)  # files go at a commit, and are sent by threads


class TestFiles:
    def test_a_wav_is_what_is_played(self, cast, kept):
        assert sound_in(made(ask(cast.vera, [kept])).read_bytes()) == BY_THE_CLOCK
        assert sound_in(made(ask(cast.vera, [kept], gaps="skip")).read_bytes()) == PCM

    def test_a_flac_is_the_same_sample_by_sample(self, cast, kept):
        with av.open(str(made(ask(cast.vera, [kept], file_format="flac")))) as container:
            heard = b"".join(frame.to_ndarray().tobytes() for frame in container.decode(audio=0))
        assert heard == BY_THE_CLOCK

    @pytest.mark.parametrize("file_format", ["opus", "mp3"])
    def test_what_is_for_ears_is_as_long_as_the_clock_says(self, cast, studio_device, file_format):
        kept = keep(studio_device, melody(80_000), GAPS)
        with av.open(str(made(ask(cast.vera, [kept], file_format=file_format)))) as container:
            frames = list(container.decode(audio=0))
        assert sum(frame.samples for frame in frames) / frames[0].sample_rate == pytest.approx(5.6, abs=0.05)

    @pytest.mark.parametrize("gaps", ["silence", "skip"])
    def test_a_part_is_told_by_the_clock(self, cast, kept, gaps):
        from_at, to_at = (kept.started_at + timedelta(seconds=seconds) for seconds in (0.5, 2.25))
        heard = sound_in(made(ask(cast.vera, [kept], gaps=gaps, from_at=from_at, to_at=to_at)).read_bytes())
        assert heard == (BY_THE_CLOCK[16_000:72_000] if gaps == "silence" else PCM[16_000:56_000])

    def test_it_is_named_for_people(self, cast, kept, piano):
        export = ask(cast.vera, [kept], file_format="opus")
        made(export)
        assert export.file_name == f"Weekly planning, Table, {kept.started_at:%Y-%m-%d %H.%M}.ogg"
        together = ask(cast.vera, [kept, piano], file_format="mp3")
        made(together)
        assert together.file_name == f"Weekly planning, {kept.started_at:%Y-%m-%d %H.%M}, MP3.zip"

    def test_a_running_one_is_made_as_far_as_it_is_written(self, cast, studio_device):
        running = keep(studio_device, PCM, state=Recording.State.RECORDING)
        export = ask(cast.vera, [running])
        keep_segment(running, noise(1000, seed=3))
        assert sound_in(made(export).read_bytes()) == PCM + noise(1000, seed=3)

    def test_progress_and_size_are_told(self, cast, kept):
        export = ask(cast.vera, [kept])
        path = made(export)
        assert (export.progress, export.stored_bytes) == (1.0, path.stat().st_size)
        assert leftovers() == [export.pk.hex]


class TestArchives:
    def test_each_recording_is_a_file_and_the_manifest_tells_what_it_is(self, cast, kept, piano):
        with zipfile.ZipFile(made(ask(cast.vera, [kept, piano], file_format="flac"))) as archive:
            assert archive.testzip() is None
            manifest = json.loads(archive.read("manifest.json"))
            names = [each["name"] for each in manifest["files"]]
            assert sorted(archive.namelist()) == sorted([*names, "manifest.json"])
            for each in manifest["files"]:
                content = archive.read(each["name"])
                assert (hashlib.sha256(content).hexdigest(), len(content)) == (each["sha256"], each["bytes"])
        table, etude = manifest["files"]
        assert (manifest["format"], manifest["gaps"], manifest["starts_at"]) == (
            "flac", "silence", kept.started_at.isoformat(),
        )  # fmt: skip
        assert (table["recording"], table["room"]["name"], table["device"]["device_id"]) == (
            str(kept.pk), "Weekly planning", "esp32-meeting-01",
        )  # fmt: skip
        assert (table["duration_seconds"], table["audio_seconds"]) == (5.6, pytest.approx(5.0))
        assert [(gap["at_seconds"], gap["seconds"], gap["reason"]) for gap in table["gaps"]] == [
            (1.0, 0.5, "device-offline"), (4.25, pytest.approx(0.1), "queue-full"),
        ]  # fmt: skip
        assert (etude["name"][:5], etude["offset_seconds"], etude["channels"]) == ("Étude", 2.0, 2)

    def test_a_part_of_several_begins_where_each_begins(self, cast, kept, piano):
        from_at, to_at = (kept.started_at + timedelta(seconds=seconds) for seconds in (1.25, 3.0))
        export = ask(cast.vera, [kept, piano], from_at=from_at, to_at=to_at)
        with zipfile.ZipFile(made(export)) as archive:
            table, etude = json.loads(archive.read("manifest.json"))["files"]
            assert sound_in(archive.read(table["name"])) == BY_THE_CLOCK[40_000:96_000]
            assert sound_in(archive.read(etude["name"])) == ETUDE[:64_000]
        assert (table["offset_seconds"], etude["offset_seconds"]) == (0.0, 0.75)
        assert [(gap["at_seconds"], gap["seconds"]) for gap in table["gaps"]] == [(0.0, 0.25)]

    def test_two_of_one_name_are_two_files(self, cast, kept, studio_device):
        twin = keep(studio_device, noise(100), started_at=kept.started_at)
        with zipfile.ZipFile(made(ask(cast.vera, [kept, twin]))) as archive:
            assert len({name.casefold() for name in archive.namelist()}) == 3
            assert any(name.endswith(" (2).wav") for name in archive.namelist())

    def test_one_alone_comes_as_an_archive_if_that_is_asked_for(self, cast, kept):
        with zipfile.ZipFile(made(ask(cast.vera, [kept], zipped=True))) as archive:
            assert len(archive.namelist()) == 2

    def test_what_has_no_sound_in_that_time_is_left_out(self, cast, kept, piano):
        export = ask(cast.vera, [kept, piano], gaps="skip")
        Recording.objects.filter(pk=piano.pk).update(started_at=kept.started_at - timedelta(days=1))
        Export.objects.update(from_at=kept.started_at)
        with zipfile.ZipFile(made(export)) as archive:
            assert len(archive.namelist()) == 2


class TestAsking:
    def test_several_are_always_an_archive(self, cast, kept, piano):
        assert ask(cast.vera, [kept, piano]).zipped is True
        assert ask(cast.vera, [kept]).zipped is False

    def test_only_what_reaches_into_the_time_is_taken(self, cast, kept, piano):
        export = ask(cast.vera, [kept, piano], to_at=kept.started_at + timedelta(seconds=1))
        assert list(export.recordings.all()) == [kept]

    def test_what_makes_no_sense_is_told_in_a_sentence(self, cast, kept):
        for wrong in (
            {"from_at": kept.started_at, "to_at": kept.started_at},
            {"from_at": kept.started_at + timedelta(days=1)},
            {"to_at": kept.started_at},
        ):
            with pytest.raises(ValueError, match=r"\.$"):
                ask(cast.vera, [kept], **wrong)
        with pytest.raises(ValueError, match="Nothing was recorded"):
            ask(cast.vera, [])

    def test_one_organization_cannot_fill_the_queue_for_itself(self, cast, kept, monkeypatch):
        monkeypatch.setattr(exports, "MAX_UNDER_WAY", 2)
        first = ask(cast.vera, [kept])
        ask(cast.vera, [kept])
        with pytest.raises(TooMany, match="2 files are being made already"):
            ask(cast.vera, [kept])
        cancel(first)
        ask(cast.vera, [kept])

    def test_an_archive_has_an_end(self, cast, kept, piano, monkeypatch):
        monkeypatch.setattr(exports, "MAX_RECORDINGS", 1)
        with pytest.raises(ValueError, match="more than 1 recordings"):
            ask(cast.vera, [kept, piano])

    def test_two_organizations_are_not_mixed(self, cast, kept):
        theirs = Room.objects.create(organization=cast.charlie.home_organization(), name="Charlie's")
        device = Device.objects.create(organization=theirs.organization, device_id="c", room=theirs)
        with pytest.raises(ValueError, match="several organizations"):
            ask(cast.charlie, [kept, keep(device, noise(100))])


def test_what_a_file_needs_is_known_before(cast, studio_device):
    kept = keep(studio_device, np.zeros(80_000, "<i2").tobytes())
    for file_format in Export.Format.values:
        export = ask(cast.vera, [kept], file_format=file_format)
        made(export)
        [stretch] = making._stretches_of(export)
        assert export.stored_bytes <= making.estimated_bytes(file_format, making.sound_of(stretch)) + 4096
