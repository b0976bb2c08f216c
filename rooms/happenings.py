"""What happened: one line for the room's page, and the audit of who did it."""

from typing import Any

from accounts.models import Organization, User
from rooms.models import Event, Room


def actor_name(by: User | str | None) -> str:
    """Return the name under which `by` is kept in the audit."""
    return by.get_username() if isinstance(by, User) else (by or "")


def note(
    organization: Organization,
    kind: str,
    *,
    room: Room | None = None,
    subject: str = "",
    actor: User | str | None = None,
    **detail: Any,
) -> Event:
    """Keep one line: `kind` names a sentence of `rooms.sentences`, `detail` is what it needs to say it."""
    return Event.objects.create(
        organization=organization, room=room, kind=kind, subject=subject[:120], actor=actor_name(actor), detail=detail
    )
