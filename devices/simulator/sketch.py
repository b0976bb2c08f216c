"""The sketch on microphones in the field: its `setup()`, its `loop()`, and what it forgets when it loses power."""

import asyncio
import base64
import json
import ssl
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from devices.simulator.arduino_websockets import Event, Timing, WebSocketsClient
from devices.simulator.microphone import Microphone

MESSAGE_DOCUMENT_BYTES = 512  # StaticJsonDocument<512>: what the sketch can read
CHUNK_DOCUMENT_BYTES = 4096  # StaticJsonDocument<4096>: what it can build before it sends "audio":null
CHUNK_MEMBERS_BYTES = 3 * 16  # ArduinoJson keeps 16 bytes for each of the three members, beside copies of two strings
DMA_BUFFERS = 4  # dma_buf_count: so many captured buffers wait for a slow loop() before sound is lost
KEPT_DEAD_SOCKETS = 4  # a server finds out within a minute; more would only use up files
KEPT_LINES = 1000  # of the serial console and of what was received; a fleet may run for days


@dataclass(frozen=True)
class Firmware:
    """The lines that people edit before they flash a sketch, and how slow the chip is; tests make it faster."""

    host: str
    port: int
    device_id: str = "esp32-meeting-01"
    sample_rate_hz: int = 16000
    channels: int = 1
    buffer_samples: int = 1024
    """BUFFER_SIZE: 16-bit values in one chunk, both channels counted."""
    tls: ssl.SSLContext | None = None
    """For beginSSL; None is begin."""
    honest_json: bool = True
    """False for a sketch whose owner gave a larger JSON document to a larger BUFFER_SIZE."""
    knows_go_pending: bool = False
    starts_by_itself: bool = False
    """Captures as soon as it is in a room; the sketch in the field waits until it is asked."""
    timing: Timing = field(default_factory=Timing)
    idle_pause_s: float = 0.1
    """delay(100): the loop takes one header line or one message, then sleeps so long while it does not capture."""
    rejoin_pause_s: float = 0.5
    """delay(500): between the old socket and the one with the room in its URL."""
    boot_s: float = 1.0
    speed: float = 1.0
    """How many seconds of sound it captures in one."""


class Sketch:
    """One simulated ESP32. Use it as a context manager, or await `run()`.

    `faults` lists every message that a real sketch could not have taken: what it would misread, lose, or reboot at.
    """

    def __init__(
        self,
        firmware: Firmware,
        microphone: Microphone,
        *,
        keeps_sent: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.firmware = firmware
        self.serial: deque[str] = deque(maxlen=KEPT_LINES)
        self.received: deque[dict[str, Any]] = deque(maxlen=KEPT_LINES)
        self.faults: list[str] = []
        self.sent: list[bytes] = []
        """The PCM of every chunk that the socket took, when `keeps_sent`."""
        self.chunks_sent = 0
        self.samples_lost = 0
        self.disconnects = 0
        self.boots = 0
        self.entries_s: list[float] = []
        """How long each way into a room took, from the TCP connection to `connected`."""
        self._microphone = microphone
        self._keeps_sent = keeps_sent
        self._clock = clock
        self._life: asyncio.Task | None = None
        self._dead_sockets: list[asyncio.Transport] = []
        self._power_on()

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self.run())
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._running.cancel()
        await asyncio.wait([self._running])
        if not self._running.cancelled() and self._running.exception():
            raise self._running.exception()

    async def run(self) -> None:
        """Live until cancelled; boot again after each power cut and each crash."""
        try:
            while True:
                self._life = asyncio.create_task(self._live())
                await asyncio.wait([self._life])
                if not self._life.cancelled():
                    self._life.result()
                self._power_on()
        finally:
            self._life.cancel()
            await asyncio.wait([self._life])
            await self._client.disconnect()
            for transport in self._dead_sockets:
                transport.abort()

    async def until(self, reached: Callable[[], Any], *, seconds: float = 15) -> None:
        """Wait until `reached()` is true; else fail with what the serial console last said."""
        deadline = self._clock() + seconds
        while not reached():
            if self._clock() > deadline:
                raise TimeoutError(
                    f"{self.firmware.device_id} is {self.state}; its console said: {list(self.serial)[-8:]}"
                )
            await asyncio.sleep(0.01)

    def power_cut(self) -> None:
        """Lose power: the peer hears nothing of it, the room is forgotten, and the sketch boots anew."""
        transport = self._client.let_go_of_socket()
        if transport:
            self._dead_sockets.append(transport)
            if len(self._dead_sockets) > KEPT_DEAD_SOCKETS:
                self._dead_sockets.pop(0).abort()
        self._life.cancel()

    def drop_link(self) -> None:
        """Lose the Wi-Fi for a moment: the socket breaks, the room is remembered."""
        self._client.break_socket()

    @property
    def state(self) -> str:
        """Where it stands, in one word, for a status line."""
        if not self._client.is_connected:
            return "away"
        if not self.in_room:
            return "pending"
        return "capturing" if self.is_recording else "connected"

    def _power_on(self) -> None:
        self.room_id = ""
        self.access_token = ""
        self.configured = False
        self.is_recording = False
        self.in_room = False
        """Since its last handshake the server has said `connected`."""
        self._client = WebSocketsClient(self._on_event, self.firmware.timing, self._clock)

    async def _live(self) -> None:
        self.boots += 1
        await asyncio.sleep(self.firmware.boot_s)
        self._begin(self._path())
        while True:
            await self._client.loop()
            if self.is_recording and self.configured and self._client.is_connected:
                await self._capture_one_buffer()
            else:
                await asyncio.sleep(self.firmware.idle_pause_s)

    def _begin(self, path: str) -> None:
        self._client.begin(self.firmware.host, self.firmware.port, path, self.firmware.tls)

    def _path(self) -> str:
        bare = f"/ws?type=esp32&deviceId={self.firmware.device_id}"
        return f"{bare}&roomId={self.room_id}&accessToken={self.access_token}" if self.configured else bare

    async def _on_event(self, event: Event, payload: bytes) -> None:
        if event is Event.CONNECTED:
            self.serial.append("Connected to server")
        elif event is Event.DISCONNECTED:
            self.disconnects += 1
            self.is_recording = self.in_room = False
            self.serial.append("Disconnected")
        elif event is Event.LOST_MESSAGE:
            self.faults.append(f"binary or in fragments, so it is lost: {payload[:80]!r}")
        else:
            await self._on_text(payload)

    async def _on_text(self, payload: bytes) -> None:
        message = self._read(payload)
        if message is None:
            return
        self.received.append(message)
        match message["type"]:
            case "waiting-for-config":
                self.in_room = False
                self.serial.append(f"Pending mode - deviceId: {self.firmware.device_id}")
            case "room-config":
                await self._take_room(message)
            case "connected":
                self.in_room = True
                self.entries_s.append(self._clock() - self._client.started_at)
                if self.firmware.starts_by_itself:
                    self._start()
            case "start-recording":
                self._start()
            case "stop-recording":
                self.is_recording = False
            case "go-pending" if self.firmware.knows_go_pending:
                self.room_id, self.access_token, self.configured = "", "", False
                await self._rejoin()
            case _:
                self.serial.append(f"Message: {payload.decode(errors='replace')}")

    def _read(self, payload: bytes) -> dict[str, Any] | None:
        """Parse as ArduinoJson does; what it refuses is printed, a message without a type reboots the chip."""
        try:
            if len(payload) > MESSAGE_DOCUMENT_BYTES:
                raise ValueError(f"NoMemory: {len(payload)} bytes")
            message = json.loads(payload)
        except ValueError as error:
            self.serial.append(f"JSON parse error: {error}")
            self.faults.append(f"cannot be parsed: {payload[:80]!r}: {error}")
            return None
        if isinstance(message, dict) and isinstance(message.get("type"), str):
            return message
        self.faults.append(f"no type, so it reboots: {payload[:80]!r}")
        self.power_cut()  # strcmp on a null pointer: the chip resets and its socket is never closed
        return None

    async def _take_room(self, message: dict[str, Any]) -> None:
        self.room_id = _as_arduino_string(message.get("roomId"))
        self.access_token = _as_arduino_string(message.get("accessToken"))
        self.configured = True
        self.serial.append(f"Config received! roomId: {self.room_id}")
        await self._rejoin()

    async def _rejoin(self) -> None:
        await self._client.disconnect()
        await asyncio.sleep(self.firmware.rejoin_pause_s)
        self._begin(self._path())

    def _start(self) -> None:
        self.is_recording = True
        self._next_buffer_at = self._clock()  # i2s_zero_dma_buffer: what was captured before is gone

    async def _capture_one_buffer(self) -> None:
        samples = self.firmware.buffer_samples
        duration_s = samples / (self.firmware.sample_rate_hz * self.firmware.channels) / self.firmware.speed
        self._next_buffer_at += duration_s
        await asyncio.sleep(max(0.0, self._next_buffer_at - self._clock()))
        while self._clock() - self._next_buffer_at > DMA_BUFFERS * duration_s:
            self._microphone.skip(samples)
            self.samples_lost += samples
            self._next_buffer_at += duration_s
        await self._send_chunk(self._microphone.read(samples))

    async def _send_chunk(self, pcm: bytes) -> None:
        audio = base64.b64encode(pcm).decode()
        needed = CHUNK_MEMBERS_BYTES + len(self.room_id) + 1 + len(audio) + 1
        fits = needed <= CHUNK_DOCUMENT_BYTES or not self.firmware.honest_json
        message = {"type": "esp32-audio-chunk", "roomId": self.room_id, "audio": audio if fits else None}
        if await self._client.send_text(json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()):
            self.chunks_sent += 1
            if self._keeps_sent and fits:
                self.sent.append(pcm)


def _as_arduino_string(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
