"""The answer to a socket that asks for a path that nobody serves."""

from collections.abc import Awaitable, Callable
from typing import Any


async def no_such_socket(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    """Refuse the handshake: 403, as ASGI has it."""
    await receive()
    await send({"type": "websocket.close", "code": 1008})
