"""Who a socket is and what it may do: by its credential, refreshed by the heartbeat, never by its query string."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID


class Scope(StrEnum):
    """One thing that a principal may do in the room it entered."""

    LISTEN = "listen"
    TALK = "talk"
    CONTROL = "control"


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or a grant on a socket. `id` is the row behind the credential; `expires_at` of None never ends."""

    kind: Literal["user", "grant"]
    id: UUID | int
    name: str
    organization_id: UUID | None  # None: a person on a page that belongs to no one room
    scopes: frozenset[Scope] = field(default_factory=frozenset)
    expires_at: datetime | None = None

    def may(self, scope: Scope) -> bool:
        """Tell whether this principal holds `scope`."""
        return scope in self.scopes


ROLE_SCOPES = {
    "owner": frozenset({Scope.LISTEN, Scope.TALK, Scope.CONTROL}),
    "operator": frozenset({Scope.LISTEN, Scope.TALK, Scope.CONTROL}),
    "viewer": frozenset({Scope.LISTEN}),
}
