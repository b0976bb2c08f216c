"""What one viewer has not received yet: bounded, oldest sound dropped first, newest picture kept, paced by its acks."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from leganize.wire.framing import Frame
from rooms.transport import Transport


class Kind(Enum):
    """What a message is, and so what becomes of it when its viewer is slow."""

    SOUND = "sound"
    PICTURE = "picture"
    CONTROL = "control"


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """How much a viewer may be behind, and for how long."""

    queue_bytes: int = 512 * 1024  # 16 s of one microphone, 0.4 s of forty
    max_age_s: float = 4.0  # sound older than this is history: the page skips to now
    write_buffer_bytes: int = 64 * 1024  # beyond it the kernel's buffer is full too, so the peer is behind
    ack_window_bytes: int = 512 * 1024  # what may be under way to a page that acknowledges; hides long round trips
    stuck_s: float = 30.0  # a viewer that took nothing for so long is closed


@dataclass(slots=True)
class _Waiting:
    frame: Frame
    kind: Kind
    since_s: float
    stream: int


class Outbox:
    """One viewer's queue in front of its transport. Offering never waits; a full queue gives up what is least worth."""

    def __init__(
        self, transport: Transport, limits: OutboxLimits | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.transport = transport
        self.limits = limits or OutboxLimits()
        self.dropped = 0
        self.delivered = 0
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._sent_bytes = 0  # payloads of binary messages, as an acknowledging page counts them
        self._acked_bytes: int | None = None
        self._last_progress_s = clock()
        self._last_buffered = 0

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait here, not counting those already handed to the transport."""
        return self._waiting_bytes

    @property
    def is_behind(self) -> bool:
        """Tell whether something waits here."""
        return bool(self._waiting)

    def offer(self, frame: Frame, kind: Kind, stream: int = 0) -> None:
        """Send a message now if the viewer keeps up, else queue it within the limits."""
        if not self._waiting and self._has_room():
            self._write(frame)
            return
        if kind is Kind.PICTURE:
            self._forget_pictures(stream)
        self._waiting.append(_Waiting(frame, kind, self._clock(), stream))
        self._waiting_bytes += len(frame)
        self.flush()
        self._give_up_oldest()

    def ack(self, received_bytes: int) -> None:
        """Note that the viewer has received so many bytes of binary messages since it came."""
        if received_bytes > self._sent_bytes or received_bytes < (self._acked_bytes or 0):
            return  # more than was sent, or less than before: no credit for what cannot be
        if received_bytes != self._acked_bytes:
            self._last_progress_s = self._clock()
        self._acked_bytes = received_bytes
        self.flush()

    def flush(self) -> None:
        """Hand over what the viewer has room for; old sound is given up first."""
        self._watch_progress()
        self._give_up_stale()
        while self._waiting and self._has_room():
            item = self._waiting.popleft()
            self._waiting_bytes -= len(item.frame)
            self._write(item.frame)

    def is_stuck(self) -> bool:
        """Tell whether this viewer took nothing for longer than the limit while something was due to it."""
        self._watch_progress()
        owed = bool(self._waiting) or self._unacked() >= self.limits.ack_window_bytes
        if not owed:
            self._last_progress_s = self._clock()
        too_much_control = self._waiting_bytes > 2 * self.limits.queue_bytes
        return too_much_control or (owed and self._clock() - self._last_progress_s > self.limits.stuck_s)

    def _has_room(self) -> bool:
        return (
            self.transport.buffered() < self.limits.write_buffer_bytes
            and self._unacked() < self.limits.ack_window_bytes
        )

    def _unacked(self) -> int:
        return 0 if self._acked_bytes is None else self._sent_bytes - self._acked_bytes

    def _write(self, frame: Frame) -> None:
        self.transport.write(frame)
        self.delivered += 1
        if not frame.is_text:
            self._sent_bytes += len(frame.payload)

    def _watch_progress(self) -> None:
        buffered = self.transport.buffered()
        if buffered < self._last_buffered or buffered == 0:
            self._last_progress_s = self._clock() if self._acked_bytes is None else self._last_progress_s
        self._last_buffered = buffered

    def _give_up_stale(self) -> None:
        oldest = self._clock() - self.limits.max_age_s
        if self._waiting and self._waiting[0].since_s < oldest:
            kept = [item for item in self._waiting if item.kind is Kind.CONTROL or item.since_s >= oldest]
            self._replace(kept)

    def _give_up_oldest(self) -> None:
        excess = self._waiting_bytes - self.limits.queue_bytes
        if excess <= 0:
            return
        kept = []
        for item in self._waiting:
            if excess > 0 and item.kind is not Kind.CONTROL:
                excess -= len(item.frame)
            else:
                kept.append(item)
        self._replace(kept)

    def _forget_pictures(self, stream: int) -> None:
        kept = [item for item in self._waiting if item.kind is not Kind.PICTURE or item.stream != stream]
        if len(kept) < len(self._waiting):
            self._replace(kept)

    def _replace(self, kept: list[_Waiting]) -> None:
        self.dropped += len(self._waiting) - len(kept)
        self._waiting = deque(kept)
        self._waiting_bytes = sum(len(item.frame) for item in kept)
