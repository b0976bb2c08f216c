"""The database and the recordings on one disk that is full: answers in words, and room for who comes to make room."""

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.db import OperationalError
from django.test import AsyncClient, Client

from bench.full_disk import fill
from leganize.full_disk import FullDisk, says_full
from recordings.keeping import ballast
from tests.installation import BASE_DIR, Installation

MEGABYTES = 24
_ON_TMPFS = (
    'cp -a "$2" "$2.before" && mount -t tmpfs -o size="$1"m none "$2" && cp -a "$2.before/." "$2" && shift 2 '
    '&& exec "$@"'
)
_KEEP_TWO = """
from devices.models import Device
from tests.kept import keep, noise
alice = User.objects.get(username="alice")
organization = alice.home_organization()
room = Room.objects.create(organization=organization, name="Weekly planning", created_by=alice)
device = Device.objects.create(organization=organization, device_id="esp32-meeting-01", room=room)
print(json.dumps([str(keep(device, noise(160_000, seed=seed)).pk) for seed in range(3)]))
"""
WORDS = "The disk is full. Free some space, then try again."


class SmallDisk:
    """An installation that lies as a whole on a small disk which only its server's process sees."""

    def __init__(self, folder: Path) -> None:
        data = folder / "data"
        data.mkdir()
        self.server = Installation(data, settings={"DELETE_UNDO_HOURS": "0"})
        self.server.manage("migrate", "--verbosity", "0")
        self.alice = self.server.person("alice")
        code = f"import json\n{_KEEP_TWO}"
        said = self.server.manage("shell", "--verbosity", "0", "--command", code)
        self.recordings = json.loads(said.splitlines()[-1])
        self.server.launcher = ["unshare", "--map-root-user", "--mount", "sh", "-c", _ON_TMPFS, "sh", str(MEGABYTES)]
        self.server.launcher.append(str(data))

    @property
    def root(self) -> Path:
        """The disk as this process reaches it: by the root of the server's."""
        return Path(f"/proc/{self.server.process.pid}/root{self.server.data_dir}")

    def fill(self) -> None:
        """Leave not a byte, not even those that the ballast gave back."""
        fill(self.root / f"filler-{time.monotonic_ns()}")

    def empty(self) -> None:
        """Give the room back."""
        for path in self.root.glob("filler-*"):
            path.unlink()

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict]:
        """Make a request as Alice."""
        return self.server.call(method, path, body, as_=self.alice)

    def manage(self, *arguments: str) -> str:
        """Run a command of `manage.py` where the server sees its disk."""
        inside = ["nsenter", "--user", "--mount", "--preserve-credentials", "--target", str(self.server.process.pid)]
        done = subprocess.run(
            [*inside, sys.executable, str(BASE_DIR / "manage.py"), *arguments],
            cwd=BASE_DIR, env=self.server._environment(), capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def sign_in_by_form(self) -> tuple[int, str]:
        """Send the sign-in form as a browser does, and return the answer."""
        with urllib.request.urlopen(f"{self.server.url}/accounts/login/") as page:
            cookie = page.headers["Set-Cookie"].partition(";")[0]
            (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())[:1])
        values = {"csrfmiddlewaretoken": token, "username": self.alice.name, "password": self.alice.password}
        headers = {"Cookie": cookie, "Referer": self.server.url}
        data = urllib.parse.urlencode(values).encode()
        request = urllib.request.Request(f"{self.server.url}/accounts/login/", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()


@pytest.fixture
def small_disk(tmp_path):
    disk = SmallDisk(tmp_path)
    with disk.server:
        _until(lambda: (disk.root / "ballast").exists())
        yield disk


def _until(reached, timeout_s: float = 20) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not reached():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_a_full_disk_refuses_in_words_and_lets_make_room(small_disk):
    first, second, third = (f"/api/v1/recordings/{each}/" for each in small_disk.recordings)
    small_disk.fill()
    assert small_disk.ask("DELETE", first) == (204, "")
    assert "1 recording" in small_disk.manage("apply_retention")
    assert not (small_disk.root / "ballast").exists()

    refused = None
    for number in range(400):  # what the database's log has room for by itself is soon used up
        small_disk.fill()
        status, said = small_disk.ask("PATCH", second, {"title": f"{number} " + "x" * 100})
        assert status in (200, 409)
        if status == 409:
            refused = said
            break
    assert refused == {"detail": WORDS}
    for method, path, body in (
        ("POST", "/api/v1/rooms/", {"name": "While it is full"}),
        ("POST", "/api/room", {"meetingType": "While it is full"}),
        ("DELETE", third, None),
    ):
        assert small_disk.ask(method, path, body) == (409, {"detail": WORDS})
    status, page = small_disk.sign_in_by_form()
    assert (status, "Free some space, then try again." in page) == (409, True)
    for path in ("/api/v1/recordings/", "/healthz", "/accounts/login/"):
        assert small_disk.ask("GET", path)[0] == 200

    small_disk.empty()
    _until((small_disk.root / "ballast").exists)
    assert small_disk.ask("DELETE", third)[0] == 204
    assert small_disk.ask("PATCH", second, {"title": "After it"})[0] == 200
    assert [each["id"] for each in small_disk.ask("GET", "/api/v1/recordings/")[1]["results"]] == [
        small_disk.recordings[1]
    ]


def test_the_ballast_is_made_where_there_is_room_and_not_where_there_is_none(settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    path = tmp_path / "ballast"
    monkeypatch.setattr(ballast, "_free_bytes", lambda: 2 * ballast.BALLAST_BYTES - 1)
    ballast.tend()
    assert not path.exists()
    monkeypatch.setattr(ballast, "_free_bytes", lambda: 2 * ballast.BALLAST_BYTES)
    ballast.tend()
    assert path.stat().st_size == ballast.BALLAST_BYTES
    monkeypatch.setattr(ballast, "_free_bytes", lambda: 0)
    ballast.tend()
    ballast.tend()
    assert not path.exists()


class DiskFull(Exception):
    """As PostgreSQL's driver says it."""

    sqlstate = "53100"


@pytest.mark.parametrize(
    ("cause", "is_full"), [(DiskFull(), True), (OSError(28, "full"), True), (OSError(5, ""), False)]
)
def test_a_full_disk_is_told_from_other_troubles(cause, is_full):
    error = OperationalError("whatever it says")
    error.__cause__ = cause
    assert says_full(error) is is_full


def test_what_a_session_learnt_and_cannot_be_saved_breaks_nothing(cast, monkeypatch):
    def refuses(self, must_create=False):
        raise OperationalError("database or disk is full") from DiskFull()

    form = {"username": "alice", "password": "alice keeps a long password"}
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.create", lambda self: None)
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.save", refuses)
    monkeypatch.setattr(FullDisk, "process_exception", None)  # no view is at work any more when a session is saved
    answer = Client(raise_request_exception=False).post("/accounts/login/", form)
    assert answer.status_code == 409
    answer = async_to_sync(AsyncClient(raise_request_exception=False).post)("/accounts/login/", form)
    assert answer.status_code == 409
