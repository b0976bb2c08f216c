"""Who has reached their quota: asked of the database now and then, and told to the recorder of this worker."""

import time
from collections.abc import Callable
from uuid import UUID

from recordings.keeping.retention import over_quota
from recordings.log.recorder import recorder

LOOK_EVERY_S = 5.0  # how far beyond its quota an organization may get: 5 s of its sound


class Quotas:
    """What was last known of it. Both calls are made by one thread, the heartbeat's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_s = float("-inf")
        self.reached: frozenset[UUID] = frozenset()

    def tend(self) -> None:
        """Called by each heartbeat: see that the recorder refuses those, and only those. Raises DatabaseError."""
        if self._clock() - self._looked_s >= LOOK_EVERY_S:
            self.reached = over_quota()
            self._looked_s = self._clock()
            recorder.refuse(self.reached)


quotas = Quotas()
