"""What a signed-in person may do on a page's socket, with a room or without one."""

from collections.abc import Iterable
from uuid import UUID

from accounts.models import Membership
from accounts.principal import ROLE_SCOPES, Principal
from accounts.sessions import users_of
from rooms.models import Room

Asked = tuple[str, UUID | None]


def admit(asked: Iterable[Asked]) -> dict[Asked, Principal]:
    """Return a principal for each (session key, room) whose person may enter it; without a room, any person may."""
    asked = set(asked)
    users = users_of(key for key, _room in asked)
    rooms = Room.objects.filter(pk__in={room for _key, room in asked if room}, status=Room.Status.ACTIVE)
    owners = dict(rooms.values_list("pk", "organization"))
    members = Membership.objects.filter(user__in=users.values(), organization__in=set(owners.values()))
    roles = {(member.user_id, member.organization_id): member.role for member in members}
    found: dict[Asked, Principal] = {}
    for key, room_id in asked:
        user = users.get(key)
        if user is None:
            continue
        name = user.get_full_name() or user.username
        if room_id is None:
            found[key, room_id] = Principal("user", user.pk, name, None)
        elif room_id in owners and (role := roles.get((user.pk, owners[room_id]))) is not None:
            found[key, room_id] = Principal("user", user.pk, name, owners[room_id], ROLE_SCOPES[role])
    return found
