"""Strangers see nothing, viewers change nothing, and a superuser is bound to their organizations like anyone."""

import re
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from accounts.models import Membership, Organization, Role, User
from accounts.tenancy import may_operate
from devices.models import Device
from recordings.exporting.exports import ask as ask_for_export
from recordings.models import Export, Marker, Recording
from rooms.models import Event, Grant, Room
from tests.kept import empty_recording, keep, noise

# method, path, body: every operation of the API that names something
DECISIONS = [
    ("patch", "/api/v1/rooms/{room}/", {"name": "Taken over"}),
    ("post", "/api/v1/rooms/{room}/end/", {}),
    ("post", "/api/v1/rooms/{room}/stop/", {}),
    ("post", "/api/v1/rooms/{room}/devices/", {"device": "{device}"}),
    ("patch", "/api/v1/devices/{device}/", {"name": "Taken over"}),
    ("post", "/api/v1/devices/{device}/capture/", {"on": True}),
    ("post", "/api/v1/devices/{device}/move/", {"room": None}),
    ("post", "/api/v1/devices/{device}/release/", {}),
    ("patch", "/api/v1/recordings/{recording}/", {"title": "Taken over"}),
    ("delete", "/api/v1/recordings/{recording}/", {}),
    ("post", "/api/v1/recordings/{recording}/restore/", {}),
    ("post", "/api/v1/recordings/{recording}/markers/", {"at_seconds": 0}),
    ("patch", "/api/v1/recordings/{recording}/markers/{marker}/", {"text": "Taken over"}),
    ("delete", "/api/v1/recordings/{recording}/markers/{marker}/", {}),
    ("delete", "/api/v1/exports/{export}/", {}),
]
LOOKS = [
    ("get", "/api/v1/rooms/{room}/"),
    ("get", "/api/v1/devices/{device}/"),
    ("get", "/api/v1/recordings/{recording}/"),
    ("get", "/api/v1/recordings/{recording}/markers/"),
    ("get", "/api/v1/recordings/{recording}/peaks/"),
    ("get", "/api/v1/exports/{export}/"),
]
LISTS = ["/api/v1/rooms/", "/api/v1/devices/", "/api/v1/recordings/", "/api/v1/exports/", "/api/v1/lobby/"]


@pytest.fixture
def studio(cast, studio_room, studio_device, settings, tmp_path):
    """One row of each kind that the studio owns."""
    settings.RECORDINGS_DIR, settings.EXPORTS_DIR = tmp_path / "recordings", tmp_path / "exports"
    Grant.objects.create(room=studio_room, lookup="abc", digest="abc", expires_at=timezone.now())
    Event.objects.create(organization=cast.organization, room=studio_room, kind="room-created")
    kept = empty_recording(studio_device)
    marker = Marker.objects.create(recording=kept, at_seconds=0)
    export = ask_for_export(cast.alice, [keep(studio_device, noise(100))])
    rows = {"room": studio_room, "device": studio_device, "recording": kept, "marker": marker, "export": export}
    return {name: str(row.pk) for name, row in rows.items()}


def client_of(user: User | None) -> APIClient:
    """A browser in which `user` is signed in."""
    client = APIClient()
    if user:
        client.force_login(user)
    return client


def ask(user, studio, method, path, body=None):
    """What `user` is answered."""
    filled = {key: value.format(**studio) if isinstance(value, str) else value for key, value in (body or {}).items()}
    return getattr(client_of(user), method)(path.format(**studio), filled or None, format="json")


def state_of_the_studio() -> list:
    return [list(model.objects.order_by("pk").values()) for model in (Room, Device, Event, Recording, Marker, Export)]


def test_the_tables_above_name_every_operation_of_the_api(db):
    operations = {
        (method, path)
        for path, methods in SchemaGenerator().get_schema(request=None, public=True)["paths"].items()
        for method in methods
    }
    tested = {(method, path) for method, path, *_body in [*DECISIONS, *LOOKS]} | {("get", path) for path in LISTS}
    of_markers = ("{recording}/markers/", "{recording_id}/markers/")
    named = {
        (method, re.sub(r"{(room|device|recording|marker|export)}", "{id}", path.replace(*of_markers)))
        for method, path in tested
    }
    assert operations == named | {("post", "/api/v1/rooms/"), ("post", "/api/v1/exports/")}


@pytest.mark.parametrize("model", [Room, Device, Grant, Event, Recording, Marker, Export, Organization, Membership])
def test_members_see_what_strangers_do_not(cast, studio, model):
    of_studio = model.objects.visible_to(cast.alice)
    assert of_studio.exists()
    assert set(of_studio) == set(model.objects.visible_to(cast.vera))
    assert not set(of_studio) & set(model.objects.visible_to(cast.charlie))
    assert not model.objects.visible_to(AnonymousUser()).exists()


@pytest.mark.parametrize("model", [Room, Device, Recording])
def test_viewers_see_and_operators_change(cast, studio, model):
    assert model.objects.operable_by(cast.bob).exists()
    assert not model.objects.operable_by(cast.vera).exists()


def test_an_inactive_user_sees_nothing(cast, studio):
    cast.alice.is_active = False
    assert not Room.objects.visible_to(cast.alice).exists()


def test_who_may_operate(cast):
    may = [may_operate(user, cast.organization) for user in (cast.alice, cast.bob, cast.vera, cast.charlie)]
    assert may == [True, True, False, False]
    assert not may_operate(AnonymousUser(), cast.organization)


@pytest.mark.parametrize(("method", "path", "body"), DECISIONS)
def test_charlie_can_decide_nothing_for_the_studio(cast, studio, method, path, body):
    before = state_of_the_studio()
    assert ask(cast.charlie, studio, method, path, body).status_code == 404
    assert state_of_the_studio() == before


@pytest.mark.parametrize(("method", "path", "body"), DECISIONS)
def test_vera_sees_it_but_is_told_that_operators_decide(cast, studio, method, path, body):
    before = state_of_the_studio()
    answer = ask(cast.vera, studio, method, path, body)
    assert (answer.status_code, "operators" in answer.json()["detail"]) == (403, True)
    assert state_of_the_studio() == before


@pytest.mark.parametrize(("method", "path", "body"), DECISIONS)
def test_bob_decides_like_alice(cast, studio, method, path, body):
    assert ask(cast.bob, studio, method, path, body).status_code in (200, 201, 202, 204)


@pytest.mark.parametrize(("method", "path"), LOOKS)
def test_charlie_cannot_look(cast, studio, method, path):
    assert ask(cast.charlie, studio, method, path).status_code == 404
    assert ask(cast.vera, studio, method, path).status_code == 200


@pytest.mark.parametrize("path", LISTS)
def test_charlies_lists_are_empty(cast, studio, path):
    assert ask(cast.charlie, studio, "get", path).json()["results"] == []


@pytest.mark.parametrize(
    ("method", "path"), [*[row[:2] for row in DECISIONS], *LOOKS, *[("get", path) for path in LISTS]]
)
def test_whoever_is_not_signed_in_is_asked_to(cast, studio, method, path):
    answer = ask(None, studio, method, path)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="leganize"')


def test_a_stranger_learns_no_more_of_a_room_than_of_none(cast, studio):
    theirs = ask(cast.charlie, studio, "get", "/api/v1/rooms/{room}/")
    none = ask(cast.charlie, studio, "get", f"/api/v1/rooms/{uuid4()}/")
    assert theirs.content == none.content


def test_a_superuser_is_bound_to_their_organizations(cast, studio):
    root = User.objects.create_superuser("root", password="root has a password")
    assert all(ask(root, studio, "get", path).json()["results"] == [] for path in LISTS)
    assert all(ask(root, studio, method, path).status_code == 404 for method, path in LOOKS)
    assert all(ask(root, studio, *decision).status_code == 404 for decision in DECISIONS)
    assert client_of(root).get(f"/rooms/{studio['room']}/").status_code == 404


def test_charlie_cannot_draw_a_device_of_the_studio_into_a_room_of_his_own(cast, studio):
    own = Room.objects.create(organization=cast.charlie.home_organization(), name="Charlie's")
    assert (
        ask(cast.charlie, studio, "post", f"/api/v1/rooms/{own.pk}/devices/", {"device": "{device}"}).status_code == 404
    )


def test_alice_cannot_put_her_device_into_charlies_room(cast, studio):
    his = Room.objects.create(organization=cast.charlie.home_organization(), name="Charlie's")
    path = "/api/v1/devices/{device}/move/"
    assert ask(cast.alice, studio, "post", path, {"room": str(his.pk)}).status_code == 404


def test_who_operates_two_organizations_cannot_carry_a_device_across(cast, studio):
    his = Room.objects.create(organization=cast.charlie.home_organization(), name="Charlie's")
    Membership.objects.create(user=cast.alice, organization=his.organization, role=Role.OPERATOR)
    answer = ask(cast.alice, studio, "post", "/api/v1/devices/{device}/move/", {"room": str(his.pk)})
    assert (answer.status_code, answer.json()["detail"]) == (400, "This room belongs to another organization.")
    assert Device.objects.get(pk=studio["device"]).organization == cast.organization


def test_charlie_cannot_make_a_room_in_the_studio(cast):
    body = {"name": "Mine now", "organization": str(cast.organization.pk)}
    assert client_of(cast.charlie).post("/api/v1/rooms/", body, format="json").status_code == 404
    assert client_of(cast.vera).post("/api/v1/rooms/", body, format="json").status_code == 403
    assert client_of(cast.bob).post("/api/v1/rooms/", body, format="json").status_code == 201


def test_who_leaves_an_organization_sees_it_no_more(cast, studio):
    cast.bob.memberships.all().delete()
    assert ask(cast.bob, studio, "get", "/api/v1/rooms/{room}/").status_code == 404
