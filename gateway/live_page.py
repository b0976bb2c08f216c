"""Our own page: the board as JSON, sound as chunks, acknowledgements that pace it; decisions go by HTTP."""

from typing import Any
from uuid import UUID

from accounts.principal import Principal
from gateway.actions import Actions, Send
from gateway.page_session import PageSession
from leganize.wire import v1
from leganize.wire.errors import WireError
from rooms.outbox import Outbox
from rooms.relay import Dialect


class LivePageSession(PageSession):
    """One page of ours, let in by its person's session."""

    dialect = Dialect.LIVE

    def __init__(self, principal: Principal, room_id: UUID | None, outbox: Outbox, language: str = "en") -> None:
        super().__init__(principal, room_id, outbox)
        self.language = language
        self._board: dict[str, Any] | None = None
        self._told_dropped = 0

    def board(self, board: dict[str, Any]) -> Actions:
        """Send the board if anything but its clock changed."""
        if self._board is not None and _without_clock(board) == _without_clock(self._board):
            return []
        self._board = board
        return [Send(v1.page_event(board))]

    def skipped(self) -> Actions:
        """Tell the page how much sound it was too slow for, once it takes messages again."""
        missed = self.outbox.dropped - self._told_dropped
        if not missed or self.outbox.is_behind:
            return []
        self._told_dropped = self.outbox.dropped
        return [Send(v1.page_event({"type": "skipped", "chunks": missed}))]

    def _take(self, message: v1.PageMessage) -> Actions:
        match message:
            case v1.Ack(received_bytes):
                self.outbox.ack(received_bytes)
                return []
            case v1.StartStream() | v1.StopStream():
                return super()._take(message)
            case _:
                raise WireError("decisions of our pages go by HTTP: see /api/docs/")

    def _take_binary(self, data: bytes) -> Actions:
        return [self.talking.chunk(self.principal, data)]


def _without_clock(board: dict[str, Any]) -> dict[str, Any]:
    """Leave out what changes every second by itself: pages count on from what they know."""
    devices = [{**device, "lastHeard": None} for device in board["devices"]]
    return {**board, "devices": devices, "serverTime": None}
