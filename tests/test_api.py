"""REST v1: what each call answers, what it changes, and that no input brings it down."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import timezone
from rest_framework.test import APIClient

from devices.models import Connection, Device, Worker
from devices.schema import BoardDeviceSerializer, PendingSerializer
from leganize.wire.identity import new_epoch
from rooms.models import Event, Room


@pytest.fixture
def api(cast) -> APIClient:
    """Alice's browser, which must show its CSRF token as any page of ours does."""
    return signed_in(cast.alice)


def signed_in(user) -> APIClient:
    """A browser in which `user` is signed in and that sends the CSRF token with what it changes."""
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(user)
    client.cookies["csrftoken"] = token = "a" * 32
    client.credentials(HTTP_X_CSRFTOKEN=token)
    client.default_format = "json"
    return client


@pytest.fixture
def worker(db) -> Worker:
    """A worker whose lease is fresh."""
    return Worker.objects.create(host="here", pid=1)


def open_socket(worker: Worker, device_id: str, **columns) -> Connection:
    """A socket that a device opened a moment ago."""
    columns = {"address": "192.168.1.61", "state": Connection.State.PENDING, **columns}
    return Connection.objects.create(id=new_epoch(), worker=worker, reported_id=device_id, **columns)


class TestRooms:
    def test_a_room_is_made_listed_and_read(self, api, cast):
        made = api.post("/api/v1/rooms/", {"name": "  Studio   B ", "records": False})
        assert made.status_code == 201
        room = made.json()
        assert (room["name"], room["records"], room["status"]) == ("Studio B", False, "ACTIVE")
        assert (room["organization"], room["may_control"]) == (str(cast.organization.pk), True)
        assert api.get("/api/v1/rooms/").json()["results"] == [room]
        assert api.get(f"/api/v1/rooms/{room['id']}/").json() == room

    def test_a_trailing_slash_is_a_matter_of_taste(self, api, studio_room):
        for path in ("/api/v1/rooms", "/api/v1/rooms/", f"/api/v1/rooms/{studio_room.pk}"):
            assert api.get(path).status_code == 200
        assert api.post(f"/api/v1/rooms/{studio_room.pk}/end").status_code == 200

    def test_renaming_leaves_the_rest_alone(self, api, studio_room):
        room = api.patch(f"/api/v1/rooms/{studio_room.pk}/", {"name": "Monthly"}).json()
        assert (room["name"], room["records"]) == ("Monthly", True)

    def test_record_or_only_listen_is_a_choice(self, api, studio_room):
        assert api.patch(f"/api/v1/rooms/{studio_room.pk}/", {"records": False}).json()["records"] is False
        studio_room.refresh_from_db()
        assert (studio_room.records, studio_room.name) == (False, "Weekly planning")

    def test_a_room_cannot_be_moved_to_another_organization(self, api, cast, studio_room):
        theirs = cast.charlie.home_organization()
        api.patch(f"/api/v1/rooms/{studio_room.pk}/", {"organization": str(theirs.pk), "status": "ENDED"})
        studio_room.refresh_from_db()
        assert (studio_room.organization, studio_room.status) == (cast.organization, "ACTIVE")

    def test_a_room_ends_once(self, api, studio_room):
        first = api.post(f"/api/v1/rooms/{studio_room.pk}/end/").json()
        assert (first["status"], first["ended_at"] is not None) == ("ENDED", True)
        second = api.post(f"/api/v1/rooms/{studio_room.pk}/end/")
        assert (second.status_code, second.json()) == (400, {"detail": "This room has already ended."})

    def test_a_name_that_is_none_is_told_in_a_sentence(self, api):
        for name in ("", "   ", "x" * 121, "\u0007"):
            answer = api.post("/api/v1/rooms/", {"name": name})
            assert answer.status_code == 400
            assert isinstance(answer.json()["detail"], str)

    def test_rooms_are_filtered_by_status(self, api, cast, studio_room):
        Room.objects.create(organization=cast.organization, name="Old", status=Room.Status.ENDED)
        listed = api.get("/api/v1/rooms/?status=ENDED").json()["results"]
        assert [room["name"] for room in listed] == ["Old"]
        assert api.get("/api/v1/rooms/?status=SLEEPING").status_code == 400

    def test_who_belongs_to_no_organization_is_told_so(self, cast):
        cast.charlie.memberships.all().delete()
        answer = signed_in(cast.charlie).post("/api/v1/rooms/", {"name": "Nowhere"})
        assert (answer.status_code, "organization" in answer.json()["detail"]) == (400, True)

    def test_a_list_of_many_rooms_costs_a_few_queries(self, api, cast, django_assert_max_num_queries):
        Room.objects.bulk_create(Room(organization=cast.organization, name=f"Room {n}") for n in range(60))
        with django_assert_max_num_queries(8):
            assert len(api.get("/api/v1/rooms/?limit=50").json()["results"]) == 50


class TestDevices:
    def test_a_device_is_listed_with_its_presence(self, api, worker, studio_device, studio_room):
        open_socket(
            worker, studio_device.device_id, device=studio_device, room=studio_room, state=Connection.State.CAPTURING
        )
        entry = api.get("/api/v1/devices/").json()["results"][0]
        assert (entry["deviceId"], entry["state"], entry["address"]) == (
            "esp32-meeting-01",
            "capturing",
            "192.168.1.61",
        )
        assert entry["room"] == {"id": str(studio_room.pk), "name": "Weekly planning"}
        assert api.get(f"/api/v1/devices/{studio_device.pk}/").json()["state"] == "capturing"

    def test_the_schema_names_exactly_the_keys_that_are_sent(self, api, worker, studio_device):
        open_socket(worker, "esp32-new-01")
        assert set(api.get("/api/v1/devices/").json()["results"][0]) == set(BoardDeviceSerializer().fields)
        assert set(api.get("/api/v1/lobby/").json()["results"][0]) == set(PendingSerializer().fields)

    def test_a_device_is_configured(self, api, studio_device):
        body = {"name": "Door", "sample_rate_hz": 8000, "channels": 2}
        entry = api.patch(f"/api/v1/devices/{studio_device.pk}/", body).json()
        assert (entry["name"], entry["rate"], entry["channels"]) == ("Door", 8000, 2)

    @pytest.mark.parametrize("body", [{"sample_rate_hz": 12345}, {"channels": 3}, {"kind": "toaster"}])
    def test_what_no_device_can_be_is_refused(self, api, studio_device, body):
        answer = api.patch(f"/api/v1/devices/{studio_device.pk}/", body)
        assert (answer.status_code, list(answer.json()["fields"])) == (400, list(body))

    def test_start_is_a_wish_until_the_device_obeys(self, api, worker, studio_device, studio_room):
        path = f"/api/v1/devices/{studio_device.pk}/capture/"
        socket = open_socket(
            worker, studio_device.device_id, device=studio_device, room=studio_room, state=Connection.State.CONNECTED
        )
        asked = api.post(path, {"on": True})
        assert (asked.status_code, asked.json()["wanted"], asked.json()["state"]) == (202, True, "starting")
        Connection.objects.filter(pk=socket.pk).update(state=Connection.State.CAPTURING)
        again = api.post(path, {"on": True})
        assert (again.status_code, again.json()["state"]) == (200, "capturing")

    def test_a_start_for_an_absent_device_is_kept(self, api, studio_device):
        answer = api.post(f"/api/v1/devices/{studio_device.pk}/capture/", {"on": True})
        assert answer.status_code == 202
        studio_device.refresh_from_db()
        assert studio_device.desired_capture is True

    def test_a_device_without_a_room_cannot_start(self, api, studio_device):
        Device.objects.update(room=None)
        answer = api.post(f"/api/v1/devices/{studio_device.pk}/capture/", {"on": True})
        assert (answer.status_code, answer.json()["detail"]) == (400, "Put this device into a room first.")

    def test_a_stop_that_is_already_so_is_200(self, api, studio_device):
        assert api.post(f"/api/v1/devices/{studio_device.pk}/capture/", {"on": False}).status_code == 200

    def test_a_device_moves_and_leaves(self, api, cast, studio_device):
        other = Room.objects.create(organization=cast.organization, name="Studio B")
        path = f"/api/v1/devices/{studio_device.pk}/move/"
        assert api.post(path, {"room": str(other.pk)}).json()["room"]["name"] == "Studio B"
        assert api.post(path, {"room": None}).json()["room"] is None

    def test_nothing_moves_into_a_room_that_has_ended(self, api, cast, studio_device):
        over = Room.objects.create(organization=cast.organization, name="Over", status=Room.Status.ENDED)
        answer = api.post(f"/api/v1/devices/{studio_device.pk}/move/", {"room": str(over.pk)})
        assert (answer.status_code, answer.json()["detail"][:19]) == (400, "This room has ended")

    def test_a_released_device_is_gone_from_the_api(self, api, studio_device):
        assert api.post(f"/api/v1/devices/{studio_device.pk}/release/").status_code == 204
        assert api.get("/api/v1/devices/").json()["results"] == []
        assert api.get(f"/api/v1/devices/{studio_device.pk}/").status_code == 404

    def test_stop_all_stops_all(self, api, cast, studio_room, studio_device):
        Device.objects.create(organization=cast.organization, device_id="b", room=studio_room, desired_capture=True)
        Device.objects.filter(pk=studio_device.pk).update(desired_capture=True)
        assert api.post(f"/api/v1/rooms/{studio_room.pk}/stop/").json() == {"stopped": 2}
        assert not Device.objects.filter(desired_capture=True).exists()

    def test_every_decision_is_in_the_audit_with_its_actor(self, api, studio_device):
        api.post(f"/api/v1/devices/{studio_device.pk}/capture/", {"on": True})
        event = Event.objects.get()
        assert (event.kind, event.actor, event.subject) == ("capture-started", "alice", "Table")


class TestConnecting:
    def test_a_pending_device_is_put_into_a_room(self, api, worker, cast, studio_room):
        socket = open_socket(worker, "esp32-new-01")
        waiting = api.get("/api/v1/lobby/").json()["results"]
        assert [(each["connection"], each["deviceId"]) for each in waiting] == [(str(socket.pk), "esp32-new-01")]
        entry = api.post(f"/api/v1/rooms/{studio_room.pk}/devices/", {"connection": str(socket.pk)}).json()
        assert (entry["deviceId"], entry["state"], entry["room"]["id"]) == (
            "esp32-new-01", "connecting", str(studio_room.pk),
        )  # fmt: skip
        assert Device.objects.get(device_id="esp32-new-01").organization == cast.organization
        assert api.get("/api/v1/lobby/").json()["results"] == []

    def test_a_device_of_ours_is_put_into_a_room(self, api, cast, studio_device):
        other = Room.objects.create(organization=cast.organization, name="Studio B")
        entry = api.post(f"/api/v1/rooms/{other.pk}/devices/", {"device": str(studio_device.pk)}).json()
        assert entry["room"]["name"] == "Studio B"

    def test_a_socket_that_has_gone_is_404(self, api, worker, studio_room):
        gone = open_socket(worker, "esp32-new-01", closed_at=timezone.now())
        assert api.post(f"/api/v1/rooms/{studio_room.pk}/devices/", {"connection": str(gone.pk)}).status_code == 404

    def test_a_socket_of_a_dead_worker_does_not_wait(self, api, worker, studio_room):
        open_socket(worker, "esp32-new-01")
        Worker.objects.update(seen_at=timezone.now() - timedelta(seconds=settings.WORKER_LEASE_SECONDS + 1))
        assert api.get("/api/v1/lobby/").json()["results"] == []

    @pytest.mark.parametrize("body", [{}, {"connection": str(uuid4()), "device": str(uuid4())}])
    def test_one_thing_is_connected_at_a_time(self, api, studio_room, body):
        answer = api.post(f"/api/v1/rooms/{studio_room.pk}/devices/", body)
        assert (answer.status_code, answer.json()["detail"]) == (400, "Name either a connection or a device.")

    def test_two_people_cannot_both_have_it(self, api, worker, cast, studio_room):
        socket = open_socket(worker, "esp32-new-01")
        his = Room.objects.create(organization=cast.charlie.home_organization(), name="Charlie's")
        body = {"connection": str(socket.pk)}
        assert api.post(f"/api/v1/rooms/{studio_room.pk}/devices/", body).status_code == 200
        assert signed_in(cast.charlie).post(f"/api/v1/rooms/{his.pk}/devices/", body).status_code == 404

    def test_a_closed_lobby_shows_only_names_of_ours(self, api, cast, worker, studio_room, studio_device, settings):
        settings.OPEN_LOBBY = False
        foreign, ours = open_socket(worker, "esp32-new-01"), open_socket(worker, studio_device.device_id)
        assert [each["connection"] for each in api.get("/api/v1/lobby/").json()["results"]] == [str(ours.pk)]
        assert signed_in(cast.charlie).get("/api/v1/lobby/").json()["results"] == []
        path = f"/api/v1/rooms/{studio_room.pk}/devices/"
        assert api.post(path, {"connection": str(foreign.pk)}).status_code == 404
