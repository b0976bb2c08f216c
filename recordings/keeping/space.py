"""How long the disk will do, and what is wrong with it now: in words, and for a room's page with its recording."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import F, Min, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from leganize.wire.pcm import SAMPLE_BYTES
from recordings.keeping import reports
from recordings.keeping.quotas import quotas
from recordings.log.recorder import RESERVED_BYTES, RESERVED_SHARE
from recordings.log.troubles import Trouble
from recordings.models import Recording
from rooms.models import Room

SECONDS_PER_DAY = 86_400
SECONDS_PER_HOUR = 3600
SETTLED_RATE_S = 60  # of shorter recording no rate can be told
LOW_SECONDS = 24 * SECONDS_PER_HOUR  # time for a person to do something about it
LOW_SHARE = 0.05  # others may fill the rest before recordings do; but nobody minds while it would last for long
LONG_SECONDS = 7 * SECONDS_PER_DAY
RATES_GOOD_FOR_S = 10.0


@dataclass(frozen=True, slots=True)
class DiskWarning:
    """Something about the disk that a person should know. `kind`: low, full, slow, refuses or quota."""

    kind: str
    title: str
    text: str
    since: datetime | None = None
    chunks_lost: int = 0

    def json(self) -> dict[str, Any]:
        """Return it as a board tells of it."""
        return {
            "kind": self.kind,
            "title": self.title,
            "text": self.text,
            "since": _stamp(self.since),
            "chunksLost": self.chunks_lost,
        }


class Rates:
    """How fast recordings grow, in bytes a second, asked of the database at most every 10 s."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked_s = float("-inf")
        self._now = self._week = 0.0

    def now(self) -> float:
        """Return how fast those grow that run now; 0 where none does."""
        return self._asked()._now

    def of_the_week(self) -> float:
        """Return how fast all grew on average since the first of the last seven days; 0 before that can be told."""
        return self._asked()._week

    def _asked(self) -> "Rates":
        if self._clock() - self._asked_s >= RATES_GOOD_FOR_S:
            self._now, self._week = _rate_now(), _rate_of_the_week(timezone.now())
            self._asked_s = self._clock()
        return self


_of_boards = Rates()  # one board per room and person, each second


def recording_of_room(room: Room) -> dict[str, Any]:
    """Return what a board tells of a room: `recording` (None while there is none), `disk` (None: well), `spaceDays`."""
    running = list(Recording.objects.filter(room=room, state=Recording.State.RECORDING))
    found = warnings(room, _of_boards)
    return {
        "recording": _summary(running, found) if running else None,
        "disk": found[0].json() if found else None,
        "spaceDays": days_left(_of_boards),
    }


def days_left(rates: Rates | None = None) -> int | None:
    """Return for how many whole days the disk will do, as `seconds_left` reckons; None before there is a rate."""
    left = seconds_left(rates)
    return None if left is None else int(left // SECONDS_PER_DAY)


def seconds_left(rates: Rates | None = None) -> float | None:
    """Return for how long the disk will do at the rate of now or of the last seven days, the greater; None: unknown."""
    known = rates or Rates()
    rate = max(known.now(), known.of_the_week())
    return free_bytes() / rate if rate else None


def space_in_words() -> str:
    """Return `seconds_left` as the one sentence that every page says; empty before there is a rate."""
    left = seconds_left()
    return "" if left is None else left_in_words(left)


def free_bytes() -> int:
    """Return how much more may be recorded: a little is left to the database beside it."""
    free, size = _disk()
    return max(0, free - int(min(RESERVED_BYTES, size * RESERVED_SHARE)))


def left_in_words(seconds: float) -> str:
    """Return about how much recording still fits, as a sentence."""
    days, hours, minutes = (int(seconds // unit_s) for unit_s in (SECONDS_PER_DAY, SECONDS_PER_HOUR, 60))
    if days >= 2:
        said = ngettext("About %(count)d day of recording left.", "About %(count)d days of recording left.", days)
        return said % {"count": days}
    if hours:
        said = ngettext("About %(count)d hour of recording left.", "About %(count)d hours of recording left.", hours)
        return said % {"count": hours}
    said = ngettext("About %(count)d minute of recording left.", "About %(count)d minutes of recording left.", minutes)
    return said % {"count": minutes}


def warnings(room: Room | None = None, rates: Rates | None = None) -> list[DiskWarning]:
    """Return what is wrong now, the worst first: of the disk and, with `room`, of its organization's quota too."""
    lasting = {each.kind: each for each in reversed(reports.lasting(room))}
    there = set(lasting)
    if free_bytes() == 0:
        there.add("disk-full")  # also while nothing is recorded, and whichever worker was told so
    if room and room.organization_id in quotas.reached:
        there.add("over-quota")
    found = [_in_words(kind, lasting.get(kind)) for kind in _worst_first() if kind in there]
    if "disk-full" not in there and (low := _low(rates)):
        found.append(low)
    return found


def _low(rates: Rates | None) -> DiskWarning | None:
    left, (free, size) = seconds_left(rates), _disk()
    has_share = free >= LOW_SHARE * size
    if has_share if left is None else left >= (LOW_SECONDS if has_share else LONG_SECONDS):
        return None
    share = {"share": 100 * free // size}
    text = _("%(share)d %% of it is free.") % share if left is None else left_in_words(left)
    return DiskWarning("low", _("Disk nearly full."), text)


def _in_words(kind: str, trouble: Trouble | None) -> DiskWarning:
    name, title, text = _worst_first()[kind]
    return DiskWarning(name, title, text, *((trouble.since, trouble.chunks_lost) if trouble else ()))


def _worst_first() -> dict[str, tuple[str, str, str]]:
    paused = _("Live sound goes on; the gap is marked.")
    return {
        "disk-full": ("full", _("Disk full. Recording has paused."), paused),
        "disk-refuses": ("refuses", _("The disk reports errors."), _("What was recorded last is not safe yet.")),
        "over-quota": ("quota", _("Quota reached. Recording has paused."), paused),
        "disk-slow": ("slow", _("The disk is too slow."), _("Some sound is not recorded; the gaps are marked.")),
    }


def _summary(running: list[Recording], found: list[DiskWarning]) -> dict[str, Any]:
    first = min(running, key=lambda each: each.started_at)
    written = max((each.written_until for each in running if each.written_until), default=None)
    paused = next((each for each in found if each.kind != "low"), None)
    return {
        "id": str(first.pk),
        "since": _stamp(first.started_at),
        "seconds": (written - first.started_at).total_seconds() if written else 0,
        "writtenUntil": _stamp(written),
        "missingSeconds": round(sum(each.missing_seconds for each in running)),
        "gaps": sum(each.gap_count for each in running),
        "trouble": paused.json() if paused else None,
    }


def _rate_now() -> float:
    running = Recording.objects.filter(state=Recording.State.RECORDING)
    samples = running.aggregate(total=Sum(F("sample_rate_hz") * F("channels")))["total"]
    return float(SAMPLE_BYTES * (samples or 0))


def _rate_of_the_week(now: datetime) -> float:
    week = Recording.objects.filter(started_at__gt=now - timedelta(days=7))
    told = week.aggregate(stored=Sum("stored_bytes"), first=Min("started_at"))
    passed_s = (now - told["first"]).total_seconds() if told["first"] else 0.0
    return (told["stored"] or 0) / passed_s if passed_s >= SETTLED_RATE_S else 0.0


def _disk() -> tuple[int, int]:
    """Return free and all bytes of the recordings' disk, as far as they are for us."""
    folder = Path(settings.RECORDINGS_DIR)
    disk = os.statvfs(folder if folder.exists() else settings.DATA_DIR)
    return disk.f_bavail * disk.f_frsize, max(1, disk.f_blocks * disk.f_frsize)


def _stamp(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
