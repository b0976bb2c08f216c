"""Who comes to a server's sockets in these tests: devices by their bytes, pages of the field, and pages of ours."""

import asyncio
import base64
import contextlib
import json
import re
import struct
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import websockets

from devices.simulator.arduino_websockets import BINARY, CLOSE, PING, PONG, TEXT
from leganize.wire.chunk import Chunk
from tests.installation import Installation

PATIENCE_S = 20.0  # two cores may be shared by a browser and several servers
LONGEST_FOR_A_SKETCH_BYTES = 512
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # always the same, so that answers can be compared byte by byte

URL_SAFE = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what a sketch may paste into its URL as it is

Message = dict[str, Any]


def pcm(samples: int = 1024, seed: int = 1) -> bytes:
    """Return noise, so that no two chunks are alike."""
    return np.random.default_rng(seed).integers(-20000, 20000, samples, dtype="<i2").tobytes()


class Visitor:
    """What one peer has heard, in order, and how its socket ended."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.closed: tuple[int, str] | None = None
        self.patience_s = PATIENCE_S
        self._taken = 0
        self._news = asyncio.Event()

    async def hears(self, kind: str, **expected: Any) -> Message:
        """Return the next message of this type that says what is expected; what came before it is passed over."""

        def found() -> Message | None:
            for index in range(self._taken, len(self.heard)):
                message = self.heard[index]
                if message["type"] == kind and expected.items() <= message.items():
                    self._taken = index + 1
                    return message
            return None

        return await self._until(found, f"{kind} {expected or ''}")

    async def ends(self) -> tuple[int, str]:
        """Return the code and the reason with which the server closes this socket."""
        return await self._until(lambda: self.closed, "a close")

    async def until(self, reached: Callable[[], Any]) -> Any:
        """Wait until something is so that news on this socket can change."""
        return await self._until(reached, "what was expected")

    def kinds(self) -> list[str]:
        """Return the types of everything heard so far."""
        return [message["type"] for message in self.heard]

    async def _until(self, reached: Callable[[], Any], what: str) -> Any:
        try:
            async with asyncio.timeout(self.patience_s):
                while not (found := reached()) and not self.closed:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            found = None
        assert found, f"no {what} in {self.heard[-8:]}, closed {self.closed}"
        return found


class RawDevice(Visitor):
    """A device by its bytes: it sends what it is told to, and judges all it hears as the sketch of the field would."""

    def __init__(
        self, server: Installation, query: str | bytes, *, address: str = "127.0.0.1", answers_pings: bool = True
    ) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.status = 0
        """Of the answer to the handshake; 0 when the server hung up instead."""
        self.answer = b""
        """Every byte that came, but for the date."""
        self._server, self._address, self.answers_pings = server, address, answers_pings
        self._query = query.encode() if isinstance(query, str) else query

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self._server.port, local_addr=(self._address, 0)
        )
        lines = [
            b"GET /ws?" + self._query + b" HTTP/1.1", b"Host: elsewhere.example:%d" % self._server.port,
            b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: " + KEY,
            b"Sec-WebSocket-Protocol: arduino", b"Origin: file://", b"User-Agent: arduino-WebSocket-Client",
        ]  # fmt: skip
        self._writer.write(b"\r\n".join([*lines, b"", b""]))
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                head = await self._reader.readuntil(b"\r\n\r\n")
                self.status = int(head.split(b" ")[1])
                self.answer = re.sub(rb"(?i)\r\ndate:[^\r]*", b"", head)
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def say(self, message: Message | str | bytes) -> None:
        """Send one text message, whatever it is."""
        text = json.dumps(message, separators=(",", ":")) if isinstance(message, dict) else message
        await self.send_frame(TEXT, text.encode() if isinstance(text, str) else text)

    async def say_binary(self, payload: bytes) -> None:
        """Send one binary message."""
        await self.send_frame(BINARY, payload)

    async def sound(self, room: str, pcm: bytes) -> None:
        """Send one chunk."""
        await self.say({"type": "esp32-audio-chunk", "roomId": room, "audio": base64.b64encode(pcm).decode()})

    async def send_frame(self, opcode: int, payload: bytes) -> None:
        """Send one frame with a zero mask, as the library does for large ones."""
        size = len(payload)
        short = size if size < 126 else 126 if size < 65536 else 127
        long = b"" if size < 126 else size.to_bytes(2 if size < 65536 else 8)
        with contextlib.suppress(ConnectionError):  # the server closed meanwhile: that is heard by `ends`
            self._writer.write(bytes((0x80 | opcode, 0x80 | short)) + long + bytes(4) + payload)
            await self._writer.drain()

    async def leave(self) -> None:
        """Close properly, and wait until the server has closed too."""
        await self.send_frame(CLOSE, struct.pack("!H", 1000))
        await self.ends()

    def break_link(self) -> None:
        """Lose the link: the server gets a reset."""
        self._writer.transport.abort()

    async def _listen(self) -> None:
        try:
            while True:
                if self.status != 101:
                    raise ConnectionError("no WebSocket: what follows are no frames")
                head = await self._read(2)
                length = head[1] & 0x7F
                if length >= 126:
                    length = int.from_bytes(await self._read(2 if length == 126 else 8))
                self._take(head[0], await self._read(length))
                self._news.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed = self.closed or (1006, "")
            self._news.set()

    async def _read(self, count: int) -> bytes:
        data = await self._reader.readexactly(count)
        self.answer += data
        return data

    def _take(self, first: int, payload: bytes) -> None:
        opcode = first & 0x0F
        if opcode == PING and self.answers_pings:
            self._writer.write(struct.pack("!BB", 0x80 | PONG, 0x80 | len(payload)) + bytes(4) + payload)
        elif opcode == CLOSE:
            code = struct.unpack("!H", payload[:2])[0] if payload else 1005
            self.closed = (code, payload[2:].decode())
            self._writer.write(struct.pack("!BB", 0x80 | CLOSE, 0x80 | 2) + bytes(4) + payload[:2])
        elif opcode not in (PING, PONG):
            self._judge(first, payload)

    def _judge(self, first: int, payload: bytes) -> None:
        """Keep a message that a sketch can read; note one that would crash it or be lost on it."""
        try:
            message = json.loads(payload)
        except ValueError:
            message = None
        readable = isinstance(message, dict) and isinstance(message.get("type"), str)
        if first != (0x80 | TEXT) or len(payload) > LONGEST_FOR_A_SKETCH_BYTES or not readable:
            self.faults.append(f"{first:#x}, {len(payload)} bytes: {payload[:80]!r}")
        else:
            self.heard.append(message)


class Page(Visitor):
    """A page on a WebSocket: of the field by its query, of ours with a session cookie. It gathers what it hears."""

    def __init__(
        self, server: Installation, path: str, *, cookie: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__()
        self.sound = b""
        """The sound that a page of the field heard, 16 kHz mono."""
        self.chunks: list[Chunk] = []
        """What a page of ours heard."""
        self.bytes_received = 0
        headers = headers or ({"Cookie": cookie, "Origin": server.url} if cookie else {})
        self._connect = websockets.connect(
            server.ws_url + path, additional_headers=headers, compression=None, ping_interval=None, max_size=None
        )

    async def __aenter__(self) -> Self:
        self.socket = await self._connect
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.socket.close()
        await self._listening

    async def say(self, kind: str, **fields: Any) -> None:
        """Send a message of a type that pages send."""
        await self.send(json.dumps({"type": kind, **fields}))

    async def send(self, message: str | bytes) -> None:
        """Send anything at all."""
        with contextlib.suppress(websockets.ConnectionClosed):  # heard by `ends`
            await self.socket.send(message, text=None)

    async def sends_invalid_text(self, payload: bytes) -> None:
        """Send bytes as a text message that are no text."""
        await self.socket.send(payload, text=True)

    async def talk(self, pcm: bytes) -> None:
        """Send one chunk of this page's own microphone, as pages of the field do."""
        await self.say("audio-data", audio=base64.b64encode(pcm).decode())

    async def hears_sound(self, pcm: bytes) -> None:
        """Wait until exactly this was heard, from its first to its last sample."""
        await self._until(lambda: len(self.sound) >= len(pcm), f"{len(pcm)} bytes of sound, {len(self.sound)} came")
        assert self.sound == pcm

    async def _listen(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in self.socket:
                self._take(message)
                self._news.set()
        self.closed = (self.socket.close_code or 1006, self.socket.close_reason or "")
        self._news.set()

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.bytes_received += len(message)
            self.chunks.append(Chunk.unpack(message))
            return
        said = json.loads(message)
        if said["type"] == "esp32-audio-chunk":
            self.sound += base64.b64decode(said["audio"])
        self.heard.append(said)
