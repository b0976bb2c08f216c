"""Segments in a bucket of a real S3 server: copied, verified, removed here, fetched back; and what it does wrong."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.utils import timezone

from leganize.s3 import s3_storage
from recordings.keeping import bucket, fetched, offsite, removal, retention
from recordings.keeping.offsite import Offsite, path_of
from recordings.listening.sound import read_pcm
from recordings.log.recorder import folder_of
from recordings.models import Recording, Segment
from tests.bucket_server import BUCKET, BucketServer
from tests.installation import BASE_DIR, PLAIN_SETTINGS
from tests.kept import keep, noise

RATE_HZ = 16_000
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[BucketServer]:
    with BucketServer(tmp_path_factory.mktemp("bucket")) as server:
        yield server


@pytest.fixture(autouse=True)
def with_a_bucket(server, settings, tmp_path, monkeypatch) -> None:
    server.empty()
    told = server.settings
    place = {"bucket_name": BUCKET, "endpoint_url": server.url, "region_name": told["S3_REGION"]}
    keys = {"access_key": told["S3_ACCESS_KEY"], "secret_key": told["S3_SECRET_KEY"]}
    settings.STORAGES = settings.STORAGES | {"recordings-offsite": s3_storage(**place, **keys, location="studio")}
    settings.S3_BUCKET, settings.S3_PREFIX, settings.S3_KEEP_LOCAL_HOURS = BUCKET, "studio", 24
    settings.RECORDINGS_DIR, settings.S3_CACHE_DIR = tmp_path / "recordings", tmp_path / "cache"


@pytest.fixture
def clock():
    """Tells the time to a worker; `.now` is moved by the test."""

    class Clock:
        now = timezone.now()

        def __call__(self):
            return self.now

    return Clock()


@pytest.fixture
def worker() -> Offsite:
    return Offsite()


@pytest.fixture
def recording(studio_device) -> Recording:
    """A finished recording of three segments, with its papers."""
    made = keep(studio_device, noise(3 * RATE_HZ), segment_seconds=1, started_at=timezone.now() - 30 * HOUR)
    for name in offsite.PAPERS:
        (folder(made) / name).write_text(f"{name} of {made.pk}")
    return made


def folder(recording: Recording) -> Path:
    return folder_of(recording.organization_id, recording.pk)


def key(recording: Recording, name: str) -> str:
    return f"studio/{recording.organization_id.hex}/{recording.pk.hex}/{name}"


def places(recording: Recording) -> list[str]:
    return list(recording.segments.order_by("number").values_list("place", flat=True))


def files(recording: Recording) -> list[str]:
    return sorted(path.name for path in folder(recording).glob("*.seg"))


def sound(recording: Recording) -> bytes:
    return b"".join(read_pcm(Recording.objects.get(pk=recording.pk)))


class TestUploading:
    def test_closed_segments_and_the_papers_are_in_the_bucket_byte_for_byte(self, server, worker, recording):
        assert worker.work() == 3
        assert places(recording) == ["both"] * 3
        names = sorted([*files(recording), *offsite.PAPERS])
        assert sorted(server.keys()) == [key(recording, name) for name in names]
        for name in names:
            assert server.read(key(recording, name)) == (folder(recording) / name).read_bytes()

    def test_each_brings_its_own_sha_256(self, server, worker, recording):
        import base64
        import hashlib

        worker.work()
        name = files(recording)[0]
        head = server.client.head_object(Bucket=BUCKET, Key=key(recording, name), ChecksumMode="ENABLED")
        expected = hashlib.sha256((folder(recording) / name).read_bytes()).digest()
        assert base64.b64decode(head["ChecksumSHA256"]) == expected

    def test_nothing_is_due_twice(self, worker, recording):
        worker.work()
        assert worker.work() == 0

    def test_of_a_running_recording_all_but_the_last_closed_ones_go(self, server, worker, studio_device):
        running = keep(studio_device, noise(3 * RATE_HZ), segment_seconds=1, state=Recording.State.RECORDING)
        worker.work()
        assert places(running) == ["both", "both", "here"]
        assert len(server.keys()) == 2

    def test_the_last_one_waits_for_the_end_and_takes_the_papers_along(self, server, worker, recording, clock):
        Recording.objects.update(state=Recording.State.SETTLING)
        worker.work(clock)
        assert places(recording) == ["both", "both", "here"]
        Recording.objects.update(state=Recording.State.FINISHED)
        (folder(recording) / "manifest.json").write_text("final")
        clock.now += offsite.LOOK_AT_LAST_EVERY
        worker.work(clock)
        assert server.read(key(recording, "manifest.json")) == b"final"

    def test_what_a_person_deleted_stays_where_it_is(self, server, worker, recording):
        Recording.objects.update(deleted_at=timezone.now())
        assert (worker.work(), server.keys()) == (0, [])

    def test_a_heartbeat_begins_it_and_does_not_wait(self, server, recording, transactional_db):
        worker = Offsite()
        worker.tend()
        for thread in worker._threads:
            thread.join(30)
        assert places(recording) == ["both"] * 3

    def test_two_workers_share_the_work(self, worker, recording, clock):
        first = offsite._claim(clock.now)
        second = offsite._claim(clock.now)
        assert {first.number, second.number} == {0, 1}

    def test_what_a_dead_worker_claimed_is_taken_over(self, worker, recording, clock):
        claimed = offsite._claim(clock.now)
        worker.work(clock)
        assert places(recording) == ["here", "both", "both"]
        clock.now += offsite.CLAIMED_FOR
        worker.work(clock)
        assert places(recording)[claimed.number] == "both"


class TestFailing:
    def test_a_copy_that_differs_is_found_and_made_again(self, server, worker, recording, clock, monkeypatch):
        put = bucket.put
        with monkeypatch.context() as altered:
            altered.setattr(bucket, "put", lambda key, data: put(key, data[:-1] + b"\0"))
            worker.work(clock)
        assert places(recording) == ["here"] * 3
        assert all("something else" in each.upload_error for each in recording.segments.all())
        clock.now += offsite.FIRST_RETRY
        worker.work(clock)
        assert places(recording) == ["both"] * 3

    def test_while_the_server_is_away_failures_are_visible_and_nothing_is_lost(self, tmp_path, recording, clock):
        with BucketServer(tmp_path) as away:
            storages["recordings-offsite"].endpoint_url = away.url
            away.end()
            worker = Offsite()
            for _ in range(8):
                worker.work(clock)
                clock.now += timedelta(seconds=60)
            tries = [each.upload_tries for each in recording.segments.all()]
            assert all(5 <= each <= 8 for each in tries), tries
            assert all("Could not connect" in each.upload_error for each in recording.segments.all())
            assert all(each.upload_due_at - clock.now < offsite.LAST_RETRY for each in recording.segments.all())
            assert len(files(recording)) == 3 and places(recording) == ["here"] * 3
            away.start()
            clock.now += offsite.LAST_RETRY
            worker.work(clock)
            assert places(recording) == ["both"] * 3
            assert not recording.segments.exclude(upload_error="", upload_tries=0).exists()

    def test_once_it_is_back_what_waits_for_its_next_try_waits_no_longer(self, tmp_path, recording, clock):
        with BucketServer(tmp_path) as away:
            storages["recordings-offsite"].endpoint_url = away.url
            away.end()
            worker = Offsite()
            worker.work(clock)
            recording.segments.filter(number__gt=0).update(upload_due_at=clock.now + HOUR)
            away.start()
            clock.now += offsite.FIRST_RETRY
            worker.work(clock)
            assert places(recording) == ["both"] * 3

    def test_what_nobody_thought_of_is_visible_too_and_costs_no_other_segment(self, worker, recording, monkeypatch):
        put = offsite.bucket.put

        def stumbles(key, data):
            if "/000001-" in key:
                raise TypeError("nobody thought of this")
            put(key, data)

        monkeypatch.setattr(offsite.bucket, "put", stumbles)
        worker.work()
        assert places(recording) == ["both", "here", "both"]
        assert recording.segments.get(number=1).upload_error == "nobody thought of this"

    def test_a_bucket_that_is_not_there_says_so(self, worker, recording, settings):
        storages["recordings-offsite"].bucket_name = "no-such-bucket"
        worker.work()
        assert "NoSuchBucket" in recording.segments.first().upload_error

    def test_a_segment_that_is_neither_here_nor_there_is_named(self, worker, recording):
        (folder(recording) / files(recording)[1]).unlink()
        worker.work()
        assert places(recording) == ["both", "here", "both"]
        assert "not in the bucket" in recording.segments.get(number=1).upload_error

    def test_a_retry_can_be_asked_for(self, worker, recording, clock):
        recording.segments.update(upload_tries=9, upload_due_at=clock.now + HOUR)
        assert worker.work(clock) == 0
        assert offsite.retry(recording.segments.all()) == 3
        clock.now = timezone.now()
        assert worker.work(clock) == 3

    def test_waiting_grows_to_a_quarter_of_an_hour_and_no_further(self):
        waits = [min(offsite.LAST_RETRY, offsite.FIRST_RETRY * 2**tries) for tries in range(12)]
        assert waits[:3] == [timedelta(seconds=s) for s in (5, 10, 20)] and waits[-1] == timedelta(minutes=15)


class TestGivingUpTheCopyHere:
    def after(self, worker, clock, hours: float = 24) -> None:
        worker.work(clock)
        clock.now += timedelta(hours=hours)
        worker.work(clock)

    def test_it_goes_after_its_hours_and_not_before(self, worker, recording, clock):
        self.after(worker, clock, hours=23.9)
        assert len(files(recording)) == 3
        clock.now += HOUR
        worker.work(clock)
        assert (files(recording), places(recording)) == ([], ["elsewhere"] * 3)
        assert (folder(recording) / "manifest.json").exists()

    def test_not_while_the_bucket_holds_something_else(self, server, worker, recording, clock):
        worker.work(clock)
        name = files(recording)[1]
        server.overwrite(key(recording, name), b"something else")
        before = (folder(recording) / name).read_bytes()
        clock.now += 24 * HOUR
        worker.work(clock)
        assert server.read(key(recording, name)) == before  # it was copied once more
        assert places(recording) == ["elsewhere", "both", "elsewhere"]
        assert (folder(recording) / name).read_bytes() == before

    def test_not_while_it_holds_as_many_bytes_with_one_altered(self, server, worker, recording, clock):
        worker.work(clock)
        name = files(recording)[0]
        data = bytearray((folder(recording) / name).read_bytes())
        data[1000] ^= 1
        server.overwrite(key(recording, name), bytes(data))
        segment = recording.segments.get(number=0)
        offsite._give_up_local(segment)
        segment.refresh_from_db()
        assert (segment.place, segment.upload_error) == ("here", offsite.ALTERED)
        assert name in files(recording)

    def test_not_while_the_bucket_lost_it(self, server, worker, recording, clock):
        worker.work(clock)
        server.empty()
        offsite._give_up_local(recording.segments.get(number=0))
        assert len(files(recording)) == 3

    def test_not_while_the_server_is_away(self, tmp_path, worker, recording, clock):
        with BucketServer(tmp_path) as away:
            storages["recordings-offsite"].endpoint_url = away.url
            worker.work(clock)
            away.end()
            clock.now += 24 * HOUR
            worker.work(clock)
        assert len(files(recording)) == 3 and places(recording) == ["both"] * 3
        assert "Could not connect" in recording.segments.first().upload_error


class TestListening:
    @pytest.fixture
    def elsewhere(self, worker, recording, clock) -> Recording:
        worker.work(clock)
        clock.now += 24 * HOUR
        worker.work(clock)
        return recording

    def test_what_lies_elsewhere_sounds_as_it_did_here(self, elsewhere):
        assert files(elsewhere) == []
        assert sound(elsewhere) == noise(3 * RATE_HZ)

    def test_it_is_fetched_once(self, server, elsewhere):
        sound(elsewhere)
        server.empty()
        assert sound(elsewhere) == noise(3 * RATE_HZ)

    def test_no_more_is_kept_of_it_than_allowed_and_the_longest_unheard_goes_first(
        self, elsewhere, settings, monkeypatch
    ):
        size = elsewhere.segments.first().stored_bytes
        settings.S3_CACHE_MB = 2.5 * size / fetched.MB
        first, second, third = elsewhere.segments.select_related("recording").order_by("number")
        os.utime(path_of(first), (1, 1))
        os.utime(path_of(second), (2, 2))
        path_of(first)  # heard again
        path_of(third)
        assert fetched.size_bytes() <= settings.S3_CACHE_MB * fetched.MB
        assert sorted(path.name for path in Path(settings.S3_CACHE_DIR).rglob("*.seg")) == [first.name, third.name]

    def test_a_copy_that_was_altered_is_no_copy(self, server, elsewhere):
        segment = elsewhere.segments.select_related("recording").get(number=1)
        data = bytearray(server.read(key(elsewhere, segment.name)))
        data[len(data) // 2] ^= 1
        server.overwrite(key(elsewhere, segment.name), bytes(data))
        with pytest.raises(FileNotFoundError, match="was altered"):
            path_of(segment)
        assert list(fetched._folder_of(elsewhere.organization_id, elsewhere.pk).iterdir()) == []

    def test_what_is_nowhere_is_said_in_words(self, server, elsewhere):
        server.empty()
        with pytest.raises(FileNotFoundError, match="is not in the bucket"):
            path_of(elsewhere.segments.select_related("recording").first())

    def test_while_the_bucket_is_away_only_the_first_who_listens_waits_for_it(self, elsewhere, monkeypatch):
        asked = []

        def hangs(key, file):
            asked.append(key)
            raise bucket.Unreachable("no answer")

        monkeypatch.setattr(fetched, "_patience", fetched._Patience())
        monkeypatch.setattr(bucket, "fetch", hangs)
        for segment in elsewhere.segments.select_related("recording"):
            with pytest.raises(OSError, match=r"no answer|did not answer"):
                path_of(segment)
        assert len(asked) == 1

    def test_on_a_full_disk_no_more_is_kept_than_is_heard_now(self, elsewhere, settings, monkeypatch):
        monkeypatch.setattr(fetched, "has_room", lambda: False)
        for segment in elsewhere.segments.select_related("recording"):
            assert path_of(segment).exists()
        assert len(list(Path(settings.S3_CACHE_DIR).rglob("*.seg"))) == 1

    def test_without_a_bucket_too(self, settings, elsewhere):
        settings.STORAGES = {name: settings.STORAGES[name] for name in ("default", "staticfiles")}
        with pytest.raises(FileNotFoundError, match="no S3_BUCKET is set"):
            path_of(elsewhere.segments.select_related("recording").first())

    def test_a_row_that_was_made_anew_finds_the_copy_again(self, worker, elsewhere):
        elsewhere.segments.update(place=Segment.Place.HERE)
        worker.work()
        assert places(elsewhere) == ["elsewhere"] * 3


class TestRemoving:
    @pytest.fixture
    def gone(self, recording, worker, cast):
        """A recording that is in the bucket, and due to be removed."""
        worker.work()
        retention.set_policy(cast.organization, None, cast.alice, keep_days=1)
        return recording

    def test_the_copies_go_with_the_recording(self, server, gone):
        sound(gone)
        assert len(retention.apply()) == 1
        assert (server.keys(), list(folder(gone).parent.iterdir())) == ([], [])

    def test_copies_of_others_stay(self, server, gone, studio_device, worker):
        other = keep(studio_device, noise(RATE_HZ))
        worker.work()
        retention.apply()
        assert server.keys() == [key(other, files(other)[0])]

    def test_what_lies_elsewhere_alone_goes_too(self, server, gone, worker, clock):
        clock.now += 25 * HOUR
        worker.work(clock)
        sound(gone)
        for name in offsite.PAPERS:
            (folder(gone) / name).unlink()
        folder(gone).rmdir()
        retention.apply()
        assert server.keys() == [] and list(folder(gone).parent.iterdir()) == []
        assert fetched.size_bytes() == 0

    def test_while_the_bucket_is_away_it_is_remembered_that_they_must_go(self, server, gone):
        storages["recordings-offsite"].bucket_name = "no-such-bucket"
        assert len(retention.apply()) == 1
        assert removal.finish() == 1 and len(server.keys()) == 5
        storages["recordings-offsite"].bucket_name = BUCKET
        assert removal.finish() == 0
        assert (server.keys(), list(folder(gone).parent.iterdir())) == ([], [])

    def test_a_copy_that_goes_up_meanwhile_does_not_stay(self, server, recording, worker, clock):
        segment = offsite._claim(clock.now)
        Recording.objects.all().delete()
        worker._do(segment, clock)
        assert server.keys() == []


class TestTheSettings:
    def start(self, **settings: str) -> subprocess.CompletedProcess:
        own = {name: os.environ[name] for name in ("PATH", "LEGANIZE_DATA")}
        environment = PLAIN_SETTINGS | own | settings
        command = [sys.executable, "manage.py", "check"]
        return subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True)

    def test_a_key_without_its_secret_is_refused_with_words(self):
        done = self.start(S3_BUCKET="x", S3_ACCESS_KEY="who")
        assert done.returncode and "Set both S3_ACCESS_KEY and S3_SECRET_KEY" in done.stderr

    def test_a_bucket_without_what_talks_to_it_is_refused_with_words(self, tmp_path):
        (tmp_path / "storages").mkdir()
        (tmp_path / "storages" / "__init__.py").write_text("raise ImportError('not here')")
        done = self.start(S3_BUCKET="x", PYTHONPATH=str(tmp_path))
        assert done.returncode and "pip install 'django-storages[s3]'" in done.stderr

    def test_with_them_it_starts(self, server):
        assert self.start(**server.settings).returncode == 0
