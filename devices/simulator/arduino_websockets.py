"""What the library in the field, arduinoWebSockets 2.7, does on the wire: its handshake, its frames, its heartbeat."""

import asyncio
import base64
import hashlib
import os
import secrets
import ssl
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from devices.simulator.tcp import Tcp

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
ONE_WRITE_BELOW_BYTES = 1400  # the library packs header and payload together only when both fit one TCP segment
LARGEST_MESSAGE_BYTES = 15 * 1024  # WEBSOCKETS_MAX_DATA_SIZE on an ESP32
_ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


@dataclass(frozen=True)
class Timing:
    """How long the library waits, as the sketch sets it up; tests shorten it."""

    handshake_s: float = 5.0
    retry_s: float = 5.0
    ping_every_s: float = 15.0
    pong_within_s: float = 3.0
    misses: int = 2


class Event(StrEnum):
    """What the library tells the sketch."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    TEXT = "text"
    LOST_MESSAGE = "lost message"
    """A message that the library or the sketch drops without reading it: binary, or in fragments."""


class _Status(Enum):
    NOT_CONNECTED = auto()
    HEADER = auto()
    CONNECTED = auto()


class WebSocketsClient:
    """The library's client: the sketch calls `loop()` over and over, and each call does one small thing."""

    def __init__(
        self,
        on_event: Callable[[Event, bytes], Awaitable[None]],
        timing: Timing,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.started_at = clock()
        """When the newest TCP connection was asked for."""
        self._on_event = on_event
        self._timing = timing
        self._clock = clock
        self._booted_at = clock()
        self._tcp: Tcp | None = None
        self._status = _Status.NOT_CONNECTED
        self._host = ""

    def begin(self, host: str, port: int, path: str, tls: ssl.SSLContext | None = None) -> None:
        """Aim at a URL; the next `loop()` connects to it at once. The path goes out as it is, never escaped."""
        self._host, self._port, self._path, self._tls = host, port, path, tls
        self._protocol = "arduino"
        self._tcp = None
        self._status = _Status.NOT_CONNECTED
        self._failed_at = float("-inf")
        self._last_ping = self._booted_at
        self._pong_received = False
        self._missed_pongs = 0

    @property
    def is_connected(self) -> bool:
        return self._status is _Status.CONNECTED

    async def loop(self) -> None:
        """Connect when it is time, else take one header line or one frame, and look after the heartbeat."""
        if not self._host:
            return
        if self._tcp and self._tcp.lost and not self._tcp.received:
            await self._forget_socket()
        if self._tcp is None:
            if self._clock() - self._failed_at >= self._timing.retry_s:
                await self._connect()
            return
        if self._status is _Status.HEADER:
            await self._take_header_line()
        elif self._tcp.received:
            await self._take_frame()
        if self.is_connected:
            await self._send_ping_when_due()
            await self._count_missed_pong()

    async def send_text(self, payload: bytes) -> bool:
        """Send one text message; False when the socket did not take it."""
        return self.is_connected and await self._send_frame(TEXT, payload)

    async def disconnect(self, code: int = 1000) -> None:
        """Say goodbye with `code` where there is someone to say it to, and forget the socket."""
        if self.is_connected:
            await self._send_frame(CLOSE, struct.pack("!H", code))
        await self._forget_socket()

    def let_go_of_socket(self) -> asyncio.Transport | None:
        """Return the socket unclosed and unread, as a chip that lost power leaves it to its peer."""
        tcp, self._tcp, self._status = self._tcp, None, _Status.NOT_CONNECTED
        if tcp is None or tcp.lost:
            return None
        if not tcp.transport.is_closing():
            tcp.transport.pause_reading()
        return tcp.transport

    def break_socket(self) -> None:
        """Lose the link: the peer gets a reset, the sketch finds out at its next `loop()`."""
        if self._tcp:
            self._tcp.received.clear()
            self._tcp.transport.abort()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        self.started_at = self._clock()
        try:
            async with asyncio.timeout(self._timing.handshake_s):
                _transport, self._tcp = await loop.create_connection(Tcp, self._host, self._port, ssl=self._tls)
        except (OSError, TimeoutError):  # ssl's errors are OSErrors
            self._failed_at = self._clock()
            return
        self._status = _Status.HEADER
        self._code = 0
        self._answer: dict[str, str] = {}
        self._key = base64.b64encode(os.urandom(16)).decode()
        await self._tcp.write(self._request(), self._timing.handshake_s)

    def _request(self) -> bytes:
        lines = [
            f"GET {self._path} HTTP/1.1",
            f"Host: {self._host}:{self._port}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {self._key}",
            f"Sec-WebSocket-Protocol: {self._protocol}",
            "Origin: file://",
            "User-Agent: arduino-WebSocket-Client",
        ]
        return "\r\n".join([*lines, "", ""]).encode()

    async def _take_header_line(self) -> None:
        end = self._tcp.received.find(b"\n")
        if end < 0:
            if self._clock() - self.started_at > self._timing.handshake_s:
                await self._forget_socket()
            return
        line = bytes(self._tcp.received[:end]).decode("latin-1").strip()
        del self._tcp.received[: end + 1]
        if line.startswith("HTTP/1."):
            self._code = int(line[9:12]) if line[9:12].isdigit() else 0
        elif line:
            name, _colon, value = line.partition(":")
            self._answer[name.strip().lower()] = value.strip()
        else:
            await self._finish_handshake()

    async def _finish_handshake(self) -> None:
        # a reply to a key that this client did not send is as good as none
        expected = base64.b64encode(hashlib.sha1(self._key.encode() + _ACCEPT_GUID, usedforsecurity=False).digest())
        answer = self._answer
        right = (
            self._code == 101
            and answer.get("connection", "").lower() == "upgrade"
            and answer.get("upgrade", "").lower() == "websocket"
            and answer.get("sec-websocket-accept") == expected.decode()
        )
        if not right:
            await self._forget_socket()
            return
        self._protocol = answer.get("sec-websocket-protocol", self._protocol)
        self._status = _Status.CONNECTED
        await self._on_event(Event.CONNECTED, self._path.encode())

    async def _take_frame(self) -> None:
        tcp = self._tcp
        head = await tcp.read(2, self._timing.handshake_s)
        length = await self._read_length(head)
        if length is None:
            await self.disconnect(1002)
            return
        if length > LARGEST_MESSAGE_BYTES:
            await self.disconnect(1009)
            return
        masked = bool(head[1] & 0x80)
        body = await tcp.read(length + (4 if masked else 0), self._timing.handshake_s)
        if body is None:
            await self.disconnect(1002)
            return
        payload = _masked(body[4:], body[:4]) if masked else body
        await self._handle(head[0] & 0x0F, bool(head[0] & 0x80), payload)

    async def _read_length(self, head: bytes | None) -> int | None:
        if head is None:
            return None
        short = head[1] & 0x7F
        if short < 126:
            return short
        form = "!H" if short == 126 else "!Q"
        long = await self._tcp.read(struct.calcsize(form), self._timing.handshake_s)
        return None if long is None else struct.unpack(form, long)[0]

    async def _handle(self, opcode: int, is_whole: bool, payload: bytes) -> None:
        if opcode == TEXT and is_whole:
            await self._on_event(Event.TEXT, payload)
        elif opcode in (0x0, TEXT, BINARY):
            await self._on_event(Event.LOST_MESSAGE, payload)
        elif opcode == PING:
            await self._send_frame(PONG, payload)
        elif opcode == PONG:
            self._pong_received = True
        else:  # a close, and whatever else there is, ends it; its code stays invisible to the sketch
            await self.disconnect(1000 if opcode == CLOSE else 1002)

    async def _send_frame(self, opcode: int, payload: bytes) -> bool:
        header, mask = frame_header(opcode, len(payload))
        if 0 < len(payload) < ONE_WRITE_BELOW_BYTES:
            writes = [header + _masked(payload, mask)]
        else:
            writes = [header, payload] if payload else [header]
        for piece in writes:
            if self._tcp is None or self._tcp.lost or not await self._tcp.write(piece, self._timing.handshake_s):
                return False
        return True

    async def _send_ping_when_due(self) -> None:
        if self._clock() - self._last_ping > self._timing.ping_every_s:
            self._last_ping = self._clock()
            self._pong_received = False
            if not await self._send_frame(PING, b""):
                await self.disconnect(1000)

    async def _count_missed_pong(self) -> None:
        if self._pong_received:
            self._missed_pongs = 0
        elif self._clock() - self._last_ping > self._timing.pong_within_s:
            self._missed_pongs += 1
            self._last_ping = self._clock() - self._timing.ping_every_s - 0.5  # so that the next pass pings again
            if self._missed_pongs >= self._timing.misses:
                await self._forget_socket()

    async def _forget_socket(self) -> None:
        had_one, self._status = self._tcp, _Status.NOT_CONNECTED
        self._failed_at = self._clock()
        self._tcp = None
        if had_one:
            had_one.transport.close()
            await self._on_event(Event.DISCONNECTED, b"")


def frame_header(opcode: int, length: int) -> tuple[bytes, bytes]:
    """Return a frame's header and its mask key: random below 1400 bytes, zero from there on and when empty."""
    mask = secrets.token_bytes(4) if 0 < length < ONE_WRITE_BELOW_BYTES else bytes(4)
    first = 0x80 | opcode
    if length < 126:
        return struct.pack("!BB", first, 0x80 | length) + mask, mask
    if length < 0xFFFF:
        return struct.pack("!BBH", first, 0x80 | 126, length) + mask, mask
    return struct.pack("!BBQ", first, 0x80 | 127, length) + mask, mask


def _masked(payload: bytes, mask: bytes) -> bytes:
    return bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def trusting_tls() -> ssl.SSLContext:
    """Return what beginSSL does without a fingerprint and a certificate authority: encrypt, with whoever answers."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
