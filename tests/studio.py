"""Alice's studio on a running server: its people and rooms, and how pages of the field bring devices into them."""

import asyncio
import contextlib
import itertools
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.installation import Installation, Person
from tests.shell import Shell
from tests.visitors import PATIENCE_S, Page, RawDevice, pcm

WS_HOST = "sound.example"

_CAST = """
from accounts.api_keys import make_api_key
from accounts.models import Role
people = {name: User.objects.create_user(name, password=f"{name} keeps a long password") for name in names}
studio = people["alice"].home_organization()
for name, role in (("bob", Role.OPERATOR), ("vera", Role.VIEWER)):
    people[name].memberships.all().delete()
    Membership.objects.create(user=people[name], organization=studio, role=role)
answer = [
    [name, f"{name} keeps a long password", make_api_key(user)[1], str(user.home_organization().pk)]
    for name, user in people.items()
]
"""
_SIGN_IN = """
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
user = User.objects.get(username=name)
session = import_module(settings.SESSION_ENGINE).SessionStore()
session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session.create()
answer = f"{settings.SESSION_COOKIE_NAME}={session.session_key}"
"""
_GRANT = """
from rooms.grants import make_grant
answer = make_grant(Room.objects.get(pk=room), by=User.objects.get(username="alice"), label=label,
                    may_talk=may_talk, may_control=may_control)[1]
"""


@dataclass(frozen=True)
class StudioRoom:
    """A room, and the token with which its maker's page enters it."""

    id: str
    token: str

    @property
    def query(self) -> str:
        """What a page of the field puts into its URL."""
        return f"roomId={self.id}&accessToken={self.token}"


class Studio:
    """Alice owns, Bob operates, Vera listens; Charlie is of elsewhere."""

    def __init__(self, server: Installation, shell: Shell) -> None:
        self.server, self.shell = server, shell
        cast = shell.run(_CAST, names=["alice", "bob", "vera", "charlie"])
        self.alice, self.bob, self.vera, self.charlie = (Person(*who) for who in cast)
        self.tokens: list[str] = []
        """Every credential that was handed out, to be looked for in the log."""
        self._numbers = itertools.count(1)
        self._neighbour: tuple[StudioRoom, str, str] | None = None

    def new_id(self) -> str:
        """Return a device ID that nobody has said yet."""
        return f"esp32-test-{next(self._numbers):03d}"

    async def ask(self, method: str, path: str, body: Any = None, *, as_: Person | None = None) -> tuple[int, Any]:
        """Make an HTTP request as Alice, or as someone else."""
        return await asyncio.to_thread(self.server.call, method, path, body, as_=as_ or self.alice)

    async def send_form(self, path: str, content_type: str, body: bytes) -> tuple[int, Any]:
        """Send a form as Alice's page of the field does."""
        request = urllib.request.Request(self.server.url + path, body, {"Content-Type": content_type})
        request.add_header("Authorization", f"Bearer {self.alice.key}")

        def send() -> tuple[int, Any]:
            try:
                with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                    return answer.status, json.loads(answer.read())
            except urllib.error.HTTPError as refusal:
                return refusal.code, refusal.read().decode()

        return await asyncio.to_thread(send)

    async def room(self, *, as_: Person | None = None, **details: str) -> StudioRoom:
        """Make a room, as a page of the field does."""
        status, made = await self.ask("POST", "/api/room", {"meetingType": "Weekly planning", **details}, as_=as_)
        assert status == 201, made
        self.tokens.append(made["accessToken"])
        return StudioRoom(made["roomId"], made["accessToken"])

    async def guest(self, room: StudioRoom, *, may_talk: bool = False, may_control: bool = False) -> StudioRoom:
        """Return the room as someone enters it whom Alice invited with these rights."""
        rights = {"may_talk": may_talk, "may_control": may_control}
        token = await self.shell.does(_GRANT, room=room.id, label="A guest", **rights)
        self.tokens.append(token)
        return StudioRoom(room.id, token)

    async def sign_in(self, name: str) -> str:
        """Return the cookie of a browser in which this person has signed in."""
        cookie = await self.shell.does(_SIGN_IN, name=name)
        self.tokens.append(cookie.partition("=")[2])
        return cookie

    def knock(self, query: str) -> Page:
        """Open a socket with a page of the field that may be turned away."""
        return Page(self.server, f"/ws?{query}" if query else "/ws")

    @contextlib.asynccontextmanager
    async def page(self, room: StudioRoom, who: str = "") -> AsyncIterator[Page]:
        """A page of the field that is in a room."""
        async with self.knock(room.query + who) as page:
            await page.hears("connected")
            yield page

    @contextlib.asynccontextmanager
    async def live(self, cookie: str, room: StudioRoom | None = None) -> AsyncIterator[Page]:
        """A page of ours that is in a room, or in none."""
        async with Page(self.server, f"/ws/live?room={room.id}" if room else "/ws/live", cookie=cookie) as page:
            await page.until(lambda: "board" in page.kinds())
            yield page

    def device(self, device_id: str, more: str = "", **habits: Any) -> RawDevice:
        """Switch on a device that knows its ID and, with `more`, its room."""
        return RawDevice(self.server, f"type=esp32&deviceId={device_id}{more}", **habits)

    async def lists(self, path: str, device_id: str, *, as_: Person | None = None, **expected: Any) -> dict[str, Any]:
        """Poll a list of devices, as pages of the field do, until this one is on it."""

        async def look() -> Any:
            _status, answer = await self.ask("GET", path, as_=as_)
            wanted = {"deviceId": device_id, **expected}
            return next((each for each in answer["devices"] if wanted.items() <= each.items()), None)

        return await self.comes_true(look, f"{device_id} on {path}")

    async def shows(self, device_id: str, wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Ask the API until it shows this device as wanted."""

        async def look() -> Any:
            _status, answer = await self.ask("GET", "/api/v1/devices/?limit=500")
            return next((each for each in answer["results"] if each["deviceId"] == device_id and wanted(each)), None)

        return await self.comes_true(look, f"{device_id} as wanted")

    async def comes_true(self, look: Callable[[], Any], what: str) -> Any:
        """Look again and again until there is something to see, and return it."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (seen := await look()):  # noqa: ASYNC110 - what is looked at is another process
                    await asyncio.sleep(0.1)
                return seen
        except TimeoutError:
            raise AssertionError(f"never came true: {what}") from None

    async def hand_over(self, room: StudioRoom, device: RawDevice, device_id: str) -> str:
        """Give a room to a waiting device, as a page of the field does, and return what its URL will say of it."""
        async with self.knock(f"{room.query}&type=browser&targetDeviceId={quote(device_id)}") as page:
            assert await page.ends() == (1000, "Config sent")
        config = await device.hears("room-config")
        self.tokens.append(config["accessToken"])
        return f"&roomId={config['roomId']}&accessToken={config['accessToken']}"

    async def paired(self, room: StudioRoom, device_id: str, **habits: Any) -> str:
        """Bring a new device into a room as far as its URL, which is returned; it is not there yet."""
        async with self.device(device_id, **habits) as device:
            await self.lists("/api/esp32/pending", device_id)
            return await self.hand_over(room, device, device_id)

    @contextlib.asynccontextmanager
    async def device_in(self, room: StudioRoom, device_id: str, **habits: Any) -> AsyncIterator[RawDevice]:
        """A device that has come into a room."""
        credentials = await self.paired(room, device_id)
        async with self.device(device_id, credentials, **habits) as device:
            await device.hears("connected", roomId=room.id)
            await self.lists("/api/esp32/connected", device_id)
            yield device

    @contextlib.asynccontextmanager
    async def undisturbed(self) -> AsyncIterator[None]:
        """While this lasts, a neighbour streams in a room of its own; none of its chunks may be lost."""
        if self._neighbour is None:
            room, name = await self.room(), self.new_id()
            self._neighbour = room, name, await self.paired(room, name)
        room, name, credentials = self._neighbour
        sent: list[bytes] = []

        async def stream(device: RawDevice) -> None:
            while True:
                sent.append(pcm(seed=len(sent)))
                await device.sound(room.id, sent[-1])
                await asyncio.sleep(0.064)

        async with self.page(room) as page, self.device(name, credentials) as device:
            await device.hears("connected")
            await page.say("start-recording", targetDeviceId=name)
            await device.hears("start-recording")
            streaming = asyncio.create_task(stream(device))
            try:
                yield
            finally:
                streaming.cancel()
            await page.hears_sound(b"".join(sent))
            assert (device.kinds(), device.faults, device.closed) == (["connected", "start-recording"], [], None)
            usual = ("connected", "esp32-started-recording", "esp32-audio-chunk")
            assert [message for message in page.heard if message["type"] not in usual] == []

    async def configure(self, device_id: str, **changes: Any) -> None:
        """Say how the sound of a device is to be read, or what it is."""
        entry = await self.shows(device_id, lambda entry: True)
        status, answer = await self.ask("PATCH", f"/api/v1/devices/{entry['id']}/", changes)
        assert status == 200, answer


@contextlib.contextmanager
def studio_on(folder: Path, asgi_server: str = "serve", **settings: str) -> Iterator[Studio]:
    """Open the studio on a server of its own, and close it with what must hold after every visit."""
    server = Installation(folder, asgi_server=asgi_server, settings=settings)
    with server, Shell(server) as shell:
        studio = Studio(server, shell)
        yield studio
    log = server.log
    assert "timeout graceful shutdown exceeded" not in log  # no socket's task was left behind
    assert "Traceback" not in log, log[log.index("Traceback") - 300 :][:3000]
    assert [token for token in studio.tokens if token in log] == []


@contextlib.contextmanager
def big_stores(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Settings of an installation that stands on PostgreSQL and Redis, with a database of its own."""
    redis_url = request.getfixturevalue("redis_server_url")
    with request.getfixturevalue("postgres_server").database() as database_url:
        yield {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "OPEN_LOBBY": "true", "REHOME": "ask"}


@pytest.fixture(scope="module", name="studio")
def open_a_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """The studio on a server that the tests of one module share."""
    with studio_on(tmp_path_factory.mktemp("studio"), WS_HOST=WS_HOST) as studio:
        yield studio


@pytest.fixture(name="device_id")
def name_a_device(studio: Studio) -> str:
    """A name that no device has said yet."""
    return studio.new_id()
