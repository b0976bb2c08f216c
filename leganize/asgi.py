"""The application for any ASGI server: HTTP to Django, sockets to their doors, the worker alive while it is."""

import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "leganize.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from leganize.routing import websocket_urls  # noqa: E402 - apps must be loaded first
from leganize.transports import transport_of  # noqa: E402
from leganize.worker import worker  # noqa: E402

logger = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Outermost, so that `send` is the server's own: only here can its connection be reached."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["type"] == "websocket":
        await worker.ensure_started()
        scope["leganize.transport"] = lambda: transport_of(send)
        scope["leganize.worker"] = worker.id
        await websocket_urls(scope, receive, send)
    else:
        await django_application(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await worker.ensure_started()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await worker.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
