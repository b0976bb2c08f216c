"""What Prometheus reads at /metrics, who else may, and that the dashboard asks for nothing that is not there."""

import asyncio
import json
import re
import signal
import urllib.request
from pathlib import Path

from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from devices.models import Worker
from leganize.metrics import ask, exposition
from tests.studio import Studio, studio_on
from tests.visitors import pcm

DASHBOARD = Path(__file__).resolve().parent.parent / "docs" / "grafana-dashboard.json"
TOKEN = "a token that only Prometheus knows"
LOCALS = {"METRICS_TOKEN": TOKEN}


def scrape(client: Client, token: str = TOKEN) -> str:
    answer = client.get("/metrics", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    return answer.content.decode()


def values(text: str) -> dict[tuple[str, ...], float]:
    """Return each sample by its name and its labels' values, without the worker's name."""
    return {
        (sample.name, *(value for name, value in sorted(sample.labels.items()) if name != "worker")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class TestWhoMayRead:
    def test_nobody_may_by_default(self, db, client):
        assert client.get("/metrics").status_code == 404
        assert client.get("/metrics", headers={"authorization": "Bearer "}).status_code == 404

    def test_only_the_whole_token_opens(self, db, client, settings):
        settings.METRICS_TOKEN = TOKEN
        scrape(client)
        for wrong in ("", TOKEN[:-1], TOKEN + "x", "ฐ"):
            answer = client.get("/metrics", headers={"authorization": f"Bearer {wrong}".encode().decode("latin-1")})
            assert answer.status_code == 404
        assert client.get("/metrics").status_code == 404

    def test_an_owner_is_not_enough_and_a_superuser_is(self, cast, client):
        for person in (cast.alice, cast.bob, cast.vera, cast.charlie):
            client.force_login(person)
            assert client.get("/metrics").status_code == 404
        cast.alice.is_superuser = True
        cast.alice.save()
        client.force_login(cast.alice)
        assert client.get("/metrics").status_code == 200

    def test_nothing_is_changed_by_it_and_nothing_is_kept(self, db, client, settings):
        settings.METRICS_TOKEN = TOKEN
        headers = {"authorization": f"Bearer {TOKEN}"}
        assert client.post("/metrics", headers=headers).status_code == 405
        assert "no-store" in client.get("/metrics", headers=headers)["Cache-Control"]


def test_recordings_and_exports_are_counted_by_their_state(cast, studio_room, studio_device):
    from recordings.models import Export, Recording

    shape = {"organization": cast.organization, "room": studio_room, "device": studio_device}
    for state in ("recording", "finished", "finished"):
        Recording.objects.create(**shape, state=state, sample_rate_hz=16000, channels=1)
    Export.objects.create(organization=cast.organization, state="running")
    seen = values(exposition(ask()).decode())
    states = {"recording": 1, "settling": 0, "finished": 2}
    assert {state: seen["leganize_recordings", state] for state in states} == states
    assert seen["leganize_exports", "running"] == 1
    assert seen["leganize_exports", "failed"] == 0


def test_the_database_is_asked_a_handful_of_queries_whatever_it_holds(cast, django_assert_max_num_queries):
    with django_assert_max_num_queries(5):
        ask()


def test_the_dashboard_asks_for_metrics_that_are_there_and_for_all_of_ours(db):
    Worker.objects.create(host="here", pid=1)
    told = {name for name, *_labels in values(exposition(ask()).decode())}
    asked = set(re.findall(r"\b((?:leganize|process)_[a-z_]+)", "".join(expressions())))
    assert asked - told == set()
    ours = {re.sub("_(bucket|count|sum)$", "", name) for name in told if name.startswith("leganize_")}
    assert ours - {re.sub("_(bucket|count|sum)$", "", name) for name in asked} == set()


async def test_a_running_server_counts_its_sockets_chunks_and_viewers(tmp_path):
    with studio_on(tmp_path, **LOCALS) as studio:
        room, name = await studio.room(), studio.new_id()
        async with studio.device_in(room, name) as device, studio.page(room) as page:
            await page.say("start-recording", targetDeviceId=name)
            await device.hears("start-recording")
            for seed in range(10):
                await device.sound(room.id, pcm(seed=seed))
            await page.hears_sound(b"".join(pcm(seed=seed) for seed in range(10)))

            async def all_written() -> dict | None:
                found = await of_server(studio)
                return found if found["leganize_recorder_chunks_total",] == 10 else None

            seen = await studio.comes_true(all_written, "ten chunks on the disk")
        assert seen["leganize_sockets", "page-v1"] == 1
        assert seen["leganize_sockets", "device-capturing"] == 1
        assert seen["leganize_chunks_total",] == 10
        assert seen["leganize_deliveries_total",] >= 10
        drops = {reason[0]: count for (name, *reason), count in seen.items() if name == "leganize_drops_total"}
        assert len(drops) >= 5 and set(drops.values()) == {0}
        assert 0 <= seen["leganize_recorder_lag_seconds",] < 5
        assert 0 < seen["leganize_disk_free_bytes",] <= seen["leganize_disk_size_bytes",]
        assert any(name == "leganize_worker_heartbeat_age_seconds" and age < 15 for (name, *_), age in seen.items())
        after = await of_server(studio)
        assert after["leganize_deliveries_total",] >= seen["leganize_deliveries_total",]  # also once the page has left


async def test_a_database_that_hangs_costs_its_part_of_the_scrape_and_no_more(tmp_path, postgres_server):
    with postgres_server.database() as url, studio_on(tmp_path, **LOCALS, DATABASE_URL=url) as studio:
        assert (await of_server(studio))["leganize_database_up",] == 1
        with postgres_server.away(signal.SIGSTOP):
            seen = await asyncio.wait_for(of_server(studio), 8)
        assert seen["leganize_database_up",] == 0
        assert ("leganize_recordings", "recording") not in seen
        assert ("leganize_sockets", "page") in seen
        assert (await of_server(studio))["leganize_database_up",] == 1


async def of_server(studio: Studio) -> dict[tuple[str, ...], float]:
    def get() -> str:
        request = urllib.request.Request(f"{studio.server.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    return values(await asyncio.to_thread(get))


def expressions() -> list[str]:
    found: list[str] = []

    def look(part: object) -> None:
        if isinstance(part, dict):
            found.extend(value for key, value in part.items() if key == "expr")
            part = list(part.values())
        for each in part if isinstance(part, list) else []:
            look(each)

    look(json.loads(DASHBOARD.read_text()))
    return found
