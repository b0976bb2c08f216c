"""Recordings that are on disk and in the database, made in a moment: what players, exports and rules are tested on."""

from datetime import timedelta
from typing import Any

import numpy as np
from django.utils import timezone

from devices.models import Device
from leganize.wire.chunk import Chunk, Codec
from leganize.wire.identity import new_epoch
from recordings.log.recorder import folder_of
from recordings.log.segment_log import Gap, SegmentWriter
from recordings.models import Recording, Segment

CHUNK_SAMPLES = 1024
SEGMENT_SECONDS = 30


def noise(samples: int, *, channels: int = 1, seed: int = 1) -> bytes:
    """Return s16le noise, so that no two stretches are alike."""
    return np.random.default_rng(seed).integers(-20000, 20000, samples * channels, dtype="<i2").tobytes()


def melody(samples: int, *, sample_rate_hz: int = 16000, channels: int = 1) -> bytes:
    """Return s16le tones that wander from 200 to 1500 Hz: what lossy codecs keep, and no stretch is like another."""
    seconds = np.arange(samples) / sample_rate_hz
    phase = 2 * np.pi * np.cumsum(850 + 650 * np.sin(2 * np.pi * 0.13 * seconds)) / sample_rate_hz
    loudness = 9000 + 6000 * np.sin(2 * np.pi * 0.7 * seconds)
    return np.repeat((loudness * np.sin(phase)).astype("<i2"), channels).tobytes()


def empty_recording(device: Device, **columns: Any) -> Recording:
    """Make the row of a finished recording of `device` that began an hour ago, unless `columns` say otherwise."""
    columns = {
        "organization": device.organization,
        "room": device.room,
        "sample_rate_hz": 16000,
        "channels": 1,
        "state": Recording.State.FINISHED,
        "started_at": timezone.now() - timedelta(hours=1),
        **columns,
    }
    return Recording.objects.create(device=device, **columns)


def keep_segment(recording: Recording, pcm: bytes, gaps: tuple[Gap, ...] = (), *, is_closed: bool = True) -> Segment:
    """Append one segment to a recording: the file and its row. A gap's `at` counts samples of sound before it."""
    before = recording.segments.order_by("-number").first()
    number = before.number + 1 if before else 0
    start = before.start_sample + before.audio_samples + before.gap_samples if before else 0
    path = folder_of(recording.organization_id, recording.pk) / f"{number:06d}-{new_epoch().hex}.seg"
    path.parent.mkdir(parents=True, exist_ok=True)
    return Segment.objects.create(
        recording=recording,
        number=number,
        name=path.name,
        is_closed=is_closed,
        digest=_write(path, recording, start, pcm, gaps, is_closed),
        start_sample=start,
        start_audio_sample=before.start_audio_sample + before.audio_samples if before else 0,
        audio_samples=len(pcm) // (2 * recording.channels),
        gap_samples=sum(gap.samples for gap in gaps),
        gaps=[[gap.at, gap.samples, gap.reason, gap.estimated] for gap in gaps],
        stored_bytes=path.stat().st_size,
    )


def keep(
    device: Device, pcm: bytes, gaps: tuple[Gap, ...] = (), *, segment_seconds: float = SEGMENT_SECONDS, **columns: Any
) -> Recording:
    """Keep `pcm` as a recording, in segments of `segment_seconds`. A gap's `at` counts samples of all sound before."""
    recording = empty_recording(device, **columns)
    each = int(segment_seconds * recording.sample_rate_hz)
    frame_bytes = 2 * recording.channels
    total = len(pcm) // frame_bytes
    for start in range(0, max(total, 1), each):
        stop = min(start + each, total)
        ours = (gap for gap in gaps if start <= gap.at < stop or (gap.at == total == stop))
        moved = tuple(Gap(gap.at - start, gap.samples, gap.reason, gap.estimated) for gap in ours)
        is_last = stop == total
        is_open = is_last and recording.state == Recording.State.RECORDING
        keep_segment(recording, pcm[start * frame_bytes : stop * frame_bytes], moved, is_closed=not is_open)
    sum_up(recording)
    return recording


def sum_up(recording: Recording) -> None:
    """Bring a recording's row in line with the rows of its segments."""
    segments = list(recording.segments.all())
    rate_hz = recording.sample_rate_hz
    recording.audio_seconds = sum(each.audio_samples for each in segments) / rate_hz
    recording.missing_seconds = sum(each.gap_samples for each in segments) / rate_hz
    recording.gap_count = sum(len(each.gaps) for each in segments)
    recording.stored_bytes = sum(each.stored_bytes for each in segments)
    recording.written_until = recording.started_at + timedelta(seconds=recording.duration_seconds)
    if recording.state == Recording.State.FINISHED:
        recording.ended_at = recording.written_until
    recording.save()


def _write(path: Any, recording: Recording, start: int, pcm: bytes, gaps: tuple[Gap, ...], is_closed: bool) -> str:
    meta = {"recording": str(recording.pk), "start_sample": start, "sample_rate_hz": recording.sample_rate_hz}
    at_us = int(recording.started_at.timestamp() * 1_000_000) + start * 1_000_000 // recording.sample_rate_hz
    writer = SegmentWriter(path, meta, at_us)
    frame_bytes, waiting, done = 2 * recording.channels, list(gaps), 0
    cuts = sorted({*range(0, len(pcm) // frame_bytes, CHUNK_SAMPLES), *(gap.at for gap in gaps)})
    for cut, following in zip(cuts, [*cuts[1:], len(pcm) // frame_bytes], strict=True):
        while waiting and waiting[0].at == cut:
            writer.append_gap(waiting.pop(0), at_us)
        payload = pcm[cut * frame_bytes : following * frame_bytes]
        if payload:
            writer.append_chunk(_chunk(recording, done, at_us, payload), at_us)
            done += 1
    digest = writer.seal(at_us) if is_closed else ""
    writer.close()
    return digest


def _chunk(recording: Recording, seq: int, at_us: int, payload: bytes) -> Chunk:
    rate_hz, channels = recording.sample_rate_hz, recording.channels
    return Chunk(Codec.PCM_S16LE, 1, seq, 1, at_us, payload, sample_rate_hz=rate_hz, channels=channels)
