"""Look-ups of handshakes that come within 20 ms are made together: sixty devices that return at once cost one query."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from channels.db import DatabaseSyncToAsync

from devices import binding, pairing
from rooms import grants, people

WINDOW_S = 0.02

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")
_threads = ThreadPoolExecutor(2, "handshakes")  # one can wait for the database while the next batch fills


def in_thread(work: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """Return `work` as a coroutine function that runs on the threads of handshakes."""
    return DatabaseSyncToAsync(work, thread_sensitive=False, executor=_threads)


class Batch(Generic[Key, Answer]):
    """Collects keys for a moment, then looks all of them up in one call on a thread."""

    def __init__(self, look_up: Callable[[Iterable[Key]], dict[Key, Answer]], window_s: float = WINDOW_S) -> None:
        self._look_up = in_thread(look_up)
        self._window_s = window_s
        self._next: asyncio.Task[dict[Key, Answer]] | None = None
        self._keys: set[Key] = set()

    async def get(self, key: Key) -> Answer | None:
        """Return what is known of `key`, or None. Raises what the look-up raised, to all who waited for it."""
        self._keys.add(key)
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._after_window())
        answers = await asyncio.shield(self._next)
        return answers.get(key)

    async def _after_window(self) -> dict[Key, Answer]:
        await asyncio.sleep(self._window_s)
        keys, self._keys, self._next = self._keys, set(), None
        return await self._look_up(keys)


device_tokens: Batch[binding.Hello, binding.Admission] = Batch(binding.authenticate)
new_tokens = Batch(pairing.mint_tokens)
room_grants = Batch(grants.admit)
people_in_rooms = Batch(people.admit)
