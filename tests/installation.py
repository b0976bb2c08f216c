"""A whole Leganize beside the test: a process, its data folder, its log, and people who can sign in to it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from tests.stores import free_port

BASE_DIR = Path(__file__).resolve().parent.parent
START_SECONDS = 60  # two cores may be shared by a browser and several servers
END_SECONDS = 20
LOG_TAIL_BYTES = 4000
PLAIN_SETTINGS = {
    # said in full, because what is not said is taken from the `.env` of whoever runs the tests
    **dict.fromkeys(("DATABASE_URL", "REDIS_URL", "WS_HOST", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS"), ""),
    **dict.fromkeys(("TRUSTED_PROXIES", "SECRET_KEY", "METRICS_TOKEN"), ""),
    **dict.fromkeys(("S3_BUCKET", "S3_ENDPOINT_URL", "S3_REGION", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_PREFIX"), ""),
    **dict.fromkeys(("BEHIND_TLS", "DEBUG", "DEMO"), "false"),
    "HOST": "127.0.0.1",
    "FSYNC": "interval",
    "TIME_ZONE": "UTC",
    "LOG_LEVEL": "INFO",
}
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH")

_MAKE_PERSON = """
import json
from accounts.api_keys import make_api_key
from accounts.models import Membership, Organization, User
user = User.objects.create_user({name!r}, password={password!r})
organization = user.home_organization()
if {role!r}:
    organization = Organization.objects.get(pk={organization!r})
    user.memberships.all().delete()
    Membership.objects.create(user=user, organization=organization, role={role!r})
print(json.dumps({{"organization": str(organization.pk), "key": make_api_key(user)[1]}}))
"""


@dataclass(frozen=True)
class Person:
    """Someone who can sign in to a running server, and whose API key acts as them."""

    name: str
    password: str
    key: str
    organization: str


class InstallationFactory(Protocol):
    """What the fixture `leganize_server` is."""

    def __call__(
        self, *, asgi_server: str = "serve", data_dir: Path | None = None, **settings: str
    ) -> "Installation": ...


class Installation:
    """A server process of `manage.py serve` (uvicorn) or `manage.py runserver` (Daphne), ended by its PID.

    `settings` are environment variables; nothing else of the caller's environment reaches it.
    """

    def __init__(self, data_dir: Path, *, asgi_server: str = "serve", settings: dict[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}"
        self.log_path = data_dir / "server.log"
        self.launcher: list[str] = []
        """What starts the server in its place, with another disk or another clock, and becomes it by `exec`."""
        self.process: subprocess.Popen | None = None
        self._asgi_server = asgi_server
        self._settings = settings or {}
        self._is_migrated = False

    def __enter__(self) -> Self:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process and self.process.poll() is None:
            self.terminate()

    def start(self) -> None:
        """Start, and wait until the server says that it is ready."""
        self._migrate_once()
        command = [sys.executable, "manage.py", "serve"]
        if self._asgi_server == "runserver":
            command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{self.port}"]
        self._log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        with self.log_path.open("ab") as log:
            command = [*self.launcher, *command]
            self.process = subprocess.Popen(command, cwd=BASE_DIR, env=self._environment(), stdout=log, stderr=log)
        self._wait_until_ready()

    def terminate(self) -> int:
        """Ask the server to end, as a supervisor does, and return its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server as a power failure does."""
        self._end(signal.SIGKILL)

    def restart(self, **settings: str) -> None:
        """End the server politely and start it again: same data, same port, and from now on these settings too."""
        self._settings = self._settings | settings
        self.terminate()
        self.start()

    def manage(self, *arguments: str) -> str:
        """Run a command of `manage.py` on this installation and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=BASE_DIR, env=self._environment(), capture_output=True, text=True, timeout=START_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, f"manage.py {arguments[0]} failed:\n{done.stdout}{done.stderr}"
        return done.stdout

    def open_command(self, *arguments: str) -> subprocess.Popen:
        """Start a command of `manage.py` on this installation that one talks to by its standard streams."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.Popen(
            command, cwd=BASE_DIR, env=self._environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def person(self, name: str, *, role: str = "", organization: str = "") -> Person:
        """Make a person, in an organization of their own or, with `role`, in that one alone."""
        password = f"{name} keeps a long password"
        code = _MAKE_PERSON.format(name=name, password=password, role=role, organization=organization)
        said = json.loads(self.manage("shell", "--verbosity", "0", "--command", code).splitlines()[-1])
        return Person(name, password, said["key"], said["organization"])

    def call(self, method: str, path: str, body: Any = None, *, as_: Person | None = None) -> tuple[int, Any]:
        """Make one HTTP request with JSON and return its status and its decoded answer."""
        request = urllib.request.Request(self.url + path, method=method)
        if as_:
            request.add_header("Authorization", f"Bearer {as_.key}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, _decoded(answer.read())
        except urllib.error.HTTPError as refusal:
            return refusal.code, _decoded(refusal.read())

    @property
    def recordings_dir(self) -> Path:
        """Where it keeps what devices send."""
        return Path(self._settings.get("RECORDINGS_DIR") or self.data_dir / "recordings")

    @property
    def log(self) -> str:
        """Everything that the server wrote, over all its starts."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def sign_in_url(self) -> str:
        """The one-time link of the newest start."""
        since_start = self.log_path.read_bytes()[self._log_start :].decode(errors="replace")
        links = re.findall(r"https?://\S+/accounts/enter/[^\s\x1b]+", since_start)
        assert links, f"no sign-in link was printed:\n{since_start[-LOG_TAIL_BYTES:]}"
        return links[-1]

    def _migrate_once(self) -> None:
        if self._is_migrated:
            return
        self._is_migrated = True
        database = self.data_dir / "leganize.sqlite3"
        empty = Path(os.environ["LEGANIZE_DATA"]) / "migrated.sqlite3"  # of this test process: made once, then copied
        is_new_sqlite = not self._settings.get("DATABASE_URL") and not database.exists()
        if is_new_sqlite and empty.exists():
            shutil.copy(empty, database)
            return
        self.manage("migrate", "--verbosity", "0")
        if is_new_sqlite:
            shutil.copy(database, empty)

    def _environment(self) -> dict[str, str]:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        own = {
            "LEGANIZE_DATA": str(self.data_dir),
            "PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
        }
        return passed_on | PLAIN_SETTINGS | own | self._settings

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=2):
                    return
            except OSError:
                time.sleep(0.1)  # refused while it starts, 503 while it is not ready
        self.kill()
        raise AssertionError(f"the server did not become ready:\n{self.log[-LOG_TAIL_BYTES:]}")

    def _end(self, how: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server did not end in {END_SECONDS} s:\n{self.log[-LOG_TAIL_BYTES:]}") from None


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
