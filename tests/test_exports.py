"""Files made in the background: asked for, made by one process at a time, and what becomes of them when things end."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import wave
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from django.conf import settings as configured
from django.db import connection, connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.api_keys import make_api_key
from devices.models import Device
from recordings import exports, making
from recordings.export_child import ExportChild
from recordings.exports import TooMany, ask, cancel, claim, file_of, forget, part_of, retry, sweep, visible_exports
from recordings.making import make
from recordings.models import Export, Recording
from recordings.segment_log import Gap
from rooms.models import Room
from tests.installation import BASE_DIR
from tests.kept import empty_recording, keep, keep_segment, melody, noise, sum_up
from tests.test_api import signed_in
from tests.test_playback import body_of

RATE_HZ = 16_000
PCM = noise(80_000)
GAPS = (Gap(16_000, 8000, "device-offline"), Gap(60_000, 1600, "queue-full", True))
BY_THE_CLOCK = PCM[:32_000] + bytes(16_000) + PCM[32_000:120_000] + bytes(3200) + PCM[120_000:]
State = Export.State
API = "/api/v1/exports/"
pytestmark = pytest.mark.django_db(transaction=True)  # files go at a commit, and are sent by threads


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path) -> None:
    """Keep what a test records and makes where only it looks."""
    settings.RECORDINGS_DIR, settings.EXPORTS_DIR = tmp_path / "recordings", tmp_path / "exports"


@pytest.fixture
def kept(studio_device) -> Recording:
    """5 s of sound and 0.6 s of gaps, which began an hour ago."""
    return keep(studio_device, PCM, GAPS, segment_seconds=1)


@pytest.fixture
def piano(cast, kept) -> Recording:
    """A second device of the room, of which 2 s in stereo were recorded, two seconds later."""
    device = Device.objects.create(
        organization=cast.organization, device_id="piano-r", name="เปียโน / ขวา", room=kept.room
    )
    began = kept.started_at + timedelta(seconds=2)
    return keep(device, noise(32_000, channels=2, seed=5), channels=2, started_at=began, title="Étude")


def made(export: Export) -> Path:
    """Make what was asked for, in this process, and return the file."""
    claimed = claim()
    assert claimed == export
    make(claimed)
    export.refresh_from_db()
    assert (export.state, export.error) == (State.DONE, ""), export.error
    return file_of(export)


def sound_in(wav: bytes) -> bytes:
    with wave.open(BytesIO(wav)) as file:
        return file.readframes(file.getnframes())


def leftovers() -> list[str]:
    """What lies in the folder of exports."""
    return sorted(path.name for path in configured.EXPORTS_DIR.iterdir())


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
            assert sound_in(archive.read(etude["name"])) == noise(32_000, channels=2, seed=5)[:64_000]
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


class TestQueue:
    def test_the_oldest_is_claimed_first_and_each_once(self, cast, kept):
        first, second = ask(cast.vera, [kept]), ask(cast.vera, [kept])
        assert [claim(), claim(), claim()] == [first, second, None]

    def test_a_silent_one_waits_again_and_is_made(self, cast, kept):
        export = ask(cast.vera, [kept])
        claim()
        part_of(Export.objects.get()).write_bytes(b"half")
        assert claim(timezone.now() + timedelta(seconds=9)) is None
        later = timezone.now() + timedelta(seconds=11)
        assert exports.is_work_waiting(later)
        assert claim(later) == export
        sweep()
        assert leftovers() == []  # the first attempt's half is nobody's

    def test_a_clock_that_was_set_back_keeps_nothing_waiting_for_an_hour(self, cast, kept):
        export = ask(cast.vera, [kept])
        assert claim(timezone.now() + timedelta(hours=1)) == export
        assert claim() == export

    def test_what_ends_its_process_three_times_has_failed(self, cast, kept):
        export = ask(cast.vera, [kept])
        moment = timezone.now()
        for _attempt in range(3):
            assert claim(moment) == export
            moment += timedelta(seconds=11)
        assert claim(moment) is None
        export.refresh_from_db()
        assert (export.state, "three attempts" in export.error) == (State.FAILED, True)
        assert retry(Export.objects.all()) == 1
        made(export)

    def test_a_process_that_was_given_up_cannot_speak_for_the_next(self, cast, kept):
        export = ask(cast.vera, [kept])
        slow = claim()
        quick = claim(timezone.now() + timedelta(seconds=11))
        make(slow)
        export.refresh_from_db()
        assert (export.state, export.tries) == (State.RUNNING, 2)
        make(quick)
        export.refresh_from_db()
        assert (export.state, leftovers()) == (State.DONE, [export.pk.hex])

    @pytest.mark.parametrize("file_format", ["wav", "flac", "opus", "mp3"])
    @pytest.mark.parametrize("zipped", [True, False])
    def test_whatever_is_cancelled_half_way_leaves_no_file(self, cast, kept, monkeypatch, file_format, zipped):
        monkeypatch.setattr(making, "TELL_EVERY_S", 0)
        export = ask(cast.vera, [kept], file_format=file_format, zipped=zipped)
        claimed = claim()
        looks = iter([False, True])

        def is_ending() -> bool:
            if next(looks, True):
                cancel(export)
            return False

        make(claimed, is_ending)
        export.refresh_from_db()
        assert (export.state, export.error, leftovers()) == (State.CANCELLED, "", [])

    def test_one_that_is_cancelled_in_its_last_moment_leaves_no_file(self, cast, kept, monkeypatch):
        export = ask(cast.vera, [kept])
        claimed = claim()
        replace = os.replace
        monkeypatch.setattr(making.os, "replace", lambda *paths: (cancel(export), replace(*paths)))
        make(claimed)
        export.refresh_from_db()
        assert (export.state, leftovers()) == (State.CANCELLED, [])

    def test_a_process_that_is_to_end_gives_back_what_it_began(self, cast, kept):
        export = ask(cast.vera, [kept])
        make(claim(), lambda: True)
        export.refresh_from_db()
        assert (export.state, export.tries, leftovers()) == (State.WAITING, 0, [])
        made(export)


class TestFailing:
    def test_a_disk_without_room_is_told_before_it_is_full(self, cast, kept, monkeypatch):
        monkeypatch.setattr(making, "RESERVE_BYTES", 2**60)
        export = ask(cast.vera, [kept])
        make(claim())
        export.refresh_from_db()
        assert (export.state, export.error[:28]) == (State.FAILED, "The disk has no room for thi")

    def test_a_disk_that_fills_meanwhile_leaves_no_half_of_it(self, cast, kept, monkeypatch):
        monkeypatch.setattr(making, "_look_for_room", lambda export, stretches: None)
        monkeypatch.setattr(making, "RESERVE_BYTES", 2**60)
        export = ask(cast.vera, [kept])
        make(claim())
        export.refresh_from_db()
        assert (export.state, export.error[:28], leftovers()) == (State.FAILED, "The disk has no room for thi", [])

    def test_sound_that_cannot_be_reached_is_never_silence_in_a_file(self, cast, kept, monkeypatch):
        def away(segment):
            raise making.Unreachable("the bucket does not answer")

        monkeypatch.setattr("recordings.sound.path_of", away)
        export = ask(cast.vera, [kept])
        make(claim())
        export.refresh_from_db()
        assert (export.state, "Ask again later" in export.error, leftovers()) == (State.FAILED, True, [])

    def test_what_was_deleted_meanwhile_is_not_made(self, cast, kept):
        export = ask(cast.vera, [kept])
        Recording.objects.update(deleted_at=timezone.now())
        make(claim())
        export.refresh_from_db()
        assert (export.state, export.error) == (State.FAILED, "Nothing was recorded there.")

    def test_what_breaks_is_told_without_a_reason(self, cast, kept, monkeypatch):
        def broken(export):
            raise RuntimeError("something private")

        monkeypatch.setattr(making, "_stretches_of", broken)
        export = ask(cast.vera, [kept])
        make(claim())
        export.refresh_from_db()
        assert (export.state, "private" in export.error) == (State.FAILED, False)


class TestForgetting:
    def test_what_was_kept_long_enough_goes_with_its_row(self, cast, kept):
        export = ask(cast.vera, [kept])
        made(export)
        sweep(timezone.now() + timedelta(days=6))
        assert leftovers() == [export.pk.hex]
        later = timezone.now() + timedelta(days=8)
        assert exports.is_work_waiting(later)
        sweep(later)
        assert (leftovers(), Export.objects.count(), exports.is_work_waiting(later)) == ([], 0, False)

    def test_files_of_nobody_go_and_those_of_others_stay(self, cast, kept):
        export = ask(cast.vera, [kept])
        folder = made(export).parent
        for name in (f"{export.pk.hex}-1.part", f"{'a' * 32}", f"{'b' * 32}-1.track", "README"):
            (folder / name).write_bytes(b"x")
        sweep()
        assert leftovers() == sorted([export.pk.hex, "README"])

    def test_what_is_being_made_stays(self, cast, kept):
        ask(cast.vera, [kept])
        part = part_of(claim())
        part.write_bytes(b"half")
        sweep()
        assert leftovers() == [part.name]

    def test_a_recording_takes_its_files_along(self, cast, kept, piano):
        together, alone = ask(cast.vera, [kept, piano]), ask(cast.vera, [piano])
        made(together)
        made(alone)
        forget(kept)
        assert (list(Export.objects.all()), leftovers()) == ([alone], [alone.pk.hex])

    def test_nobody_has_the_file_of_a_recording_that_was_deleted(self, cast, kept, piano):
        made(ask(cast.vera, [kept, piano]))
        assert visible_exports(cast.alice).count() == 1
        Recording.objects.filter(pk=piano.pk).update(deleted_at=timezone.now())
        assert visible_exports(cast.alice).count() == 0


class TestApi:
    def test_a_file_is_asked_for_watched_and_fetched(self, cast, kept):
        vera = signed_in(cast.vera)
        asked = vera.post(API, {"recordings": [str(kept.pk)], "format": "flac"})
        assert asked.status_code == 201
        told = asked.json()
        assert (told["state"], told["progress"], told["seconds_left"], told["file"]) == ("waiting", 0.0, None, None)
        assert (told["recordings"], told["format"], told["gaps"], told["zipped"]) == (
            [str(kept.pk)], "flac", "silence", False,
        )  # fmt: skip
        Export.objects.update(
            state=State.RUNNING, progress=0.25, started_at=timezone.now() - timedelta(seconds=10), tries=1
        )
        told = vera.get(f"{API}{told['id']}/").json()
        assert told["seconds_left"] == pytest.approx(30, abs=1)
        make(Export.objects.get())
        told = vera.get(f"{API}{told['id']}/").json()
        assert (told["state"], told["progress"], told["file"]) == ("done", 1.0, f"/recordings/exports/{told['id']}/")
        assert vera.get(API).json()["results"] == [told]

    def test_a_room_is_asked_for_by_time(self, cast, kept, piano):
        wish = {"room": str(kept.room_id), "from": kept.started_at.isoformat(), "to": piano.started_at.isoformat()}
        told = signed_in(cast.vera).post(API, wish).json()
        assert (told["zipped"], told["recordings"]) == (True, [str(kept.pk)])
        everything = signed_in(cast.vera).post(API, {"room": str(kept.room_id), "to": None}).json()
        assert len(everything["recordings"]) == 2

    @pytest.mark.parametrize(
        "wish",
        [{}, {"recordings": []}, {"recordings": ["x"]}, {"recordings": "x"}, {"room": None}, {"format": "aac"},
         {"gaps": "both"}, {"from": "yesterday"}, {"from": 1.5}, {"from": "nan"}, {"to": "9999-99-99"},
         {"zipped": "perhaps"},
         {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, {"to": "1970-01-01T00:00:00Z"},
         {"from": "9999-12-31T23:59:59Z"}, {"colour": "red"}, {"room": "00000000-0000-0000-0000-000000000000"}],
    )  # fmt: skip
    def test_a_wish_that_makes_no_sense_is_refused(self, cast, kept, wish):
        body = {"recordings": [str(kept.pk)], **wish} if wish else {}
        answer = signed_in(cast.vera).post(API, body)
        assert (answer.status_code, isinstance(answer.json()["detail"], str)) == (400, True)
        assert not Export.objects.exists()

    def test_what_is_not_ones_own_is_not_there(self, cast, kept):
        charlie = signed_in(cast.charlie)
        for wish in ({"recordings": [str(kept.pk)]}, {"room": str(kept.room_id)}):
            assert charlie.post(API, wish).status_code == 404
        export = ask(cast.vera, [kept])
        made(export)
        for ask_for in (charlie.get, charlie.delete):
            assert ask_for(f"{API}{export.pk}/").status_code == 404
        assert charlie.get(reverse("export_file", args=[export.pk])).status_code == 404
        assert charlie.get(API).json()["results"] == []
        assert Export.objects.get().state == State.DONE

    def test_one_of_ones_own_among_a_strangers_is_refused_as_a_whole(self, cast, kept):
        theirs = Room.objects.create(organization=cast.charlie.home_organization(), name="Charlie's")
        own = empty_recording(Device.objects.create(organization=theirs.organization, device_id="c", room=theirs))
        answer = signed_in(cast.charlie).post(API, {"recordings": [str(own.pk), str(kept.pk)]})
        assert (answer.status_code, Export.objects.count()) == (404, 0)

    def test_too_many_are_told_to_wait(self, cast, kept, monkeypatch):
        monkeypatch.setattr(exports, "MAX_UNDER_WAY", 1)
        vera = signed_in(cast.vera)
        statuses = [vera.post(API, {"recordings": [str(kept.pk)]}).status_code for _number in range(2)]
        assert statuses == [201, 429]

    def test_cancelling_is_for_who_asked_and_for_operators(self, cast, kept):
        of_alice, of_vera = ask(cast.alice, [kept]), ask(cast.vera, [kept])
        vera, bob = signed_in(cast.vera), signed_in(cast.bob)
        assert vera.delete(f"{API}{of_alice.pk}/").status_code == 403
        assert vera.delete(f"{API}{of_vera.pk}/").status_code == 204
        assert bob.delete(f"{API}{of_alice.pk}/").status_code == 204
        assert set(Export.objects.values_list("state", flat=True)) == {State.CANCELLED}

    def test_what_is_done_is_removed(self, cast, kept):
        export = ask(cast.vera, [kept])
        made(export)
        assert signed_in(cast.vera).delete(f"{API}{export.pk}/").status_code == 204
        assert leftovers() == []
        assert signed_in(cast.vera).get(reverse("export_file", args=[export.pk])).status_code == 404

    def test_why_it_failed_is_told_in_the_readers_language(self, cast, kept):
        Export.objects.filter(pk=ask(cast.vera, [kept]).pk).update(state=State.FAILED, error=making.NO_ROOM)
        vera = signed_in(cast.vera)
        assert vera.get(API).json()["results"][0]["error"].startswith("The disk has no room")
        assert vera.get(API, HTTP_ACCEPT_LANGUAGE="ru").json()["results"][0]["error"].startswith("На диске")

    def test_a_list_costs_a_few_queries(self, cast, kept, piano, django_assert_max_num_queries):
        for _number in range(9):
            ask(cast.vera, [kept, piano])
        vera = signed_in(cast.vera)
        with django_assert_max_num_queries(6):
            assert len(vera.get(API).json()["results"]) == 9


class TestDownload:
    def test_the_file_is_sent_in_whole_and_in_parts(self, cast, kept, piano):
        export = ask(cast.vera, [kept, piano])
        content = made(export).read_bytes()
        vera = Client()
        vera.force_login(cast.vera)
        url = reverse("export_file", args=[export.pk])
        whole = vera.get(url)
        assert (whole["Content-Type"], int(whole["Content-Length"])) == ("application/zip", len(content))
        assert whole["Content-Disposition"] == f'attachment; filename="{export.file_name}"'
        assert body_of(whole) == content
        part = vera.get(url, headers={"Range": "bytes=1000-"})
        assert (part.status_code, body_of(part)) == (206, content[1000:])
        assert body_of(vera.get(url, headers={"Range": f"bytes=-{2**40}"})) == content
        assert vera.head(url)["Content-Length"] == str(len(content))

    def test_an_api_key_fetches_it_too(self, cast, kept):
        export = ask(cast.vera, [kept])
        made(export)
        url = reverse("export_file", args=[export.pk])
        for user, status in ((cast.bob, 200), (cast.charlie, 404)):
            assert Client().get(url, headers={"Authorization": f"Bearer {make_api_key(user)[1]}"}).status_code == status
        assert Client().get(url).status_code == 302

    def test_what_is_not_made_yet_or_lost_is_not_there(self, cast, kept):
        export = ask(cast.vera, [kept])
        vera = signed_in(cast.vera)
        assert vera.get(reverse("export_file", args=[export.pk])).status_code == 404
        made(export).unlink()
        assert vera.get(reverse("export_file", args=[export.pk])).status_code == 404


class TestProcess:
    """The process that a worker starts, on the database and the folders of this test."""

    @pytest.fixture(autouse=True)
    def own_installation(self, monkeypatch, settings) -> None:
        """Let `manage.py` find what this test made."""
        monkeypatch.setenv("DATABASE_URL", f"sqlite:///{connection.settings_dict['NAME']}")
        monkeypatch.setenv("RECORDINGS_DIR", str(settings.RECORDINGS_DIR))
        monkeypatch.setenv("EXPORTS_DIR", str(settings.EXPORTS_DIR))

    @pytest.fixture
    def long(self, studio_device) -> Recording:
        """An hour and a half, most of it a gap, of which an MP3 cannot be made in a moment."""
        kept = empty_recording(studio_device)
        keep_segment(kept, melody(16_000), (Gap(8000, 5400 * RATE_HZ - 16_000, "device-offline"),))
        sum_up(kept)
        return kept

    @pytest.fixture
    def start(self) -> Iterator[Callable[..., subprocess.Popen]]:
        """Start the command; what still runs is ended with the test."""
        running: list[subprocess.Popen] = []

        def run(*options: str) -> subprocess.Popen:
            running.append(subprocess.Popen([sys.executable, "manage.py", "make_exports", *options], cwd=BASE_DIR))
            return running[-1]

        yield run
        for process in running:
            process.kill()
            process.wait()

    def test_of_all_who_claim_at_once_one_gets_it(self, cast, kept):
        ask(cast.vera, [kept])
        together = threading.Barrier(6)

        def claim_with_the_others(_number: int) -> Export | None:
            try:
                together.wait()
                return claim()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as threads:
            claimed = list(threads.map(claim_with_the_others, range(6)))
        assert len([export for export in claimed if export]) == 1

    def test_it_makes_what_waits_and_ends_by_itself(self, cast, kept, start):
        export = ask(cast.vera, [kept], file_format="flac")
        assert start("--linger=0").wait(60) == 0
        export.refresh_from_db()
        assert (export.state, leftovers()) == (State.DONE, [export.pk.hex])

    def test_one_that_was_killed_in_the_middle_is_made_by_the_next(self, cast, long, start):
        export = ask(cast.vera, [long], file_format="mp3")
        first = start()
        self._wait(export, lambda: export.progress > 0.05)
        first.kill()
        first.wait()
        assert leftovers() == [f"{export.pk.hex}-1.part"]
        Export.objects.update(touched_at=timezone.now() - exports.STALE_AFTER)  # ten seconds later
        assert start("--linger=0").wait(120) == 0
        export.refresh_from_db()
        assert (export.state, export.tries, leftovers()) == (State.DONE, 2, [export.pk.hex])
        with av.open(str(file_of(export))) as container:
            assert container.duration / av.time_base == pytest.approx(5400, abs=0.05)

    @pytest.mark.parametrize("zipped", [False, True])
    def test_one_that_is_cancelled_stops_within_two_seconds_and_leaves_no_file(self, cast, long, start, zipped):
        export = ask(cast.vera, [long], file_format="mp3", zipped=zipped)
        start()
        self._wait(export, lambda: export.progress > 0.02)
        cancel(export)
        cancelled_s = time.monotonic()
        while leftovers():
            assert time.monotonic() - cancelled_s < 2
            time.sleep(0.02)

    def test_one_that_is_asked_to_end_gives_its_work_back_at_once(self, cast, long, start):
        export = ask(cast.vera, [long], file_format="mp3")
        process = start()
        self._wait(export, lambda: export.progress > 0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        export.refresh_from_db()
        assert (export.state, export.tries, leftovers()) == (State.WAITING, 0, [])

    def test_it_works_behind_everything_else(self, cast, long, start):
        export = ask(cast.vera, [long], file_format="mp3")
        process = start()
        self._wait(export, lambda: export.state == State.RUNNING)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == os.getpriority(os.PRIO_PROCESS, 0) + 10

    def test_a_disk_that_fills_up_fails_the_job_and_nothing_else(self, cast, long):
        export = ask(cast.vera, [long])
        limited = ["sh", "-c", f"ulimit -f 16384; exec {sys.executable} manage.py make_exports --linger=0"]
        assert subprocess.run(limited, cwd=BASE_DIR, timeout=60).returncode == 0
        export.refresh_from_db()
        assert (export.state, export.error, leftovers()) == (State.FAILED, making.NO_ROOM, [])

    def test_a_worker_starts_one_when_there_is_work_and_no_second(self, cast, kept):
        child = ExportChild()
        child.tend()
        assert not child.is_running
        export = ask(cast.vera, [kept])
        try:
            for _beat in range(3):
                child.tend()
            first = child._process.pid
            self._wait(export, lambda: export.state == State.DONE)
            child.tend()
            assert (child.is_running, child._process.pid) == (True, first)
        finally:
            child.stop()
        assert not child.is_running

    @staticmethod
    def _wait(export: Export, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not reached():
            assert time.monotonic() < deadline, f"{export.state} {export.progress} {export.error}"
            time.sleep(0.02)
            export.refresh_from_db()


def test_what_a_file_needs_is_known_before(cast, studio_device):
    kept = keep(studio_device, np.zeros(80_000, "<i2").tobytes())
    for file_format in Export.Format.values:
        export = ask(cast.vera, [kept], file_format=file_format)
        made(export)
        [stretch] = making._stretches_of(export)
        assert export.stored_bytes <= making.estimated_bytes(file_format, making.sound_of(stretch)) + 4096
