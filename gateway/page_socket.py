"""The socket around a page's session: moves bytes, carries out actions, gives up a viewer that does not keep up."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from channels.db import DatabaseSyncToAsync
from django.db import DatabaseError

from accounts.principal import Principal
from gateway import sockets
from gateway.actions import Actions, Close, Decide, Publish, Send
from gateway.page_session import PageSession
from gateway.v1_decisions import decide
from rooms.outbox import Kind, Outbox
from rooms.relay import Viewer, relay
from rooms.transport import Transport

logger = logging.getLogger(__name__)

KERNEL_BUFFER_BYTES = 128 * 1024  # the kernel would hide 4 MB, two minutes of sound, from the outbox
ABORT_AFTER_S = 2.0  # a stuck peer never reads its close

_decisions = ThreadPoolExecutor(2, "decisions")


class PageSocket:
    """One accepted page. `key` is what the heartbeat asks about: a grant's row, or a person's session and room."""

    def __init__(self, session: PageSession, transport: Transport, key: Any) -> None:
        self.session, self.transport, self.key = session, transport, key
        self._tasks: set[asyncio.Task[None]] = set()
        self._viewer = Viewer(
            session.principal.name, session.dialect, session.outbox, self._heard, session.talking.stream
        )

    @property
    def principal(self) -> Principal:
        """Who this page is now."""
        return self.session.principal

    @property
    def room_id(self) -> UUID | None:
        """The room it is in."""
        return self.session.room_id

    async def run(self, receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        """Serve the page until its socket ends."""
        self.transport.limit_kernel_buffer(KERNEL_BUFFER_BYTES)
        opened_s = time.monotonic()
        sockets.pages.add(self)
        code = 1006
        try:
            self.perform(self.session.opened())
            if self.room_id:
                relay.join(self.room_id, self._viewer)
            sockets.wake.call()
            while (event := await receive())["type"] == "websocket.receive":
                text = event.get("text")
                taken = self.session.text(text) if text is not None else self.session.binary(event.get("bytes") or b"")
                self.perform(taken)
            code = event.get("code") or 1006
        finally:
            self._ended(code, time.monotonic() - opened_s)

    def refreshed(self, principal: Principal | None) -> None:
        """Take what the heartbeat read: what this page still may, or that it may no longer be here."""
        if principal is None:
            self.perform([Close(4401, "Not allowed")])
            return
        self.session.principal = principal
        if self.session.outbox.is_stuck():
            self._give_up()

    def perform(self, actions: Actions) -> None:
        """Carry out what the session wants done."""
        for action in actions:
            match action:
                case Send(frame):
                    self.session.outbox.offer(frame, Kind.CONTROL)
                case Publish(room_id, chunk, _):
                    relay.publish(room_id, chunk)
                case Decide(what, target):
                    self._spawn(self._decide(what, target))
                case Close(code, reason):
                    self.transport.close(code, reason)

    def _heard(self, event: dict[str, Any]) -> None:
        self.perform(self.session.heard(event))

    async def _decide(self, what: str, target: str) -> None:
        try:
            await DatabaseSyncToAsync(decide, thread_sensitive=False, executor=_decisions)(
                self.room_id, what, target, self.principal.name
            )
        except ValueError as error:
            self.perform(self.session.wrong(str(error)))
        except DatabaseError as error:
            logger.warning("%s of %s was not carried out: %s", what, target, error)
            self.perform(self.session.wrong("the server cannot reach its database: try again in a moment"))

    def _give_up(self) -> None:
        logger.info("viewer %s is too slow: closed, %d given up", self.principal.name, self.session.outbox.dropped)
        self.transport.close(4408, "Too slow")
        asyncio.get_running_loop().call_later(ABORT_AFTER_S, self.transport.abort)

    def _ended(self, code: int, seconds: float) -> None:
        sockets.pages.discard(self)
        if self.room_id:
            relay.leave(self.room_id, self._viewer)
        for task in self._tasks:
            task.cancel()
        outbox: Outbox = self.session.outbox
        logger.info(
            "page of %s left after %d s: %d delivered, %d given up, close %d",
            self.principal.name, seconds, outbox.delivered, outbox.dropped, code,
        )  # fmt: skip

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
