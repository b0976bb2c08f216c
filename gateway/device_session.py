"""What a device's socket asks of its session, in whatever dialect: events in, actions out, nothing that waits."""

from typing import Protocol

from devices.binding import Admission, Binding, Hello, Refreshed
from devices.pairing import MintedToken
from gateway.actions import Actions


class DeviceSession(Protocol):
    """One connection of one device. Every method returns what is to be done, in order."""

    hello: Hello
    binding: Binding | None
    token_id: int | None

    @property
    def is_recorded(self) -> bool:
        """Tell whether what it sends from now on is to be kept."""

    @property
    def may_rehome(self) -> bool:
        """Tell whether this socket came with its ID alone and still waits."""

    @property
    def awaits_lookup(self) -> bool:
        """Tell whether its token is to be looked up, and the answer given to `admitted`."""

    @property
    def is_leaving(self) -> bool:
        """Tell whether it was told to go."""

    def opened(self) -> Actions:
        """Greet a device that was accepted."""

    def admitted(self, admission: Admission | None) -> Actions:
        """Take what its token is worth."""

    def text(self, text: str) -> Actions:
        """Take a text message."""

    def binary(self, data: bytes) -> Actions:
        """Take a binary message."""

    def refreshed(self, fresh: Refreshed) -> Actions:
        """Take what the heartbeat read, and do what is due by the clock."""

    def minted(self, token: MintedToken | None) -> Actions:
        """Take the token that a `Mint` asked for."""

    def replaced(self) -> Actions:
        """Give way to a newer authenticated socket of the same device."""

    def look_at_clock(self) -> None:
        """Bring the report up to date with the time that passed."""
