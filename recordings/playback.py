"""A recording as a WAV file: the header is computed when it is served, the sound is streamed from the segments."""

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.text import slugify
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request

from recordings.models import Recording
from recordings.recorder import folder_of
from recordings.segment_log import read_chunks, segments_of

WAV_HEADER_BYTES = 44
MAX_WAV_BYTES = 0xFFFFFFFF - WAV_HEADER_BYTES  # RIFF counts in 32 bits
BATCH_BYTES = 256 * 1024


def recording_wav(request: HttpRequest, recording_id: UUID) -> HttpResponseBase:
    """Send what is on disk of one recording, also while it still runs, to a session or an API key."""
    if request.headers.get("Authorization"):
        return _wav_by_key(request, recording_id=recording_id)
    return _wav_by_session(request, recording_id)


@login_required
def _wav_by_session(request: HttpRequest, recording_id: UUID) -> HttpResponseBase:
    return _wav(request.user, recording_id)


@extend_schema(exclude=True)
@api_view(["GET"])
def _wav_by_key(request: Request, recording_id: UUID) -> HttpResponseBase:
    return _wav(request.user, recording_id)


def _wav(user: Any, recording_id: UUID) -> StreamingHttpResponse:
    found = Recording.objects.visible_to(user).select_related("device", "room").filter(pk=recording_id).first()
    if found is None:
        raise Http404
    segments = segments_of(folder_of(found.organization_id, found.pk))
    size = min(sum(len(piece) for piece in _sound(segments)), MAX_WAV_BYTES)
    header = wav_header(size, found.sample_rate_hz, found.channels)
    response = StreamingHttpResponse(_stream(header, segments, size), content_type="audio/wav")
    response["Content-Length"] = str(size + WAV_HEADER_BYTES)
    name = slugify(f"{found.room.name} {found.device} {found.started_at:%Y-%m-%d %H%M}") or "recording"
    response["Content-Disposition"] = f'attachment; filename="{name}.wav"'
    return response


def wav_header(data_bytes: int, sample_rate_hz: int, channels: int) -> bytes:
    """Return the 44 bytes before s16le PCM of `data_bytes`."""
    block = 2 * channels
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", data_bytes + WAV_HEADER_BYTES - 8, b"WAVE",
        b"fmt ", 16, 1, channels, sample_rate_hz, sample_rate_hz * block, block, 16,
        b"data", data_bytes,
    )  # fmt: skip


def _sound(segments: list[Path]) -> Iterator[bytes]:
    for path in segments:
        for chunk in read_chunks(path):
            yield chunk.payload


async def _stream(header: bytes, segments: list[Path], size: int) -> AsyncIterator[bytes]:
    """Yield header and sound in large pieces, read on a thread; a running recording ends where the header says."""
    yield header
    pieces, left = _batches(segments), size
    while left and (piece := await asyncio.to_thread(next, pieces, b"")):
        piece = piece[:left]
        left -= len(piece)
        yield piece


def _batches(segments: list[Path]) -> Iterator[bytes]:
    batch: list[bytes] = []
    waiting = 0
    for payload in _sound(segments):
        batch.append(payload)
        waiting += len(payload)
        if waiting >= BATCH_BYTES:
            yield b"".join(batch)
            batch, waiting = [], 0
    yield b"".join(batch)
