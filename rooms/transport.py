"""How whole messages leave for one peer: pre-framed bytes where the server offers it, ordinary ASGI sends elsewhere."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from leganize.wire.framing import Frame


class Transport(Protocol):
    """One peer's way out. None of these waits; nothing is written once a close was sent."""

    def write(self, frame: Frame) -> None:
        """Hand one message over; look at `buffered` before."""

    def buffered(self) -> int:
        """Return the bytes that were handed over and have not left this process."""

    def close(self, code: int, reason: str = "") -> None:
        """Send a close with `code`; `receive` then ends with a disconnect."""

    def abort(self) -> None:
        """Drop the connection at once: the peer takes nothing any more."""

    def limit_kernel_buffer(self, size_bytes: int) -> None:
        """Let the kernel hide at most so much from `buffered()`, where the server lets us reach the socket."""

    async def answers(self, within_s: float) -> bool | None:
        """Ping the peer and tell whether it answered in time; None where the server gives no way to ask."""


class AsgiTransport:
    """Messages by ASGI's `send`, one after the other, from a task of its own so that nobody waits for a slow peer."""

    def __init__(self, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: deque[dict[str, Any]] = deque()
        self._buffered = 0
        self._closed = False
        self._sender: asyncio.Task[None] | None = None

    def write(self, frame: Frame) -> None:
        if self._closed:
            return
        self._buffered += len(frame)
        key, value = ("text", frame.payload.decode()) if frame.is_text else ("bytes", frame.payload)
        self._put({"type": "websocket.send", key: value})

    def buffered(self) -> int:
        return self._buffered

    def close(self, code: int, reason: str = "") -> None:
        if not self._closed:
            self._closed = True
            self._put({"type": "websocket.close", "code": code, "reason": reason})

    def abort(self) -> None:
        """Cancel what was not sent; such a server drops the connection when the application returns."""
        self._closed = True
        if self._sender:
            self._sender.cancel()

    def limit_kernel_buffer(self, size_bytes: int) -> None:
        """The socket is the server's alone."""

    async def answers(self, within_s: float) -> bool | None:
        return None

    def _put(self, message: dict[str, Any]) -> None:
        self._waiting.append(message)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        while self._waiting:
            message = self._waiting.popleft()
            try:
                await self._send(message)
            except (OSError, RuntimeError):  # the peer went while we sent: its socket ends by `receive`
                self._waiting.clear()
                self._buffered = 0
                return
            body = message.get("bytes") or message.get("text") or ""
            self._buffered = max(0, self._buffered - len(body)) if self._waiting else 0
