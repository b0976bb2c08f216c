"""WebSocket frames as bytes (RFC 6455): built once for all viewers of a room, written many times."""

import struct
from dataclasses import dataclass

_TEXT, _BINARY = 0x81, 0x82  # FIN and the opcode; a server's frames are never masked


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole message to a peer: `payload` for servers that frame it themselves, `wire` for those that let us."""

    payload: bytes
    is_text: bool
    wire: bytes

    def __len__(self) -> int:
        return len(self.wire)


def text_frame(payload: bytes) -> Frame:
    """Frame UTF-8 text as one unfragmented message."""
    return Frame(payload, True, _frame(_TEXT, payload))


def binary_frame(payload: bytes) -> Frame:
    """Frame bytes as one unfragmented message."""
    return Frame(payload, False, _frame(_BINARY, payload))


def _frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload
