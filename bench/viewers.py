"""Pages that cost little, so that the server is measured: they count, look at the clock, acknowledge, may stall."""

import asyncio
import contextlib
import json
import struct
import time
from array import array
from collections import Counter
from typing import Any

from devices.simulator.arduino_websockets import BINARY, CLOSE, PING, PONG, TEXT
from leganize.wire.chunk import HEADER_BYTES

ACK_EVERY_S = 0.25  # as our page does
_HEADER = struct.Struct("!BBBBIIIQQ")


class CheapPage(asyncio.Protocol):
    """A page of ours in a room. It keeps no sound, only how late each chunk came and how many of each stream."""

    def __init__(self, host: str, room: str, cookie: str) -> None:
        self.lateness_us = array("q")
        self.chunks: Counter[int] = Counter()
        self.has_board = asyncio.Event()
        self.closed_at_s: float | None = None
        self.close_code: int | None = None
        self._received_bytes = 0
        self._buffer = bytearray()
        self._in_handshake = True
        self._request = (
            f"GET /ws/live?room={room} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Origin: http://{host}\r\nCookie: {cookie}\r\n\r\n"
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._transport.write(self._request.encode())
        self._acking = asyncio.get_running_loop().create_task(self._ack())

    def connection_lost(self, error: Exception | None) -> None:
        self._acking.cancel()
        self.closed_at_s = self.closed_at_s or time.monotonic()

    def data_received(self, data: bytes) -> None:
        now_us = time.time_ns() // 1000
        self._buffer += data
        if self._in_handshake:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            del self._buffer[: end + 4]
            self._in_handshake = False
        self._take_frames(now_us)

    def stall(self) -> None:
        """Stop reading and acknowledging, as a laptop does whose lid is closed."""
        self._transport.pause_reading()
        self._acking.cancel()

    def leave(self) -> None:
        """Be gone."""
        self._transport.abort()

    def _take_frames(self, now_us: int) -> None:
        at, buffer = 0, self._buffer
        while len(buffer) - at >= 2:
            length, head = buffer[at + 1] & 0x7F, 2
            if length == 126:
                head = 4
            elif length == 127:
                head = 10
            if len(buffer) - at < head:
                break
            if head > 2:
                length = int.from_bytes(buffer[at + 2 : at + head])
            if len(buffer) - at < head + length:
                break
            self._take(buffer[at] & 0x0F, at + head, length, now_us)
            at += head + length
        del buffer[:at]

    def _take(self, opcode: int, start: int, length: int, now_us: int) -> None:
        if opcode == BINARY and length >= HEADER_BYTES:
            header = _HEADER.unpack_from(self._buffer, start)
            self.chunks[header[4]] += 1
            self.lateness_us.append(now_us - header[8])
            self._received_bytes += length
        elif opcode == TEXT:
            self.has_board.set()
        elif opcode == PING:
            pong = bytes(self._buffer[start : start + length])
            self._transport.write(struct.pack("!BB", 0x80 | PONG, 0x80 | length) + bytes(4) + pong)
        elif opcode == CLOSE:
            self.close_code = int.from_bytes(self._buffer[start : start + 2])
            self.closed_at_s = time.monotonic()

    async def _ack(self) -> None:
        while True:
            await asyncio.sleep(ACK_EVERY_S)
            text = json.dumps({"type": "ack", "bytes": self._received_bytes}).encode()
            self._transport.write(struct.pack("!BB", 0x80 | TEXT, 0x80 | len(text)) + bytes(4) + text)


@contextlib.asynccontextmanager
async def pages_in(port: int, rooms: list[str], cookie: str) -> Any:
    """Open a page in each of `rooms` (a room may stand there often) and yield them once each has its board."""
    loop = asyncio.get_running_loop()
    pages: list[CheapPage] = []
    try:
        for room in rooms:
            _transport, page = await loop.create_connection(
                lambda room=room: CheapPage(f"127.0.0.1:{port}", room, cookie), "127.0.0.1", port
            )
            pages.append(page)
        async with asyncio.timeout(30):
            await asyncio.gather(*(page.has_board.wait() for page in pages))
        yield pages
    finally:
        for page in pages:
            page.leave()
