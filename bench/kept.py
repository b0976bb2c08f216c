"""What a studio's server has kept: its recordings as REST tells of them, their folders, and the records in these."""

import asyncio
import io
import itertools
import json
import urllib.request
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.fleet import NumberedSketch
from leganize.wire.chunk import Chunk
from recordings.log.segment_log import Gap, RecordKind, read_records
from recordings.verify import verify
from tests.studio import Studio

PATIENCE_S = 90  # what was cut off is settled within 60 s
DOWNLOAD_S = 300


@dataclass(frozen=True)
class Kept:
    """One recording on disk. `told` is what the API says of it."""

    told: dict[str, Any]
    folder: Path

    def sequence(self) -> Iterator[bytes | Gap]:
        """Yield payloads and gaps in the order in which they were written."""
        for path in sorted(self.folder.glob("*.seg")):
            for record in read_records(path):
                if record.kind is RecordKind.CHUNK:
                    yield Chunk.unpack(record.body).payload
                elif record.kind is RecordKind.GAP:
                    yield Gap(**json.loads(record.body))

    def payloads(self) -> list[bytes]:
        """Return every payload that a whole record holds."""
        return [each for each in self.sequence() if isinstance(each, bytes)]


async def kept_in(studio: Studio, room: str) -> list[Kept]:
    """Return the recordings of a room, as Alice's API key sees them."""
    status, answer = await studio.ask("GET", f"/api/v1/recordings/?room={room}&limit=500")
    assert status == 200, answer
    root = studio.server.recordings_dir / UUID(studio.alice.organization).hex
    return [Kept(told, root / UUID(told["id"]).hex) for told in answer["results"]]


def folders_on_disk(studio: Studio) -> list[Path]:
    """Return the folders of all recordings, without asking the server: it may be dead."""
    return sorted(path.parent for path in studio.server.recordings_dir.glob("*/*/manifest.json"))


async def finished(studio: Studio, room: str, *, seconds: float = PATIENCE_S) -> list[Kept]:
    """Wait until every recording of a room is finished, and return them."""
    async with asyncio.timeout(seconds):
        while True:
            kept = await kept_in(studio, room)
            if kept and all(each.told["state"] == "finished" for each in kept):
                return kept
            await asyncio.sleep(0.2)


async def wav_of(studio: Studio, kept: Kept, query: str = "") -> wave.Wave_read:
    """Download a recording's WAV."""
    request = urllib.request.Request(studio.server.url + kept.told["wav"] + query)  # noqa: S310 - our own server
    request.add_header("Authorization", f"Bearer {studio.alice.key}")

    def download() -> bytes:
        with urllib.request.urlopen(request, timeout=DOWNLOAD_S) as answer:  # noqa: S310
            return answer.read()

    return wave.open(io.BytesIO(await asyncio.to_thread(download)))


@dataclass
class Comparison:
    """What a device sent, held against what was kept of it."""

    sent: int
    kept: int
    strange: int
    """Chunks that it never sent."""
    out_of_order: int
    """Chunks that stand twice, or before one that was sent earlier."""
    undeclared: int
    """Places where something is missing and no gap says so."""
    worst_loss_s: float
    """The longest stretch that was sent and not kept."""
    clock_error_s: float
    """By how much sound and gaps together differ from the clock."""
    sound_differs: bool
    """The WAV without gaps is not what was kept, or the one with gaps is not as long as both together."""
    verdict: str
    """What the verifier found; empty when all is whole."""


async def compare(studio: Studio, sketch: NumberedSketch, kept: Kept) -> Comparison:
    """Compare by content: `sketch` keeps what it sent and hears a numbered microphone."""
    places = {payload: place for place, payload in enumerate(sketch.sent)}
    sequence = list(kept.sequence())
    payloads = [each for each in sequence if isinstance(each, bytes)]
    known = [places[payload] for payload in payloads if payload in places]
    jumps = list(itertools.pairwise(known))
    chunk_s = sketch.firmware.buffer_samples / sketch.firmware.sample_rate_hz / sketch.firmware.channels
    plain, full = await wav_of(studio, kept, "?gaps=skip"), await wav_of(studio, kept)
    duration_s = kept.told["duration_seconds"]
    is_long_enough = abs(full.getnframes() / full.getframerate() - duration_s) < 1 / full.getframerate()
    fault = verify(kept.folder).fault
    return Comparison(
        sent=len(sketch.sent),
        kept=len(known),
        strange=len(payloads) - len(known),
        out_of_order=sum(after <= before for before, after in jumps),
        undeclared=_undeclared(sequence, places),
        worst_loss_s=max((after - before - 1 for before, after in jumps), default=0) * chunk_s,
        clock_error_s=duration_s - _wall_clock_s(sketch, known, chunk_s),
        sound_differs=plain.readframes(plain.getnframes()) != b"".join(payloads) or not is_long_enough,
        verdict=str(fault or ""),
    )


def _undeclared(sequence: list[bytes | Gap], places: dict[bytes, int]) -> int:
    """Count the places where numbers jump with no gap between."""
    count, last, declared = 0, None, False
    for each in sequence:
        if isinstance(each, Gap):
            declared = True
            continue
        place = places.get(each)
        if last is not None and place is not None and place > last + 1 and not declared:
            count += 1
        last, declared = place, False
    return count


def _wall_clock_s(sketch: NumberedSketch, known: list[int], chunk_s: float) -> float:
    """Return the time from the beginning of the first chunk that was kept to the end of the last one."""
    heard_at_s = sketch.microphone.heard_at_s
    return heard_at_s[sketch.sent[known[-1]]] - heard_at_s[sketch.sent[known[0]]] + chunk_s
