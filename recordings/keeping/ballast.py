"""A file that is given up when the disk is full, so that the database can still write down what is to be deleted."""

import logging
import os
from contextlib import suppress
from pathlib import Path

from django.conf import settings

logger = logging.getLogger(__name__)

BALLAST_BYTES = 4 * 1024 * 1024  # of SQLite's log before it starts over; a deletion needs some 30 KB of it
FULL_BYTES = 512 * 1024  # less than this is full: the next statement, or the one after, will not fit


def tend() -> None:
    """Called by each heartbeat: make the ballast where there is room, give it up where there is none."""
    free = _free_bytes()
    if free < FULL_BYTES:
        give_up()
    elif free >= 2 * BALLAST_BYTES and not _path().exists():
        _make()


def is_disk_full() -> bool:
    """Tell whether there is hardly room for anything beside the database."""
    return _free_bytes() < FULL_BYTES


def give_up_when_full() -> None:
    """Call this before something is written that makes room in the end."""
    if is_disk_full():
        give_up()


def give_up() -> None:
    """Remove the ballast, if it is there: its bytes are free at once."""
    with suppress(FileNotFoundError):
        _path().unlink()
        logger.warning("the disk of %s is full: its ballast is given up, %d bytes", _path().parent, BALLAST_BYTES)


def _make() -> None:
    path = _path()
    own = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        own.write_bytes(os.urandom(BALLAST_BYTES))  # what cannot be compressed takes the room that it says
        os.replace(own, path)
    except OSError as error:
        logger.warning("the ballast is not made: %s", error)
        own.unlink(missing_ok=True)


def _path() -> Path:
    return Path(settings.DATA_DIR) / "ballast"


def _free_bytes() -> int:
    about = os.statvfs(settings.DATA_DIR)
    return about.f_bavail * about.f_frsize
