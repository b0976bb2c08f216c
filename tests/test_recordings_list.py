"""The list of recordings: what each person finds there, how it is said, what is new in it, and what comes back."""

import base64
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from devices.models import Device
from recordings.log.folder import folder_of
from recordings.log.peaks import PeakWriter
from recordings.log.segment_log import Gap
from recordings.models import Reason, Recording
from rooms.models import Room
from tests.kept import empty_recording, keep, melody
from tests.test_pages import signed_in, text_of

LIST, NEWS, SOUNDS, DELETED = (
    reverse(name) for name in ("recordings", "recordings_news", "recordings_sounds", "recordings_deleted")
)
RATE_HZ = 16000
SECOND = 2 * RATE_HZ  # bytes


@pytest.fixture(autouse=True)
def recordings_dir(settings, tmp_path) -> None:
    settings.RECORDINGS_DIR = tmp_path


@pytest.fixture
def finished(studio_device):
    """Make the row of a finished recording of `seconds`."""

    def make(seconds: float = 1910, **columns) -> Recording:
        started = columns.setdefault("started_at", timezone.now() - timedelta(hours=1))
        columns.setdefault("audio_seconds", seconds - columns.get("missing_seconds", 0))
        return empty_recording(
            columns.pop("device", studio_device), ended_at=started + timedelta(seconds=seconds), **columns
        )

    return make


def listed(client: Client, query: str = "") -> list[str]:
    """The IDs that the list shows, and that its news tell."""
    shown = [row["id"] for row in client.get(f"{NEWS}?{query}").json()["rows"]]
    page = text_of(client.get(f"{LIST}?{query}"))
    assert page.count("data-recording=") == len(shown) and all(f'data-recording="{each}"' in page for each in shown)
    return shown


def test_recordings_are_told_by_the_viewers_day(cast, finished):
    for started in ("2026-11-18T20:30:00+00:00", "2026-11-18T10:00:00+00:00"):
        finished(started_at=datetime.fromisoformat(started))
    vera = signed_in(cast.vera)
    page = text_of(vera.get(LIST))
    assert page.count('class="day"') == 1 and "31:50" in page and "2 recordings" in page
    vera.cookies["zone"] = "Asia/Bangkok"  # there the later one began after midnight
    assert text_of(vera.get(LIST)).count('class="day"') == 2
    vera.cookies["zone"] = "../../etc/passwd"
    assert vera.get(LIST).status_code == 200
    assert "No recordings yet" in text_of(signed_in(cast.charlie).get(LIST))


def test_a_stranger_finds_nothing_in_the_list_its_news_or_its_sounds(cast, finished):
    kept = finished(deleted_at=None)
    charlie = signed_in(cast.charlie)
    assert listed(charlie) == [] and listed(charlie, f"room={kept.room_id}&device={kept.device_id}") == []
    assert "Weekly planning" not in text_of(charlie.get(LIST))
    assert charlie.get(f"{SOUNDS}?of={kept.pk}").json() == {}
    for url in (LIST, NEWS, SOUNDS, DELETED):
        assert Client().get(url).status_code == 302


def test_a_stranger_cannot_download_what_vera_can(cast, studio_device):
    kept = keep(studio_device, melody(RATE_HZ))
    url = reverse("recording_wav", args=[kept.pk])
    assert signed_in(cast.vera).get(url).status_code == 200
    assert signed_in(cast.charlie).get(url).status_code == 404
    assert Client().get(url).status_code == 302


def test_each_row_says_how_its_recording_is(cast, finished, studio_device):
    melancholy = melody(2 * RATE_HZ)
    keep(studio_device, melancholy, (Gap(RATE_HZ, 124 * RATE_HZ, Reason.MOVED),))
    keep(studio_device, melancholy, (Gap(RATE_HZ, 60 * RATE_HZ, Reason.DEVICE_OFFLINE, estimated=True),))
    finished(3734, gap_count=3, missing_seconds=337, title="Piano rehearsal", stored_bytes=109 * 2**20)
    finished(kept=True)
    finished(state=Recording.State.SETTLING)
    finished(state=Recording.State.RECORDING, gap_count=1, missing_seconds=6, written_until=timezone.now())
    page = text_of(signed_in(cast.vera).get(LIST))
    for words in (
        "2 min 4 s, server restarted",
        "1 min, lost on the way, estimated",
        "Piano rehearsal",
        "Weekly planning · Table",
        "1:02:14",
        "3 gaps",
        "5 min 37 s missing, all declared",
        "109.0\xa0MB",
        "Complete",
        "kept until you say otherwise",
        "Finishing",
        "checking the last seconds",
        "Still recording",
        "1 gap, 6 s missing",
        "data-running-since",
    ):
        assert words in page, words


def test_nothing_is_called_running_that_waits_or_is_paused(cast, finished, monkeypatch):
    finished(75, state=Recording.State.RECORDING, written_until=timezone.now() - timedelta(minutes=5))
    vera = signed_in(cast.vera)
    page = text_of(vera.get(LIST))
    assert "Waiting for its device" in page and "1:15" in page
    assert 'data-state="capturing"' not in page and "data-live" not in page and "data-running-since" not in page
    waiting = vera.get(NEWS).json()
    monkeypatch.setattr("recordings.keeping.space._disk", lambda: (0, 10**12))
    assert "Paused" in text_of(vera.get(LIST)) and vera.get(NEWS).json() != waiting


def test_the_list_is_searched_by_name_room_and_device(cast, finished, studio_device):
    elsewhere = Room.objects.create(organization=cast.organization, name="Studio B")
    piano = Device.objects.create(organization=cast.organization, device_id="piano-l", name="Piano, left")
    planning = finished()
    rehearsal = finished(device=piano, room=elsewhere, title="Rehearsal")
    vera = signed_in(cast.vera)
    for words, found in (
        ("REHEARSAL", rehearsal), ("studio b", rehearsal), ("piano, l", rehearsal), ("piano-l", rehearsal),
        ("weekly", planning), ("esp32-meeting", planning), (f"&room={elsewhere.pk}", rehearsal),
        (f"&device={studio_device.pk}", planning),
    ):  # fmt: skip
        assert listed(vera, f"q={words}") == [str(found.pk)], words
    page = text_of(vera.get(f"{LIST}?q=cello"))
    assert "Nothing matches" in page and "Clear filters" in page and "2 recordings" in page
    assert listed(vera, "q=a%00b") == []
    assert len(listed(vera, "room=%3Cimg%3E&device=1&state=x&length=y&page=-7")) == 2


def test_the_list_is_narrowed_by_state_and_length(cast, finished):
    made = {
        "recording": finished(4, state=Recording.State.RECORDING),
        "complete": finished(75),
        "gaps": finished(1200, gap_count=1, missing_seconds=6),
        "kept": finished(9000, gap_count=2, missing_seconds=1, kept=True),
    }
    vera = signed_in(cast.vera)
    ids = {name: str(recording.pk) for name, recording in made.items()}
    assert listed(vera, "state=recording") == [ids["recording"]]
    assert listed(vera, "state=complete") == [ids["complete"]]
    assert set(listed(vera, "state=gaps")) == {ids["gaps"], ids["kept"]}
    assert listed(vera, "state=kept") == [ids["kept"]]
    for length, name in (("seconds", "recording"), ("minutes", "complete"), ("long", "gaps"), ("hours", "kept")):
        assert listed(vera, f"length={length}") == [ids[name]]
    assert listed(vera, "length=hours&state=complete") == []


def test_many_recordings_cost_no_more_queries_than_a_few(cast, finished, studio_device):
    keep(studio_device, melody(RATE_HZ), (Gap(9, 99, Reason.MOVED),))
    vera = signed_in(cast.vera)

    def queries(url: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert vera.get(url).status_code == 200
        return len(captured)

    few = [queries(url) for url in (LIST, NEWS)]
    made = [finished(gap_count=1, missing_seconds=1) for _each in range(60)]
    assert [queries(url) for url in (LIST, NEWS)] == few
    ids = ",".join(str(each.pk) for each in made[:50])
    assert queries(f"{SOUNDS}?of={ids}") <= 4  # session, person, recordings, gaps


def test_older_recordings_are_on_the_next_page(cast, finished):
    for age in range(60):
        finished(started_at=timezone.now() - timedelta(hours=1 + age))
    vera = signed_in(cast.vera)
    first, second = listed(vera, "q=weekly"), listed(vera, "q=weekly&page=2")
    assert (len(first), len(second), len({*first, *second})) == (50, 10, 60)
    page = text_of(vera.get(f"{LIST}?q=weekly"))
    assert "1 to 50 of 60" in page and 'href="?page=2&amp;q=weekly"' in page


def test_news_tell_of_another_state_but_not_of_every_byte(cast, finished):
    running = finished(state=Recording.State.RECORDING, stored_bytes=2**20)
    vera = signed_in(cast.vera)

    def told() -> tuple[str, str]:
        (row,) = vera.get(NEWS).json()["rows"]
        return row["key"], row["size"]

    before = told()
    Recording.objects.update(stored_bytes=5 * 2**20, audio_seconds=30)
    grown = told()
    assert grown[0] == before[0] and grown[1] == "5.0\xa0MB"
    Recording.objects.update(gap_count=1, missing_seconds=6)
    with_gap = told()
    assert with_gap[0] != grown[0]
    Recording.objects.update(written_until=timezone.now())
    back = told()
    assert back[0] != with_gap[0]
    Recording.objects.update(state=Recording.State.FINISHED)
    assert told()[0] != back[0]
    Recording.objects.filter(pk=running.pk).update(deleted_at=timezone.now())
    assert vera.get(NEWS).json() == {"rows": []}


def test_the_sound_of_many_rows_comes_in_one_answer(cast, studio_device):
    quiet, loud = np.full(RATE_HZ, 1000, "<i2"), np.full(RATE_HZ, 30000, "<i2")
    pcm = np.concatenate([quiet, loud]).tobytes()
    gaps = (Gap(RATE_HZ, 2 * RATE_HZ, Reason.DEVICE_OFFLINE), Gap(2 * RATE_HZ, RATE_HZ // 2, Reason.QUEUE_FULL, True))
    with_gaps, complete = keep(studio_device, pcm, gaps), keep(studio_device, pcm)
    for recording, starts in ((with_gaps, (0, 3)), (complete, (0, 1))):
        writer = PeakWriter(folder_of(recording.organization_id, recording.pk), RATE_HZ, 1)
        for part, start in zip((quiet, loud), starts, strict=True):
            writer.write(start * RATE_HZ, part.tobytes())
    vera = signed_in(cast.vera)
    response = vera.get(f"{SOUNDS}?of={with_gaps.pk},{complete.pk}")
    assert "private" in response["Cache-Control"] and "max-age" in response["Cache-Control"]
    told = response.json()
    assert told[str(complete.pk)]["gaps"] == [] and told[str(complete.pk)]["seconds"] == 2
    assert told[str(with_gaps.pk)]["gaps"] == [[1, 3, False], [4, 4.5, True]]
    peaks = np.frombuffer(base64.b64decode(told[str(with_gaps.pk)]["peaks"]), "<i2").reshape(-1, 2)
    assert len(peaks) == 45  # a point for each tenth of a second, and no more than there is
    assert peaks[3, 1] == 1000 and peaks[15, 1] == 0 and peaks[35, 1] == 30000 and peaks[42, 1] == 0


def test_a_row_that_runs_is_asked_for_again_and_one_that_has_no_sound_yet_is_empty(cast, finished):
    running = finished(0, state=Recording.State.RECORDING)
    response = signed_in(cast.vera).get(f"{SOUNDS}?of={running.pk}")
    assert response.json() == {str(running.pk): {"seconds": 0, "peaks": "", "gaps": []}}
    assert response["Cache-Control"] == "no-store"


def test_ten_thousand_gaps_are_drawn_as_few(cast, studio_device):
    gaps = tuple(Gap(16 * each, 8, Reason.QUEUE_FULL, True) for each in range(10_000))
    recording = keep(studio_device, melody(10 * RATE_HZ), gaps, segment_seconds=1)
    told = signed_in(cast.vera).get(f"{SOUNDS}?of={recording.pk}").json()[str(recording.pk)]
    assert recording.gap_count == 10_000
    assert 30 < len(told["gaps"]) <= 240 / 6 and told["gaps"][0][0] == 0 and told["gaps"][-1][1] > 14


@pytest.mark.parametrize("wrong", ["", "1", "<img>", "a,b", ",".join(["0" * 32] * 51)])
def test_a_question_for_sounds_that_cannot_be_meant_is_refused_in_words(wrong, cast):
    response = signed_in(cast.vera).get(SOUNDS, {"of": wrong})
    assert response.status_code == 400 and "1 to 50 recordings" in text_of(response)


def test_what_was_deleted_a_moment_ago_is_taken_back_from_its_toast(cast, finished):
    gone = finished(title="Piano rehearsal", deleted_at=timezone.now())
    bob = signed_in(cast.bob)
    page = text_of(bob.get(f"{LIST}?deleted={gone.pk}"))
    undo = reverse("recording_restore", args=[gone.pk])
    assert "Deleted “Piano rehearsal”." in page and f'action="{undo}"' in page
    for stranger in (cast.charlie, cast.vera):
        assert undo not in text_of(signed_in(stranger).get(f"{LIST}?deleted={gone.pk}"))
        assert signed_in(stranger).post(undo).status_code == 404
    assert "“Piano rehearsal” is back." in text_of(bob.post(undo, follow=True))
    assert listed(bob) == [str(gone.pk)]
    assert bob.get(f"{LIST}?deleted=%3Cimg%3E").status_code == 200


@pytest.mark.parametrize(("language", "day"), [("en", "20 November"), ("ru", "20 ноября")])
def test_a_toast_calls_what_has_no_name_as_the_viewer_knows_it(language, day, cast, finished):
    gone = finished(started_at=datetime(2026, 11, 19, 20, 52, tzinfo=UTC), deleted_at=timezone.now())
    client = Client(HTTP_ACCEPT_LANGUAGE=language)
    client.force_login(cast.bob)
    client.cookies["zone"] = "Asia/Bangkok"
    name = f"Weekly planning · Table, {day}, 03:52"
    assert name in text_of(client.get(f"{LIST}?deleted={gone.pk}"))
    assert name in text_of(client.post(reverse("recording_restore", args=[gone.pk]), follow=True))


def test_operators_find_what_was_deleted_and_for_how_long(cast, finished, settings):
    settings.DELETE_UNDO_HOURS = 24
    finished(title="Old take", deleted_at=timezone.now() - timedelta(hours=1))
    finished(title="Older take", deleted_at=timezone.now() - timedelta(hours=30))
    page = text_of(signed_in(cast.bob).get(DELETED))
    assert "Old take" in page and "Deleted, to be removed in 22 h" in page and "Deleted, removed within minutes" in page
    assert "Old take" not in text_of(signed_in(cast.bob).get(LIST))
    assert signed_in(cast.vera).get(DELETED).status_code == 403
    assert "Nothing is deleted" in text_of(signed_in(cast.charlie).get(DELETED))


def test_a_disk_that_is_full_is_said_where_recordings_are_listed_and_kept(cast, finished, monkeypatch):
    finished()
    monkeypatch.setattr("recordings.keeping.space._disk", lambda: (0, 10**12))
    for url in (LIST, reverse("keeping")):
        assert "Disk full. Recording has paused." in text_of(signed_in(cast.vera).get(url))
    assert "Free some space" in text_of(signed_in(cast.bob).get(LIST))
    assert "Free some space" not in text_of(signed_in(cast.vera).get(LIST))
