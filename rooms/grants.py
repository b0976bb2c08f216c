"""Grants: a token that lets whoever holds it into one room, until it expires or is revoked."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from accounts.models import Membership, User
from accounts.principal import ROLE_SCOPES, Principal, Scope
from accounts.secrets import GRANT, make_secret, matches, read_secret
from rooms.happenings import note
from rooms.hints import hint_after_commit
from rooms.models import Grant, Room


@transaction.atomic
def make_grant(
    room: Room,
    *,
    by: User,
    label: str = "",
    may_talk: bool = False,
    may_control: bool = False,
    hours: int | None = None,
) -> tuple[Grant, str]:
    """Make a grant and return it with its token, which nobody can see a second time."""
    secret = make_secret(GRANT)
    grant = Grant.objects.create(
        room=room,
        label=label[:80],
        may_talk=may_talk,
        may_control=may_control,
        lookup=secret.lookup,
        digest=secret.digest,
        created_by=by,
        expires_at=timezone.now() + timedelta(hours=hours or settings.GRANT_HOURS),
    )
    note(room.organization, "grant-made", room=room, subject=str(grant), actor=by)
    return grant, secret.text


@transaction.atomic
def revoke_grant(grant: Grant, *, by: User | str) -> None:
    """End a grant: sockets that hold it are closed by their worker's heartbeat."""
    grant.revoked_at = timezone.now()
    grant.save(update_fields=["revoked_at"])
    note(grant.room.organization, "grant-revoked", room=grant.room, subject=str(grant), actor=by)
    hint_after_commit()


def admit(asked: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Principal]:
    """Look up (room ID, token) pairs in one query and return a principal for each pair that lets someone in."""
    secrets = {pair: read_secret(pair[1]) for pair in set(asked)}
    grants = _valid().filter(lookup__in={secret.lookup for secret in secrets.values()})
    found = {}
    for grant in grants:
        for pair, secret in secrets.items():
            if pair[0] == str(grant.room_id) and matches(secret, grant.digest):
                found[pair] = _principal_of(grant)
    return found


def refresh(ids: Iterable[UUID]) -> dict[UUID, Principal]:
    """Return what each of these grants still allows; one that has ended is absent."""
    return {grant.pk: _principal_of(grant) for grant in _valid().filter(pk__in=set(ids))}


def _principal_of(grant: Any) -> Principal:
    ticked = (
        {Scope.LISTEN} | ({Scope.TALK} if grant.may_talk else set()) | ({Scope.CONTROL} if grant.may_control else set())
    )
    scopes = frozenset(ticked) & ROLE_SCOPES[grant.maker_role]
    return Principal("grant", grant.pk, str(grant), grant.room.organization_id, scopes, grant.expires_at)


def _valid() -> Any:
    """Return the grants that let someone in, with `maker_role`: nobody can lend more than they themselves still may."""
    maker = Membership.objects.filter(
        user=OuterRef("created_by"), organization=OuterRef("room__organization"), user__is_active=True
    )
    standing = Grant.objects.select_related("room").annotate(maker_role=Subquery(maker.values("role")[:1]))
    return standing.filter(
        room__status=Room.Status.ACTIVE, revoked_at=None, expires_at__gt=timezone.now(), maker_role__isnull=False
    )
