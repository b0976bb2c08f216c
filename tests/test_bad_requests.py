"""Odd names over HTTP: in paths, bodies, forms and headers; every answer is a refusal or a page, never a 5xx."""

import asyncio
from itertools import product
from urllib.parse import urlencode

import pytest

from tests.bare_http import request
from tests.odd_names import ODD, besieged_studio, both_ways, encoded
from tests.studio import Studio, StudioRoom, big_stores

CSRF = "a" * 32


PATHS = [
    "/api/room/{}", "/api/v1/rooms/{}/", "/api/v1/devices/{}/", "/api/v1/lobby/{}/", "/rooms/{}/", "/devices/{}/",
    "/recordings/{}/audio.wav", "/static/{}", "/{}", "/admin/rooms/room/{}/change/", "/accounts/enter/{}/x/",
    "/accounts/enter/MQ/{}/", "/api/room?status={}", "/api/room?limit={}", "/api/room?skip={}", "/?{}",
    "/api/v1/rooms/?status={}", "/api/v1/devices/?limit={}&offset={}", "/recordings/?room={}&q={}&page={}",
    "/devices/?room={}&q={}&state={}", "/connect?room={}", "/accounts/login/?next={}", "/jsi18n/?language={}",
]  # fmt: skip
DECISIONS = ["/api/room/{}/end", "/api/v1/rooms/{}/end/", "/api/v1/devices/{}/capture/", "/api/v1/devices/{}/move/"]
FIELDS = ["companyType", "meetingType", "location", "meetingNo", "companyName", "description", "name", "device"]
FORMS = {
    "/accounts/login/": ["username", "password", "next"],
    "/accounts/password/": ["old_password", "new_password1", "new_password2"],
    "/theme/": ["theme", "next"],
    "/i18n/setlang/": ["language", "next"],
    "/rooms/": ["name", "records", "next"],
    "/connect": ["name", "records"],
    "/rooms/{room}/settings/": ["name", "records", "next"],
    "/rooms/{room}/records/": ["records", "next"],
    "/devices/{device}/": ["name", "sample_rate_hz", "channels", "room", "next"],
    "/devices/{device}/configure/": ["sample_rate_hz", "channels"],
    "/devices/{device}/capture/": ["on", "next"],
    "/devices/{device}/replace/": ["connection"],
}


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL and Redis"])
def studio(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad-requests")
    if request.param == "SQLite":
        with besieged_studio(folder) as studio:
            yield studio
        return
    with big_stores(request) as stores, besieged_studio(folder, **stores) as studio:
        yield studio


@pytest.fixture(scope="module")
def room(studio: Studio) -> StudioRoom:
    return asyncio.run(studio.room())


@pytest.fixture(scope="module")
def claimed_device(studio: Studio, room: StudioRoom) -> str:
    async def pair() -> str:
        name = studio.new_id()
        await studio.paired(room, name)
        return (await studio.shows(name, lambda entry: True))["id"]

    return asyncio.run(pair())


@pytest.fixture(params=ODD.values(), ids=ODD)
def odd(request) -> str:
    return request.param


class TestHttp:
    async def test_in_a_path(self, studio, odd):
        by_key = {"Authorization": f"Bearer {studio.alice.key}"}
        by_cookie = {"Cookie": await studio.sign_in("alice")}
        for path, text in product(PATHS, both_ways(odd)):
            target, who = path.encode().replace(b"{}", text), by_key if path.startswith("/api/") else by_cookie
            status, _content = await request(studio.server, "GET", target, headers=who)
            assert status < 500, (path, text[:80])

    async def test_in_the_path_of_a_decision(self, studio, odd):
        headers = {"Authorization": f"Bearer {studio.alice.key}", "Content-Type": "application/json"}
        for path, text in product(DECISIONS, both_ways(odd)):
            target = path.encode().replace(b"{}", text)
            status, _content = await request(studio.server, "POST", target, headers=headers, body=b'{"on": true}')
            assert 400 <= status < 500 or status == 0, (path, text[:80])

    async def test_in_the_body_of_a_call(self, studio, room, odd):
        for path in ("/api/room", "/api/v1/rooms/", f"/api/v1/rooms/{room.id}/devices/"):
            for body in ([odd], odd, *({field: value} for field in FIELDS for value in (odd, [odd], {odd: odd}))):
                status, answer = await studio.ask("POST", path, body)
                assert status < 500, (path, str(body)[:80], answer)

    @pytest.mark.parametrize("body", [b"", b"{", b"[" * 90_000, b"\xff\xfe", b"null", b"7", b'"x"', b'{"a": NaN}'])
    async def test_a_body_that_is_none(self, studio, body):
        for kind in ("application/json", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain", "x"):
            for path in ("/api/room", "/api/v1/rooms/", "/api/esp32/pending"):
                status, _answer = await studio.send_form(path, kind, body)
                assert status < 500, (kind, path)

    async def test_in_a_form(self, studio, room, claimed_device, odd):
        headers = {
            "Cookie": f"{await studio.sign_in('alice')}; csrftoken={CSRF}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": studio.server.url,
        }
        for path, fields in FORMS.items():
            target = path.format(room=room.id, device=claimed_device).encode()
            for field, text in [*product(fields, [odd]), ("next", "/" + odd)]:
                form = {
                    **dict.fromkeys(fields, "x"),
                    field: text.encode("utf-8", "surrogatepass"),
                    "csrfmiddlewaretoken": CSRF,
                }
                body = urlencode(form).encode()
                status, _content = await request(studio.server, "POST", target, headers=headers, body=body)
                assert status < 500 and status != 403, (path, field, status)

    async def test_in_a_header(self, studio, odd):
        text = encoded(odd)
        for header in ("Authorization", "Cookie", "Accept-Language", "X-Forwarded-For", "Origin", "Host", "Range"):
            status, _content = await request(studio.server, "GET", b"/api/room", headers={header: text or "x"})
            assert status < 500, header
