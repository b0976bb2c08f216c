"""The API's door: CSRF, methods, bad input of every kind, and the description of it all."""

import pytest
from django.test import Client
from rest_framework.test import APIClient

from tests.test_api import signed_in

# what people, scanners and broken scripts put where a name belongs
WRONG_IDS = [
    "../../etc/passwd", "..%2F..%2Fetc%2Fpasswd", "%00", "a%00b", "x" * 5000, "9" * 5000, "%E0%B9%84%E0%B8%97%E0%B8%A2",
    "%3Cimg%20onerror=alert(1)%3E", "null", "-1", "' OR 1=1 --", "00000000-0000-0000-0000-00000000000g", "%ff%fe",
]  # fmt: skip
WRONG_VALUES = [None, "", "\x00", "x" * 5000, "<img onerror=alert(1)>", 10**40, -1, [], {}, [[]], {"a": {}}, 1.5, "ไทย"]
FIELDS = ["name", "records", "organization", "on", "room", "device", "connection", "sample_rate_hz", "channels", "kind"]


@pytest.fixture
def api(cast) -> APIClient:
    """Alice's browser, which must show its CSRF token as any page of ours does."""
    return signed_in(cast.alice)


class TestDoor:
    def test_a_cookie_without_its_csrf_token_changes_nothing(self, cast, studio_room):
        client = APIClient(enforce_csrf_checks=True)
        client.force_login(cast.alice)
        answer = client.post(f"/api/v1/rooms/{studio_room.pk}/end/")
        assert (answer.status_code, "CSRF" in answer.json()["detail"]) == (403, True)
        studio_room.refresh_from_db()
        assert studio_room.is_active

    def test_methods_that_are_not_there_are_405(self, api, studio_room):
        for method in (api.put, api.delete):
            assert method(f"/api/v1/rooms/{studio_room.pk}/").status_code == 405

    def test_answers_are_json_whatever_a_browser_asks_for(self, api):
        assert api.get("/api/v1/rooms/", HTTP_ACCEPT="text/html")["Content-Type"] == "application/json"

    @pytest.mark.parametrize(
        "path", ["/api/v1/nothing/", "/api/v1/", "/api/v1", "/api/v1/rooms/x/y/z", "/api/esp32/nothing", "/api"]
    )
    def test_what_is_not_there_is_404_in_json(self, api, path):
        answer = api.get(path)
        assert (answer.status_code, "detail" in answer.json()) == (404, True)

    def test_what_breaks_is_told_in_json_without_a_reason(self, api, monkeypatch):
        def broken(user):
            raise RuntimeError("the database said something private")

        monkeypatch.setattr("devices.api.describe_lobby", broken)
        api.raise_request_exception = False
        answer = api.get("/api/v1/lobby/")
        assert (answer.status_code, answer["Content-Type"]) == (500, "application/json")
        assert "private" not in answer.content.decode()


class TestBadInput:
    @pytest.mark.parametrize(
        "path", ["rooms/{}/", "devices/{}/", "rooms/{}/end/", "devices/{}/capture/", "recordings/?room={}"]
    )
    def test_a_wrong_id_is_refused_in_json(self, api, studio_device, path):
        ask = api.post if path.endswith(("end/", "capture/")) else api.get
        for wrong in WRONG_IDS:
            answer = ask("/api/v1/" + path.format(wrong))
            assert 400 <= answer.status_code < 500, wrong
            assert isinstance(answer.json()["detail"], str), wrong

    def test_elsewhere_a_wrong_id_is_never_a_5xx(self, api):
        for path in ("/api/room/{}", "/rooms/{}/", "/recordings/{}/audio.wav", "/admin/rooms/room/{}/change/"):
            for wrong in WRONG_IDS:
                assert api.get(path.format(wrong)).status_code < 500, (path, wrong)

    @pytest.mark.parametrize("field", FIELDS)
    def test_a_wrong_value_brings_nothing_down(self, api, studio_room, studio_device, field):
        room, device = f"/api/v1/rooms/{studio_room.pk}/", f"/api/v1/devices/{studio_device.pk}/"
        for value in WRONG_VALUES:
            body = {field: value}
            answers = [
                api.post("/api/v1/rooms/", body),
                api.patch(room, body),
                api.post(room + "devices/", body),
                api.patch(device, body),
                api.post(device + "capture/", body),
                api.post(device + "move/", body),
            ]
            assert all(answer.status_code < 500 for answer in answers), value

    @pytest.mark.parametrize("body", ["", "{", "[]", "null", '"text"', "[" * 100_000, '{"on": NaN}', "\x00", "\ud800"])
    def test_a_body_that_is_no_object_is_400(self, api, studio_device, body):
        path, raw = f"/api/v1/devices/{studio_device.pk}/capture/", body.encode("utf-8", "surrogatepass")
        assert api.post(path, raw, content_type="application/json").status_code == 400

    def test_another_media_type_is_415(self, api, studio_device):
        path = f"/api/v1/devices/{studio_device.pk}/capture/"
        assert api.post(path, b"on", content_type="application/x-unheard-of").status_code == 415

    @pytest.mark.parametrize("path", ["rooms", "devices", "lobby", "recordings"])
    def test_no_page_is_too_far(self, api, studio_device, path):
        for query in ("limit=x", "limit=-1", "limit=0", "limit=" + "9" * 30, "offset=-1", "offset=" + "9" * 30):
            assert api.get(f"/api/v1/{path}/?{query}").status_code == 200, query


class TestDescription:
    def test_the_schema_and_its_page_are_for_who_is_signed_in(self, api, db):
        for path in ("/api/schema/", "/api/schema", "/api/docs/", "/api/docs"):
            assert api.get(path).status_code == 200
        assert Client().get("/api/schema/").status_code == 401
        assert Client().get("/api/docs/")["Location"] == "/accounts/login/?next=/api/docs/"

    def test_the_schema_documents_every_refusal(self, api):
        schema = api.get("/api/schema/?format=json").json()
        for path, methods in schema["paths"].items():
            for method, operation in methods.items():
                documented = set(operation["responses"])
                assert {"401", "403", "404"} <= documented, (method, path)
                assert method == "get" or "400" in documented, (method, path)
        assert {"apiKey", "cookieAuth"} == set(schema["components"]["securitySchemes"])

    def test_the_page_asks_nobody_else_for_files(self, api):
        page = api.get("/api/docs/").content.decode()
        assert "://" not in page.replace("http://testserver", "")
        assert "<style" not in page
        assert "onclick" not in page
