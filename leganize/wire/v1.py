"""Protocol v1, text ⇄ values: what devices and pages that are already in the field say and understand."""

import base64
import binascii
import json
from typing import Any

import msgspec

from leganize.wire.errors import WireError
from leganize.wire.framing import Frame, text_frame

MAX_DEVICE_TEXT_BYTES = 512  # the sketch's JSON document; one byte more and it reboots or forgets
_LONGEST_ERROR_CHARACTERS = 300


class AudioChunk(msgspec.Struct, tag_field="type", tag="esp32-audio-chunk", frozen=True):
    """A device's capture buffer. `audio` is None where its JSON document was too small for its buffer."""

    roomId: Any = None
    audio: bytes | None = None


class StartRecording(msgspec.Struct, tag_field="type", tag="start-recording", frozen=True):
    """A page asks a device to capture."""

    targetDeviceId: str


class StopRecording(msgspec.Struct, tag_field="type", tag="stop-recording", frozen=True):
    """A page asks a device to stop."""

    targetDeviceId: str


class GoPending(msgspec.Struct, tag_field="type", tag="go-pending", frozen=True):
    """A page takes a device out of its room."""

    targetDeviceId: str


class StartStream(msgspec.Struct, tag_field="type", tag="start-stream", frozen=True):
    """A page is about to speak into the room."""


class AudioData(msgspec.Struct, tag_field="type", tag="audio-data", frozen=True):
    """A page's own microphone: s16le, 16 kHz mono."""

    audio: bytes | None = None


class StopStream(msgspec.Struct, tag_field="type", tag="stop-stream", frozen=True):
    """A page has finished speaking."""


class Ack(msgspec.Struct, tag_field="type", tag="ack", frozen=True):
    """Our page tells how many bytes of binary messages it received since its socket opened."""

    bytes: int


PageMessage = StartRecording | StopRecording | GoPending | StartStream | AudioData | StopStream | Ack


class _Nothing(msgspec.Struct, tag_field="type", tag="", frozen=True):
    """Beside it, `type` must be there: alone, a tagged struct is read without its tag."""


_device = msgspec.json.Decoder(AudioChunk | _Nothing)
_page = msgspec.json.Decoder(PageMessage)
_KNOWN_BY_PAGES = {
    "start-recording", "stop-recording", "go-pending", "start-stream", "audio-data", "stop-stream", "ack",
}  # fmt: skip


def parse_device(text: str) -> AudioChunk | None:
    """Read a device's message; None for a type we do not know. Raises WireError for what cannot be read."""
    try:
        message = _device.decode(text)
        return message if isinstance(message, AudioChunk) else None
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        _raise_if_known(text, {"esp32-audio-chunk"}, error)
        return None


def parse_page(text: str) -> PageMessage | None:
    """Read a page's message; None for a type we do not know. Raises WireError for what cannot be read."""
    try:
        return _page.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        _raise_if_known(text, _KNOWN_BY_PAGES, error)
        return None


def pcm_payload(audio: bytes | None, channels: int) -> bytes:
    """Return `audio` if it is a whole number of s16le samples for `channels`. Raises WireError otherwise."""
    if not audio:
        raise WireError("audio is empty: the buffer is too large for the sketch's JSON document")
    if len(audio) % 2:
        raise WireError(f"audio of {len(audio)} bytes has half a sample; 16-bit samples come in pairs of bytes")
    if len(audio) % (2 * channels):
        raise WireError(f"audio of {len(audio)} bytes is no whole number of {channels}-channel samples")
    return audio


def waiting_for_config(device_id: str) -> Frame:
    """Tell a device that it waits to be connected by a person."""
    return _to_device({"type": "waiting-for-config", "deviceId": device_id})


def room_config(room_id: str, token: str, ws_host: str) -> Frame:
    """Tell a device which room to come back to, and with which token."""
    return _to_device({"type": "room-config", "roomId": room_id, "accessToken": token, "wsHost": ws_host})


def connected(room_id: str, timestamp: str) -> Frame:
    """Tell a device or a page that it is in its room."""
    return _to_device({"type": "connected", "roomId": room_id, "timestamp": timestamp})


def start_recording(room_id: str) -> Frame:
    """Tell a device to capture."""
    return _to_device({"type": "start-recording", "roomId": room_id})


def stop_recording(room_id: str) -> Frame:
    """Tell a device to stop capturing."""
    return _to_device({"type": "stop-recording", "roomId": room_id})


def go_pending() -> Frame:
    """Tell a device to forget its room; sketches from before this message ignore it."""
    return _to_device({"type": "go-pending"})


def error(message: str) -> Frame:
    """Tell a sender what was wrong with what it sent: ASCII and short, so that the oldest sketch can print it."""
    plain = message.encode("ascii", "replace").decode()
    return _to_device({"type": "error", "message": plain[:_LONGEST_ERROR_CHARACTERS]})


def page_event(event: dict[str, Any]) -> Frame:
    """Tell a page something; `event` has a string `type`."""
    return text_frame(json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode())


def audio_for_page(payload: bytes) -> Frame:
    """Frame PCM at 16 kHz mono for a page of protocol v1."""
    return text_frame(b'{"type":"esp32-audio-chunk","audio":"%s"}' % binascii.b2a_base64(payload, newline=False))


def stream_started() -> Frame:
    """Answer a page that wants to speak."""
    return text_frame(b'{"type":"stream-started"}')


def _to_device(message: dict[str, str]) -> Frame:
    payload = json.dumps(message, separators=(",", ":")).encode()
    if len(payload) > MAX_DEVICE_TEXT_BYTES:
        raise WireError(f"{message['type']} of {len(payload)} bytes would overflow a sketch ({MAX_DEVICE_TEXT_BYTES})")
    return text_frame(payload)


def _raise_if_known(text: str, known: set[str], error: Exception) -> None:
    try:
        message = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise WireError("this is no JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise WireError("a message is a JSON object with a string type") from error
    if message["type"] in known:
        raise WireError(f"{message['type']}: {_reason(message, error)}") from error


def _reason(message: dict[str, Any], error: Exception) -> str:
    audio = message.get("audio")
    if isinstance(audio, str):
        try:
            base64.b64decode(audio, validate=True)
        except (ValueError, binascii.Error):
            return "audio is not base64"
    return str(error)
