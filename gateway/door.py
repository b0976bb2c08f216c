"""Who stands at `/ws` and `/ws/live`: reads the query, looks up the credential, calls the dialect's session."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError
from django.http.cookie import parse_cookie
from django.http.request import split_domain_port, validate_host
from django.utils.translation import get_language_from_request

from accounts.principal import Principal, Scope
from accounts.sessions import session_key
from devices.binding import Hello
from devices.presence import Report
from gateway import handshakes
from gateway.device_socket import DeviceSocket
from gateway.live_page import LivePageSession
from gateway.page_socket import PageSocket
from gateway.v1_decisions import HAND_OVER, decide
from gateway.v1_device import V1DeviceSession
from gateway.v1_page import V1PageSession
from leganize.wire import v1
from leganize.wire.identity import is_device_id, new_epoch
from rooms.outbox import Outbox
from rooms.transport import AsgiTransport, Transport

logger = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

FIRST_FRAME_S = 1.0  # a voice tester says who it is in its first frame
LOOK_UP_TRIES = 10
MAX_FIELDS = 20  # of a query; nobody means more than five
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


async def rooms_door(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Serve `/ws`: devices and pages of protocol v1."""
    query = _query(scope)
    transport = await _accept(scope, receive, send)
    if query.get("type") == "esp32":
        await _device_socket(scope, query, transport).run(receive)
        return
    if not query.get("roomId") or not query.get("accessToken"):
        if await _is_there_after_first_frame(receive):
            await _refuse(transport, receive, 1008, "Missing roomId or accessToken")
        return
    asked = (query["roomId"], _token(query["accessToken"]))
    principal = await _patiently(handshakes.room_grants, asked)
    if principal is None:
        await _refuse(transport, receive, 4401, "Not allowed")
    elif "targetDeviceId" in query:
        await _hand_over(principal, UUID(asked[0]), query["targetDeviceId"], transport, receive)
    else:
        session = V1PageSession(principal, UUID(asked[0]), Outbox(transport))
        await PageSocket(session, transport, key=("grant", principal.id)).run(receive)


async def live_door(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Serve `/ws/live`: our own pages, by session cookie and our Origin."""
    transport = await _accept(scope, receive, send)
    room = _query(scope).get("room")
    room_id = _uuid(room)
    key = _own_session(scope)
    asked = (key, room_id)
    principal = await _patiently(handshakes.people_in_rooms, asked) if key and (room_id or not room) else None
    if principal is None:
        await _refuse(transport, receive, 4401, "Not allowed")
        return
    session = LivePageSession(principal, room_id, Outbox(transport), language=_language(scope))
    await PageSocket(session, transport, key=("person", asked)).run(receive)


async def _accept(scope: dict[str, Any], receive: Receive, send: Send) -> Transport:
    """Accept before anything is looked up: a device gives up after 5 s, and learns nothing from a refusal."""
    await receive()
    protocols = scope.get("subprotocols") or [None]
    await send({"type": "websocket.accept", "subprotocol": protocols[0]})
    make = scope.get("leganize.transport")
    return make() if make else AsgiTransport(send)


def _device_socket(scope: dict[str, Any], query: dict[str, str], transport: Transport) -> DeviceSocket:
    hello = Hello(query.get("deviceId", ""), query.get("roomId", ""), _token(query.get("accessToken", "")))
    report = Report(new_epoch(), scope["leganize.worker"], hello.reported_id, _address(scope), datetime.now(UTC))
    return DeviceSocket(V1DeviceSession(hello, report, settings.WS_HOST), report, transport)


async def _hand_over(principal: Principal, room_id: UUID, target: str, transport: Transport, receive: Receive) -> None:
    """Give the room to a device, even if the page has closed its socket by now: v1 pages do that at once."""
    if not principal.may(Scope.CONTROL):
        await _refuse(transport, receive, 4401, "Not allowed")
        return
    try:
        if not is_device_id(target):
            raise ValueError("targetDeviceId has 1 to 64 characters of A-Z a-z 0-9 . _ : -")
        await handshakes.in_thread(decide)(room_id, HAND_OVER, target, principal.name)
    except ValueError as error:
        transport.write(v1.error(str(error)))
        await _refuse(transport, receive, 1008, "No such device")
    else:
        await _refuse(transport, receive, 1000, "Config sent")


async def _refuse(transport: Transport, receive: Receive, code: int, reason: str) -> None:
    """Close, and wait for the peer to be gone, so that the server does not cut the close off."""
    transport.close(code, reason)
    while (await receive())["type"] == "websocket.receive":
        pass


async def _patiently(batch: handshakes.Batch[Any, Principal], asked: Any) -> Principal | None:
    for _ in range(LOOK_UP_TRIES):
        try:
            return await batch.get(asked)
        except DatabaseError as error:
            logger.warning("a page waits for the database: %s", error)
            await asyncio.sleep(1)
    return None


async def _is_there_after_first_frame(receive: Receive) -> bool:
    try:
        return (await asyncio.wait_for(receive(), FIRST_FRAME_S))["type"] == "websocket.receive"
    except TimeoutError:
        return True


def _query(scope: dict[str, Any]) -> dict[str, str]:
    text = scope.get("query_string", b"").decode("utf-8", "replace")
    few = "&".join(text.split("&", MAX_FIELDS)[:MAX_FIELDS])
    return {key: values[0] for key, values in parse_qs(few, keep_blank_values=True).items()}


def _token(text: str) -> str:
    """Return `text` if it can be a token at all, or is absent, else one that fits nothing: both are wrong alike."""
    return text if not text or _TOKEN.fullmatch(text) else "-"


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _address(scope: dict[str, Any]) -> str | None:
    client = scope.get("client")
    return client[0] if client and client[0] else None


def _language(scope: dict[str, Any]) -> str:
    """Return the language that this browser's pages are in, as Django's middleware chose it for them."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    meta = {"HTTP_ACCEPT_LANGUAGE": headers.get(b"accept-language", "")}
    request: Any = SimpleNamespace(COOKIES=parse_cookie(headers.get(b"cookie", "")), META=meta)
    return get_language_from_request(request)


def _own_session(scope: dict[str, Any]) -> str | None:
    """Return the session key of a browser that came from a page of ours; a cookie from elsewhere is ignored."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    host, origin = headers.get(b"host", ""), urlsplit(headers.get(b"origin", ""))
    if origin.scheme not in ("http", "https") or origin.netloc.lower() != host.lower():
        return None
    if not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        return None
    return session_key(headers.get(b"cookie", ""))
