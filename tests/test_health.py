"""What a balancer is told: whether the process lives, and whether to send anyone to it."""

from django.test import Client

from leganize import health


def test_a_process_that_lives_says_so_to_anyone(db):
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_process_that_is_ready_says_what_it_checked(db):
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": True, "data_folder": True, "taking_connections": True}


def test_a_draining_process_takes_nobody_new(db, monkeypatch):
    monkeypatch.setattr(health, "draining", False)  # back to what it was after this test
    health.begin_drain()
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["taking_connections"]) == (503, False)
    assert Client().get("/healthz").status_code == 200


def test_without_its_data_folder_it_is_not_ready(db, settings, tmp_path):
    settings.DATA_DIR = tmp_path / "gone"
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["data_folder"]) == (503, False)


def test_redis_counts_where_it_is_used(db, settings, redis_url):
    settings.REDIS_URL = redis_url
    assert Client().get("/readyz").json()["checks"]["redis"] is True
    settings.REDIS_URL = "redis://:a-password@127.0.0.1:1/0"
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["redis"]) == (503, False)
    assert "a-password" not in answer.content.decode()
