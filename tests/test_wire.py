"""The wire's parsers and builders, by the vectors that all languages share and by what sketches really send."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leganize.wire import v1
from leganize.wire.chunk import HEADER_BYTES, Chunk, Codec, Flag
from leganize.wire.errors import WireError
from leganize.wire.framing import binary_frame, text_frame
from leganize.wire.identity import boot_id, is_device_id, new_epoch
from leganize.wire.pcm import MonoResampler, RateGuess

VECTORS = [
    [part.strip() for part in line.split("|", 2)]
    for line in (Path(__file__).parent / "vectors/chunks.txt").read_text().splitlines()
    if not line.startswith("#")
]
GOOD = [(name, bytes.fromhex(hexed), json.loads(value)) for name, hexed, value in VECTORS if "error" not in value]
BAD = [(bytes.fromhex(hexed), json.loads(value)["error"]) for _name, hexed, value in VECTORS if "error" in value]


def chunk_of(value: dict) -> Chunk:
    return Chunk(
        Codec(value["codec"]),
        value["stream"],
        value["seq"],
        int(value["boot_id"]),
        int(value["captured_at_us"]),
        bytes.fromhex(value["payload"]),
        value["sample_rate_hz"],
        value["channels"],
        Flag(value["flags"]),
    )


@pytest.mark.parametrize(("name", "data", "value"), GOOD, ids=[each[0] for each in GOOD])
def test_a_chunk_is_read_and_written_as_the_vectors_say(name, data, value):
    assert Chunk.unpack(data) == chunk_of(value)
    assert chunk_of(value).pack() == data


@pytest.mark.parametrize(("data", "reason"), BAD)
def test_a_damaged_chunk_is_refused_with_its_reason(data, reason):
    with pytest.raises(WireError, match=reason):
        Chunk.unpack(data)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_chunk_parser_fail_otherwise(data):
    try:
        assert Chunk.unpack(data).pack()[:HEADER_BYTES] == data[:HEADER_BYTES]
    except WireError:
        assert len(data) < HEADER_BYTES or data


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_a_frame_carries_its_length_as_the_websocket_standard_has_it(size):
    wire = binary_frame(b"x" * size).wire
    announced = wire[1] if wire[1] < 126 else int.from_bytes(wire[2 : 4 if wire[1] == 126 else 10])
    assert (wire[0], announced, len(wire) - size) == (0x82, size, 2 if size < 126 else 4 if size < 65536 else 10)


def test_a_text_frame_is_marked_as_text():
    assert text_frame(b"{}").wire == b"\x81\x02{}"


def test_a_devices_sound_is_read_with_its_base64_undone():
    text = json.dumps({"type": "esp32-audio-chunk", "roomId": "R", "audio": base64.b64encode(b"\1\0").decode()})
    assert v1.parse_device(text) == v1.AudioChunk("R", b"\1\0")


def test_a_message_of_an_unknown_type_is_nothing():
    assert v1.parse_device('{"type":"hello"}') is None
    assert v1.parse_page('{"type":"hello","targetDeviceId":7}') is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "string type"),
        ('{"type":7}', "string type"),
        ('{"audio":"AAA="}', "string type"),
        ('{"type":"esp32-audio-chunk","audio":"***"}', "not base64"),
        ('{"type":"esp32-audio-chunk","audio":7}', "esp32-audio-chunk"),
    ],
)
def test_what_cannot_be_read_says_why(text, reason):
    with pytest.raises(WireError, match=reason):
        v1.parse_device(text)


@pytest.mark.parametrize("text", ['{"type":"start-recording"}', '{"type":"stop-recording","targetDeviceId":null}'])
def test_a_page_that_names_no_device_is_told(text):
    with pytest.raises(WireError, match="targetDeviceId"):
        v1.parse_page(text)


@pytest.mark.parametrize(("audio", "channels"), [(None, 1), (b"", 1), (b"\0", 1), (b"\0\0", 2)])
def test_sound_that_is_no_whole_number_of_samples_is_refused(audio, channels):
    with pytest.raises(WireError):
        v1.pcm_payload(audio, channels)


def test_nothing_longer_than_a_sketch_can_hold_leaves_for_a_device():
    longest = v1.error("ü" * 5000).payload
    assert len(longest) <= v1.MAX_DEVICE_TEXT_BYTES
    with pytest.raises(WireError, match="overflow"):
        v1.room_config("R" * 500, "T", "host")


@given(st.text(max_size=600))
def test_every_error_to_a_device_is_json_with_a_type_and_fits(sentence):
    payload = v1.error(sentence).payload
    assert len(payload) <= v1.MAX_DEVICE_TEXT_BYTES
    assert json.loads(payload)["type"] == "error"


@pytest.mark.parametrize("text", ["", "a" * 65, "a b", "../x", "<img>", "ไมค์", "a\0", "a\n"])
def test_a_device_id_of_other_characters_is_none(text):
    assert not is_device_id(text)


def test_epochs_sort_by_time_and_lend_chunks_their_boot_id():
    early, late = new_epoch(1_000_000.0), new_epoch(1_000_000.002)
    assert early < late
    assert boot_id(early) == early.int >> 64
    assert early.version == 7


def tone(rate_hz: int, seconds: float, channels: int = 1) -> bytes:
    wave = (np.sin(np.arange(int(rate_hz * seconds)) * 2 * np.pi * 440 / rate_hz) * 10000).astype("<i2")
    return np.repeat(wave, channels).tobytes()


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (16000, 2), (22050, 1), (44100, 2)])
def test_v1_pages_hear_a_440_hz_tone_at_440_hz_whatever_the_device_sends(rate_hz, channels):
    resampler, sound = MonoResampler(rate_hz, channels), tone(rate_hz, 2, channels)
    size = 1024 * 2 * channels
    heard = b"".join(resampler.convert(sound[at : at + size]) for at in range(0, len(sound), size))
    samples = np.frombuffer(heard, "<i2")[1600:17600]
    assert np.argmax(np.abs(np.fft.rfft(samples))) == 440
    assert abs(len(heard) / 2 / 16000 - 2) < 0.08


def arrivals(samples_per_s: float, seconds: float = 10, chunk: int = 1024):
    guess, now = RateGuess(), 0.0
    while now < seconds:
        guess.add(now, chunk)
        now += chunk / samples_per_s
    return guess


@pytest.mark.parametrize(
    ("samples_per_s", "looks_like"),
    [(8000, (8000, 1)), (44100, (44100, 1)), (88200, (44100, 2)), (16000, None), (15500, None), (12000, None)],
)
def test_the_rate_is_guessed_from_arrival_and_only_when_it_fits_one(samples_per_s, looks_like):
    assert arrivals(samples_per_s).differs_from(16000, 1) == looks_like


def test_no_rate_is_guessed_before_there_is_enough_to_go_by():
    assert arrivals(8000, seconds=3).differs_from(16000, 1) is None
