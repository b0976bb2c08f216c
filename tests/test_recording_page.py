"""What each person finds on the page of a recording, and what its forms decide."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices.models import Device
from pages.lanes import MAX_LANES
from recordings.exporting.exports import ask, cancel
from recordings.log.segment_log import Gap
from recordings.models import Marker, Recording, RetentionPolicy
from rooms.models import Room
from tests.kept import keep, keep_segment, noise, sum_up

RATE_HZ = 16_000
DECISIONS = [
    ("recording_rename", {"title": "Taken over"}),
    ("recording_keep", {"kept": "yes"}),
    ("recording_delete", {}),
]


def signed_in(user, language: str = "en") -> Client:
    """A browser in which `user` is signed in and reads `language`."""
    client = Client(HTTP_ACCEPT_LANGUAGE=language)
    client.force_login(user)
    return client


def text_of(response) -> str:
    return response.content.decode()


def url_of(recording, name: str = "recording") -> str:
    return reverse(name, args=[recording.pk])


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.RECORDINGS_DIR = tmp_path / "recordings"


@pytest.fixture
def kept(cast, studio_device):
    """Ten seconds of sound and a gap of five after the fourth."""
    gaps = (Gap(4 * RATE_HZ, 5 * RATE_HZ, "device-offline"),)
    return keep(studio_device, noise(10 * RATE_HZ), gaps, level_dbfs=-14.2)


@pytest.fixture
def window(cast, studio_room):
    """A second microphone of the room."""
    return Device.objects.create(organization=cast.organization, device_id="esp32-w", name="Window", room=studio_room)


def now_of(user, recording, **query):
    """What a page that is open is told of `recording`."""
    return signed_in(user).get(url_of(recording, "recording_now"), query).json()


@pytest.mark.parametrize("language", ["en", "th", "ru"])
def test_the_page_speaks_every_language(language, cast, kept):
    response = signed_in(cast.alice, language).get(url_of(kept))
    assert response.status_code == 200
    assert f'<html lang="{language}"' in text_of(response)
    assert {"en": "Gaps", "th": "ช่วงที่หายไป", "ru": "Пропуски"}[language] in text_of(response)


def test_the_sum_says_what_is_there_and_what_is_missing(cast, kept):
    page = text_of(signed_in(cast.vera).get(url_of(kept)))
    for words in ("0:15 by the clock", "0:10 of sound", "0:05 missing in 1 gap", "Device offline"):
        assert words in page
    assert "Weekly planning, " in page  # nobody named it yet: the room and the day


@pytest.mark.parametrize(
    ("audio", "missing"), [(5.5, 5.5), (3397.6, 337.3), (0.4, 0.4), (86399.5, 0.5), (10.0, 0.2), (2.49, 1.49)]
)
def test_the_parts_of_the_sum_add_up_as_they_are_written(cast, kept, audio, missing):
    Recording.objects.filter(pk=kept.pk).update(audio_seconds=audio, missing_seconds=missing, gap_count=2)
    said = now_of(cast.alice, kept)["sum"]
    clock, sound, gap = (_seconds(said[part]) for part in ("clock", "sound", "missing"))
    assert clock == sound + gap or (missing < 1 and abs(clock - sound - missing) <= 1)


def _seconds(words: str) -> float:
    length = words.split(" ")[0]
    parts = [float(each) for each in length.split(":")]
    return sum(part * 60**power for power, part in enumerate(reversed(parts)))


def test_what_is_whole_says_so(cast, studio_device):
    whole = keep(studio_device, noise(3 * RATE_HZ))
    assert now_of(cast.alice, whole)["sum"] == {
        "clock": "0:03 by the clock",
        "sound": "0:03 of sound, nothing missing",
        "missing": "",
    }


def test_gaps_lie_where_they_are_by_the_clock(cast, studio_device):
    gaps = (
        Gap(1 * RATE_HZ, 2 * RATE_HZ, "device-offline"),
        Gap(1 * RATE_HZ + 8000, 800, "queue-full"),
        Gap(4 * RATE_HZ, 1 * RATE_HZ, "device-offline", True),
    )
    several = keep(studio_device, noise(6 * RATE_HZ), gaps, segment_seconds=3)
    (take,) = now_of(cast.alice, several)["lanes"][0]["takes"]
    assert [(gap["at"], gap["seconds"], gap["estimated"]) for gap in take["gaps"]] == [
        (1.0, 2.0, False),
        (3.5, 0.05, False),
        (6.05, 1.0, True),
    ]


def test_a_look_for_what_is_new_leaves_out_the_gaps_of_long_ago(cast, studio_device):
    running = keep(studio_device, noise(RATE_HZ), (Gap(0, RATE_HZ, "moved"),), state=Recording.State.RECORDING)
    for _minute in range(10):
        keep_segment(running, noise(30 * RATE_HZ))
    keep_segment(running, noise(RATE_HZ), (Gap(8000, 16000, "device-offline"),))
    sum_up(running)
    everything = now_of(cast.alice, running)["lanes"][0]["takes"][0]["gaps"]
    newer = now_of(cast.alice, running, since=running.duration_seconds)["lanes"][0]["takes"][0]["gaps"]
    assert ([gap["reason"] for gap in everything], newer) == (["moved", "device-offline"], everything[1:])


def test_the_devices_of_the_room_that_ran_meanwhile_are_lanes_beside_it(cast, kept, window):
    began = kept.started_at
    beside = keep(window, noise(3 * RATE_HZ), started_at=began + timedelta(seconds=6))
    again = keep(window, noise(3 * RATE_HZ), started_at=began + timedelta(seconds=12))
    keep(window, noise(RATE_HZ), started_at=began - timedelta(seconds=2))  # over before this one began
    keep(window, noise(RATE_HZ), started_at=began + timedelta(seconds=16))  # began when this one was over
    lanes = now_of(cast.vera, kept)["lanes"]
    assert [(lane["name"], [take["id"] for take in lane["takes"]]) for lane in lanes] == [
        ("Table", [str(kept.pk)]),
        ("Window", [str(beside.pk), str(again.pk)]),
    ]
    assert [take["offset"] for take in lanes[1]["takes"]] == [6.0, 12.0]


def test_what_its_own_device_recorded_next_is_no_part_of_its_lane(cast, kept, studio_device):
    ends_early = kept.started_at + timedelta(seconds=kept.duration_seconds - 0.05)  # by a clock's error
    keep(studio_device, noise(2 * RATE_HZ), (Gap(0, RATE_HZ, "moved"),), started_at=ends_early)
    board = now_of(cast.alice, kept)
    (take,) = board["lanes"][0]["takes"]
    assert (take["id"], len(take["gaps"]), board["gapCount"]) == (str(kept.pk), 1, 1)


@pytest.mark.parametrize(("language", "day"), [("en", "20 November"), ("ru", "20 ноября"), ("th", "20 พฤศจิกายน")])
def test_a_recording_without_a_name_is_called_by_its_room_and_day(language, day, cast, kept):
    Recording.objects.filter(pk=kept.pk).update(started_at=datetime(2026, 11, 20, 3, tzinfo=UTC))
    page = text_of(signed_in(cast.vera, language).get(url_of(kept)))
    assert f"Weekly planning, {day}</h1>" in page


def test_gaps_under_a_tenth_of_a_second_are_told_in_milliseconds_in_head_and_list(cast, studio_device):
    gaps = tuple(Gap(at * 1600, samples, "queue-full") for at, samples in ((1, 112), (2, 1184)))  # 7 and 74 ms
    recording = keep(studio_device, noise(RATE_HZ), gaps)
    page = text_of(signed_in(cast.vera).get(url_of(recording)))
    assert "81 ms missing in 2 gaps" in page and ">7 ms<" in page and ">74 ms<" in page


def test_what_was_deleted_or_is_of_another_room_is_no_lane(cast, kept, window):
    keep(window, noise(RATE_HZ), started_at=kept.started_at, deleted_at=timezone.now())
    elsewhere = Room.objects.create(organization=cast.organization, name="Studio C")
    keep(window, noise(RATE_HZ), started_at=kept.started_at, room=elsewhere)
    assert len(now_of(cast.alice, kept)["lanes"]) == 1


def test_of_many_devices_so_many_are_lanes_as_can_be_told_apart_and_the_rest_is_counted(cast, kept, studio_room):
    for number in range(20):
        device = Device.objects.create(
            organization=cast.organization, device_id=f"esp32-{number:02d}", name=f"Desk {number:02d}", room=studio_room
        )
        keep(device, noise(800), started_at=kept.started_at)
    board = now_of(cast.alice, kept)
    assert (len(board["lanes"]), board["lanesLeftOut"]) == (MAX_LANES, 21 - MAX_LANES)
    assert [lane["name"] for lane in board["lanes"]][:3] == ["Table", "Desk 00", "Desk 01"]
    page = text_of(signed_in(cast.alice).get(url_of(kept)))
    assert f"{21 - MAX_LANES} more devices were recorded meanwhile." in page


def test_red_means_that_sound_reaches_the_disk_now(cast, studio_device):
    begun = timezone.now() - timedelta(seconds=3)
    running = keep(studio_device, noise(3 * RATE_HZ), state=Recording.State.RECORDING, started_at=begun)
    assert (now_of(cast.vera, running)["live"], now_of(cast.vera, running)["standing"]) == (True, "Still recording")
    Recording.objects.filter(pk=running.pk).update(written_until=timezone.now() - timedelta(seconds=20))
    waiting = now_of(cast.vera, running)
    assert (waiting["live"], waiting["standing"]) == (False, "Waiting for its device")
    assert 'data-state="away"' in text_of(signed_in(cast.vera).get(url_of(running)))


def test_only_who_asked_for_a_file_finds_it_on_the_page(cast, kept):
    wanted = ask(cast.vera, [kept], file_format="flac")
    ask(cast.vera, [keep(kept.device, noise(RATE_HZ))])  # of another recording

    def shown(user):
        return [job["id"] for job in signed_in(user).get(url_of(kept)).context["board"]["exports"]]

    assert (shown(cast.vera), shown(cast.bob)) == ([str(wanted.pk)], [])
    cancel(wanted)
    assert shown(cast.vera) == []


def test_markers_of_every_lane_are_on_the_same_axis(cast, kept, window):
    beside = keep(window, noise(3 * RATE_HZ), started_at=kept.started_at + timedelta(seconds=6))
    Marker.objects.create(recording=beside, at_seconds=1, text="Cadenza", author=cast.bob)
    Marker.objects.create(recording=kept, at_seconds=2, text="Take 2", author=None)
    response = signed_in(cast.vera).get(url_of(kept))
    shown = [(marker["at"], marker["text"], marker["author"]) for marker in response.context["board"]["markers"]]
    assert shown == [(2.0, "Take 2", ""), (7.0, "Cadenza", "bob")]
    assert "Cadenza" in text_of(response)


def test_a_week_with_twenty_thousand_segments_takes_a_handful_of_queries(cast, kept, django_assert_max_num_queries):
    client = signed_in(cast.alice)
    client.get(url_of(kept))
    with django_assert_max_num_queries(8):
        assert client.get(url_of(kept, "recording_now")).status_code == 200


@pytest.mark.parametrize("name", ["recording", "recording_now"])
def test_a_stranger_learns_no_more_of_a_recording_than_of_none(cast, kept, name):
    charlie = signed_in(cast.charlie)
    theirs = charlie.get(url_of(kept, name))
    none = charlie.get(reverse(name, args=[cast.organization.pk]))
    assert (theirs.status_code, none.status_code) == (404, 404)
    assert Client().get(url_of(kept, name)).status_code == 302


@pytest.mark.parametrize(("name", "body"), DECISIONS)
def test_strangers_and_viewers_decide_nothing(cast, kept, name, body):
    assert signed_in(cast.charlie).post(url_of(kept, name), body).status_code == 404
    assert signed_in(cast.vera).post(url_of(kept, name), body).status_code == 403
    assert Client().post(url_of(kept, name), body).status_code == 302
    kept.refresh_from_db()
    assert (kept.title, kept.kept, kept.deleted_at) == ("", False, None)


def test_a_viewer_finds_no_button_that_would_refuse(cast, kept):
    pages = {user.username: text_of(signed_in(user).get(url_of(kept))) for user in (cast.bob, cast.vera)}
    for mark in ('data-part="rename"', 'data-part="keep"', 'data-part="mark"', "delete-dialog", "marker-form"):
        assert mark in pages["bob"]
        assert mark not in pages["vera"]
    assert "recording_wav" not in pages["vera"] and "audio.wav" in pages["vera"]


def test_forms_name_keep_and_delete_without_javascript(cast, kept):
    bob = signed_in(cast.bob)
    bob.post(url_of(kept, "recording_rename"), {"title": "  Piano   rehearsal "})
    bob.post(url_of(kept, "recording_keep"), {"kept": "yes"})
    kept.refresh_from_db()
    assert (kept.title, kept.kept) == ("Piano rehearsal", True)
    page = text_of(bob.get(url_of(kept)))
    assert "<h1" in page and "Piano rehearsal</h1>" in page and 'aria-pressed="true"' in page
    bob.post(url_of(kept, "recording_keep"), {"kept": "no"})
    answer = bob.post(url_of(kept, "recording_delete"))
    assert answer["Location"] == f"{reverse('recordings')}?deleted={kept.pk}"
    assert bob.get(url_of(kept)).status_code == 404
    assert url_of(kept, "recording_restore") in text_of(bob.get(answer["Location"]))


def test_what_cannot_be_deleted_says_why_and_stays(cast, kept):
    RetentionPolicy.objects.create(organization=cast.organization, legal_hold=True)
    answer = signed_in(cast.alice).post(url_of(kept, "recording_delete"), follow=True)
    assert "A legal hold keeps this recording." in text_of(answer)
    kept.refresh_from_db()
    assert kept.deleted_at is None


def test_a_name_that_is_none_is_refused_in_words(cast, kept):
    answer = signed_in(cast.alice).post(url_of(kept, "recording_rename"), {"title": "x" * 121}, follow=True)
    assert answer.status_code == 200 and "at most 120" in text_of(answer)


@pytest.mark.parametrize("since", ["nan", "-1", "x", "inf", ""])
def test_a_look_since_no_time_is_refused_in_words(cast, kept, since):
    answer = signed_in(cast.alice).get(url_of(kept, "recording_now"), {"since": since})
    assert answer.status_code == 400 and "since" in answer.json()["detail"]


def test_a_name_is_shown_and_never_run(cast, kept):
    Recording.objects.filter(pk=kept.pk).update(title="</script><script>alert(1)</script>")
    page = text_of(signed_in(cast.alice).get(url_of(kept)))
    assert "<script>alert" not in page


def test_the_page_forbids_foreign_and_inline_code(cast, kept):
    response = signed_in(cast.alice).get(url_of(kept))
    assert "unsafe" not in response["Content-Security-Policy"]
    assert " style=" not in text_of(response) and " onclick=" not in text_of(response)
