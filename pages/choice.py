"""Which recordings a person asks to see: some words, a room, a device, a state, a length, as the query string says."""

from dataclasses import asdict, dataclass
from typing import Any, Self
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from recordings.models import Recording

MINUTE_S, HOUR_S = 60, 3600
STATES = {
    "recording": (_("Still recording"), ~Q(state=Recording.State.FINISHED)),
    "complete": (_("Complete"), Q(state=Recording.State.FINISHED, gap_count=0)),
    "gaps": (_("With gaps"), Q(gap_count__gt=0)),
    "kept": (_("Kept"), Q(kept=True)),
}
LENGTHS = {
    "seconds": (_("Under 1 min"), Q(seconds__lt=MINUTE_S)),
    "minutes": (_("1 to 10 min"), Q(seconds__gte=MINUTE_S, seconds__lt=10 * MINUTE_S)),
    "long": (_("10 min to 1 h"), Q(seconds__gte=10 * MINUTE_S, seconds__lt=HOUR_S)),
    "hours": (_("Over 1 h"), Q(seconds__gte=HOUR_S)),
}


@dataclass(frozen=True)
class Choice:
    """What was asked for; an empty string asks for nothing, and so does what is no room, device, state or length."""

    q: str = ""
    room: str = ""
    device: str = ""
    state: str = ""
    length: str = ""

    @classmethod
    def read(cls, query: QueryDict) -> Self:
        """Take what a URL asks for."""
        return cls(
            q=query.get("q", "").strip(),
            room=identity(query.get("room", "")),
            device=identity(query.get("device", "")),
            state=_known(query.get("state", ""), STATES),
            length=_known(query.get("length", ""), LENGTHS),
        )

    @property
    def said(self) -> dict[str, str]:
        """What narrows the list, by the names of the query string."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def folded_count(self) -> int:
        """How many of the choices are behind the Filter button of a phone."""
        return len(self.said) - bool(self.q)

    @property
    def query(self) -> str:
        return urlencode(self.said)

    def of(self, recordings: QuerySet[Recording]) -> QuerySet[Recording]:
        """Narrow `recordings` to what was asked for."""
        found = recordings.annotate(seconds=F("audio_seconds") + F("missing_seconds"))
        if self.room:
            found = found.filter(room=self.room)
        if self.device:
            found = found.filter(device=self.device)
        if self.state:
            found = found.filter(STATES[self.state][1])
        if self.length:
            found = found.filter(LENGTHS[self.length][1])
        return _saying(found, self.q) if self.q else found


def identity(text: str) -> str:
    """Return the UUID that `text` is, as we write it; empty if it is none."""
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def _saying(found: QuerySet[Recording], words: str) -> QuerySet[Recording]:
    if "\0" in words:  # no name has one, and PostgreSQL refuses to be asked
        return found.none()
    places = ("title", "room__name", "device__name", "device__device_id")
    asked = Q()
    for place in places:
        asked |= Q(**{f"{place}__icontains": words})
    return found.filter(asked)


def _known(text: str, names: dict[str, Any]) -> str:
    return text if text in names else ""
