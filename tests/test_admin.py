"""The admin: superusers see every organization there, change what live sockets obey, and are shown no secret."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.api_keys import find_api_key, make_api_key
from accounts.models import ApiKey, Membership, Organization, User
from devices.models import Connection, Device, DeviceToken, Worker
from devices.pairing import mint_tokens
from leganize.wire.identity import new_epoch
from recordings.models import Export, Marker, Recording, RetentionPolicy, Segment
from rooms.grants import make_grant
from rooms.models import Event, Grant, Room

KEPT = [Recording, Segment, Marker, Export]
MODELS = [
    User, Organization, Membership, ApiKey, Room, Grant, Event, Device, Connection, Worker, RetentionPolicy, *KEPT,
]  # fmt: skip


@pytest.fixture(name="root")
def sign_in_as_root(cast) -> Client:
    """The superuser's browser."""
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="root has a password"))
    return client


@pytest.fixture
def secrets(cast, studio_room, studio_device) -> list[str]:
    """One row of everything, and every secret that was made on the way, with what the database keeps of it."""
    _key, api_key = make_api_key(cast.alice, "dashboard")
    _grant, grant = make_grant(studio_room, by=cast.alice)
    device = token_of(studio_device, studio_room)
    worker = Worker.objects.create(host="here", pid=1)
    Connection.objects.create(
        id=new_epoch(), worker=worker, reported_id=studio_device.device_id, device=studio_device, room=studio_room
    )
    recording = Recording.objects.create(
        organization=cast.organization, room=studio_room, device=studio_device, sample_rate_hz=16000, channels=1
    )
    Segment.objects.create(
        recording=recording, number=0, name="0", start_sample=0, start_audio_sample=0, audio_samples=1
    )
    Marker.objects.create(recording=recording, at_seconds=1, text="Here", author=cast.vera)
    Export.objects.create(organization=cast.organization, asked_by=cast.vera).recordings.add(recording)
    RetentionPolicy.objects.create(organization=cast.organization, keep_days=30)
    kept = [
        value
        for model in (ApiKey, Grant, DeviceToken)
        for row in model.objects.values_list("lookup", "digest")
        for value in row
    ]
    return [api_key, grant, device, *kept, *User.objects.values_list("password", flat=True)]


def token_of(device: Device, room: Room) -> str:
    """A token as `room-config` carries it."""
    pair = (device.pk, room.pk)
    return mint_tokens([pair])[pair].text


def page_of(model: type, what: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{what}", args=args)


def form_of(client: Client, path: str, **changes: object) -> dict[str, object]:
    """The fields of an admin form as the page shows them, with `changes`."""
    shown = client.get(path).context["adminform"].form
    fields = {name: shown[name].value() for name in shown.fields}
    return {name: value for name, value in {**fields, **changes}.items() if value not in (None, False)}


def act(client: Client, model: type, action: str, *rows: object) -> str:
    """Run an action on `rows` and return what the page says afterwards."""
    body = {"action": action, "_selected_action": [row.pk for row in rows]}
    answer = client.post(page_of(model, "changelist"), body, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_listed_searched_and_opened(root, secrets, model):
    assert root.get(page_of(model, "changelist")).status_code == 200
    assert root.get(page_of(model, "changelist"), {"q": "table"}).status_code == 200
    for row in model.objects.all()[:1]:
        assert root.get(page_of(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_no_page_shows_a_secret_or_what_is_kept_of_one(root, secrets, model):
    rows = [(what, row.pk) for row in model.objects.all() for what in ("change", "history", "delete")]
    for page in [page_of(model, "changelist"), *(page_of(model, what, pk) for what, pk in rows)]:
        shown = root.get(page).content.decode()
        assert [secret for secret in secrets if secret in shown] == []


@pytest.mark.parametrize("model", [Connection, Worker, Event, *KEPT])
def test_what_the_server_writes_is_read_only(root, secrets, model):
    row = model.objects.first()
    assert root.post(page_of(model, "change", row.pk), {}).status_code == 403
    assert root.post(page_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert root.get(page_of(model, "add")).status_code == 403
    assert model.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("model", MODELS)
def test_a_list_of_many_costs_no_more_queries_than_one_of_few(
    root, secrets, cast, model, django_assert_max_num_queries
):
    for n in range(12):
        room = Room.objects.create(organization=Organization.objects.create(name=f"o{n}"), name=f"r{n}")
        Device.objects.create(organization=room.organization, device_id=f"d{n}", room=room)
        Grant.objects.create(room=room, lookup=f"x{n}", digest="x", expires_at=timezone.now())
    with django_assert_max_num_queries(16):
        root.get(page_of(model, "changelist"))


def test_people_without_staff_rights_are_sent_away(cast, studio_room):
    client = Client()
    client.force_login(cast.alice)
    assert client.get("/admin/").status_code == 302
    assert client.get(page_of(Room, "changelist")).status_code == 302


def test_the_admin_has_our_accent_and_our_policy(root):
    page = root.get("/admin/")
    assert "css/admin.css" in page.content.decode()
    assert "unsafe" not in page["Content-Security-Policy"]


class TestApiKeys:
    def test_a_key_is_shown_once(self, root, cast):
        body = {"user": cast.bob.pk, "name": "wall display", "scopes": ["read"]}
        page = root.post(page_of(ApiKey, "add"), body, follow=True).content.decode()
        text = re.search(r"lgk_[A-Za-z0-9_-]{40}", page).group()
        key = find_api_key(text)
        assert (key.user, key.name, key.scopes) == (cast.bob, "wall display", "read")
        assert text not in root.get(page_of(ApiKey, "changelist")).content.decode()
        assert ApiKey.objects.count() == 1

    def test_a_key_is_revoked(self, root, cast):
        key, text = make_api_key(cast.alice)
        assert "1 key was revoked." in act(root, ApiKey, "revoke", key)
        assert find_api_key(text) is None

    def test_only_the_name_of_a_key_can_be_changed(self, root, cast):
        key, text = make_api_key(cast.alice, "old", scopes=["read"])
        body = {"name": "new", "scopes": "read control", "user": cast.bob.pk}
        assert root.post(page_of(ApiKey, "change", key.pk), body).status_code == 302
        key.refresh_from_db()
        assert (key.name, key.scopes, key.user) == ("new", "read", cast.alice)
        assert find_api_key(text) == key


class TestPeople:
    def test_a_new_user_gets_an_organization(self, root, db):
        password = {"password1": "a long new password", "password2": "a long new password"}
        body = {"username": "dora", "usable_password": "true", **password}
        assert root.post(page_of(User, "add"), body).status_code == 302
        assert User.objects.get(username="dora").memberships.get().role == "owner"

    def test_a_user_is_switched_off(self, root, cast):
        path = page_of(User, "change", cast.bob.pk)
        inline = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
        body = form_of(root, path, is_active=False, user_permissions=[]) | inline
        assert root.post(path, body).status_code == 302
        cast.bob.refresh_from_db()
        assert cast.bob.is_active is False


class TestRooms:
    def test_rooms_are_ended_and_those_that_cannot_be_say_why(self, root, cast, studio_room):
        over = Room.objects.create(organization=cast.organization, name="Over", status=Room.Status.ENDED)
        page = act(root, Room, "end", studio_room, over)
        assert "Over: This room has already ended." in page
        studio_room.refresh_from_db()
        assert (studio_room.status, studio_room.ended_at is not None) == ("ENDED", True)

    def test_a_status_chosen_in_the_form_ends_it_as_well(self, root, studio_room):
        path = page_of(Room, "change", studio_room.pk)
        assert root.post(path, form_of(root, path, status="ABORTED", details="{}")).status_code == 302
        studio_room.refresh_from_db()
        assert (studio_room.status, studio_room.ended_at is not None) == ("ABORTED", True)
        assert Event.objects.get(kind="room-ended").actor == "root"

    def test_an_ended_room_comes_back(self, root, studio_room):
        act(root, Room, "end", studio_room)
        path = page_of(Room, "change", studio_room.pk)
        root.post(path, form_of(root, path, status="ACTIVE", details="{}"))
        studio_room.refresh_from_db()
        assert (studio_room.status, studio_room.ended_at) == ("ACTIVE", None)

    def test_a_room_is_made_for_an_organization(self, root, cast):
        body = {
            "organization": cast.organization.pk,
            "name": "New",
            "status": "ACTIVE",
            "records": "on",
            "details": "{}",
        }
        assert root.post(page_of(Room, "add"), body).status_code == 302
        assert Room.objects.get(name="New").created_by.username == "root"

    def test_what_has_recordings_is_not_deleted_from_here(self, root, secrets, cast, studio_room):
        for row in (studio_room, cast.organization):
            root.post(page_of(type(row), "delete", row.pk), {"post": "yes"})
            assert type(row).objects.filter(pk=row.pk).exists()

    def test_grants_are_revoked(self, root, cast, studio_room):
        grant, _token = make_grant(studio_room, by=cast.alice, label="Guests")
        assert "Done for 1." in act(root, Grant, "revoke", grant)
        grant.refresh_from_db()
        assert grant.revoked_at is not None


class TestDevices:
    def test_devices_are_stopped(self, root, studio_device):
        Device.objects.update(desired_capture=True)
        act(root, Device, "stop_capture", studio_device)
        studio_device.refresh_from_db()
        assert (studio_device.desired_capture, studio_device.desired_at is not None) == (False, True)

    def test_devices_are_released(self, root, studio_device, studio_room):
        token_of(studio_device, studio_room)
        act(root, Device, "release", studio_device)
        studio_device.refresh_from_db()
        assert (studio_device.released_at is not None, studio_device.room) == (True, None)
        assert not DeviceToken.objects.exists()

    def test_a_room_chosen_in_the_form_moves_the_device(self, root, cast, studio_device):
        other = Room.objects.create(organization=cast.organization, name="Studio B")
        path = page_of(Device, "change", studio_device.pk)
        assert root.post(path, form_of(root, path, room=other.pk)).status_code == 302
        studio_device.refresh_from_db()
        assert studio_device.room == other
        assert Event.objects.get(kind="device-moved").actor == "root"

    def test_no_room_in_the_form_takes_the_device_out(self, root, studio_device):
        path = page_of(Device, "change", studio_device.pk)
        assert root.post(path, form_of(root, path, room=None)).status_code == 302
        studio_device.refresh_from_db()
        assert studio_device.room is None

    def test_wanted_in_the_form_is_a_wish_like_any(self, root, studio_device):
        path = page_of(Device, "change", studio_device.pk)
        assert root.post(path, form_of(root, path, desired_capture=True)).status_code == 302
        studio_device.refresh_from_db()
        assert (studio_device.desired_capture, studio_device.desired_at is not None) == (True, True)

    def test_a_room_of_another_organization_is_refused(self, root, cast, studio_device):
        theirs = Room.objects.create(organization=cast.charlie.home_organization(), name="Theirs")
        path = page_of(Device, "change", studio_device.pk)
        page = root.post(path, form_of(root, path, room=theirs.pk)).content.decode()
        assert "This room belongs to another organization." in page

    def test_capture_without_a_room_is_refused(self, root, studio_device):
        path = page_of(Device, "change", studio_device.pk)
        page = root.post(path, form_of(root, path, room=None, desired_capture=True)).content.decode()
        assert "Put this device into a room first." in page

    def test_the_list_shows_what_a_device_reports(self, root, studio_device, studio_room):
        assert "away" in root.get(page_of(Device, "changelist")).content.decode()
        worker = Worker.objects.create(host="here", pid=1)
        Connection.objects.create(
            id=new_epoch(), worker=worker, reported_id="x", device=studio_device, state=Connection.State.CAPTURING
        )
        assert "Capturing" in root.get(page_of(Device, "changelist")).content.decode()
