"""A room from its making to its end."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Organization, User
from rooms.happenings import note
from rooms.hints import hint_after_commit
from rooms.models import Room

MAX_NAME_CHARACTERS = 120


@transaction.atomic
def create_room(
    organization: Organization, name: str, *, by: User, records: bool = True, details: dict[str, Any] | None = None
) -> Room:
    """Make a room in `organization`. Raises ValueError when the name cannot be used."""
    room = Room.objects.create(
        organization=organization, name=room_name(name), records=records, details=details or {}, created_by=by
    )
    note(organization, "room-created", room=room, subject=room.name, actor=by)
    return room


@transaction.atomic
def change_room(room: Room, *, by: User, name: str | None = None, records: bool | None = None) -> Room:
    """Rename a room, or choose whether it records. Raises ValueError when the name cannot be used."""
    if name is not None and (name := room_name(name)) != room.name:
        note(room.organization, "room-renamed", room=room, subject=name, actor=by, was=room.name)
        room.name = name
    if records is not None and records != room.records:
        note(room.organization, f"room-recording-{'on' if records else 'off'}", room=room, actor=by)
        room.records = records
    room.save(update_fields=["name", "records"])
    hint_after_commit()
    return room


@transaction.atomic
def end_room(room: Room, *, by: User | str, status: str = Room.Status.ENDED) -> None:
    """End a room for good: workers park its devices and close its sockets. Raises ValueError if it is not active."""
    ended = Room.objects.filter(pk=room.pk, status=Room.Status.ACTIVE).update(status=status, ended_at=timezone.now())
    if not ended:
        raise ValueError(_("This room has already ended."))
    room.refresh_from_db()
    note(room.organization, "room-ended", room=room, subject=room.name, actor=by)
    hint_after_commit()


def room_name(text: str) -> str:
    """Return `text` as a room may be called. Raises ValueError with a sentence that says what is wrong."""
    name = " ".join(text.split())
    if not name:
        raise ValueError(_("Give the room a name."))
    if len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        raise ValueError(_("A room's name has 1 to 120 printable characters."))
    return name
