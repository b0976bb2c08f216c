"""How long the disk will do, in words, and what a room's page is told when it does not."""

import os
import uuid
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone
from django.utils.translation import override

from devices.models import Connection, Device, Worker
from leganize.wire.identity import new_epoch
from recordings.keeping import space
from recordings.keeping.quotas import Quotas, quotas
from recordings.keeping.reports import Reports
from recordings.keeping.retention import set_policy
from recordings.keeping.space import days_left, left_in_words, recording_of_room, seconds_left, space_in_words, warnings
from recordings.log.recorder import recorder
from recordings.log.troubles import Trouble
from recordings.models import Recording, ReportedTrouble
from rooms.models import Room
from tests.kept import empty_recording, keep, noise

GB = 10**9
BYTES_PER_SECOND = 32_000  # 16 kHz, mono, 16 bit
NOW = timezone.now()


@pytest.fixture(autouse=True)
def one_process_that_knows_nothing_yet(settings, tmp_path, monkeypatch):
    settings.RECORDINGS_DIR, settings.EMBEDDED = tmp_path, True
    monkeypatch.setattr(space, "_of_boards", space.Rates())
    monkeypatch.setattr(quotas, "reached", frozenset())
    with override("en"):  # another file's last reader may have been a Thai one
        yield


@pytest.fixture
def disk(monkeypatch):
    """Call it with what is free of a disk of a thousand GB."""

    def has(free_bytes: float, size_bytes: float = 1000 * GB) -> None:
        told = SimpleNamespace(f_bavail=int(free_bytes), f_blocks=int(size_bytes), f_frsize=1)
        monkeypatch.setattr(os, "statvfs", lambda _path: told)

    has(500 * GB)
    return has


@pytest.fixture
def trouble(monkeypatch):
    """Call it with what troubles this worker."""

    def lasts(*kinds: str, organization: uuid.UUID | None = None) -> None:
        told = [Trouble(kind, NOW, 31, organization) for kind in kinds]
        monkeypatch.setattr(recorder, "troubles", lambda: told)

    lasts()
    return lasts


@pytest.fixture
def running(studio_device) -> Recording:
    """A recording of which a minute is written."""
    columns = {"state": Recording.State.RECORDING, "missing_seconds": 5, "gap_count": 2}
    started = NOW - timedelta(seconds=65)
    return empty_recording(studio_device, started_at=started, written_until=NOW, **columns)


@pytest.fixture
def elsewhere(settings, studio_room, studio_device) -> Worker:
    """Another worker, which holds the room's device."""
    settings.EMBEDDED = False
    worker = Worker.objects.create(host="there", pid=2)
    Connection.objects.create(id=new_epoch(), worker=worker, reported_id="x", device=studio_device, room=studio_room)
    return worker


def kinds(room: Room | None = None) -> list[str]:
    return [each.kind for each in warnings(room)]


class TestHowLong:
    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (20, "About 0 minutes of recording left."),
            (61, "About 1 minute of recording left."),
            (3599, "About 59 minutes of recording left."),
            (5.9 * 3600, "About 5 hours of recording left."),
            (47 * 3600, "About 47 hours of recording left."),
            (38 * 86_400, "About 38 days of recording left."),
        ],
    )
    def test_in_words(self, seconds, words):
        assert left_in_words(seconds) == words

    def test_in_thai_and_russian_too(self):
        said = set()
        for language in ("en", "th", "ru"):
            with override(language):
                said.add(left_in_words(5 * 3600))
        assert len(said) == 3

    def test_while_devices_record_their_rate_counts(self, disk, running):
        disk(5.5 * 3600 * BYTES_PER_SECOND + space.RESERVED_BYTES)
        assert seconds_left() == pytest.approx(5.5 * 3600)

    def test_the_last_week_counts_where_more_was_recorded_in_it(self, disk, running, studio_device):
        empty_recording(studio_device, started_at=NOW - timedelta(days=2), stored_bytes=20 * GB)
        disk(105 * GB + space.RESERVED_BYTES)
        assert days_left() == 10 and space_in_words() == "About 10 days of recording left."

    def test_and_what_runs_now_where_that_is_more(self, disk, running, studio_device):
        empty_recording(studio_device, started_at=NOW - timedelta(days=2), stored_bytes=GB)
        disk(29.5 * 86_400 * BYTES_PER_SECOND + space.RESERVED_BYTES)
        assert days_left() == 29 and space_in_words() == "About 29 days of recording left."

    def test_while_none_does_the_last_week_counts(self, disk, studio_device):
        empty_recording(studio_device, started_at=NOW - timedelta(days=2), stored_bytes=2 * GB)
        disk(10.5 * GB + space.RESERVED_BYTES)
        assert days_left() == 10
        assert seconds_left() == pytest.approx(10.5 * 86_400, rel=0.01)

    def test_before_anything_was_recorded_nobody_knows(self, disk, db):
        assert (days_left(), seconds_left(), space_in_words()) == (None, None, "")


class TestWarnings:
    def test_with_room_enough_there_are_none(self, disk, trouble, running):
        assert warnings() == []

    def test_below_a_day_the_disk_is_nearly_full(self, disk, trouble, running):
        disk(5.5 * 3600 * BYTES_PER_SECOND + space.RESERVED_BYTES, 2 * GB)
        (warning,) = warnings()
        said = (warning.kind, warning.title, warning.text)
        assert said == ("low", "Disk nearly full.", "About 5 hours of recording left.")

    def test_below_a_small_share_too_unless_it_would_last_for_long(self, disk, trouble, running):
        disk(15 * GB)
        assert [each.text for each in warnings()] == ["About 5 days of recording left."]
        disk(40 * GB)
        assert warnings() == []

    def test_before_there_is_a_rate_the_share_is_told(self, disk, trouble, db):
        disk(40 * GB)
        assert [each.text for each in warnings()] == ["4 % of it is free."]

    def test_a_full_disk_is_told_even_while_nothing_is_recorded(self, disk, trouble, db):
        disk(space.RESERVED_BYTES)
        assert kinds() == ["full"]

    def test_the_worst_comes_first(self, disk, trouble, running):
        trouble("disk-slow", "disk-full", "disk-refuses")
        assert kinds() == ["full", "refuses", "slow"]

    def test_words_say_that_recording_has_paused_and_what_goes_on(self, disk, trouble, running):
        trouble("disk-full")
        (warning,) = warnings()
        assert warning.title == "Disk full. Recording has paused."
        assert warning.text == "Live sound goes on; the gap is marked."


class TestTheBoard:
    def test_of_a_room_without_a_recording_and_without_trouble(self, disk, trouble, studio_room):
        assert recording_of_room(studio_room) == {"recording": None, "disk": None, "spaceDays": None}

    def test_tells_of_what_runs(self, disk, trouble, studio_room, running):
        told = recording_of_room(studio_room)["recording"]
        assert (told["id"], told["missingSeconds"], told["gaps"]) == (str(running.pk), 5, 2)
        assert (told["seconds"], told["trouble"]) == (65, None)
        assert told["writtenUntil"] == NOW.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def test_tells_of_trouble_beside_the_recording_that_it_stops(self, disk, trouble, studio_room, running):
        trouble("disk-full")
        told = recording_of_room(studio_room)
        assert told["disk"] == told["recording"]["trouble"]
        assert (told["disk"]["kind"], told["disk"]["chunksLost"]) == ("full", 31)

    def test_little_room_is_no_trouble_of_the_recording(self, disk, trouble, studio_room, running):
        disk(15 * GB)
        told = recording_of_room(studio_room)
        assert (told["disk"]["kind"], told["recording"]["trouble"]) == ("low", None)

    def test_costs_few_queries(self, disk, trouble, studio_room, running, django_assert_max_num_queries):
        recording_of_room(studio_room)
        with django_assert_max_num_queries(1):
            recording_of_room(studio_room)


class TestOtherWorkers:
    def test_hear_of_what_troubles_one(self, disk, trouble, elsewhere, studio_room):
        there = Reports()
        there.tell(elsewhere.pk, [Trouble("disk-refuses", NOW, 7)], timezone.now())
        assert [(each.kind, each.chunks_lost) for each in warnings(studio_room)] == [("refuses", 7)]
        there.tell(elsewhere.pk, [], timezone.now())
        assert kinds(studio_room) == [] and not ReportedTrouble.objects.exists()

    def test_not_where_it_holds_no_device_of_the_room(self, disk, trouble, elsewhere, cast):
        Reports().tell(elsewhere.pk, [Trouble("disk-refuses", NOW, 7)], timezone.now())
        assert kinds(Room.objects.create(organization=cast.organization, name="Hall")) == []

    def test_nor_when_it_has_not_been_heard_of_since(self, disk, trouble, elsewhere, studio_room):
        Reports().tell(elsewhere.pk, [Trouble("disk-refuses", NOW, 7)], timezone.now() - timedelta(minutes=1))
        assert kinds(studio_room) == []

    def test_a_worker_without_trouble_asks_the_database_nothing(self, elsewhere, django_assert_num_queries):
        with django_assert_num_queries(0):
            Reports().tell(elsewhere.pk, [], timezone.now())


class TestQuotas:
    @pytest.fixture
    def full(self, cast, studio_device):
        kept = keep(studio_device, noise(1600))
        set_policy(cast.organization, None, cast.alice, quota_bytes=kept.stored_bytes)

    def test_the_recorder_refuses_who_reached_theirs_until_they_have_room(self, cast, full, monkeypatch):
        refused, passed = [], [0.0]
        monkeypatch.setattr(recorder, "refuse", refused.append)
        watch = Quotas(lambda: passed[0])
        watch.tend()
        set_policy(cast.organization, None, cast.alice, quota_bytes=None)
        watch.tend()
        passed[0] += 5
        watch.tend()
        assert refused == [{cast.organization.pk}, frozenset()]

    def test_the_room_says_so_and_rooms_of_others_do_not(self, disk, trouble, cast, full, studio_room, monkeypatch):
        monkeypatch.setattr(quotas, "reached", frozenset({cast.organization.pk}))
        trouble("over-quota", organization=cast.organization.pk)
        theirs = Room.objects.create(organization=cast.charlie.home_organization(), name="Theirs")
        Device.objects.create(organization=theirs.organization, device_id="theirs", room=theirs)
        assert [each.title for each in warnings(studio_room)] == ["Quota reached. Recording has paused."]
        assert (kinds(theirs), kinds(None)) == ([], [])
