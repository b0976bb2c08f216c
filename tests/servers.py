"""Loaded by pytest before Django is: a private data folder for the run, and real servers for whoever asks for one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.installation import PLAIN_SETTINGS, Installation, InstallationFactory
from tests.stores import PostgresServer, redis_server

_OF_THIS_PROCESS = {
    "DJANGO_SETTINGS_MODULE": "leganize.settings",
    "SECRET_KEY": "a key that only the tests know, long enough for Django",
    "REHOME": "always",
    "OPEN_LOBBY": "true",
}


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Give this process (each of pytest-xdist's is one) a data folder and plain settings of its own."""
    folder = Path(tempfile.mkdtemp(prefix="leganize-tests-"))
    early_config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ.update(PLAIN_SETTINGS | _OF_THIS_PROCESS, LEGANIZE_DATA=str(folder))
    os.environ.pop("RECORDINGS_DIR", None)


@pytest.fixture(scope="session")
def redis_server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis server of this process's own, on a free port of 127.0.0.1."""
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def redis_url(redis_server_url: str) -> str:
    """The Redis server, emptied."""
    import redis

    with redis.Redis.from_url(redis_server_url) as client:
        client.flushall()
    return redis_server_url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this process's own, on a socket in a temporary folder."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A new, empty database."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def leganize_server(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstallationFactory]:
    """Call it for a running server, `leganize_server(asgi_server="runserver")`; it ends with the test."""
    with ExitStack() as stack:

        def start(*, asgi_server: str = "serve", data_dir: Path | None = None, **settings: str) -> Installation:
            folder = data_dir or Path(tempfile.mkdtemp(prefix="var-", dir=tmp_path))
            installation = Installation(folder, asgi_server=asgi_server, settings=settings)
            return stack.enter_context(installation)

        yield start
