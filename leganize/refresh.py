"""The heartbeat's look at every socket: what the database says of it now, in a few queries for all."""

from collections.abc import Awaitable, Callable
from typing import Any

from devices.binding import Refreshed, reread
from gateway import sockets
from rooms import grants, people

InThread = Callable[..., Awaitable[Any]]


async def devices(in_thread: InThread) -> None:
    """Let every device socket act on its binding, its token's standing and its wanted state."""
    asked = {socket: socket.held() for socket in sockets.devices.values()}
    if not asked:
        return
    answers = await in_thread(reread, list(asked.values()))
    for socket, held in asked.items():
        # one that was let in while the database was read is not who was asked about: the next beat asks anew
        if socket.report.id in sockets.devices and socket.held() == held:
            socket.refreshed(answers.get(held.connection_id, Refreshed()))


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
