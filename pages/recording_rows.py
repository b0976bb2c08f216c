"""One recording of the list in words: its name, its length, its state, what is missing, and what it is known by."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from pages.gaps import gaps_in_words, length_in_words, reason_in_words
from pages.lanes import is_live
from pages.times import lasting
from recordings.keeping.quotas import quotas
from recordings.keeping.space import free_bytes
from recordings.models import Recording, Segment

KEY_CHARACTERS = 12


@dataclass(frozen=True)
class Row:
    """What the list says of one recording; `reason` is why its gap is there, where it has only one.

    `is_paused` says that a full disk or a quota keeps its sound from being kept.
    """

    recording: Recording
    reason: str = ""
    is_paused: bool = False

    @property
    def url(self) -> str:
        return f"/recordings/{self.recording.pk}/"

    @property
    def name(self) -> str:
        return self.recording.title or self.recording.room.name

    @property
    def detail(self) -> str:
        """Where the sound comes from; with the room where the name does not say it."""
        device = str(self.recording.device)
        return f"{self.recording.room.name} · {device}" if self.recording.title else device

    @property
    def is_running(self) -> bool:
        return self.recording.state == Recording.State.RECORDING

    @property
    def is_live(self) -> bool:
        """Whether it runs now; a device that is away may come back, but nothing is red meanwhile."""
        return is_live(self.recording)

    @property
    def is_settling(self) -> bool:
        return self.recording.state == Recording.State.SETTLING

    @property
    def length_seconds(self) -> float:
        """By the clock, as its own page rounds it; one that is live grows every second."""
        if self.is_live:
            return (timezone.now() - self.recording.started_at).total_seconds()
        return round(self.recording.duration_seconds)

    @property
    def state(self) -> str:
        """The word beside the sound: of a recording that is over "Complete" or "3 gaps"."""
        if self.is_live:
            return _("Still recording")
        if self.is_running:
            return _("Paused") if self.is_paused else _("Waiting for its device")
        if self.is_settling:
            return _("Finishing")
        return gaps_in_words(self.recording.gap_count) if self.recording.gap_count else _("Complete")

    @property
    def state_detail(self) -> str:
        """What stands below the state."""
        if self.is_settling:
            return _("checking the last seconds")
        said = [self._missing] if self.recording.gap_count else []
        if self.recording.kept:
            said.append(_("kept until you say otherwise"))
        return " · ".join(said)

    @property
    def size(self) -> str:
        return str(filesizeformat(self.recording.stored_bytes))

    @property
    def until_removed(self) -> str:
        """For how long a deletion can still be taken back."""
        deleted_at = self.recording.deleted_at or timezone.now()
        left = deleted_at + timedelta(hours=settings.DELETE_UNDO_HOURS) - timezone.now()
        if left <= timedelta():
            return _("Deleted, removed within minutes")
        return _("Deleted, to be removed in %(length)s") % {"length": lasting(left.total_seconds())}

    @cached_property
    def key(self) -> str:
        """Another one as soon as the row says anything else; length and size change all the time and are not in it."""
        said = [self.name, self.detail, self.recording.state, self.state, self.state_detail]
        return hashlib.sha256("\0".join(said).encode()).hexdigest()[:KEY_CHARACTERS]

    @property
    def _missing(self) -> str:
        count, length = self.recording.gap_count, length_in_words(self.recording.missing_seconds)
        if self.is_running:
            return _("%(gaps)s, %(length)s missing") % {"gaps": gaps_in_words(count), "length": length}
        if self.reason:
            return _("%(length)s, %(reason)s") % {"length": length, "reason": self.reason}
        return _("%(length)s missing, all declared") % {"length": length}


def rows_of(recordings: Iterable[Recording]) -> list[Row]:
    """Return the rows of `recordings`, which know their room and device; one query tells why the single gaps are."""
    found = list(recordings)
    is_full, over_quota = free_bytes() == 0, quotas.reached
    reasons = _reasons([each.pk for each in found if each.gap_count == 1 and each.state == Recording.State.FINISHED])
    return [
        Row(each, reasons.get(each.pk, ""), is_paused=is_full or each.organization_id in over_quota) for each in found
    ]


def called(recording: Recording, zone: ZoneInfo) -> str:
    """Say in a sentence which recording is meant: its name, or its room, device and start on the viewer's clock."""
    if recording.title:
        return str(recording.title)
    began = date_format(recording.started_at.astimezone(zone), "j E, H:i")
    return f"{recording.room} · {recording.device}, {began}"


def _reasons(ids: list[Any]) -> dict[Any, str]:
    """Return in words why each of these, which have one gap, has it."""
    if not ids:
        return {}
    with_gaps = Segment.objects.filter(recording__in=ids, gap_samples__gt=0).order_by("-number")
    return {
        recording: _lower_first(reason_in_words(reason, estimated=estimated))
        for recording, gaps in with_gaps.values_list("recording", "gaps")
        for _at, _samples, reason, estimated in gaps[:1]
    }


def _lower_first(words: str) -> str:
    return words[:1].lower() + words[1:]
