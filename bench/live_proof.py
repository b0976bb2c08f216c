"""The promises about live sound: how each is measured, and when it is kept."""

from pathlib import Path

from bench import measurements
from tests.studio import studio_on

LONG_S, SHORT_S = 60, 9
HOW = """\
**How live sound is measured.** The microphones are the sketches of `devices/simulator` in real time: 64 ms of 16 kHz
mono a chunk, in 8 rooms of 5, with 10 pages each. A chunk's header carries the server's clock at its arrival; a page
compares it with the same clock when it has the chunk in hand, so the way through the kernel and the page's own delay
count against us. Lost is what microphones sent and a page of their room never got. The stalled page stops reading;
memory is the server's resident set against the moment before. The 60 devices are claimed and hold tokens; they lose
their links at one moment, come back in step as sketches do, and are timed from the TCP connection to `connected`, while
`tests/slow_settings.py` makes every query wait.
"""


async def latency(folder: Path, full: bool) -> tuple[str, bool]:
    """40 microphones and 80 viewers."""
    seconds = LONG_S if full else SHORT_S
    with studio_on(folder) as studio:
        late = await measurements.latency(studio, rooms=8, microphones_each=5, viewers_each=10, seconds=seconds)
    return (
        f"p50 {late.p50_ms:.1f} ms, p99 {late.p99_ms:.1f} ms, worst {late.worst_ms:.0f} ms;"
        f" of {late.deliveries:,} deliveries {late.lost} lost; server: {late.server_cpu_percent:.0f} % of a core",
        late.p99_ms < 20 and late.lost == 0,
    )


async def stall(folder: Path, full: bool) -> tuple[str, bool]:
    """One viewer of five stalls."""
    with studio_on(folder) as studio:
        found = await measurements.stall(studio, microphones=5, viewers=5, seconds=LONG_S if full else SHORT_S)
    closed = f"closed after {found.closed_after_s:.0f} s" if found.closed_after_s else "not closed in that time"
    return (
        f"{found.memory_growth_mb:+.1f} MB, {closed}; the others: {found.others_lost} lost,"
        f" p99 {found.others_p99_ms:.1f} ms",
        found.memory_growth_mb <= 5 and found.others_lost == 0,
    )


async def handshakes(folder: Path, _full: bool) -> tuple[str, bool]:
    """60 devices return at once while every query takes 100 ms."""
    with studio_on(folder) as studio:
        found = await measurements.handshakes(studio, count=60, query_delay_ms=100)
    return (
        f"the slowest {found.slowest_s:.2f} s, half of them within {found.median_s:.2f} s;"
        f" {found.second_tries} second tries",
        found.slowest_s < 3 and found.second_tries == 0,
    )


PROMISES = [
    (
        "latency",
        "40 microphones, 80 viewers: from a chunk's arrival to its departure p99 under 20 ms, and nothing lost",
        latency,
    ),
    ("stall", "one viewer of five stalled for 60 s: at most 5 MB more memory, the others unaffected", stall),
    ("handshakes", "60 handshakes at once with 100 ms per query: all within 3 s", handshakes),
]
