"""Boards for the pages of this process: computed once per person and room, sent only where something changed."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from django.utils.translation import override

from accounts.models import User
from devices.board import board_for, board_of_room
from gateway import sockets
from gateway.live_page import LivePageSession
from gateway.page_socket import PageSocket
from recordings.keeping.space import recording_of_room
from rooms.models import Room
from rooms.relay import relay

Key = tuple[int, UUID | None, str]


async def push(in_thread: Callable[..., Awaitable[Any]]) -> None:
    """Send each of our pages its board if it changed, and what it missed if it was slow."""
    watching: dict[Key, list[PageSocket]] = defaultdict(list)
    for page in sockets.pages:
        if isinstance(page.session, LivePageSession):
            watching[int(str(page.principal.id)), page.room_id, page.session.language].append(page)
    if not watching:
        return
    here = {room_id: relay.names(room_id) for _user, room_id, _language in watching if room_id}
    boards = await in_thread(_compute, list(watching), here)
    for key, pages in watching.items():
        for page in pages:
            if page in sockets.pages and isinstance(page.session, LivePageSession) and key in boards:
                page.perform(page.session.board(boards[key]) + page.session.skipped())


def _compute(keys: list[Key], here: dict[UUID, list[str]]) -> dict[Key, dict[str, Any]]:
    users = {user.pk: user for user in User.objects.filter(pk__in={key[0] for key in keys})}
    rooms = {room.pk: room for room in Room.objects.filter(pk__in={key[1] for key in keys if key[1]})}
    boards = {}
    for key in keys:
        user, room = users.get(key[0]), rooms.get(key[1]) if key[1] else None
        if user is None or (key[1] and room is None):
            continue
        with override(key[2]):
            boards[key] = _room_board(room, user, here.get(room.pk, [])) if room else board_for(user)
    return boards


def _room_board(room: Room, user: User, names: list[str]) -> dict[str, Any]:
    own = user.get_full_name() or user.username
    board = board_of_room(room, user, [{"name": name, "you": name == own} for name in sorted(set(names))])
    board["room"] |= recording_of_room(room)
    return board
