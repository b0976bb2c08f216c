"""What a session wants done: values, so that a session can be tested without a socket, a database or a clock."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from leganize.wire.chunk import Chunk
from leganize.wire.framing import Frame


@dataclass(frozen=True, slots=True)
class Send:
    """Write one message to the peer."""

    frame: Frame


@dataclass(frozen=True, slots=True)
class Close:
    """Close the peer's socket."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Publish:
    """Relay a chunk to its room, and keep it when `record` says so."""

    room_id: UUID
    chunk: Chunk
    record: bool


@dataclass(frozen=True, slots=True)
class Mint:
    """Make a token for the device, then call the session's `minted`."""

    device_id: UUID
    room_id: UUID


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask the worker that holds this connection to ping it, and to close it when nothing answers within 3 s."""

    connection_id: UUID


@dataclass(frozen=True, slots=True)
class TellRoom:
    """Tell the pages of a room."""

    room_id: UUID
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Decide:
    """Carry out what a v1 page asked of a device; `what` is the type of its message."""

    what: str
    target: str


Action = Send | Close | Publish | Mint | Probe | TellRoom | Decide
Actions = list[Action]
