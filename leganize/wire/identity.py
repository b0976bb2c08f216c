"""The names that sockets carry: which device IDs are taken, and the epoch that tells one connection from the next."""

import re
import secrets
import time
from uuid import UUID

DEVICE_ID_PATTERN = r"[A-Za-z0-9._:-]{1,64}"
_DEVICE_ID = re.compile(DEVICE_ID_PATTERN)


def is_device_id(text: str) -> bool:
    """Tell whether `text` may name a device: 1 to 64 of `A-Z a-z 0-9 . _ : -`."""
    return _DEVICE_ID.fullmatch(text) is not None


def new_epoch(now_s: float | None = None) -> UUID:
    """Make a UUIDv7 (RFC 9562) from seconds since 1970: unique, and sorted by the time a connection was accepted."""
    milliseconds = int((time.time() if now_s is None else now_s) * 1000)
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return UUID(int=value)


def boot_id(epoch: UUID) -> int:
    """Return the 64 bits of an epoch that a chunk header carries: its time and its first random bits."""
    return epoch.int >> 64
