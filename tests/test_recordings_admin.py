"""Recordings in the admin: kept, deleted, restored, finished and verified there by the same rules as anywhere else."""

import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import User
from leganize.wire.chunk import Chunk, Codec
from leganize.wire.identity import new_epoch
from recordings import index
from recordings.keeping import offsite, retention
from recordings.log import signing
from recordings.log.folder import About, Manifest, RecordingFolder
from recordings.log.growing import GrowingRecording
from recordings.log.recorder import folder_of
from recordings.models import Export, Recording, RetentionPolicy, Segment
from rooms.models import Event
from tests.test_admin import act, form_of, page_of, sign_in_as_root  # noqa: F401 - a fixture
from tests.visitors import pcm

RATE_HZ = 16_000
CHUNK_US = 64_000


@pytest.fixture(autouse=True)
def on_a_disk_of_its_own(settings, tmp_path):
    settings.RECORDINGS_DIR, settings.DATA_DIR = tmp_path / "recordings", tmp_path
    settings.EXPORTS_DIR = tmp_path / "exports"


@pytest.fixture
def recording(studio_device) -> Recording:
    """A finished recording of yesterday, of two connections, as the recorder itself writes it."""
    started_us = int((time.time() - 86_400) * 1_000_000)
    room = studio_device.room
    about = About(
        uuid4(), room.organization_id, room.pk, room.name, studio_device.pk, "Table", RATE_HZ, 1, 1, started_us
    )
    folder = RecordingFolder(folder_of(about.organization, about.recording))
    folder.path.mkdir(parents=True)
    assert folder.lock()
    key = signing.read_or_make_key(settings.DATA_DIR / "signing_key.pem")
    growing = GrowingRecording(folder, Manifest(about, anchor_us=started_us), key)
    for number, epoch in enumerate([new_epoch(), new_epoch()]):
        for seq in range(20):
            chunk = Chunk(Codec.PCM_S16LE, 7, seq, 1, started_us, pcm(seed=seq), RATE_HZ, 1)
            growing.write(epoch, chunk, CHUNK_US * (60 * number + seq + 1))
    growing.close(left="", finished=True)
    index.write_rows([growing.snapshot()])
    return Recording.objects.get(pk=about.recording)


def staff(*permissions: str) -> Client:
    """The browser of somebody with these rights in the admin and no others."""
    someone = User.objects.create_user("staff", password="staff keeps a long password", is_staff=True)
    someone.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(someone)
    return client


def again(row):
    row.refresh_from_db()
    return row


class TestActions:
    def test_recordings_are_kept_and_let_go(self, root, recording):
        assert "Done for 1." in act(root, Recording, "keep", recording)
        assert again(recording).kept
        act(root, Recording, "let_go", recording)
        assert not again(recording).kept
        assert list(Event.objects.order_by("pk").values_list("kind", "actor")) == [
            ("recording-kept", "root"),
            ("recording-unkept", "root"),
        ]

    def test_they_are_deleted_as_on_the_pages_and_taken_back(self, root, recording):
        act(root, Recording, "delete", recording)
        assert again(recording).deleted_at and folder_of(recording.organization_id, recording.pk).exists()
        act(root, Recording, "restore", recording)
        assert again(recording).deleted_at is None

    def test_a_legal_hold_keeps_them_here_too(self, root, cast, recording):
        retention.set_policy(cast.organization, None, cast.alice, legal_hold=True)
        page = act(root, Recording, "delete", recording)
        assert "A legal hold keeps this recording." in page and again(recording).deleted_at is None
        act(root, Recording, "delete_selected", recording)
        assert Recording.objects.filter(pk=recording.pk).exists()

    def test_one_that_was_cut_off_is_finished_and_one_that_is_written_is_not(self, root, recording):
        Recording.objects.update(state=Recording.State.RECORDING)
        writer = RecordingFolder(folder_of(recording.organization_id, recording.pk))
        assert writer.lock()
        assert "Stop its device first." in act(root, Recording, "finish", recording)
        writer.unlock()
        act(root, Recording, "finish", recording)
        assert again(recording).state == Recording.State.FINISHED
        assert Event.objects.get().kind == "recording-finished"

    def test_a_whole_recording_is_said_to_be_whole(self, root, recording):
        assert f"Whole {recording.pk.hex}: 2 segments" in act(root, Recording, "verify", recording)
        assert Event.objects.get().kind == "recording-verified"

    def test_the_first_altered_record_is_named(self, root, recording):
        path = folder_of(recording.organization_id, recording.pk) / recording.segments.first().name
        data = bytearray(path.read_bytes())
        data[3000] ^= 1
        path.write_bytes(data)
        page = act(root, Recording, "verify", recording)
        assert "NOT WHOLE" in page and path.name in page
        assert Event.objects.get().kind == "recording-damaged"

    def test_what_is_too_large_to_wait_for_is_verified_elsewhere(self, root, recording):
        Recording.objects.update(stored_bytes=2 * 10**9)
        assert "python -m recordings.verify" in act(root, Recording, "verify", recording)

    def test_failed_uploads_are_tried_again(self, root, recording):
        later = timezone.now() + timedelta(hours=1)
        for model, row in ((Recording, recording), (Segment, recording.segments.first())):
            Segment.objects.update(upload_tries=3, upload_due_at=later, upload_error="away")
            act(root, model, "upload", row)
            assert Segment.objects.order_by("number").first().upload_due_at < later
        assert LogEntry.objects.filter(change_message="retry upload").count() == 2

    def test_exports_are_cancelled_and_made_after_all(self, root, cast, recording):
        export = Export.objects.create(organization=cast.organization, asked_by=cast.vera)
        export.recordings.add(recording)
        act(root, Export, "cancel", export)
        assert again(export).state == Export.State.CANCELLED
        Export.objects.update(state=Export.State.FAILED, error="no room")
        act(root, Export, "retry", export)
        assert again(export).state == Export.State.WAITING


class TestRights:
    @pytest.mark.parametrize("action", ["keep", "delete", "finish", "verify", "upload"])
    def test_who_may_only_look_can_have_nothing_done(self, recording, action):
        looking = staff("view_recording")
        act(looking, Recording, action, recording)
        assert (again(recording).kept, recording.deleted_at) == (False, None)
        assert not Event.objects.exists() and not LogEntry.objects.exists()

    def test_who_may_change_can(self, recording):
        act(staff("view_recording", "change_recording"), Recording, "delete", recording)
        assert again(recording).deleted_at

    @pytest.mark.parametrize("value", ["failed", "waiting", "nonsense", ""])
    def test_filters_take_anything(self, root, recording, value):
        assert root.get(page_of(Segment, "changelist"), {"upload": value}).status_code == 200
        assert root.get(page_of(Recording, "changelist"), {"gaps": value}).status_code == 200


class TestRules:
    def test_a_rule_is_made_changed_and_noted(self, root, cast):
        body = {
            "organization": cast.organization.pk,
            "room": "",
            "keep_days": "30",
            "keep_bytes": "",
            "quota_bytes": "",
        }
        assert root.post(page_of(RetentionPolicy, "add"), body).status_code == 302
        policy = RetentionPolicy.objects.get()
        path = page_of(RetentionPolicy, "change", policy.pk)
        assert root.post(path, form_of(root, path, keep_days=60, legal_hold=True)).status_code == 302
        assert (again(policy).keep_days, policy.legal_hold) == (60, True)
        kinds = [(each.kind, each.actor) for each in Event.objects.order_by("pk")]
        assert kinds == [("retention-changed", "root"), ("legal-hold-on", "root"), ("retention-changed", "root")]

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"keep_days": "0"}, "whole number from 1 to"),
            ({"keep_days": "99999"}, "whole number from 1 to"),
            ({"keep_bytes": "-1"}, "greater than or equal to"),
        ],
    )
    def test_a_number_that_cannot_be_is_refused_with_words(self, root, cast, changes, words):
        body = {"organization": cast.organization.pk, "room": "", **changes}
        page = root.post(page_of(RetentionPolicy, "add"), body)
        assert page.status_code == 200 and words in page.content.decode()

    def test_a_room_of_another_organization_is_refused(self, root, cast, studio_room):
        body = {"organization": cast.charlie.home_organization().pk, "room": studio_room.pk}
        assert "belongs to another organization" in root.post(page_of(RetentionPolicy, "add"), body).content.decode()

    def test_a_rule_that_holds_cannot_be_deleted_any_way(self, root, cast):
        policy = retention.set_policy(cast.organization, None, cast.alice, legal_hold=True)
        root.post(page_of(RetentionPolicy, "delete", policy.pk), {"post": "yes"})
        body = {"action": "delete_selected", "_selected_action": [policy.pk], "post": "yes"}
        root.post(page_of(RetentionPolicy, "changelist"), body)
        assert RetentionPolicy.objects.exists()

    def test_one_that_does_not_is_deleted_and_noted(self, root, cast):
        policy = retention.set_policy(cast.organization, None, cast.alice, keep_days=3)
        root.post(page_of(RetentionPolicy, "delete", policy.pk), {"post": "yes"})
        assert not RetentionPolicy.objects.exists()
        assert Event.objects.filter(kind="retention-dropped", actor="root").exists()

    def test_what_would_go_is_shown_before_it_goes(self, root, cast, recording):
        Recording.objects.update(ended_at=timezone.now() - timedelta(days=40))
        policy = retention.set_policy(cast.organization, None, cast.alice, keep_days=30)
        for page in (
            root.get(page_of(RetentionPolicy, "change", policy.pk)).content.decode(),
            act(root, RetentionPolicy, "dry_run", policy),
        ):
            assert "1 recording would go" in page and "Kept for as long as was asked" in page
        assert Recording.objects.exists()


def test_a_recording_that_lies_elsewhere_is_verified_whole(root, recording, monkeypatch, settings, tmp_path):
    elsewhere = tmp_path / "offsite-cache" / "fetched"
    settings.S3_CACHE_DIR = elsewhere.parent
    elsewhere.mkdir(parents=True)
    folder = folder_of(recording.organization_id, recording.pk)
    for segment in recording.segments.all():
        (folder / segment.name).rename(elsewhere / segment.name)
    recording.segments.update(place=Segment.Place.ELSEWHERE)
    monkeypatch.setattr(offsite, "path_of", lambda segment: elsewhere / segment.name)
    assert f"Whole {recording.pk.hex}: 2 segments" in act(root, Recording, "verify", recording)
