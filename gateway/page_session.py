"""What every page's socket has in common: a budget, errors told to the sender alone, and a person who may speak."""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from accounts.principal import Principal
from gateway.actions import Actions, Close, Send
from gateway.budget import Budget, Errors, Verdict
from gateway.talking import BYTES_PER_S, Talking
from leganize.wire import v1
from leganize.wire.errors import WireError
from rooms.outbox import Outbox
from rooms.relay import Dialect


class PageSession:
    """One page, as a state machine without a socket. A dialect says what its messages mean."""

    dialect: Dialect

    def __init__(
        self, principal: Principal, room_id: UUID | None, outbox: Outbox, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.principal, self.room_id, self.outbox = principal, room_id, outbox
        self.talking = Talking(room_id)
        self._budget = Budget(BYTES_PER_S, clock)
        self._errors = Errors(clock=clock)

    def opened(self) -> Actions:
        """Greet a page that was let in."""
        return []

    def text(self, text: str) -> Actions:
        """Take a text message."""
        return self._within_budget(len(text) * 3 // 4, lambda: self._take_text(text))

    def binary(self, data: bytes) -> Actions:
        """Take a binary message."""
        return self._within_budget(len(data), lambda: self._take_binary(data))

    def heard(self, event: dict[str, Any]) -> Actions:
        """Take an event of the room."""
        return [Send(v1.page_event(event))]

    def _take_text(self, text: str) -> Actions:
        message = v1.parse_page(text)
        return [] if message is None else self._take(message)

    def _take(self, message: v1.PageMessage) -> Actions:
        match message:
            case v1.StartStream():
                self.talking.start(self.principal)
                return [Send(v1.stream_started())]
            case v1.StopStream():
                self.talking.on = False
            case v1.AudioData(audio):
                return [self.talking.chunk(self.principal, audio)]
        return []

    def _take_binary(self, data: bytes) -> Actions:
        raise WireError("binary messages do not belong here")

    def _within_budget(self, size_bytes: int, take: Callable[[], Actions]) -> Actions:
        verdict = self._budget.spend(size_bytes)
        if verdict is Verdict.CLOSE:
            return [Close(4429, "Too fast")]
        told: Actions = (
            [Send(v1.error("too fast: slow down or this socket is closed"))] if verdict is Verdict.TELL else []
        )
        try:
            return told + take()
        except WireError as error:
            return told + self.wrong(str(error))

    def wrong(self, sentence: str) -> Actions:
        """Tell the sender alone; after fifty within a minute close."""
        if self._errors.too_many():
            return [Close(1008, "Too many errors")]
        return [Send(v1.page_event({"type": "error", "message": sentence}))]
