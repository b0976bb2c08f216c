"""The simulated microphone against a tiny server: if it lies about real ones, every other test lies with it."""

import asyncio
import base64
import hashlib
import itertools
import json
import ssl
import wave
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devices.simulator.arduino_websockets import Timing, trusting_tls
from devices.simulator.microphone import SHIPPED_SPEECH, Microphone
from devices.simulator.sketch import Firmware, Sketch

QUICK = Firmware(
    "127.0.0.1", 0, boot_s=0.01, idle_pause_s=0.005, rejoin_pause_s=0.02, speed=20,
    timing=Timing(handshake_s=1, retry_s=0.1, ping_every_s=0.3, pong_within_s=0.1),
)  # fmt: skip
WAITING = {"type": "waiting-for-config", "deviceId": "esp32-meeting-01"}
ROOM_CONFIG = {"type": "room-config", "roomId": "room-1", "accessToken": "lgd_token", "wsHost": "127.0.0.1"}


def a_ramp(samples: int = 48000) -> Microphone:
    return Microphone(np.arange(samples, dtype=np.int16))


@asynccontextmanager
async def a_server(handler):
    """A server whose `handler(socket)` is called for each connection; yields the firmware that points at it."""
    async with websockets.serve(handler, "127.0.0.1", 0, ping_interval=None, compression=None) as server:
        yield replace(QUICK, port=server.sockets[0].getsockname()[1])


class Script:
    """A server's side of the flow: hands over a room, then starts; keeps what it heard."""

    def __init__(self, *, starts: bool = True) -> None:
        self.paths: list[str] = []
        self.chunks: list[dict] = []
        self.sockets: list = []
        self.starts = starts

    async def __call__(self, socket) -> None:
        self.paths.append(socket.request.path)
        self.sockets.append(socket)
        if "roomId=" not in socket.request.path:
            await socket.send(json.dumps(WAITING))
            await socket.send(json.dumps(ROOM_CONFIG))
        else:
            await socket.send(
                json.dumps({"type": "connected", "roomId": "room-1", "timestamp": "2026-11-20T12:00:00Z"})
            )
            if self.starts:
                await socket.send(json.dumps({"type": "start-recording", "roomId": "room-1"}))
        async for text in socket:
            self.chunks.append(json.loads(text))


async def test_it_goes_from_pending_to_capturing_in_the_room_it_is_given():
    script = Script()
    async with a_server(script) as firmware, Sketch(firmware, a_ramp(), keeps_sent=True) as sketch:
        await sketch.until(lambda: len(script.chunks) >= 5)
        assert script.paths == [
            "/ws?type=esp32&deviceId=esp32-meeting-01",
            "/ws?type=esp32&deviceId=esp32-meeting-01&roomId=room-1&accessToken=lgd_token",
        ]
        assert sketch.faults == []
        heard = b"".join(base64.b64decode(chunk["audio"]) for chunk in script.chunks[:5])
        assert heard == b"".join(sketch.sent[:5]) == np.arange(5 * 1024, dtype="<i2").tobytes()
        assert {(chunk["type"], chunk["roomId"]) for chunk in script.chunks} == {("esp32-audio-chunk", "room-1")}


async def test_its_handshake_and_its_frames_are_those_of_the_library():
    """Read raw: header order, `Host` with the port, two writes with a zero mask from 1400 bytes on."""
    received = bytearray()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        received.extend(request)
        key = next(line.split(b": ")[1] for line in request.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key"))
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        answer = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
        writer.write(b"\r\n".join([*answer, b"Sec-WebSocket-Accept: " + accept, b"", b""]))
        if b"roomId=" not in request:
            writer.write(_server_text(ROOM_CONFIG))
        else:
            writer.write(_server_text({"type": "connected"}) + _server_text({"type": "start-recording"}))
        while piece := await reader.read(65536):
            received.extend(piece)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Sketch(replace(QUICK, port=port, device_id="ไมค์ 1"), a_ramp(), keeps_sent=True) as sketch:
        await sketch.until(lambda: sketch.chunks_sent >= 2)
    head = bytes(received).split(b"\r\n\r\n")[0].decode().split("\r\n")
    assert [line.split(": ")[0] for line in head] == [
        "GET /ws?type=esp32&deviceId=ไมค์ 1 HTTP/1.1",
        "Host", "Connection", "Upgrade", "Sec-WebSocket-Version", "Sec-WebSocket-Key", "Sec-WebSocket-Protocol",
        "Origin", "User-Agent",
    ]  # fmt: skip
    assert {f"Host: 127.0.0.1:{port}", "Origin: file://", "Sec-WebSocket-Protocol: arduino"} <= set(head)
    assert "User-Agent: arduino-WebSocket-Client" in head
    text = json.dumps(
        {"type": "esp32-audio-chunk", "roomId": "room-1", "audio": base64.b64encode(sketch.sent[0]).decode()},
        separators=(",", ":"),
    ).encode()
    assert bytes([0x81, 0xFE]) + len(text).to_bytes(2, "big") + bytes(4) + text in received
    assert bytes([0x89, 0x80, 0, 0, 0, 0]) in received  # it pings as soon as it may, with nothing and no mask


async def test_over_tls_it_takes_whatever_certificate_it_is_shown(tmp_path):
    script = Script()
    async with websockets.serve(script, "127.0.0.1", 0, ssl=_self_signed(tmp_path), compression=None) as server:
        firmware = replace(QUICK, port=server.sockets[0].getsockname()[1], tls=trusting_tls())
        async with Sketch(firmware, a_ramp()) as sketch:
            await sketch.until(lambda: len(script.chunks) >= 3)
            sketch.drop_link()
            await sketch.until(lambda: len(script.paths) >= 3)
            sketch.power_cut()
            await sketch.until(lambda: sketch.boots == 2 and sketch.state == "capturing")
    assert sketch.faults == []


async def test_it_stops_when_it_is_told_and_starts_again():
    script = Script()
    async with a_server(script) as firmware, Sketch(firmware, a_ramp()) as sketch:
        await sketch.until(lambda: sketch.state == "capturing")
        await script.sockets[-1].send(json.dumps({"type": "stop-recording", "roomId": "room-1"}))
        await sketch.until(lambda: sketch.state == "connected")
        await script.sockets[-1].send(json.dumps({"type": "start-recording", "roomId": "room-1"}))
        await sketch.until(lambda: sketch.state == "capturing")


async def test_a_dropped_link_stops_it_and_it_returns_to_its_room_by_the_same_url():
    script = Script()
    async with a_server(script) as firmware, Sketch(firmware, a_ramp()) as sketch:
        await sketch.until(lambda: sketch.state == "capturing")
        script.starts = False
        sketch.drop_link()
        await sketch.until(lambda: len(script.paths) >= 3 and sketch.in_room)
        assert script.paths[2] == script.paths[1]
        assert sketch.state == "connected"


async def test_a_power_cut_leaves_the_old_socket_open_and_forgets_the_room():
    script = Script()
    async with a_server(script) as firmware, Sketch(firmware, a_ramp()) as sketch:
        await sketch.until(lambda: sketch.state == "capturing")
        old = script.sockets[-1]
        sketch.power_cut()
        await sketch.until(lambda: len(script.paths) == 3)
        assert script.paths[2] == script.paths[0]
        assert old.state is websockets.State.OPEN
        assert sketch.boots == 2


async def test_it_tries_again_in_step_after_every_refusal():
    moments = []

    def refuse(connection, request):
        moments.append(asyncio.get_running_loop().time())
        return connection.respond(403, "no\n")

    async with websockets.serve(Script(), "127.0.0.1", 0, process_request=refuse) as server:
        port = server.sockets[0].getsockname()[1]
        async with Sketch(replace(QUICK, port=port), a_ramp()) as sketch:
            await sketch.until(lambda: len(moments) == 4)
    assert all(0.1 <= later - sooner < 1 for sooner, later in itertools.pairwise(moments))


async def test_it_gives_up_a_server_that_no_longer_answers_pings():
    async def deaf(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        key = next(line.split(b": ")[1] for line in request.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key"))
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        writer.write(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: ")
        writer.write(accept + b"\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(deaf, "127.0.0.1", 0)
    async with server:
        firmware = replace(QUICK, port=server.sockets[0].getsockname()[1])
        async with Sketch(firmware, a_ramp()) as sketch:
            await sketch.until(lambda: sketch.disconnects >= 1)


@pytest.mark.parametrize(
    "message", ["{}", '{"type":null}', '{"type":7}', "[]", "null", '"start-recording"', '{"kind":"start-recording"}']
)
async def test_a_message_without_a_type_reboots_it(message):
    async def crash(socket):
        await socket.send(message)
        await socket.wait_closed()

    async with a_server(crash) as firmware, Sketch(firmware, a_ramp()) as sketch:
        await sketch.until(lambda: sketch.boots == 2)
        assert "no type, so it reboots" in sketch.faults[0]


@pytest.mark.parametrize(
    "message",
    ["{broken", json.dumps({"type": "room-config", "padding": "x" * 512}), b"\x00\x01", ["in two ", "fragments"]],
    ids=["no JSON", "over 512 bytes", "binary", "fragments"],
)
async def test_what_it_cannot_read_is_a_fault_and_changes_nothing(message):
    async def confuse(socket):
        await socket.send(message)
        await socket.send(json.dumps(WAITING))
        await socket.wait_closed()

    async with a_server(confuse) as firmware, Sketch(firmware, a_ramp()) as sketch:
        await sketch.until(lambda: sketch.received)
        assert sketch.faults and sketch.boots == 1 and sketch.state == "pending"


async def test_a_message_over_15_kib_closes_the_socket_with_1009():
    codes = []

    async def shout(socket):
        await socket.send(json.dumps({"type": "x", "padding": "x" * 16000}))
        await socket.wait_closed()
        codes.append(socket.close_code)

    async with a_server(shout) as firmware, Sketch(firmware, a_ramp()) as sketch:
        await sketch.until(lambda: codes)
        assert codes[0] == 1009


async def test_an_unknown_type_is_printed_on_the_serial_console():
    async def tell(socket):
        await socket.send(json.dumps({"type": "pairing-code", "code": "4711"}))
        await socket.wait_closed()

    async with a_server(tell) as firmware, Sketch(firmware, a_ramp()) as sketch:
        await sketch.until(lambda: any("4711" in line for line in sketch.serial))
        assert sketch.faults == []


async def test_go_pending_is_obeyed_only_by_sketches_that_know_it():
    for knows in (False, True):
        script = Script(starts=False)
        async with a_server(script) as firmware, Sketch(replace(firmware, knows_go_pending=knows), a_ramp()) as sketch:
            await sketch.until(lambda sketch=sketch: sketch.in_room)
            await script.sockets[-1].send(json.dumps({"type": "go-pending"}))
            if knows:
                await sketch.until(lambda script=script: len(script.paths) >= 3)
                assert script.paths[2] == script.paths[0]
            else:
                await sketch.until(lambda sketch=sketch: any("go-pending" in line for line in sketch.serial))
                assert len(script.paths) == 2


@pytest.mark.parametrize(("samples", "honest", "arrives"), [(512, 1, 1), (1024, 1, 1), (2048, 1, 0), (4096, 0, 1)])
async def test_a_buffer_too_large_for_its_json_document_sends_null(samples, honest, arrives):
    script = Script()
    async with a_server(script) as firmware:
        firmware = replace(firmware, buffer_samples=samples, honest_json=bool(honest))
        async with Sketch(firmware, a_ramp()) as sketch:
            await sketch.until(lambda: script.chunks)
    audio = script.chunks[0]["audio"]
    assert (len(base64.b64decode(audio)) == samples * 2) if arrives else audio is None


async def test_it_captures_in_real_time():
    script = Script()
    async with a_server(script) as firmware, Sketch(replace(firmware, speed=1), a_ramp()) as sketch:
        await sketch.until(lambda: script.chunks)
        before, start = len(script.chunks), asyncio.get_running_loop().time()
        await sketch.until(lambda: len(script.chunks) >= before + 10)
        took = asyncio.get_running_loop().time() - start
    assert 0.5 < took < 1.2  # ten chunks of 64 ms, on a machine that may be busy


def test_a_microphone_hears_a_file_at_the_rate_and_channels_of_its_sketch(tmp_path):
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", "not compressed"))
        sound.writeframes((10000 * np.sin(np.arange(16000) * 2 * np.pi * 440 / 16000)).astype("<i2").tobytes())
    heard = np.frombuffer(Microphone.from_wav(path, sample_rate_hz=8000, channels=2).read(16000), "<i2").reshape(-1, 2)
    assert (heard[:, 0] == heard[:, 1]).all()
    assert np.argmax(np.abs(np.fft.rfft(heard[:, 0]))) == 440  # one second: the bin is the frequency


def test_a_microphone_goes_round_without_a_hole():
    microphone = Microphone(np.arange(10, dtype=np.int16))
    heard = np.frombuffer(microphone.read(7) + microphone.read(7), "<i2")
    assert heard.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3]


def test_the_shipped_speech_is_16_khz_mono_small_and_not_too_loud():
    with wave.open(str(SHIPPED_SPEECH), "rb") as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16000, 1, 2)
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    assert SHIPPED_SPEECH.stat().st_size < 500_000
    assert 12 < len(samples) / 16000 < 16
    assert -7 < 20 * np.log10(np.abs(samples).max() / 32768) < -5


def _server_text(message: dict) -> bytes:
    text = json.dumps(message).encode()
    return (
        bytes([0x81, len(text)]) + text if len(text) < 126 else bytes([0x81, 126]) + len(text).to_bytes(2, "big") + text
    )


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server of one's own")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    both = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, *plain)
    (folder / "server.pem").write_bytes(both)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem")
    return context
