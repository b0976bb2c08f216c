"""A device that speaks protocol v1, as a state machine without a socket: events in, actions out."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from uuid import UUID

from devices.binding import Admission, Binding, Hello, Refreshed
from devices.models import Connection
from devices.pairing import MintedToken
from devices.presence import Report
from gateway.actions import Action, Actions, Close, Mint, Probe, Publish, Send, TellRoom
from gateway.budget import Budget, Errors, Verdict
from leganize.wire import v1
from leganize.wire.chunk import Chunk, Codec, Flag
from leganize.wire.errors import WireError
from leganize.wire.identity import boot_id, is_device_id
from leganize.wire.pcm import RateGuess

CAPTURING_QUIET_S = 1.0  # a v1 device reports nothing: it captures while chunks arrive within this time
QUIET_AFTER_STOP_S, LONGEST_AFTER_STOP_S = 1.0, 3.0  # what was under way when it was stopped is still kept
REPEAT_START_S, REPEAT_STOP_S = 10.0, 5.0  # a sketch that missed or ignored a command hears it again
LEAVE_WITHIN_S = 3.0  # a sketch that knows go-pending is gone by then
RETURN_WITHIN_S = 10.0  # a sketch that got its room-config is gone after 0.5 s
CONFLICT_AFTER_S = 4.0  # a ping takes 3 s to fail
ERROR_EVERY_S = 1.0
DEFAULT_BYTES_PER_S = 32_000  # 16 kHz mono, until we know better
NOTICE_EVERY_S = 10.0


class State(Enum):
    """Where a device socket stands."""

    LOOKING = "looking"  # its token is being looked up
    PENDING = "pending"
    CONNECTED = "connected"
    LEAVING = "leaving"  # told to go; nothing it sends counts any more


@dataclass(frozen=True, slots=True)
class Clocks:
    """Where a session reads time: `monotonic` in seconds for spans, `wall` for moments."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], datetime] = lambda: datetime.now(UTC)


class V1DeviceSession:
    """One connection of one device. Every method returns what is to be done, in order."""

    def __init__(self, hello: Hello, report: Report, ws_host: str, clocks: Clocks | None = None) -> None:
        self.hello, self.report, self._ws_host = hello, report, ws_host
        self._clocks = clocks or Clocks()
        self.state = State.LOOKING if hello.token and hello.room_id else State.PENDING
        self.binding: Binding | None = None
        self.token_id: int | None = None
        self._now = self._clocks.monotonic
        self._budget = Budget(DEFAULT_BYTES_PER_S, self._now)
        self._errors = Errors(ERROR_EVERY_S, self._now)
        self._rate = RateGuess()
        self._seq = 0
        self._after_gap = False  # chunks that could not be read have a number, so that they are seen to be missing
        self._last_chunk_s = self._sent_start_s = self._sent_stop_s = float("-inf")
        self._asked_capture = False
        self._stopped_s = float("-inf")
        self._left_at_s: float | None = None
        self._offered: tuple[UUID, float] | None = None
        self._probed: tuple[UUID, float] | None = None
        self._noticed_s = float("-inf")

    @property
    def awaits_lookup(self) -> bool:
        """Tell whether its token is to be looked up."""
        return self.state is State.LOOKING

    @property
    def is_leaving(self) -> bool:
        """Tell whether it was told to go."""
        return self.state is State.LEAVING

    @property
    def is_recorded(self) -> bool:
        """Tell whether what it sends from now on is to be kept."""
        return self.binding is not None and self.binding.wanted and self.binding.records

    @property
    def may_rehome(self) -> bool:
        """Tell whether this socket came with its ID alone and still waits."""
        return self.state is State.PENDING and not self.hello.token

    def opened(self) -> Actions:
        """Greet a device that was accepted; one with a token is greeted once it is looked up."""
        if not is_device_id(self.hello.reported_id):
            sentence = "deviceId has 1 to 64 characters of A-Z a-z 0-9 . _ : -"
            self.state = State.LEAVING
            return [Send(v1.error(sentence)), Close(1008, "Invalid deviceId")]
        return [self._waiting()] if self.state is State.PENDING else []

    def admitted(self, admission: Admission | None) -> Actions:
        """Let in, send on, or park: a device whose token is wrong is pending, and learns nothing but that."""
        if self.state is not State.LOOKING:
            return []
        if admission is None or admission.binding.room_id is None:
            self.state = State.PENDING
            return [self._waiting()]
        self._bind(admission.binding)
        if admission.token_id is None:  # genuine, but meanwhile bound elsewhere: it is given the way there
            self.state = State.PENDING
            return [self._waiting(), *self._offer(admission.binding)]
        self.state, self.token_id = State.CONNECTED, admission.token_id
        self.report.state = Connection.State.CONNECTED
        self.report.device_id, self.report.room_id = admission.binding.device_id, admission.binding.room_id
        connected = v1.connected(str(admission.binding.room_id), self._clocks.wall().isoformat())
        return [Send(connected), *self._obey()]

    def text(self, text: str) -> Actions:
        """Take a text message."""
        verdict = self._budget.spend(len(text) * 3 // 4)
        if verdict is Verdict.CLOSE:
            return self._leave(4429, "Too fast")
        told: Actions = (
            [Send(v1.error("too fast: slow down or this socket is closed"))] if verdict is Verdict.TELL else []
        )
        try:
            message = v1.parse_device(text)
        except WireError as error:
            if self._is_telemetry(text):
                self.report.telemetry = text.replace("\0", "")
                return told
            return told + self._wrong(str(error))
        return told if message is None else told + self._audio(message)

    def binary(self, data: bytes) -> Actions:
        """Take a binary message: protocol v1 has none."""
        if self._budget.spend(len(data)) is Verdict.CLOSE:
            return self._leave(4429, "Too fast")
        return self._wrong("binary messages do not belong here; sound goes as JSON")

    def refreshed(self, fresh: Refreshed) -> Actions:
        """Take what the heartbeat read, and do what is due by the clock."""
        if self.state is State.LEAVING:
            return self._overdue()
        if self.state is State.CONNECTED:
            return self._refreshed_in_room(fresh)
        return self._refreshed_pending(fresh) if self.state is State.PENDING else []

    def minted(self, token: MintedToken | None) -> Actions:
        """Hand the room over with its new token; without one the next heartbeat decides anew."""
        if token is None:
            self._offered = None
            return []
        return [Send(v1.room_config(str(token.room_id), token.text, self._ws_host))]

    def replaced(self) -> Actions:
        """Give way to a newer authenticated socket of the same device."""
        return self._leave(4409, "Replaced")

    def look_at_clock(self) -> None:
        """Bring the report up to date: whether it captures, and what its sound looks like."""
        if self.state is not State.CONNECTED or self.binding is None:
            return
        captures = self._now() - self._last_chunk_s <= CAPTURING_QUIET_S
        if not captures and self.report.state == Connection.State.CAPTURING:
            self.report.state, self.report.capturing_since = Connection.State.CONNECTED, None
            self._rate.reset()
        hint = self._rate.differs_from(self.binding.sample_rate_hz, self.binding.channels) if captures else None
        if captures or self.report.chunks == 0:
            self.report.hint_rate_hz, self.report.hint_channels = hint or (None, None)

    def _refreshed_in_room(self, fresh: Refreshed) -> Actions:
        if fresh.replaced:
            return self.replaced()
        if fresh.binding is None or fresh.binding.room_id is None or not fresh.token_valid:
            return self._park()
        if fresh.binding.room_id != self.report.room_id:
            self._bind(fresh.binding)
            return self._offer(fresh.binding)
        self._bind(fresh.binding)
        self._offered = None
        return self._obey()

    def _refreshed_pending(self, fresh: Refreshed) -> Actions:
        if fresh.binding is not None and fresh.binding.room_id is not None:
            self._bind(fresh.binding)
            self.report.conflict = False
            return self._offer(fresh.binding)
        if fresh.namesake is None:
            self._probed, self.report.conflict = None, False
            return []
        if self._probed is None or self._probed[0] != fresh.namesake:
            self._probed = (fresh.namesake, self._now())
            return [Probe(fresh.namesake)]
        self.report.conflict = self._now() - self._probed[1] > CONFLICT_AFTER_S
        return []

    def _offer(self, binding: Binding) -> Actions:
        """Ask for a token once per room; a device that does not act on it in time is closed, so that it tries again."""
        assert binding.room_id is not None
        if self._offered and self._offered[0] == binding.room_id:
            late = self._now() - self._offered[1] > RETURN_WITHIN_S
            return self._leave(1012, "Come back") if late else []
        self._offered = (binding.room_id, self._now())
        return [Mint(binding.device_id, binding.room_id)]

    def _obey(self) -> Actions:
        """Say what is wanted if the device has not been told, or seems not to have heard."""
        assert self.binding is not None and self.report.room_id is not None
        now, room_id = self._now(), str(self.report.room_id)
        silent = now - self._last_chunk_s > CAPTURING_QUIET_S
        if self.binding.wanted and (not self._asked_capture or (silent and now - self._sent_start_s > REPEAT_START_S)):
            first, self._asked_capture, self._sent_start_s = not self._asked_capture, True, now
            told = TellRoom(self.report.room_id, _event("esp32-started-recording", self.hello.reported_id))
            return [Send(v1.start_recording(room_id)), *([told] if first else [])]
        if not self.binding.wanted:
            if self._asked_capture:
                self._asked_capture, self._sent_stop_s, self._stopped_s = False, now, now
                return [Send(v1.stop_recording(room_id))]
            if not silent and now - self._stopped_s > LONGEST_AFTER_STOP_S and now - self._sent_stop_s > REPEAT_STOP_S:
                self._sent_stop_s = now
                return [Send(v1.stop_recording(room_id))]
        return []

    def _park(self) -> Actions:
        """Take the room away: the room ended, the device was released, or its token revoked."""
        self.state, self.binding, self.token_id = State.LEAVING, None, None
        self._left_at_s = self._now()
        self.report.state, self.report.capturing_since = Connection.State.CONNECTED, None
        return [Send(v1.go_pending())]

    def _overdue(self) -> Actions:
        if self._left_at_s is None or self._now() - self._left_at_s <= LEAVE_WITHIN_S:
            return []
        self._left_at_s = None
        return [Close(1000, "Go pending")]

    def _leave(self, code: int, reason: str) -> Actions:
        self.state, self._left_at_s = State.LEAVING, None
        return [Close(code, reason)]

    def _audio(self, message: v1.AudioChunk) -> Actions:
        if self.state is State.LEAVING or self._offered:
            return []  # on its way elsewhere: what it still sends belongs to no room
        if self.state is not State.CONNECTED or self.binding is None:
            return self._wrong("this device is in no room: wait for room-config")
        if message.roomId != str(self.report.room_id):
            return self._wrong("roomId is not the room of this socket")
        try:
            payload = v1.pcm_payload(message.audio, self.binding.channels)
        except WireError as error:
            self._seq, self._after_gap = self._seq + 1, True
            return self._wrong(str(error)) + ([] if message.audio else self._buffer_too_large())
        return [self._chunk(payload)]

    def _chunk(self, payload: bytes) -> Publish:
        assert self.binding is not None and self.report.room_id is not None
        now, wall = self._now(), self._clocks.wall()
        chunk = Chunk(
            codec=Codec.PCM_S16LE,
            stream=self.binding.stream,
            seq=self._seq,
            boot_id=boot_id(self.report.id),
            captured_at_us=int(wall.timestamp() * 1_000_000),
            payload=payload,
            sample_rate_hz=self.binding.sample_rate_hz,
            channels=self.binding.channels,
            flags=Flag.SERVER_CLOCK | Flag.AFTER_GAP if self._after_gap else Flag.SERVER_CLOCK,
        )
        self._after_gap = False
        record = self.binding.records and (self.binding.wanted or self._is_tail(now))
        if self.report.state != Connection.State.CAPTURING:
            self.report.state, self.report.capturing_since = Connection.State.CAPTURING, wall
        self.report.last_chunk_at, self.report.problem = wall, ""
        self.report.chunks += 1
        self.report.received_bytes += len(payload)
        self._seq += 1
        self._last_chunk_s = now
        self._rate.add(now, len(payload) // 2)
        return Publish(self.report.room_id, chunk, record)

    def _is_tail(self, now: float) -> bool:
        quiet = now - max(self._last_chunk_s, self._stopped_s)
        return now - self._stopped_s <= LONGEST_AFTER_STOP_S and quiet <= QUIET_AFTER_STOP_S

    def _buffer_too_large(self) -> Actions:
        self.report.problem = "buffer"
        if self._now() - self._noticed_s < NOTICE_EVERY_S or self.report.room_id is None:
            return []
        self._noticed_s = self._now()
        sentence = (
            f"{self.hello.reported_id} sends no sound: its buffer is too large for its JSON document. "
            "Set BUFFER_SIZE to 1024 in its sketch."
        )
        return [
            TellRoom(
                self.report.room_id, _event("notice", self.hello.reported_id) | {"message": sentence, "code": "buffer"}
            )
        ]

    def _wrong(self, sentence: str) -> Actions:
        if self._errors.too_many():
            return self._leave(1008, "Too many errors")
        answer: list[Action] = [Send(v1.error(sentence))] if self._errors.may_tell() else []
        return answer

    def _is_telemetry(self, text: str) -> bool:
        is_camera = self.binding is not None and self.binding.kind == "camera"
        return is_camera and not text.lstrip().startswith(("{", "[")) and len(text.encode()) <= 512

    def _bind(self, binding: Binding) -> None:
        shape = (binding.sample_rate_hz, binding.channels)
        if self.binding and shape != (self.binding.sample_rate_hz, self.binding.channels):
            self._rate.reset()
        self.binding = binding
        self._budget.declared_bytes_per_s = binding.sample_rate_hz * binding.channels * 2

    def _waiting(self) -> Send:
        return Send(v1.waiting_for_config(self.hello.reported_id))


def _event(kind: str, reported_id: str) -> dict[str, str]:
    return {"type": kind, "deviceId": reported_id}
