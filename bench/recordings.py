"""The promises about recordings: how each is measured, and when it is kept."""

import asyncio
import signal
from pathlib import Path

from bench import crashes, damage, full_disk, load, outages, week, without_database
from bench.kept import Comparison
from tests.studio import studio_on

CLOCK_S = 0.1
GROWTH_MB = 10  # of 150; what a leak of 1 % of the sound would exceed 7 times in 10 minutes
HOW = """\
**How recordings are measured.** Each microphone hears noise of which every chunk is made from its number, so what was
kept is compared with what was sent by content: strange, repeated, misplaced and missing chunks are counted, a jump
without a gap record before it is undeclared, and the WAV is compared byte by byte. The clock is that of the sketch,
from the beginning of the first chunk that was kept to the end of the last. The server is killed by SIGKILL at a random
moment 1 to 4 s after all devices record again; what whole records on disk hold then is read before it starts anew.
Tails are cut, zeroed, flipped, lengthened by rubbish, and lose a page, anywhere in the file. The writer dies, or is
refused, at each of its writes, syncs, renames and truncations in turn. The cost is CPU time of the server's process per
chunk, rooms recorded and not recorded in turns, by the medians. The full disk is a tmpfs of 8 MB that another
process fills to the last byte. The week is 20,160 segments with rows, peaks and files under their names, opened and
played in Chromium.
"""


def whole(each: Comparison, *, clock_s: float = CLOCK_S) -> bool:
    """Tell whether a recording is what its device sent, with all that is missing declared, and as long as the clock."""
    faults = (each.strange, each.out_of_order, each.undeclared, each.sound_differs, each.verdict)
    return not any(faults) and abs(each.clock_error_s) <= clock_s


async def killed(folder: Path, full: bool) -> tuple[str, bool]:
    """SIGKILL under recording devices."""
    with studio_on(folder) as studio:
        found = await crashes.crashes(studio, kills=49 if full else 3, microphones=20 if full else 6)
    worst_s = max(each.worst_loss_s for each in found.comparisons)
    error_ms = 1000 * max(abs(each.clock_error_s) for each in found.comparisons)
    return (
        f"{found.kills} kills: of {found.written_before_kills:,} written chunks {found.missing_after} are missing;"
        f" {found.recordings} recordings whole, {sum(each.undeclared for each in found.comparisons)} undeclared holes,"
        f" at most {1000 * worst_s:.0f} ms of sound lost by a kill; clock off by {error_ms:.0f} ms at most;"
        f" settled after {found.settled_after_s:.0f} s",
        found.missing_after == 0 and all(map(whole, found.comparisons)) and found.settled_after_s < 60,
    )


async def damaged(folder: Path, full: bool) -> tuple[str, bool]:
    """Damaged tails."""
    found = await asyncio.to_thread(damage.rounds, folder, 100, seed=1)
    return (
        f"{found.rounds} rounds: {found.chunks_recovered:,} of {found.chunks_before_damage:,} whole records recovered,"
        f" {found.chunks_cut:,} cut, {found.undeclared} of it undeclared",
        not found.not_whole and found.chunks_recovered == found.chunks_before_damage and not found.undeclared,
    )


async def dying(folder: Path, _full: bool) -> tuple[str, bool]:
    """A death and a refusal at every system call."""
    found = await asyncio.to_thread(crashes.tried_apart, folder, "deaths", "deaths_of_recovery", "refusals")
    return f"{found['deaths']} deaths and {found['refusals']} refusals: {len(found['wrong'])} wrong", not found["wrong"]


async def interrupted(folder: Path, full: bool) -> tuple[str, bool]:
    """Three outages."""
    with studio_on(folder) as studio:
        found = await outages.recorded_through(studio, outages.three_outages, seconds=600 if full else 20)
    gaps = ", ".join(f"{gap['seconds']:.1f} s {gap['reason']}" for gap in found.gaps)
    return (
        f"sound and gaps differ from the clock by {1000 * found.comparison.clock_error_s:+.0f} ms; gaps: {gaps}",
        found.recordings == 1 and whole(found.comparison) and len(found.gaps) == 3,
    )


async def crowded(folder: Path, full: bool) -> tuple[str, bool]:
    """40 microphones for long."""
    with studio_on(folder) as studio:
        found = await load.load(studio, microphones=40, rooms=8, seconds=600 if full else 20)
    return (
        f"{found.chunks_sent:,} chunks, {found.exact} of {found.recordings} WAVs bit-exact, {found.gaps} gaps;"
        f" memory {found.warm_mb:.0f} MB, {found.growth_mb:+.1f} MB to the second half;"
        f" {found.cpu_percent:.0f} % of a core",
        found.exact == found.recordings == 40 and found.gaps == 0 and found.growth_mb < GROWTH_MB,
    )


async def costly(folder: Path, full: bool) -> tuple[str, bool]:
    """CPU per chunk with and without recording: under the load of the first promise, and with nobody listening."""
    said, added = [], []
    for viewers in (10, 0):
        with studio_on(folder / str(viewers)) as studio:
            found = await load.cost(studio, microphones=40, viewers=viewers, stretches=6, seconds=10 if full else 3)
        added.append(found.added_percent)
        said.append(f"{found.added_percent:+.0f} % ({found.median_without_us:.0f} → {found.median_with_us:.0f} µs)")
    return f"{said[0]}; with nobody listening {said[1]}", added[0] <= 25


async def filled(folder: Path, full: bool) -> tuple[str, bool]:
    """A full disk."""
    with full_disk.studio_on_small_disk(folder) as studio:
        found = await full_disk.full_disk(studio, microphones=4, seconds=10 if full else 4)
    is_kept = found.earlier_is_intact and found.counted_and_not_there_s <= 0 and all(map(whole, found.comparisons))
    return (
        f"pages told after {found.told_after_s:.1f} s, recording again {found.resumed_after_s:.1f} s after there was"
        f" space; earlier data {'intact' if found.earlier_is_intact else 'NOT INTACT'},"
        f" {len(found.failures)} of {len(found.answers)} answers 5xx",
        is_kept and found.told_after_s < 2 and found.resumed_after_s < 10 and not found.failures,
    )


async def without_postgres(folder: Path, full: bool) -> tuple[str, bool]:
    """PostgreSQL hangs, and is killed."""
    said, are_whole = [], True
    for how in (signal.SIGSTOP, signal.SIGKILL):
        with without_database.studio_on_postgres(folder / how.name) as (studio, postgres):
            found = await without_database.without_database(
                studio, postgres, microphones=4, seconds=60 if full else 5, how=how
            )
        said.append(
            f"{how.name}: {found.written_meanwhile / 1e6:.1f} MB written meanwhile, {found.disconnects} devices lost,"
            f" {found.gaps} gaps, rows caught up after {found.caught_up_after_s:.1f} s"
        )
        are_whole = are_whole and all(map(whole, found.comparisons)) and not found.gaps and not found.disconnects
    return "; ".join(said), are_whole


async def wrong_clock(folder: Path, full: bool) -> tuple[str, bool]:
    """Steps of the clock."""
    step_file = folder.with_name("step")
    with studio_on(folder, **outages.with_a_clock_that_steps(step_file)) as studio:
        found = await outages.recorded_through(studio, outages.clock_steps(step_file), seconds=60 if full else 10)
    return (
        f"sound and gaps differ from the clock by {1000 * found.comparison.clock_error_s:+.0f} ms,"
        f" {len(found.gaps)} gaps of {sum(gap['seconds'] for gap in found.gaps):.1f} s in all",
        found.recordings == 1 and whole(found.comparison) and len(found.gaps) == 2,
    )


async def a_week(folder: Path, full: bool) -> tuple[str, bool]:
    """A recording of seven days."""
    days = 7 if full else 1
    with studio_on(folder) as studio:
        recording = await week.make_week(studio, await week.waiting_device(studio), days)
        cookie = await studio.sign_in("alice")
        found = await asyncio.to_thread(week.measure_in_chromium, studio, recording, cookie, days=days)
    opened, again = found.opened_ms[0], max(found.opened_ms[1:])
    return (
        f"{found.segments:,} segments: drawn {opened:.0f} ms after the first navigation, later within {again:.0f} ms;"
        f" {len(found.seeks_ms)} seeks, the slowest plays after {max(found.seeks_ms):.0f} ms",
        opened < 1000 and max(found.seeks_ms) < 300,
    )


PROMISES = [
    (
        "killed",
        "50 SIGKILLs under 20 recording devices: every chunk that was written is in its recording, once and in order,"
        " the rest declared, playable, settled within 60 s",
        killed,
    ),
    ("damaged", "100 rounds of damaged tails: every whole record before the damage recovered, no exception", damaged),
    (
        "dying",
        "the writer dies, or the disk refuses, at any one of its system calls: nothing that counts is lost",
        dying,
    ),
    ("interrupted", "10 minutes with three outages: sound and declared gaps are the wall clock ± 100 ms", interrupted),
    ("crowded", "40 microphones for 10 minutes: memory flat, every WAV bit-exact", crowded),
    ("costly", "40 microphones, 80 viewers: recording adds at most 25 % to the CPU per chunk", costly),
    (
        "filled",
        "a full disk: pages told within 2 s, recording resumes within 10 s of space returning, no 5xx",
        filled,
    ),
    ("without_postgres", "PostgreSQL away for 60 s, hung or killed: recording does not notice", without_postgres),
    ("wrong_clock", "a clock that steps by an hour, both ways: the timeline does not move", wrong_clock),
    ("a_week", "a recording of 7 days: its page opens in under 1 s, and seeks in under 300 ms", a_week),
]
