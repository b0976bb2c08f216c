"""One capture buffer with its header: the 32 bytes that pages, segments, workers and firmware all read."""

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from leganize.wire.errors import WireError

VERSION = 1
_HEADER = struct.Struct("!BBBBIIIQQ")
HEADER_BYTES = _HEADER.size
MAX_PAYLOAD_BYTES = 256 * 1024  # what a socket takes as one message
FIRST_PAGE_STREAM = 2**31  # below it the streams of devices, from it on those of people who speak


class Codec(IntEnum):
    """How a payload is to be read."""

    PCM_S16LE = 1
    JPEG = 2
    OPUS = 3


class Flag(IntFlag):
    """What else is known of a chunk."""

    SERVER_CLOCK = 1  # the device has no clock: the capture time is our arrival time
    AFTER_GAP = 2  # something is missing between this chunk and the one before


NO_FLAGS = Flag(0)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Sound or a picture, captured at `captured_at_us` µs since 1970; a picture has no rate and no channels."""

    codec: Codec
    stream: int
    seq: int
    boot_id: int
    captured_at_us: int
    payload: bytes
    sample_rate_hz: int = 0
    channels: int = 0
    flags: Flag = NO_FLAGS

    @property
    def samples(self) -> int:
        """Samples per channel of a PCM payload; 0 for everything else."""
        return len(self.payload) // (2 * self.channels) if self.codec is Codec.PCM_S16LE else 0

    @property
    def duration_us(self) -> int:
        """How long a PCM payload sounds, in µs; 0 for everything else."""
        return self.samples * 1_000_000 // self.sample_rate_hz if self.sample_rate_hz else 0

    def pack(self) -> bytes:
        """Return header and payload as they travel."""
        header = _HEADER.pack(
            VERSION,
            self.codec,
            self.channels,
            self.flags,
            self.stream,
            self.sample_rate_hz,
            self.seq & 0xFFFFFFFF,
            self.boot_id,
            self.captured_at_us,
        )
        return header + self.payload

    @classmethod
    def unpack(cls, data: bytes) -> "Chunk":
        """Read what `pack` wrote. Raises WireError for anything else."""
        if len(data) < HEADER_BYTES:
            raise WireError(f"chunk of {len(data)} bytes is shorter than its {HEADER_BYTES}-byte header")
        if len(data) > HEADER_BYTES + MAX_PAYLOAD_BYTES:
            raise WireError(f"chunk of {len(data)} bytes is longer than {HEADER_BYTES + MAX_PAYLOAD_BYTES}")
        version, codec, channels, flags, stream, rate, seq, boot, captured = _HEADER.unpack_from(data)
        if version != VERSION:
            raise WireError(f"chunk version {version} is not {VERSION}")
        if codec not in _CODECS:
            raise WireError(f"chunk codec {codec} is not one of {', '.join(str(int(known)) for known in Codec)}")
        payload = data[HEADER_BYTES:]
        _check_pcm(codec, channels, rate, payload)
        return cls(_CODECS[codec], stream, seq, boot, captured, payload, rate, channels, Flag(flags))


_CODECS = {int(codec): codec for codec in Codec}


def _check_pcm(codec: int, channels: int, sample_rate_hz: int, payload: bytes) -> None:
    if codec != Codec.PCM_S16LE:
        return
    if channels not in (1, 2) or not sample_rate_hz:
        raise WireError(f"PCM chunk has {channels} channels at {sample_rate_hz} Hz")
    if len(payload) % (2 * channels):
        raise WireError(f"PCM payload of {len(payload)} bytes is no whole number of {channels}-channel samples")
