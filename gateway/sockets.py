"""The sockets that this process holds, for the heartbeat to look after."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from gateway.device_socket import DeviceSocket
    from gateway.page_socket import PageSocket

devices: dict[UUID, "DeviceSocket"] = {}
"""Device sockets by the epoch of their connection."""

pages: set["PageSocket"] = set()


class Wake:
    """Lets a socket ask for a heartbeat now; whoever runs the heartbeat puts its own call here."""

    call: Callable[[], None] = staticmethod(lambda: None)


wake = Wake()


def devices_of(device_id: UUID) -> "list[DeviceSocket]":
    """Return the authenticated sockets of one device here, the oldest first."""
    mine = [socket for socket in devices.values() if socket.report.device_id == device_id]
    return sorted(mine, key=lambda socket: socket.report.id)
