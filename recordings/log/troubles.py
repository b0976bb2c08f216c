"""What keeps sound from being kept, as it happens: a line a second for the log, for pages as long as it lasts."""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

logger = logging.getLogger(__name__)

SECOND_US = 1_000_000
OVER_AFTER_US = 2 * SECOND_US  # nothing more of it for so long: it is over
SENTENCES = {
    "disk-slow": "the disk is too slow: what it cannot take is declared as missing",
    "disk-full": "the disk is full: recording has paused, the gap is declared",
    "disk-refuses": "the disk does not confirm what was written",
    "over-quota": "an organization is over its quota: its recording has paused, the gap is declared",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of trouble, of one organization or, where that is None, of the disk and so of everyone."""

    kind: str
    since: datetime
    chunks_lost: int
    organization: UUID | None = None


class Troubles:
    """The troubles of one worker. Written by two threads; each change is one assignment."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, UUID | None], tuple[Trouble, int]] = {}
        self._said_us = -SECOND_US

    def note(
        self, kind: str, now_us: int, *, organization: UUID | None = None, lost: int = 1, why: object = ""
    ) -> None:
        """Note that it happened again: `lost` chunks were not kept."""
        key = (kind, organization)
        known, last_us = self._seen.get(key, (None, 0))
        if known is None or now_us - last_us > OVER_AFTER_US:
            known = Trouble(kind, datetime.now(UTC), 0, organization)
        known = replace(known, chunks_lost=known.chunks_lost + lost)
        self._seen[key] = known, now_us
        if now_us - self._said_us >= SECOND_US:
            self._said_us = now_us
            logger.error("%s (%d chunks) %s", SENTENCES[kind], known.chunks_lost, why)

    def now(self, now_us: int) -> list[Trouble]:
        """Return what lasts, the oldest first."""
        lasting = [trouble for trouble, last_us in list(self._seen.values()) if now_us - last_us <= OVER_AFTER_US]
        return sorted(lasting, key=lambda trouble: trouble.since)
