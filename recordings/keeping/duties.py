"""What one worker does for all of them now and then: its turn is a row, its work a thread that nobody waits for."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import DatabaseError, connections
from django.db.models import Q
from django.utils import timezone

from recordings.models import Turn

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0  # how late a duty may begin; each look is one UPDATE that most often finds nothing


def take_turn(name: str, every: timedelta, now: datetime) -> bool:
    """Tell whether the duty `name` is due and the caller's to do; of all workers that ask at once, one hears True.

    A time further away than `every` is what a clock that was set back left behind, and counts as due.
    """
    due = Turn.objects.filter(Q(due_at__lte=now) | Q(due_at__gt=now + every), name=name)
    if due.update(due_at=now + every):
        return True
    _turn, made = Turn.objects.get_or_create(name=name, defaults={"due_at": now + every})
    return made


class Duty:
    """Work of one worker for all, every so often. `tend` is called by each heartbeat and returns at once."""

    def __init__(
        self, name: str, every: timedelta, work: Callable[[], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name, self.every = name, every
        self._work, self._clock = work, clock
        self._looked_s = float("-inf")
        self._thread: threading.Thread | None = None

    def tend(self) -> bool:
        """Begin the work if it is due and this worker's turn; True if it was begun. Raises DatabaseError."""
        if self._clock() - self._looked_s < LOOK_EVERY_S or self.is_working:
            return False
        self._looked_s = self._clock()
        if not take_turn(self.name, self.every, timezone.now()):
            return False
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()
        return True

    @property
    def is_working(self) -> bool:
        """Whether this worker's last turn still goes on."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the work to end; False when it still goes on."""
        if self._thread:
            self._thread.join(timeout_s)
        return not self.is_working

    def _run(self) -> None:
        try:
            self._work()
        except DatabaseError as error:
            logger.warning("%s waits for its next turn: %s", self.name, error)
        except Exception:
            logger.exception("%s failed and waits for its next turn", self.name)
        finally:
            connections.close_all()  # those of this thread
