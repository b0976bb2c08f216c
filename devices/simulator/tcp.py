"""A TCP socket as Arduino's WiFiClient shows it: what has arrived, whether it lives, and writes that may get stuck."""

import asyncio


class Tcp(asyncio.Protocol):
    """One connection; `received` holds what nobody has read yet."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.lost = False
        self._news = asyncio.Event()
        self._may_write = asyncio.Event()
        self._may_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.transport.set_write_buffer_limits(high=0)  # a write counts once the kernel has it, as on the chip

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._news.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._news.set()
        self._may_write.set()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    async def write(self, data: bytes, timeout_s: float) -> bool:
        """Hand over `data`; False when the peer takes nothing for `timeout_s`."""
        self.transport.write(data)
        try:
            async with asyncio.timeout(timeout_s):
                await self._may_write.wait()
        except TimeoutError:
            return False
        return not self.lost

    async def read(self, count: int, timeout_s: float) -> bytes | None:
        """Return exactly `count` bytes; None when nothing comes for `timeout_s` or the connection is lost."""
        while len(self.received) < count:
            if self.lost:
                return None
            self._news.clear()
            try:
                async with asyncio.timeout(timeout_s):  # wait_for of Python 3.11 may swallow a cancellation
                    await self._news.wait()
            except TimeoutError:
                return None
        taken = bytes(self.received[:count])
        del self.received[:count]
        return taken
