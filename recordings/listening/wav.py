"""The header before s16le sound of any length: RIFF, or RF64 (EBU Tech 3306) where 32 bits cannot count it."""

import struct

from leganize.wire.pcm import SAMPLE_BYTES

HEADER_BYTES = 44
LONG_HEADER_BYTES = 80
MAX_RIFF_BYTES = 0xFFFFFFFF
_UNTOLD = 0xFFFFFFFF  # in RF64 the sizes stand in `ds64` alone
_PCM = 1


def wav_header(data_bytes: int, sample_rate_hz: int, channels: int) -> bytes:
    """Return the 44 bytes, 80 in RF64, before s16le PCM of `data_bytes`."""
    block = SAMPLE_BYTES * channels
    form = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, _PCM, channels, sample_rate_hz, sample_rate_hz * block, block, 8 * SAMPLE_BYTES
    )
    if data_bytes + HEADER_BYTES - 8 <= MAX_RIFF_BYTES:
        riff = struct.pack("<4sI4s", b"RIFF", data_bytes + HEADER_BYTES - 8, b"WAVE")
        return riff + form + struct.pack("<4sI", b"data", data_bytes)
    sizes = (data_bytes + LONG_HEADER_BYTES - 8, data_bytes, data_bytes // block)
    riff = struct.pack("<4sI4s4sIQQQI", b"RF64", _UNTOLD, b"WAVE", b"ds64", 28, *sizes, 0)
    return riff + form + struct.pack("<4sI", b"data", _UNTOLD)
