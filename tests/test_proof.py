"""The measurements of `make proof` in miniature: what holds at any speed; times are printed there, not judged here."""

from bench import measurements
from tests.studio import studio_on


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
