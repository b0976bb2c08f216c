"""A page that speaks protocol v1: JSON both ways, sound as base64, and commands over its socket."""

from datetime import UTC, datetime

from accounts.principal import Scope
from gateway.actions import Actions, Decide, Send
from gateway.page_session import PageSession
from leganize.wire import v1
from leganize.wire.errors import WireError
from leganize.wire.identity import is_device_id
from rooms.relay import Dialect


class V1PageSession(PageSession):
    """One page of the field, let in by a grant."""

    dialect = Dialect.V1

    def opened(self) -> Actions:
        return [Send(v1.connected(str(self.room_id), datetime.now(UTC).isoformat()))]

    def _take(self, message: v1.PageMessage) -> Actions:
        match message:
            case v1.StartRecording(target):
                return self._decide("start-recording", target)
            case v1.StopRecording(target):
                return self._decide("stop-recording", target)
            case v1.GoPending(target):
                return self._decide("go-pending", target)
            case _:
                return super()._take(message)

    def _decide(self, what: str, target: str) -> Actions:
        if not self.principal.may(Scope.CONTROL):
            raise WireError(f"{what} is not allowed here")
        if not is_device_id(target):
            raise WireError("targetDeviceId has 1 to 64 characters of A-Z a-z 0-9 . _ : -")
        return [Decide(what, target)]
