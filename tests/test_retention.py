"""What goes, when and why; what a legal hold stops; and that a removal killed anywhere is brought to its end."""

import os
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from devices.models import Device
from recordings.exporting import exports
from recordings.keeping import removal, retention
from recordings.keeping.duties import Duty, take_turn
from recordings.keeping.retention import Why, apply, held, over_quota, plan, set_policy
from recordings.log.captures import Capture, find_open, note_open
from recordings.log.folder import About, RecordingFolder
from recordings.log.recorder import folder_of
from recordings.models import Export, Marker, Recording, RetentionPolicy, Segment, Turn
from rooms.models import Event, Room
from tests.kept import keep, noise

NOW = timezone.now()
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def on_a_disk_of_its_own(settings, tmp_path):
    settings.RECORDINGS_DIR = tmp_path / "recordings"


@pytest.fixture
def old(studio_device) -> Recording:
    """A recording of forty days ago."""
    return keep(studio_device, noise(1600), started_at=NOW - 40 * DAY)


@pytest.fixture
def new(studio_device) -> Recording:
    """A recording of yesterday."""
    return keep(studio_device, noise(1600), started_at=NOW - DAY)


def deleted(recording: Recording, hours_ago: float) -> Recording:
    recording.deleted_at = NOW - timedelta(hours=hours_ago)
    recording.save()
    return recording


def going(organization, **changes) -> list[tuple[Recording, str]]:
    return [(each.recording, each.reason) for each in plan(organization, now=NOW, **changes)]


def path_of(recording: Recording):
    return folder_of(recording.organization_id, recording.pk)


class TestWhatWouldGo:
    def test_without_a_policy_everything_stays(self, cast, old, new):
        assert going(cast.organization) == []

    def test_what_is_older_than_its_days_goes(self, cast, old, new):
        set_policy(cast.organization, None, cast.alice, keep_days=30)
        assert going(cast.organization) == [(old, Why.OLD)]

    def test_age_counts_from_the_end(self, cast, studio_device):
        week = keep(studio_device, noise(16), started_at=NOW - 33 * DAY)
        Recording.objects.filter(pk=week.pk).update(ended_at=NOW - 29 * DAY)
        set_policy(cast.organization, None, cast.alice, keep_days=30)
        assert going(cast.organization) == []

    def test_the_oldest_go_until_the_rest_fits(self, cast, studio_device):
        first, second, third = (keep(studio_device, noise(1600), started_at=NOW - n * DAY) for n in (3, 2, 1))
        set_policy(cast.organization, None, cast.alice, keep_bytes=first.stored_bytes + 10)
        assert going(cast.organization) == [(first, Why.OVER), (second, Why.OVER)]
        set_policy(cast.organization, None, cast.alice, keep_bytes=sum(r.stored_bytes for r in (first, second, third)))
        assert going(cast.organization) == []

    def test_what_goes_by_age_makes_room_for_what_would_go_by_bytes(self, cast, old, new):
        set_policy(cast.organization, None, cast.alice, keep_days=30, keep_bytes=new.stored_bytes)
        assert going(cast.organization) == [(old, Why.OLD)]

    def test_what_is_kept_by_hand_stays_but_counts(self, cast, old, new):
        retention.keep(old, cast.bob, on=True)
        set_policy(cast.organization, None, cast.alice, keep_days=30, keep_bytes=old.stored_bytes)
        assert going(cast.organization) == [(new, Why.OVER)]

    def test_what_still_runs_or_settles_stays(self, cast, studio_device):
        for state in (Recording.State.RECORDING, Recording.State.SETTLING):
            keep(studio_device, noise(16), started_at=NOW - 40 * DAY, state=state)
        set_policy(cast.organization, None, cast.alice, keep_days=30, keep_bytes=1)
        assert going(cast.organization) == []

    def test_what_ended_a_minute_ago_may_go_on_and_stays(self, cast, studio_device):
        keep(studio_device, noise(16), started_at=NOW - timedelta(minutes=1))
        set_policy(cast.organization, None, cast.alice, keep_bytes=1)
        assert going(cast.organization) == []

    def test_what_people_deleted_goes_when_it_cannot_be_taken_back_any_more(self, cast, settings, old, new):
        settings.DELETE_UNDO_HOURS = 24
        deleted(old, 25)
        deleted(new, 23)
        assert going(cast.organization) == [(old, Why.DELETED)]

    def test_deleted_by_a_person_outdoes_kept_by_one(self, cast, old):
        retention.keep(old, cast.bob, on=True)
        assert going(cast.organization) == []
        deleted(old, 25)
        assert going(cast.organization) == [(old, Why.DELETED)]

    def test_nothing_goes_to_make_room_for_what_was_deleted(self, cast, old, new):
        deleted(old, 1)
        set_policy(cast.organization, None, cast.alice, keep_bytes=new.stored_bytes)
        assert going(cast.organization) == []

    def test_the_policy_of_a_room_replaces_that_of_its_organization(self, cast, old, studio_room):
        set_policy(cast.organization, None, cast.alice, keep_days=30)
        set_policy(cast.organization, studio_room, cast.alice, keep_days=365)
        assert going(cast.organization) == []
        set_policy(cast.organization, None, cast.alice, keep_days=None)
        set_policy(cast.organization, studio_room, cast.alice, keep_days=7)
        assert going(cast.organization) == [(old, Why.OLD)]

    def test_each_limit_counts_its_own_rooms(self, cast, old, new, studio_room):
        elsewhere = Room.objects.create(organization=cast.organization, name="Hall")
        theirs = Device.objects.create(organization=cast.organization, device_id="hall", room=elsewhere)
        large = keep(theirs, noise(16000), started_at=NOW - 2 * DAY)
        set_policy(cast.organization, elsewhere, cast.alice, keep_bytes=large.stored_bytes)
        set_policy(cast.organization, None, cast.alice, keep_bytes=new.stored_bytes)
        assert going(cast.organization) == [(old, Why.OVER)]

    def test_a_policy_is_tried_before_it_is_saved(self, cast, old, new):
        tried = RetentionPolicy(organization=cast.organization, keep_days=30)
        assert going(cast.organization, instead=tried) == [(old, Why.OLD)]
        assert not RetentionPolicy.objects.exists()

    def test_a_stranger_s_policy_takes_nothing_of_ours(self, cast, old):
        set_policy(cast.charlie.home_organization(), None, cast.charlie, keep_days=1, keep_bytes=1)
        assert (apply(now=NOW), Recording.objects.count()) == ([], 1)


class TestWhoDecides:
    @pytest.mark.parametrize("name", ["bob", "vera", "charlie"])
    def test_only_an_owner(self, cast, name):
        with pytest.raises(ValueError, match="Only an owner"):
            set_policy(cast.organization, None, getattr(cast, name), keep_days=1)
        assert not RetentionPolicy.objects.exists()

    def test_not_the_owner_of_elsewhere_over_our_room(self, cast, studio_room):
        with pytest.raises(ValueError, match="another organization"):
            set_policy(cast.charlie.home_organization(), studio_room, cast.charlie, keep_days=1)

    @pytest.mark.parametrize(
        "limits",
        [{"keep_days": 0}, {"keep_days": -1}, {"keep_days": 10**9}, {"keep_bytes": 2**63}, {"quota_bytes": "many"}],
    )
    def test_a_number_that_cannot_be_is_refused_with_words(self, cast, limits):
        with pytest.raises(ValueError, match="whole number from 1 to"):
            set_policy(cast.organization, None, cast.alice, **limits)

    def test_a_quota_is_for_all_rooms_together(self, cast, studio_room):
        with pytest.raises(ValueError, match="all rooms together"):
            set_policy(cast.organization, studio_room, cast.alice, quota_bytes=1)

    def test_each_change_is_noted(self, cast, studio_room):
        policy = set_policy(cast.organization, studio_room, cast.alice, keep_days=30, legal_hold=True)
        set_policy(cast.organization, studio_room, cast.alice, legal_hold=False)
        retention.drop_policy(policy, cast.alice)
        kinds = [(each.kind, each.actor) for each in Event.objects.order_by("pk")]
        said = ["legal-hold-on", "retention-changed", "legal-hold-off", "retention-dropped"]
        assert kinds == [(kind, "alice") for kind in said]

    def test_a_policy_that_holds_is_not_dropped(self, cast):
        policy = set_policy(cast.organization, None, cast.alice, legal_hold=True)
        with pytest.raises(ValueError, match="Lift the legal hold"):
            retention.drop_policy(policy, cast.alice)


class TestDeletingAndTakingItBack:
    def test_a_deleted_recording_is_out_of_sight_and_its_sound_still_there(self, cast, new):
        retention.delete(new, cast.bob)
        assert not Recording.objects.visible_to(cast.alice).exists()
        assert apply() == [] and any(path_of(new).iterdir())
        retention.restore(new, cast.alice)
        assert Recording.objects.visible_to(cast.bob).get() == new
        assert list(Event.objects.order_by("pk").values_list("kind", "actor")) == [
            ("recording-deleted", "bob"),
            ("recording-restored", "alice"),
        ]

    def test_one_that_runs_is_refused(self, cast, studio_device):
        running = keep(studio_device, noise(16), state=Recording.State.RECORDING)
        with pytest.raises(ValueError, match="still runs"):
            retention.delete(running, cast.bob)

    def test_one_with_which_a_device_goes_on_right_now_is_refused(self, cast, new):
        writer = RecordingFolder(path_of(new))
        assert writer.lock()
        with pytest.raises(ValueError, match="goes on"):
            retention.delete(new, cast.bob)
        writer.unlock()

    def test_a_device_that_returns_later_does_not_go_on_in_the_bin(self, cast, new):
        capture = Capture(new.device_id, new.room_id, new.sample_rate_hz, new.channels)
        about = About(
            new.pk, new.organization_id, new.room_id, "", new.device_id, "", new.sample_rate_hz, new.channels, 1, 1
        )
        note_open(capture, about)
        retention.delete(new, cast.bob)
        assert find_open(capture) is None

    def test_one_that_was_removed_for_good_cannot_be_taken_back(self, cast, old):
        deleted(old, 25)
        apply(now=NOW)
        with pytest.raises(ValueError, match="removed for good"):
            retention.restore(old, cast.bob)


class TestLegalHold:
    @pytest.fixture(params=["organization", "room"])
    def hold(self, request, cast, studio_room):
        room = studio_room if request.param == "room" else None
        return set_policy(cast.organization, room, cast.alice, legal_hold=True, keep_days=1, keep_bytes=1)

    def test_it_keeps_from_age_bytes_and_old_deletions(self, cast, old, new, hold):
        deleted(new, 48)
        assert held(old) and held(new)
        assert going(cast.organization) == []
        assert apply(now=NOW) == [] and any(path_of(new).iterdir())

    def test_it_keeps_from_people(self, cast, old, hold):
        with pytest.raises(ValueError, match="legal hold"):
            retention.delete(old, cast.alice)
        assert Recording.objects.visible_to(cast.alice).exists()

    def test_the_organization_s_holds_where_a_room_has_a_policy_of_its_own(self, cast, old, studio_room):
        set_policy(cast.organization, None, cast.alice, legal_hold=True)
        set_policy(cast.organization, studio_room, cast.alice, keep_days=1)
        assert held(old) and going(cast.organization) == []

    def test_one_that_is_set_between_plan_and_removal_is_obeyed(self, cast, old, monkeypatch):
        set_policy(cast.organization, None, cast.alice, keep_days=1)
        lock = removal.lock

        def hold_first(organization):
            RetentionPolicy.objects.update(legal_hold=True)
            lock(organization)

        monkeypatch.setattr(removal, "lock", hold_first)
        assert apply(now=NOW) == []
        assert any(path_of(old).iterdir())

    def test_lifted_it_lets_go(self, cast, old, hold):
        set_policy(cast.organization, hold.room, cast.alice, legal_hold=False)
        assert [each.recording for each in apply(now=NOW)] == [old]


class TestRemoval:
    @pytest.fixture(autouse=True)
    def one_policy(self, cast):
        set_policy(cast.organization, None, cast.alice, keep_days=30)

    def test_files_rows_markers_and_what_was_made_of_it_go_together(
        self, cast, settings, tmp_path, old, new, django_capture_on_commit_callbacks
    ):
        settings.EXPORTS_DIR = tmp_path / "exports"
        Marker.objects.create(recording=old, at_seconds=1)
        made = [Export.objects.create(organization=cast.organization, state=Export.State.DONE) for _ in range(2)]
        archive, other = made
        archive.recordings.set([old, new])
        other.recordings.set([new])
        for export in made:
            exports.file_of(export).write_bytes(b"made")
        with django_capture_on_commit_callbacks(execute=True):
            assert [(each.recording.pk, each.reason) for each in apply(now=NOW)] == [(old.pk, Why.OLD)]
        assert list(Recording.objects.all()) == [new] and list(Export.objects.all()) == [other]
        assert list(settings.EXPORTS_DIR.iterdir()) == [exports.file_of(other)]
        assert not Marker.objects.exists() and not Segment.objects.filter(recording=old).exists()
        assert [path.name for path in path_of(new).parent.iterdir()] == [new.pk.hex]
        assert apply(now=NOW) == []

    def test_it_is_noted_with_its_reason(self, cast, old):
        name = str(old)
        apply(now=NOW)
        event = Event.objects.get(kind="recording-gone-old")
        assert (event.subject, event.actor, event.room) == (name, "retention", old.room)

    def test_a_folder_in_which_somebody_writes_waits(self, cast, old):
        writer = RecordingFolder(path_of(old))
        assert writer.lock()
        assert apply(now=NOW) == []
        writer.unlock()
        assert len(apply(now=NOW)) == 1

    def test_killed_before_its_rows_went_it_is_put_back_and_goes_again(self, cast, old):
        files = sorted(path.name for path in path_of(old).iterdir())
        aside = path_of(old).with_name(f"{removal.ASIDE}{old.pk.hex}")
        os.replace(path_of(old), aside)
        assert removal.finish() == 0
        assert sorted({path.name for path in path_of(old).iterdir()} - {"lock"}) == files
        assert len(apply(now=NOW)) == 1 and not aside.exists()

    def test_killed_after_its_rows_went_the_bytes_follow(self, cast, old):
        aside = path_of(old).with_name(f"{removal.ASIDE}{old.pk.hex}")
        os.replace(path_of(old), aside)
        Recording.objects.all().delete()
        assert apply(now=NOW) == []
        assert not aside.exists() and not path_of(old).exists()

    def test_a_database_that_fails_in_the_middle_loses_nothing(self, cast, old, monkeypatch):
        with monkeypatch.context() as broken, pytest.raises(RuntimeError), transaction.atomic():
            broken.setattr(removal, "note", _fails)
            apply(now=NOW)
        removal.finish()
        assert Recording.objects.get().segments.count() == 1 and any(path_of(old).glob("*.seg"))

    def test_a_recording_whose_folder_is_lost_goes_too(self, cast, old):
        for path in path_of(old).iterdir():
            path.unlink()
        path_of(old).rmdir()
        assert len(apply(now=NOW)) == 1
        assert not Recording.objects.exists()


class TestQuota:
    def test_who_keeps_as_much_as_allowed_records_no_more(self, cast, new):
        assert over_quota() == frozenset()
        set_policy(cast.organization, None, cast.alice, quota_bytes=new.stored_bytes)
        assert over_quota() == {cast.organization.pk}
        set_policy(cast.organization, None, cast.alice, quota_bytes=new.stored_bytes + 1)
        assert over_quota() == frozenset()

    def test_what_others_keep_does_not_count(self, cast, new):
        set_policy(cast.charlie.home_organization(), None, cast.charlie, quota_bytes=1)
        assert over_quota() == frozenset()


class TestTurns:
    def test_of_two_workers_that_ask_one_has_the_turn(self, db):
        assert [take_turn("x", DAY, NOW) for _ in range(3)] == [True, False, False]
        assert not take_turn("x", DAY, NOW + DAY / 2)
        assert [take_turn("x", DAY, NOW + DAY) for _ in range(2)] == [True, False]

    def test_a_clock_that_was_set_back_stops_no_duty(self, db):
        Turn.objects.create(name="x", due_at=NOW + 30 * DAY)
        assert take_turn("x", DAY, NOW)

    @pytest.mark.django_db(transaction=True)
    def test_a_heartbeat_begins_the_work_and_does_not_wait_for_it(self, cast, old):
        set_policy(cast.organization, None, cast.alice, keep_days=30)
        passed = [0.0]
        duty = Duty("retention", timedelta(minutes=10), apply, clock=lambda: passed[0])
        assert duty.tend() and duty.wait(20)
        assert not Recording.objects.exists()
        passed[0] += 60
        assert not duty.tend()

    @pytest.mark.django_db(transaction=True)
    def test_work_that_fails_is_tried_at_its_next_turn(self):
        passed = [0.0]
        duty = Duty("x", timedelta(0), _fails, clock=lambda: passed[0])
        for _ in range(2):
            passed[0] += 60
            assert duty.tend() and duty.wait(20)


class TestTheCommand:
    def test_a_dry_run_says_what_would_go_with_sizes_and_reasons(self, cast, old, capsys):
        set_policy(cast.organization, None, cast.alice, keep_days=30)
        call_command("apply_retention", "--dry-run")
        said = capsys.readouterr().out
        assert str(old.pk) in said and "Kept for as long as was asked" in said and "would go" in said
        assert Recording.objects.count() == 1

    def test_without_it_they_go(self, cast, old, new, capsys):
        set_policy(cast.organization, None, cast.alice, keep_days=30)
        call_command("apply_retention")
        assert list(Recording.objects.all()) == [new]
        assert "1 recording" in capsys.readouterr().out

    def test_of_one_organization_alone(self, cast, old, capsys):
        set_policy(cast.organization, None, cast.alice, keep_days=30)
        call_command("apply_retention", "--organization", str(cast.charlie.home_organization().pk))
        assert Recording.objects.count() == 1


def _fails(*_args, **_kwargs):
    raise RuntimeError("on purpose")
