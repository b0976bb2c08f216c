"""A person who speaks into the room from a page: 16 kHz mono PCM becomes chunks like a device's."""

import secrets
import time
from collections.abc import Callable
from uuid import UUID

from accounts.principal import Principal, Scope
from gateway.actions import Publish
from leganize.wire import v1
from leganize.wire.chunk import FIRST_PAGE_STREAM, Chunk, Codec, Flag
from leganize.wire.errors import WireError
from leganize.wire.pcm import V1_PAGE_RATE_HZ

BYTES_PER_S = V1_PAGE_RATE_HZ * 2


class Talking:
    """One page's own microphone: its stream number, and whether it speaks now."""

    def __init__(self, room_id: UUID | None, wall_s: Callable[[], float] = time.time) -> None:
        self.stream = FIRST_PAGE_STREAM + secrets.randbelow(2**31)
        self.on = False
        self._room_id, self._wall_s = room_id, wall_s
        self._boot_id = secrets.randbits(64)
        self._seq = 0

    def start(self, principal: Principal) -> None:
        """Begin to speak. Raises WireError when this principal may not, or there is no room to speak into."""
        self.on = False
        if self._room_id is None or not principal.may(Scope.TALK):
            raise WireError("speaking into this room is not allowed here")
        self.on = True

    def chunk(self, principal: Principal, audio: bytes | None) -> Publish:
        """Make a chunk of what the microphone gave. Raises WireError before start-stream or for bad PCM."""
        if not self.on or self._room_id is None:
            raise WireError("send start-stream before audio")
        if not principal.may(Scope.TALK):  # it was taken since start-stream
            raise WireError("speaking into this room is not allowed any more")
        payload = v1.pcm_payload(audio, 1)
        self._seq += 1
        chunk = Chunk(
            Codec.PCM_S16LE, self.stream, self._seq - 1, self._boot_id, int(self._wall_s() * 1_000_000), payload,
            V1_PAGE_RATE_HZ, 1, Flag.SERVER_CLOCK,
        )  # fmt: skip
        return Publish(self._room_id, chunk, record=False)
