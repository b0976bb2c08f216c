"""The policies of one organization at one moment, and which of its recordings each of them concerns."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet, Sum
from django.db.models.functions import Coalesce

from accounts.models import Organization
from recordings.models import Recording, RetentionPolicy

ENDED = Coalesce("ended_at", "written_until", "started_at")
RESTED = timedelta(minutes=5)  # so long after its end no device goes on with it, and nobody writes its rows


@dataclass(frozen=True)
class Rules:
    """An organization's own policy stands under None, those of its rooms under their IDs."""

    organization: Organization
    now: datetime
    policies: Mapping[UUID | None, RetentionPolicy]

    @classmethod
    def of(cls, organization: Organization, now: datetime, instead: RetentionPolicy | None = None) -> Self:
        """Return what is in force; with `instead`, as if that unsaved policy were."""
        saved = RetentionPolicy.objects.filter(organization=organization)
        return cls(organization, now, {each.room_id: each for each in [*saved, *([instead] if instead else [])]})

    def policy_of(self, recording: Recording) -> RetentionPolicy | None:
        """Return the policy by which `recording` is kept: its room's own, else its organization's."""
        return self.policies.get(recording.room_id) or self.policies.get(None)

    @property
    def removable(self) -> QuerySet[Recording]:
        """What is finished, has rested since and is not held, oldest first."""
        finished = Recording.objects.filter(organization=self.organization, state=Recording.State.FINISHED)
        found = finished.alias(end=ENDED).filter(end__lte=self.now - RESTED)
        own = self.policies.get(None)
        if own and own.legal_hold:
            return found.none()
        holds = [room_id for room_id, policy in self.policies.items() if policy.legal_hold]
        return found.exclude(room__in=holds).select_related("organization", "room", "device").order_by("started_at")

    def deleted(self, found: QuerySet[Recording]) -> QuerySet[Recording]:
        """Narrow to what people deleted so long ago that they cannot take it back any more."""
        return found.filter(deleted_at__lte=self.now - timedelta(hours=settings.DELETE_UNDO_HOURS))

    def old(self, policy: RetentionPolicy, found: QuerySet[Recording]) -> QuerySet[Recording]:
        """Narrow to what ended longer ago than `policy` keeps it, but for what is kept by hand."""
        if policy.keep_days is None:
            return found.none()
        oldest = self.now - timedelta(days=policy.keep_days)
        return self._under(policy, found).alias(end=ENDED).filter(end__lt=oldest, kept=False)

    def over(self, policy: RetentionPolicy, leaving: Mapping[UUID, Recording]) -> Iterable[Recording]:
        """Yield the oldest whose going, after that of `leaving`, brings what is kept back to the policy's bytes.

        What is kept by hand counts, and stays.
        """
        left = self.excess_bytes(policy) - sum(
            each.stored_bytes for each in leaving.values() if each.deleted_at is None and self.policy_of(each) is policy
        )
        if left <= 0:
            return
        for recording in self._under(policy, self.removable).filter(deleted_at=None, kept=False).iterator():
            if recording.pk not in leaving:
                yield recording
                left -= recording.stored_bytes
            if left <= 0:
                return

    def excess_bytes(self, policy: RetentionPolicy) -> int:
        """Return how much more is kept than `policy` allows; below 0 where there is room.

        What people deleted does not count: its going is a matter of hours, and nothing else goes to make room for it.
        """
        if policy.keep_bytes is None:
            return 0
        there = self._under(policy, Recording.objects.filter(organization=self.organization, deleted_at=None))
        return (there.aggregate(total=Sum("stored_bytes"))["total"] or 0) - policy.keep_bytes

    def _under(self, policy: RetentionPolicy, found: QuerySet[Recording]) -> QuerySet[Recording]:
        if policy.room_id:
            return found.filter(room=policy.room_id)
        return found.exclude(room__in=[room_id for room_id in self.policies if room_id])
