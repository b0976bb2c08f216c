"""How much a socket may send, and how often it may be wrong, before it is told and then closed."""

import time
from collections import deque
from collections.abc import Callable
from enum import Enum

MESSAGES_PER_S = 200
BURST_MESSAGES = 200  # what a sketch can have waiting after a second without Wi-Fi
BURST_S = 10.0  # so much sound at the declared rate may come at once: time to notice that a rate is set wrong
RATE_FACTOR = 2.0
MAX_ERRORS, ERROR_WINDOW_S = 50, 60.0


class Verdict(Enum):
    """What becomes of a message."""

    TAKE = "take"
    TELL = "tell"  # the first time over the budget: the sender is told, the message is still taken
    CLOSE = "close"


class Budget:
    """A token bucket for messages and one for bytes of sound; `declared_bytes_per_s` may change with the device."""

    def __init__(self, declared_bytes_per_s: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.declared_bytes_per_s = declared_bytes_per_s
        self._clock = clock
        self._last_s = clock()
        self._messages = float(BURST_MESSAGES)
        self._bytes = self._most_bytes()
        self._told = False

    def spend(self, size_bytes: int) -> Verdict:
        """Take one message of `size_bytes` of sound from the budget."""
        now = self._clock()
        passed, self._last_s = now - self._last_s, now
        self._messages = min(BURST_MESSAGES, self._messages + passed * MESSAGES_PER_S) - 1
        refill = passed * self.declared_bytes_per_s * RATE_FACTOR
        self._bytes = min(self._most_bytes(), self._bytes + refill) - size_bytes
        if self._messages >= 0 and self._bytes >= 0:
            return Verdict.TAKE
        if self._told:
            return Verdict.CLOSE
        self._told = True
        self._messages, self._bytes = float(BURST_MESSAGES), self._most_bytes()
        return Verdict.TELL

    def _most_bytes(self) -> float:
        return self.declared_bytes_per_s * BURST_S


class Errors:
    """Counts what a socket got wrong, and how often it may be told so."""

    def __init__(self, told_every_s: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._told_every_s, self._clock = told_every_s, clock
        self._at: deque[float] = deque()
        self._told_s = float("-inf")

    def too_many(self) -> bool:
        """Note one more error and tell whether that was one too many."""
        now = self._clock()
        self._at.append(now)
        while self._at[0] < now - ERROR_WINDOW_S:
            self._at.popleft()
        return len(self._at) >= MAX_ERRORS

    def may_tell(self) -> bool:
        """Tell whether the sender may be told now, and count it as told."""
        now = self._clock()
        if now - self._told_s < self._told_every_s:
            return False
        self._told_s = now
        return True
