"""The socket around a device's session: moves bytes, carries out actions, waits for no database, Redis or disk."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import DatabaseError

from devices.binding import Held, Refreshed
from devices.presence import Report, presence
from devices.returns import note_return
from gateway import handshakes, sockets
from gateway.actions import Actions, Close, Mint, Probe, Publish, Send, TellRoom
from gateway.device_session import DeviceSession
from recordings.log.recorder import recorder
from rooms.relay import relay
from rooms.transport import Transport

logger = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]
PROBE_WITHIN_S = 3.0  # what a sketch itself allows a pong
LOOK_AGAIN_S = 1.0  # the database is away: the device stays, and is looked up when it is back
MAX_UNSENT_BYTES = 64 * 1024  # a sketch that takes nothing of what it is told is gone


class DeviceSocket:
    """One accepted device connection."""

    def __init__(self, session: DeviceSession, report: Report, transport: Transport) -> None:
        self.session, self.report, self.transport = session, report, transport
        self._reported: tuple[Any, ...] = ()
        self._tasks: set[asyncio.Task[None]] = set()
        self._own_close: int | None = None

    async def run(self, receive: Receive) -> None:
        """Serve the device until its socket ends, whoever ends it."""
        self._perform(self.session.opened())
        if self.session.is_leaving:
            await _until_gone(receive)
            return
        sockets.devices[self.report.id] = self
        code = 1006
        try:
            self._tell_presence()
            if self.session.awaits_lookup:
                self._spawn(self._look_up())
            code = await self._read(receive)
        finally:
            self._ended(code)

    def held(self) -> Held:
        """Return what the heartbeat asks about this socket."""
        return Held(
            connection_id=self.report.id,
            reported_id=self.report.reported_id,
            address=self.report.address,
            device_id=self.report.device_id,
            token_id=self.session.token_id,
            may_rehome=self.session.may_rehome,
        )

    def refreshed(self, fresh: Refreshed) -> None:
        """Take what the heartbeat read."""
        self.session.look_at_clock()
        self._perform(self.session.refreshed(fresh))
        if self.report.device_id and not self.session.is_recorded:
            recorder.rests(self.report.device_id)
        self._tell_presence()

    def replaced(self) -> None:
        """Close in favour of a newer socket of the same device."""
        self._perform(self.session.replaced())

    def probe(self) -> None:
        """Ping the device, and drop this socket when nothing answers: its name is wanted by a newcomer."""
        self._spawn(self._probe())

    async def _read(self, receive: Receive) -> int:
        session, report = self.session, self.report
        while True:
            event = await receive()
            if event["type"] != "websocket.receive":
                return event.get("code") or 1006
            before = report.state
            text = event.get("text")
            self._perform(session.text(text) if text is not None else session.binary(event.get("bytes") or b""))
            if report.state != before:
                self._tell_presence()

    def _perform(self, actions: Actions) -> None:
        for action in actions:
            match action:
                case Publish(room_id, chunk, record):
                    if record and self.session.binding:
                        recorder.offer(self.session.binding, room_id, self.report.id, chunk)
                    relay.publish(room_id, chunk)
                case Send(frame):
                    self.transport.write(frame)
                    if self.transport.buffered() > MAX_UNSENT_BYTES:
                        self.transport.abort()
                case Close(code, reason):
                    self._own_close = code
                    self.transport.close(code, reason)
                case Mint(device_id, room_id):
                    self._spawn(self._mint(device_id, room_id))
                case Probe(connection_id):
                    relay.tell_workers({"type": "probe", "connection": connection_id.hex})
                case TellRoom(room_id, event):
                    relay.tell(room_id, event)

    async def _look_up(self) -> None:
        while True:
            try:
                admission = await handshakes.device_tokens.get(self.session.hello)
                break
            except DatabaseError as error:
                logger.warning("%s waits for the database: %s", self.report.reported_id, error)
                await asyncio.sleep(LOOK_AGAIN_S)
        self._perform(self.session.admitted(admission))
        if self.report.device_id:
            for other in sockets.devices_of(self.report.device_id)[:-1]:
                other.replaced()
            event = {"type": "replaced", "device": self.report.device_id.hex, "by": self.report.id.hex}
            relay.tell_workers(event)
        self._tell_presence()
        if self.report.device_id:
            await self._note_return(self.report.device_id)

    async def _note_return(self, device_id: UUID) -> None:
        await presence.flush()
        try:
            await handshakes.in_thread(note_return)(device_id, self.report.id)
        except DatabaseError as error:
            logger.warning("the return of %s is not noted: %s", self.report.reported_id, error)

    async def _mint(self, device_id: UUID, room_id: UUID) -> None:
        try:
            token = await handshakes.new_tokens.get((device_id, room_id))
        except DatabaseError as error:
            logger.warning("no token for %s yet: %s", self.report.reported_id, error)
            token = None
        self._perform(self.session.minted(token))

    async def _probe(self) -> None:
        heard = self.report.chunks
        if await self.transport.answers(PROBE_WITHIN_S) is False and self.report.chunks == heard:
            logger.info("device %s does not answer: its socket is given up", self.report.reported_id)
            self._own_close = 4409
            self.transport.abort()

    def _tell_presence(self) -> None:
        if self.session.awaits_lookup:
            return  # nobody's until it is known: no lobby shows it for a blink
        state = tuple(getattr(self.report, name) for name in _WATCHED)
        if state != self._reported:
            self._reported = state
            presence.report(self.report)
            sockets.wake.call()
        elif self.report.last_chunk_at and not self.session.is_leaving:
            presence.report(self.report)

    def _ended(self, code: int) -> None:
        sockets.devices.pop(self.report.id, None)
        for task in self._tasks:
            task.cancel()
        report = self.report
        report.closed_at, report.close_code = datetime.now(UTC), self._own_close or code
        report.state, report.capturing_since = "closed", None
        presence.report(report)
        recorder.left(report.id)
        sockets.wake.call()
        seconds = (report.closed_at - report.opened_at).total_seconds()
        logger.info(
            "device %s at %s left after %d s: %d chunks, close %d",
            report.reported_id, report.address, seconds, report.chunks, report.close_code,
        )  # fmt: skip

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_WATCHED = ("state", "device_id", "room_id", "hint_rate_hz", "hint_channels", "problem", "telemetry", "conflict")


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] == "websocket.receive":
        pass
