"""The servers' own connections behind ASGI: pre-framed bytes, what is unsent, and pings."""

import asyncio
import secrets
import socket
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame as WireFrame

from leganize.wire.framing import Frame
from rooms.transport import AsgiTransport, Transport

Send = Callable[[dict[str, Any]], Awaitable[None]]
PEER_VANISHED_MS = 60_000  # unacknowledged for so long: gone; longer than a viewer may be stuck, which closes with 4408
CLOSE_WITHIN_S = 5.0
INVALID_TEXT = 1007  # RFC 6455, section 7.4.1


class SketchFriendlyProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, with what it keeps to itself: its pongs, and request lines that are not ASCII."""

    _probes: dict[bytes, asyncio.Future[bool]]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._probes = {}
        super().connection_made(transport)
        forget_vanished_peers(transport.get_extra_info("socket"))

    def connection_lost(self, exc: Exception | None) -> None:
        for probe in self._probes.values():
            if not probe.done():
                probe.set_result(False)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # a sketch pastes its ID into the URL as it is; websockets would choke on bytes that are not ASCII
        super().data_received(data if self.handshake_initiated else _ascii_request_line(data))
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self._turn_away()

    def _turn_away(self) -> None:
        """Answer a handshake that cannot be read, a URL of 9 KB for instance: uvicorn would keep it open for ever."""
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        self.handshake_initiated = self.handshake_complete = self.close_sent = True
        self.transport.close()

    def send_receive_event_to_app(self) -> None:
        # uvicorn would write a traceback for whoever sends bytes that are no text
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self.frames = []
            self.close_now(INVALID_TEXT, "")
        else:
            super().send_receive_event_to_app()

    def handle_pong(self, event: WireFrame) -> None:
        probe = self._probes.pop(bytes(event.data), None)
        if probe is None:
            super().handle_pong(event)
        elif not probe.done():
            probe.set_result(True)

    async def answers(self, within_s: float) -> bool:
        """Ping the peer and tell whether its pong came in time."""
        if self.close_sent or self.transport.is_closing():
            return False
        payload = b"p" + secrets.token_bytes(8)
        probe = self._probes[payload] = self.loop.create_future()
        self.conn.send_ping(payload)
        self.transport.write(b"".join(self.conn.data_to_send()))
        try:
            return await asyncio.wait_for(probe, within_s)
        except TimeoutError:
            return False
        finally:
            self._probes.pop(payload, None)

    def close_now(self, code: int, reason: str) -> None:
        """Send a close without waiting for room in the write buffer, as `send` would."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CLOSE_WITHIN_S, self.transport.abort)


class UvicornTransport:
    """Writes frames straight to uvicorn's connection."""

    def __init__(self, protocol: SketchFriendlyProtocol) -> None:
        self._protocol = protocol

    def write(self, frame: Frame) -> None:
        protocol = self._protocol
        if not (protocol.close_sent or protocol.disconnected or protocol.transport.is_closing()):
            protocol.transport.write(frame.wire)

    def buffered(self) -> int:
        return self._protocol.transport.get_write_buffer_size()

    def close(self, code: int, reason: str = "") -> None:
        self._protocol.close_now(code, reason)

    def abort(self) -> None:
        self._protocol.transport.abort()

    def limit_kernel_buffer(self, size_bytes: int) -> None:
        transport = self._protocol.transport
        connection = transport.get_extra_info("socket")
        if connection is not None and not transport.is_closing():  # whoever left during the handshake has none any more
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size_bytes)

    async def answers(self, within_s: float) -> bool | None:
        return await self._protocol.answers(within_s)


class DaphneTransport(AsgiTransport):
    """Daphne frames messages itself and never says that it is full: what Twisted holds back is counted here."""

    def __init__(self, send: Send, protocol: Any) -> None:
        super().__init__(self._with_reason)
        self._send_by_asgi, self._protocol = send, protocol

    def buffered(self) -> int:
        transport = self._protocol.transport
        held = len(getattr(transport, "dataBuffer", b"")) + getattr(transport, "_tempDataLen", 0)
        return super().buffered() + held

    def abort(self) -> None:
        super().abort()
        self._protocol.dropConnection(abort=True)

    async def answers(self, within_s: float) -> bool | None:
        answered = asyncio.get_running_loop().create_future()
        payload = b"p" + secrets.token_bytes(8)
        before = self._protocol.onPong

        def on_pong(data: bytes) -> None:
            if data == payload and not answered.done():
                answered.set_result(True)
            before(data)

        self._protocol.onPong = on_pong
        try:
            self._protocol.sendPing(payload)
            return await asyncio.wait_for(answered, within_s)
        except TimeoutError:
            return False
        finally:
            self._protocol.onPong = before

    async def _with_reason(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close":  # Daphne refuses codes like 1008, and leaves every reason out
            self._protocol.sendCloseFrame(message["code"], message["reason"].encode())
        else:
            await self._send_by_asgi(message)


def transport_of(send: Send) -> Transport:
    """Return the best way to reach the peer behind `send`, which must be the server's own."""
    owner = getattr(send, "__self__", None)
    if isinstance(owner, SketchFriendlyProtocol):
        return UvicornTransport(owner)
    if isinstance(send, partial) and send.args and hasattr(send.args[0], "sendPing"):
        return DaphneTransport(send, send.args[0])
    return AsgiTransport(send)


def forget_vanished_peers(connection: socket.socket | None) -> None:
    """Let the kernel end a connection whose peer acknowledges nothing, where the system can do that."""
    if connection is not None and sys.platform == "linux" and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, PEER_VANISHED_MS)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _ascii_request_line(data: bytes) -> bytes:
    line, end, rest = data.partition(b"\r\n")
    if line.isascii():
        return data
    return b"".join(bytes((byte,)) if byte < 128 else b"%%%02X" % byte for byte in line) + end + rest
