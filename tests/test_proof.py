"""The measurements of `make proof` in miniature: what holds at any speed; times are printed there, not judged here."""

import ast
import re
from pathlib import Path

from bench import load, measurements, week
from devices.models import Worker
from leganize.metrics import ask, exposition
from tests.studio import studio_on

DOCS = Path(__file__).resolve().parent.parent / "docs"
RECORDINGS = DOCS / "recordings.md"


async def test_no_chunk_is_lost_between_microphones_and_pages(tmp_path):
    with studio_on(tmp_path) as studio:
        found = await measurements.latency(studio, rooms=2, microphones_each=2, viewers_each=2, seconds=3)
    assert found.chunks_sent > 4 * 30
    assert found.deliveries == 2 * found.chunks_sent
    assert found.lost == 0


async def test_a_stalled_viewer_costs_little_memory_and_the_others_nothing(tmp_path):
    with studio_on(tmp_path) as studio:
        found = await measurements.stall(studio, microphones=4, viewers=3, seconds=6)
    assert found.others_lost == 0
    assert found.memory_growth_mb < 5


async def test_devices_that_return_at_once_all_get_in_while_every_query_waits(tmp_path):
    with studio_on(tmp_path) as studio:
        found = await measurements.handshakes(studio, count=12, query_delay_ms=100)
    assert found.count == 12
    assert found.second_tries == 0


async def test_every_wav_is_what_its_device_sent_and_memory_stays(tmp_path):
    with studio_on(tmp_path) as studio:
        found = await load.load(studio, microphones=6, rooms=2, seconds=5)
    assert found.chunks_sent > 6 * 60
    assert (found.recordings, found.exact, found.gaps) == (6, 6, 0)
    assert found.growth_mb < 5


async def test_recording_is_told_apart_from_relaying_by_its_cost(tmp_path):
    with studio_on(tmp_path) as studio:
        found = await load.cost(studio, microphones=4, viewers=1, stretches=1, seconds=2)
    assert found.median_without_us > 0 and found.median_with_us > 0


async def test_a_long_recording_is_found_and_heard_at_its_end(tmp_path):
    with studio_on(tmp_path) as studio:
        found = await week.hear_the_end(studio, days=0.5)
    assert found.segments == 1440
    assert found.statuses == {"page": 200, "shape": 200, "sound": 206}
    assert found.sound_is_exact
    assert found.loud_points > 900  # of 1000


def test_each_test_that_the_promises_name_exists():
    text = RECORDINGS.read_text()
    named = re.findall(r"`(test_\w+\.py)::(?:(\w+)::)?(test_\w+)`", text)
    missing = [each for each in named if not _is_there(*each)]
    assert len(named) > 50
    assert missing == []


def test_each_metric_that_the_promises_name_is_told_and_none_is_forgotten(db):
    Worker.objects.create(host="here", pid=1)
    told = set(re.findall(r"^(leganize_\w+?)(?:_bucket|_created)?[{ ]", exposition(ask()).decode(), re.M))
    assert set(re.findall(r"`(leganize_\w+)`", RECORDINGS.read_text())) == told


def _is_there(file: str, group: str, name: str) -> bool:
    tree = ast.parse((DOCS.parent / "tests" / file).read_text())
    bodies = [each.body for each in tree.body if isinstance(each, ast.ClassDef) and each.name == group] or [tree.body]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return any(isinstance(each, kinds) and each.name == name for body in bodies for each in body)
