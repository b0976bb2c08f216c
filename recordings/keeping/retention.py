"""What goes and when: by age, by bytes and by what people deleted, unless a legal hold stops all of it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import models, transaction
from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, Role, User
from recordings.keeping import removal
from recordings.keeping.duties import Duty
from recordings.keeping.rules import Rules
from recordings.models import Recording, RetentionPolicy
from rooms.happenings import note
from rooms.models import Room

logger = logging.getLogger(__name__)

TEND_EVERY = timedelta(minutes=10)
RETENTION = "retention"  # the name under which what goes by itself stands in the audit
LARGEST = {"keep_days": 36_500, "keep_bytes": 2**60, "quota_bytes": 2**60}


class Why(models.TextChoices):
    """Why a recording goes."""

    DELETED = "deleted", _("Deleted by a person")
    OLD = "old", _("Kept for as long as was asked")
    OVER = "over", _("The oldest above the limit")


class Leaving(NamedTuple):
    """A recording that would go now, and why."""

    recording: Recording
    reason: Why


def held(recording: Recording) -> bool:
    """Tell whether a legal hold, of its organization or of its room, keeps `recording` from every way of deletion."""
    holds = RetentionPolicy.objects.filter(organization=recording.organization_id, legal_hold=True)
    return holds.filter(Q(room=None) | Q(room=recording.room_id)).exists()


def plan(
    organization: Organization, *, now: datetime | None = None, instead: RetentionPolicy | None = None
) -> list[Leaving]:
    """Return what would go now and why, oldest first; with `instead`, as if that unsaved policy were in force."""
    rules = Rules.of(organization, now or timezone.now(), instead)
    leaving = {each.pk: Leaving(each, Why.DELETED) for each in rules.deleted(rules.removable)}
    for policy in rules.policies.values():
        old = rules.old(policy, rules.removable)
        leaving = {each.pk: Leaving(each, Why.OLD) for each in old} | leaving
    for policy in rules.policies.values():
        over = rules.over(policy, {key: each.recording for key, each in leaving.items()})
        leaving |= {each.pk: Leaving(each, Why.OVER) for each in over}
    return sorted(leaving.values(), key=lambda each: each.recording.started_at)


def over_quota() -> frozenset[UUID]:
    """Return the organizations of which as much is kept as their quota allows, or more: those record nothing now."""
    quotas = RetentionPolicy.objects.filter(room=None, quota_bytes__isnull=False)
    allowed = dict(quotas.values_list("organization", "quota_bytes"))
    if not allowed:
        return frozenset()
    kept = Recording.objects.filter(organization__in=allowed).order_by().values("organization")
    sums = dict(kept.annotate(total=Sum("stored_bytes")).values_list("organization", "total"))
    return frozenset(key for key, most in allowed.items() if most is not None and sums.get(key, 0) >= most)


def set_policy(organization: Organization, room: Room | None, by: User, **limits: Any) -> RetentionPolicy:
    """Change what is kept, of all rooms or of `room`. Raises ValueError with words, also where `by` is no owner.

    `limits` are any of keep_days, keep_bytes, quota_bytes (each a whole number or None for none) and legal_hold.
    """
    if not by.memberships.filter(organization=organization, role=Role.OWNER).exists():
        raise ValueError(_t("Only an owner decides what is kept."))
    return change_policy(organization, room, by, **limits)


def delete(recording: Recording, by: User) -> None:
    """Take a recording out of everyone's sight; for `DELETE_UNDO_HOURS` it can be restored. Raises ValueError."""
    with _changing(recording) as found:
        if held(found):
            raise ValueError(_t("A legal hold keeps this recording. Nobody can delete it."))
        if found.state != Recording.State.FINISHED:
            raise ValueError(_t("This recording still runs. Stop its device first."))
        if not _lets_go(found):
            raise ValueError(_t("This recording goes on. Stop its device first."))
        if found.deleted_at is None:
            found.deleted_at = timezone.now()
            note(found.organization, "recording-deleted", room=found.room, subject=str(found), actor=by)
    recording.deleted_at = found.deleted_at


def restore(recording: Recording, by: User) -> None:
    """Take the deletion of a recording back. Raises ValueError when it was removed for good."""
    with _changing(recording) as found:
        if found.deleted_at is not None:
            found.deleted_at = None
            note(found.organization, "recording-restored", room=found.room, subject=str(found), actor=by)
    recording.deleted_at = None


def keep(recording: Recording, by: User, *, on: bool) -> None:
    """Keep a recording whatever its age and size, or let it go with the others again. Raises ValueError."""
    with _changing(recording) as found:
        if found.kept != on:
            found.kept = on
            note(
                found.organization,
                f"recording-{'kept' if on else 'unkept'}",
                room=found.room,
                subject=str(found),
                actor=by,
            )
    recording.kept = on


def _lets_go(recording: Recording) -> bool:
    try:
        return removal.lets_go(recording)
    except OSError as error:
        raise ValueError(_t("The disk does not answer: %(error)s") % {"error": error.strerror}) from error


@contextmanager
def _changing(recording: Recording) -> Iterator[Recording]:
    """Within a transaction that no removal overtakes, yield the row as it is, and save what was changed in it."""
    with transaction.atomic():
        removal.lock(recording.organization)
        found = Recording.objects.select_related("organization", "room", "device").filter(pk=recording.pk).first()
        if found is None:
            raise ValueError(_t("This recording was removed for good."))
        yield found
        found.save(update_fields=["deleted_at", "kept"])


@transaction.atomic
def change_policy(organization: Organization, room: Room | None, by: User, **limits: Any) -> RetentionPolicy:
    """Do what `set_policy` does for somebody whose right to it was looked at before."""
    removal.lock(organization)
    if room and room.organization_id != organization.pk:
        raise ValueError(_t("This room belongs to another organization."))
    policy = RetentionPolicy.objects.filter(organization=organization, room=room).first()
    policy = policy or RetentionPolicy(organization=organization, room=room)
    was_held = policy.legal_hold
    for name, value in limits.items():
        setattr(policy, name, checked(name, value, room))
    policy.save()
    if policy.legal_hold != was_held:
        note(organization, f"legal-hold-{'on' if policy.legal_hold else 'off'}", room=room, actor=by)
    if limits.keys() - {"legal_hold"}:
        numbers = {name: getattr(policy, name) for name in LARGEST}
        note(organization, "retention-changed", room=room, actor=by, **numbers)
    return policy


@transaction.atomic
def drop_policy(policy: RetentionPolicy, by: User) -> None:
    """Let a room follow its organization again, or that keep everything. Raises ValueError while it holds."""
    removal.lock(policy.organization)
    policy.refresh_from_db()
    if policy.legal_hold:
        raise ValueError(_t("Lift the legal hold first."))
    note(policy.organization, "retention-dropped", room=policy.room, actor=by)
    policy.delete()


def apply(organization: Organization | None = None, *, now: datetime | None = None) -> list[Leaving]:
    """Remove what is due, of one organization or of all, one recording at a time, and return what was removed.

    It may be killed anywhere, run again, and be run by several at once. Raises DatabaseError.
    """
    moment = now or timezone.now()
    removal.finish()
    planned = (each for one in ([organization] if organization else _concerned()) for each in plan(one, now=moment))
    gone = [each for each in planned if _remove(each, moment)]
    if gone:
        size = sum(each.recording.stored_bytes for each in gone)
        logger.info("retention removed %d recordings of %d bytes", len(gone), size)
    return gone


def _remove(leaving: Leaving, now: datetime) -> bool:
    def is_still_due(recording: Recording) -> bool:
        rules = Rules.of(recording.organization, now)
        alone, policy = rules.removable.filter(pk=recording.pk), rules.policy_of(recording)
        if leaving.reason == Why.DELETED:
            return rules.deleted(alone).exists()
        if leaving.reason == Why.OLD:
            return policy is not None and rules.old(policy, alone).exists()
        unwanted = alone.filter(deleted_at=None, kept=False).exists()
        return policy is not None and unwanted and rules.excess_bytes(policy) > 0

    try:
        return removal.remove(leaving.recording, RETENTION, f"recording-gone-{leaving.reason}", is_still_due)
    except OSError as error:
        logger.warning("recording %s could not be removed yet: %s", leaving.recording.pk, error)
        return False


def checked(name: str, value: Any, room: Room | None) -> Any:
    """Return `value` as a policy may keep it under `name`. Raises ValueError with words."""
    if name == "legal_hold":
        return bool(value)
    if name == "quota_bytes" and room and value is not None:
        raise ValueError(_t("A quota is for all rooms together."))
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST[name]:
        raise ValueError(_t("Give a whole number from 1 to %(most)d.") % {"most": LARGEST[name]})
    return value


def _concerned() -> list[Organization]:
    concerned = Q(retention__isnull=False) | Q(recordings__deleted_at__isnull=False)
    return list(Organization.objects.filter(concerned).distinct())


tend = Duty(RETENTION, TEND_EVERY, apply).tend
