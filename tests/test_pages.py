"""What each person finds on the pages, and what the forms there do."""

import re
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices.models import Connection, Device, Worker
from rooms.models import Room

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
PAGES = ["connect", "rooms", "devices", "recordings", "recordings_deleted", "keeping", "password_change"]
OPERATORS_ONLY = "Starting and stopping is for operators."


def signed_in(user, language: str = "en") -> Client:
    """A browser in which `user` is signed in and reads `language`."""
    client = Client(HTTP_ACCEPT_LANGUAGE=language)
    client.force_login(user)
    return client


def text_of(response) -> str:
    return response.content.decode()


@pytest.fixture
def worker(db) -> Worker:
    return Worker.objects.create(host="here", pid=1)


@pytest.fixture
def socket_of(worker):
    """Make a socket of a device as its worker would report it."""

    def make(device: Device, state: str, **reported) -> Connection:
        reported.setdefault("address", "192.168.1.61")
        return Connection.objects.create(
            id=uuid.uuid4(), worker=worker, reported_id=device.device_id, state=state, room=device.room,
            device=None if state == Connection.State.PENDING else device, **reported,
        )  # fmt: skip

    return make


@pytest.mark.parametrize("name", PAGES)
def test_a_page_leads_someone_who_is_not_signed_in_to_the_door(name, db, client):
    response = client.get(reverse(name))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("login"))


@pytest.mark.parametrize("language", ["en", "th", "ru"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_speaks_every_language(name, language, cast, studio_device):
    response = signed_in(cast.alice, language).get(reverse(name))
    assert response.status_code == 200
    assert f'<html lang="{language}"' in text_of(response)
    assert {"en": "Rooms", "th": "ห้อง", "ru": "Комнаты"}[language] in text_of(response)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_forbids_foreign_and_inline_code(name, cast, studio_device):
    response = signed_in(cast.alice).get(reverse(name))
    policy = response["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert not re.search(
        r"\s(style|on[a-z]+)=", re.sub(r"<script[^>]*>.*?</script>", "", text_of(response), flags=re.S)
    )
    assert text_of(response).count("<h1") == 1


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_no_template_carries_styles_or_handlers(path):
    source = re.sub(r"{#.*?#}|{%.*?%}", "", path.read_text("utf-8"))
    assert not re.search(r"<style|<script>|\s(style|on[a-z]+)=", source)


def test_home_leads_to_rooms_once_one_of_them_has_a_device(cast, studio_room):
    alice = signed_in(cast.alice)
    assert alice.get("/")["Location"] == reverse("connect")
    Device.objects.create(organization=cast.organization, device_id="esp32-meeting-01", room=studio_room)
    assert alice.get("/")["Location"] == reverse("rooms")
    assert Client().get("/")["Location"] == reverse("login")


def test_a_wrong_password_is_told_and_the_right_one_lets_in(cast, client):
    wrong = client.post(reverse("login"), {"username": "alice", "password": "a guess"})
    assert wrong.status_code == 200 and "errorlist" in text_of(wrong)
    right = client.post(reverse("login"), {"username": "alice", "password": "alice keeps a long password"})
    assert right["Location"] == reverse("home")


def test_signing_out_takes_a_post(cast):
    alice = signed_in(cast.alice)
    assert alice.get(reverse("logout")).status_code == 405
    assert alice.post(reverse("logout"))["Location"] == reverse("login")


def test_a_password_is_changed_with_the_old_one(cast):
    given = {"old_password": "alice keeps a long password"}
    given |= dict.fromkeys(("new_password1", "new_password2"), "another long one of alice")
    done = signed_in(cast.alice).post(reverse("password_change"), given, follow=True)
    assert "Your password is changed." in text_of(done)


def test_a_stranger_finds_neither_room_nor_device(cast, studio_room, studio_device):
    charlie = signed_in(cast.charlie)
    urls = [
        reverse("room", args=[studio_room.pk]),
        reverse("room_settings", args=[studio_room.pk]),
        reverse("device", args=[studio_device.pk]),
    ]
    assert [charlie.get(url).status_code for url in urls] == [404, 404, 404]
    listed = text_of(charlie.get(reverse("rooms"))) + text_of(charlie.get(reverse("devices")))
    assert "Weekly planning</a>" not in listed and "esp32-meeting-01" not in listed


@pytest.mark.parametrize("name", ["room_records", "room_end"])
def test_a_stranger_changes_no_room(name, cast, studio_room):
    assert signed_in(cast.charlie).post(reverse(name, args=[studio_room.pk])).status_code == 404
    assert signed_in(cast.vera).post(reverse(name, args=[studio_room.pk])).status_code == 403
    studio_room.refresh_from_db()
    assert studio_room.is_active and studio_room.records


@pytest.mark.parametrize("name", ["device", "device_capture", "device_configure", "device_replace", "device_release"])
def test_a_stranger_changes_no_device(name, cast, studio_device):
    url, sent = reverse(name, args=[studio_device.pk]), {"on": "true", "sample_rate_hz": "8000"}
    assert signed_in(cast.charlie).post(url, sent).status_code == 404
    assert signed_in(cast.vera).post(url, sent).status_code == 403
    studio_device.refresh_from_db()
    assert (studio_device.desired_capture, studio_device.sample_rate_hz, studio_device.released_at) == (
        False,
        16000,
        None,
    )


def test_a_viewer_sees_states_and_no_buttons(cast, studio_device, socket_of):
    socket_of(studio_device, Connection.State.CONNECTED, hint_rate_hz=8000, hint_channels=1)
    vera = signed_in(cast.vera)
    listed, one = text_of(vera.get(reverse("devices"))), text_of(vera.get(reverse("device", args=[studio_device.pk])))
    for page in (listed, one):
        assert "ready, not capturing" in page or "Looks like 8 kHz" in page
        assert OPERATORS_ONLY in page
        assert 'data-send="/api' not in page and 'action="/devices/' not in page
    assert OPERATORS_ONLY in text_of(vera.get(reverse("rooms")))
    assert 'id="new-room"' not in text_of(vera.get(reverse("rooms")))


def test_a_viewer_cannot_make_a_room(cast):
    assert signed_in(cast.vera).post(reverse("rooms"), {"name": "Mine", "records": "yes"}).status_code == 403
    assert not Room.objects.exists()


def test_bob_makes_a_room_that_only_listens(cast):
    response = signed_in(cast.bob).post(reverse("rooms"), {"name": "  Studio   B ", "records": "no"})
    room = Room.objects.get()
    assert (room.name, room.records, room.organization) == ("Studio B", False, cast.organization)
    assert response["Location"] == reverse("room", args=[room.pk])


def test_a_room_made_on_connect_leads_back_there(cast):
    response = signed_in(cast.alice).post(reverse("connect"), {"name": "Weekly planning", "records": "yes"})
    assert response["Location"] == f"/connect?room={Room.objects.get().pk}"


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "a" * 121, "tab\tand\u202eturned"])
def test_a_name_that_no_room_can_have_is_refused_in_words(name, cast):
    response = signed_in(cast.alice).post(reverse("rooms"), {"name": name, "records": "yes"})
    assert response.status_code == 400 and "errorlist" in text_of(response)
    assert not Room.objects.exists()


def test_markup_in_a_name_stays_text(cast, studio_device):
    name = "<img onerror=alert(1)>"
    signed_in(cast.alice).post(reverse("rooms"), {"name": name, "records": "yes"})
    listed = text_of(signed_in(cast.alice).get(reverse("rooms")))
    assert name not in listed and "&lt;img onerror=alert(1)&gt;" in listed


def test_a_room_is_renamed_set_to_listen_and_ended(cast, studio_room):
    bob = signed_in(cast.bob)
    url = reverse("room_settings", args=[studio_room.pk])
    assert bob.post(url, {"name": "Daily", "records": "yes"})["Location"] == reverse("room", args=[studio_room.pk])
    told = bob.post(reverse("room_records", args=[studio_room.pk]), {"records": "no", "next": url}, follow=True)
    assert "What is heard here is not kept." in text_of(told)
    ended = bob.post(reverse("room_end", args=[studio_room.pk]), follow=True)
    assert "“Daily” has ended. Its recordings stay." in text_of(ended)
    studio_room.refresh_from_db()
    assert (studio_room.name, studio_room.records, studio_room.status) == ("Daily", False, Room.Status.ENDED)
    again = bob.post(reverse("room_end", args=[studio_room.pk]), follow=True)
    assert "This room has already ended." in text_of(again)


def test_a_form_never_leads_to_another_site(cast, studio_room):
    for elsewhere in ("https://example.org/", "//example.org", "javascript:alert(1)"):
        sent = {"records": "no", "next": elsewhere}
        response = signed_in(cast.alice).post(reverse("room_records", args=[studio_room.pk]), sent)
        assert response["Location"] == reverse("room", args=[studio_room.pk])


def test_what_a_device_reports_is_told_in_words(cast, studio_device, socket_of):
    socket_of(
        studio_device, Connection.State.CAPTURING, capturing_since=timezone.now(), hint_rate_hz=8000, hint_channels=1
    )
    page = text_of(signed_in(cast.alice).get(reverse("devices")))
    for words in ("Capturing", "Looks like 8 kHz", "set to 16 kHz, so it plays twice too fast", "Use 8 kHz", ">Stop<"):
        assert words in page
    assert "1 device in alice. 1 capturing, 1 needs a look." in page
    assert 'data-capturing="1"' in page


def test_an_away_device_offers_to_start_when_it_is_back(cast, studio_device, socket_of):
    long_ago = timezone.now() - timedelta(hours=1)
    socket_of(studio_device, Connection.State.CLOSED, closed_at=long_ago)
    alice = signed_in(cast.alice)
    page = text_of(alice.get(reverse("devices")))
    assert "Away since" in page and "Start when back" in page
    asked = alice.post(reverse("device_capture", args=[studio_device.pk]), {"on": "true"}, follow=True)
    assert "Table is asked to start." in text_of(asked) and "Do not start" in text_of(asked)
    studio_device.refresh_from_db()
    assert studio_device.desired_capture


def test_two_devices_of_one_name_are_sorted_out(cast, studio_device, socket_of):
    studio_device.desired_capture = False
    socket_of(studio_device, Connection.State.CONNECTED)
    newcomer = socket_of(studio_device, Connection.State.PENDING, address="192.168.1.77", conflict=True)
    alice = signed_in(cast.alice)
    assert ".61 and .77 both say esp32-meeting-01" in text_of(alice.get(reverse("devices")))
    page = text_of(alice.get(reverse("device", args=[studio_device.pk])))
    assert "Let 192.168.1.77 take its place" in page
    alice.post(reverse("device_replace", args=[studio_device.pk]), {"connection": str(newcomer.pk)})
    newcomer.refresh_from_db()
    assert newcomer.offer == studio_device
    again = alice.post(
        reverse("device_replace", args=[studio_device.pk]), {"connection": "../../etc/passwd"}, follow=True
    )
    assert "The newcomer has left." in text_of(again)


def test_a_device_is_renamed_configured_moved_and_released(cast, studio_device):
    bob = signed_in(cast.bob)
    other = Room.objects.create(organization=cast.organization, name="Studio B")
    url = reverse("device", args=[studio_device.pk])
    sent = {"name": "Piano, left", "sample_rate_hz": "44100", "channels": "2", "room": str(other.pk)}
    assert "Saved." in text_of(bob.post(url, sent, follow=True))
    studio_device.refresh_from_db()
    assert (str(studio_device), studio_device.room) == ("Piano, left", other)
    assert "44.1 kHz stereo" in text_of(bob.get(reverse("devices")))
    released = bob.post(reverse("device_release", args=[studio_device.pk]), follow=True)
    assert "Piano, left is released. Its recordings stay." in text_of(released)
    assert "No devices yet" in text_of(released)
    assert bob.get(url).status_code == 404


@pytest.mark.parametrize(
    "wrong", [{"sample_rate_hz": "12345"}, {"channels": "3"}, {"room": "<img>"}, {"name": "x" * 121}]
)
def test_what_no_device_can_be_is_refused_in_words(wrong, cast, studio_device):
    sent = {"name": "Table", "sample_rate_hz": "16000", "channels": "1", "room": str(studio_device.room_id)} | wrong
    response = signed_in(cast.alice).post(reverse("device", args=[studio_device.pk]), sent)
    assert response.status_code == 400 and "errorlist" in text_of(response)


def test_a_device_cannot_be_moved_into_a_strangers_room(cast, studio_device):
    foreign = Room.objects.create(organization=cast.charlie.home_organization(), name="Elsewhere")
    sent = {"name": "", "sample_rate_hz": "16000", "channels": "1", "room": str(foreign.pk)}
    assert signed_in(cast.alice).post(reverse("device", args=[studio_device.pk]), sent).status_code == 400
    studio_device.refresh_from_db()
    assert studio_device.room != foreign


@pytest.mark.parametrize("numbers", [{"sample_rate_hz": "x"}, {"sample_rate_hz": "9" * 30}, {"channels": "7"}])
def test_numbers_that_are_none_change_nothing(numbers, cast, studio_device):
    alice = signed_in(cast.alice)
    assert alice.post(reverse("device_configure", args=[studio_device.pk]), numbers).status_code == 302
    studio_device.refresh_from_db()
    assert (studio_device.sample_rate_hz, studio_device.channels) == (16000, 1)


def test_the_devices_are_filtered_by_words_room_and_state(cast, studio_device, socket_of):
    socket_of(studio_device, Connection.State.CONNECTED)
    alice = signed_in(cast.alice)

    def shown(query: str) -> bool:
        return f'data-device="{studio_device.pk}"' in text_of(alice.get(f"{reverse('devices')}?{query}"))

    assert shown("q=TABLE") and shown("q=1.61") and shown(f"room={studio_device.room_id}") and shown("state=connected")
    assert not shown("q=piano") and not shown("state=away") and not shown("room=%3Cimg%3E")
    assert "Nothing matches" in text_of(alice.get(f"{reverse('devices')}?q=piano"))


def test_thai_says_also_what_django_leaves_in_english(cast):
    page = text_of(signed_in(cast.alice, "th").get(reverse("password_change")))
    assert "Your password" not in page and "รหัสผ่านต้องมีอย่างน้อย 8 อักขระ" in page


def test_the_language_and_the_appearance_are_kept_without_javascript(cast):
    alice = signed_in(cast.alice)
    alice.post(reverse("set_language"), {"language": "th", "next": "/rooms/"})
    alice.post(reverse("set_theme"), {"theme": "dark", "next": "/rooms/"})
    assert '<html lang="th" data-theme="dark">' in text_of(alice.get(reverse("rooms")))
    alice.post(reverse("set_theme"), {"theme": "system"})
    assert "data-theme" not in text_of(alice.get(reverse("rooms"))).partition(">")[0]


def test_what_is_not_there_is_said_in_our_own_face(cast):
    for client in (Client(), signed_in(cast.alice)):
        response = client.get("/rooms/../../etc/passwd/%3Cimg%3E")
        assert response.status_code == 404
        assert "There is nothing at this address." in text_of(response) and 'class="brand"' in text_of(response)


def test_a_page_that_breaks_says_so_without_a_database(monkeypatch, client, settings):
    client.raise_request_exception = False
    settings.DEBUG = False
    # no `db` fixture: any query, also one for the session or the user, fails this test's page again
    response = client.get("/", headers={"cookie": "sessionid=anything"})
    assert response.status_code == 500
    assert "This page broke on the server." in text_of(response)


def test_the_modules_words_are_served_in_the_readers_language(cast):
    thai = Client(HTTP_ACCEPT_LANGUAGE="th").get(reverse("jsi18n"))
    assert thai.status_code == 200 and thai["Content-Type"].startswith("text/javascript")
    again = Client(HTTP_ACCEPT_LANGUAGE="th").get(reverse("jsi18n"), headers={"if-none-match": thai["ETag"]})
    assert again.status_code == 304
