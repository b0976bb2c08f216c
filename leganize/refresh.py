"""The heartbeat's look at every socket: what the database says of it now, in a few queries for all."""

from collections.abc import Awaitable, Callable
from typing import Any

from devices.binding import Refreshed, reread
from gateway import sockets
from rooms import grants, people

InThread = Callable[..., Awaitable[Any]]


async def devices(in_thread: InThread) -> None:
    """Let every device socket act on its binding, its token's standing and its wanted state."""
    held = list(sockets.devices.values())
    if not held:
        return
    answers = await in_thread(reread, [socket.held() for socket in held])
    for socket in held:
        if socket.report.id in sockets.devices:
            socket.refreshed(answers.get(socket.report.id, Refreshed()))


async def pages(in_thread: InThread) -> None:
    """Let every page keep what its person or grant still may, and close those that may no longer be here."""
    held = list(sockets.pages)
    if not held:
        return
    by_grant = {page.key[1] for page in held if page.key[0] == "grant"}
    by_person = {page.key[1] for page in held if page.key[0] == "person"}
    granted = await in_thread(grants.refresh, by_grant) if by_grant else {}
    people_now = await in_thread(people.admit, by_person) if by_person else {}
    for page in held:
        page.refreshed((granted if page.key[0] == "grant" else people_now).get(page.key[1]))
