"""Recordings over REST: their shape, what is found, named, marked and deleted, by whom, and what makes no sense."""

import struct

import pytest
from django.conf import settings as configured
from django.utils import timezone
from rest_framework.test import APIClient

from devices.models import Device
from recordings import api as module
from recordings.log.peaks import PeakWriter
from recordings.log.recorder import folder_of
from recordings.log.segment_log import Gap
from recordings.models import Marker, Recording, RetentionPolicy
from recordings.schema import RecordingSerializer
from rooms.models import Event, Room
from tests.kept import empty_recording, keep, noise, sum_up
from tests.test_api import signed_in

GAPS = (Gap(5000, 800, "device-offline"), Gap(40_000, 160, "queue-full", True))
LIST = "/api/v1/recordings/"
NOBODY = "00000000-0000-4000-8000-000000000000"
WRONG_VALUES = [None, "", "\x00", "x" * 5000, 10**400, -1, [], {}, [[]], {"a": {}}, "ไทย", "NaN", "1e999"]


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    """Keep what a test records where only it looks."""
    settings.RECORDINGS_DIR = tmp_path


@pytest.fixture
def api(cast) -> APIClient:
    """Alice's browser."""
    return signed_in(cast.alice)


@pytest.fixture
def vera(cast) -> APIClient:
    """The browser of someone who may listen, and no more."""
    return signed_in(cast.vera)


@pytest.fixture
def charlie(cast) -> APIClient:
    """The browser of a stranger."""
    return signed_in(cast.charlie)


@pytest.fixture
def kept(studio_device) -> Recording:
    """5 s of sound in five segments, and 60 ms of gaps."""
    return keep(studio_device, noise(80_000), GAPS, segment_seconds=1)


def path_of(recording: Recording, more: str = "") -> str:
    return f"{LIST}{recording.pk}/{more}"


def listed(client: APIClient, query: str = "") -> list[str]:
    """The IDs of what a list shows."""
    return [each["id"] for each in client.get(LIST + query).json()["results"]]


class TestShape:
    def test_a_recording_tells_what_it_holds_and_what_it_lacks(self, vera, kept, studio_room, studio_device):
        told = vera.get(LIST).json()["results"][0]
        assert (told["id"], told["room"], told["device"]) == (str(kept.pk), str(studio_room.pk), str(studio_device.pk))
        assert (told["state"], told["bytes"], told["wav"]) == (
            "finished", kept.stored_bytes, f"/recordings/{kept.pk}/audio.wav",
        )  # fmt: skip
        assert told["gaps"] == [
            {"at_seconds": 5000 / 16000, "seconds": 0.05, "reason": "device-offline", "estimated": False},
            {"at_seconds": 40_800 / 16000, "seconds": 0.01, "reason": "queue-full", "estimated": True},
        ]
        assert told["audio_seconds"] == 5.0
        assert told["duration_seconds"] == pytest.approx(5.06, abs=1e-9)
        assert vera.get(path_of(kept)).json() == told

    @pytest.mark.parametrize("rate_hz", [8000, 11_025, 16_000, 22_050, 44_100])
    def test_the_clock_is_the_sound_and_the_gaps_to_the_last_bit(self, api, studio_device, rate_hz):
        gaps = tuple(Gap(at * 997, at * 31 + 1, "worker-lost") for at in range(1, 40))
        keep(studio_device, noise(44_111), gaps, segment_seconds=0.3, sample_rate_hz=rate_hz)
        told = api.get(LIST).json()["results"][0]
        assert len(told["gaps"]) == 39
        assert told["duration_seconds"] == told["audio_seconds"] + sum(gap["seconds"] for gap in told["gaps"])
        ends = [gap["at_seconds"] + gap["seconds"] for gap in told["gaps"]]
        assert all(end <= gap["at_seconds"] for end, gap in zip(ends, told["gaps"][1:], strict=False))

    def test_a_running_one_lasts_as_long_as_what_is_written(self, api, studio_device):
        keep(studio_device, noise(32_000), state=Recording.State.RECORDING)
        told = api.get(LIST).json()["results"][0]
        assert (told["state"], told["ended_at"], told["duration_seconds"]) == ("recording", None, 2.0)

    def test_the_description_names_exactly_the_keys_that_are_sent(self, api, kept):
        schema = api.get("/api/schema/?format=json").json()["components"]["schemas"]
        assert set(schema["Recording"]["properties"]) == set(api.get(path_of(kept)).json())
        assert set(schema["Recording"]["properties"]) == set(RecordingSerializer().fields)

    def test_a_page_of_recordings_costs_a_few_queries_however_long_they_are(
        self, api, studio_device, django_assert_max_num_queries
    ):
        for _number in range(12):
            keep(studio_device, noise(8000), (Gap(100, 5, "moved"),), segment_seconds=0.05)
        with django_assert_max_num_queries(6):
            results = api.get(LIST).json()["results"]
        assert [len(each["gaps"]) for each in results] == [1] * 12


class TestFinding:
    @pytest.fixture
    def others(self, cast, studio_device) -> dict[str, Recording]:
        """A piano in another room, and a microphone that records now."""
        studio = Room.objects.create(organization=cast.organization, name="Studio B")
        piano = Device.objects.create(organization=cast.organization, device_id="piano-l", name="Piano", room=studio)
        return {
            "piano": empty_recording(piano, title="Rehearsal"),
            "now": empty_recording(studio_device, state=Recording.State.RECORDING, started_at=timezone.now()),
        }

    def test_the_newest_comes_first(self, api, kept, others):
        assert listed(api)[0] == str(others["now"].pk)

    @pytest.mark.parametrize(
        ("query", "found"),
        [("room={piano.room_id}", ["piano"]), ("device={piano.device_id}", ["piano"]), ("state=recording", ["now"]),
         ("q=rehears", ["piano"]), ("q=STUDIO", ["piano"]), ("q=piano-l", ["piano"]), ("q=table", ["now", "kept"]),
         ("q=%20", ["now", "kept", "piano"]), ("q=nothing", []), ("q=%00", []), ("q=%25", []),
         ("room={piano.room_id}&state=recording", [])],
    )  # fmt: skip
    def test_what_was_asked_for_is_found(self, api, kept, others, query, found):
        all_of_them = others | {"kept": kept}
        assert sorted(listed(api, "?" + query.format(**others))) == sorted(str(all_of_them[name].pk) for name in found)

    @pytest.mark.parametrize(
        ("query", "status"),
        [("room=x", 400), ("device=%00", 400), ("state=gone", 400), ("room=", 400), (f"room={NOBODY}", 404),
         (f"device={NOBODY}", 404)],
    )  # fmt: skip
    def test_what_cannot_be_is_told(self, api, kept, query, status):
        answer = api.get(f"{LIST}?{query}")
        assert (answer.status_code, isinstance(answer.json()["detail"], str)) == (status, True)

    def test_a_strangers_room_is_no_room(self, charlie, kept):
        assert charlie.get(f"{LIST}?room={kept.room_id}").status_code == 404
        assert charlie.get(f"{LIST}?device={kept.device_id}").status_code == 404
        assert listed(charlie) == []


class TestChanging:
    def test_a_recording_is_named_and_kept(self, api, kept, cast):
        told = api.patch(path_of(kept), {"title": "  Piano   rehearsal ", "kept": True}).json()
        assert (told["title"], told["kept"]) == ("Piano rehearsal", True)
        assert set(Event.objects.values_list("kind", "actor")) == {
            ("recording-renamed", "alice"), ("recording-kept", "alice"),
        }  # fmt: skip
        told = api.patch(path_of(kept), {"title": ""}).json()
        assert (told["title"], told["kept"]) == ("", True)

    @pytest.mark.parametrize(
        "body", [{"title": "x" * 121}, {"title": "\u0007"}, {"kept": "perhaps"}, {"state": "gone"}]
    )
    def test_what_cannot_be_is_refused_and_changes_nothing(self, api, kept, body):
        before = Recording.objects.values().get()
        answer = api.patch(path_of(kept), body)
        assert (answer.status_code, isinstance(answer.json()["detail"], str)) == (400, True)
        assert Recording.objects.values().get() == before

    def test_a_deleted_one_is_gone_until_it_is_taken_back(self, api, vera, kept):
        assert api.delete(path_of(kept)).status_code == 204
        for path in (
            path_of(kept),
            path_of(kept, "peaks/"),
            path_of(kept, "markers/"),
            f"/recordings/{kept.pk}/audio.wav",
        ):
            assert api.get(path).status_code == 404, path
        assert listed(api) == []
        assert vera.post(path_of(kept, "restore/")).status_code == 404
        assert api.post(path_of(kept, "restore/")).json()["id"] == str(kept.pk)
        assert listed(vera) == [str(kept.pk)]

    def test_what_was_not_deleted_is_restored_without_a_word(self, api, kept):
        assert api.post(path_of(kept, "restore/")).status_code == 200
        assert not Event.objects.exists()

    @pytest.mark.parametrize("state", [Recording.State.RECORDING, Recording.State.SETTLING])
    def test_a_running_one_is_not_deleted(self, api, studio_device, state):
        answer = api.delete(path_of(empty_recording(studio_device, state=state)))
        assert (answer.status_code, answer.json()["detail"]) == (
            409, "This recording still runs. Stop its device first.",
        )  # fmt: skip
        assert Recording.objects.get().deleted_at is None

    def test_a_legal_hold_is_stronger_than_its_owner(self, api, kept, cast):
        RetentionPolicy.objects.create(organization=cast.organization, legal_hold=True)
        answer = api.delete(path_of(kept))
        assert (answer.status_code, "legal hold" in answer.json()["detail"]) == (409, True)
        assert Recording.objects.get().deleted_at is None

    def test_deleting_and_taking_back_are_in_the_audit(self, api, kept):
        api.delete(path_of(kept))
        api.post(path_of(kept, "restore/"))
        assert sorted(Event.objects.values_list("kind", flat=True)) == ["recording-deleted", "recording-restored"]


class TestMarkers:
    def test_a_moment_is_marked_named_moved_and_forgotten(self, api, vera, kept):
        made = api.post(path_of(kept, "markers/"), {"at_seconds": 1.5, "text": "Take 2"})
        assert made.status_code == 201
        marker = made.json()
        assert (marker["at_seconds"], marker["text"], marker["author"]) == (1.5, "Take 2", "alice")
        assert vera.get(path_of(kept, "markers/")).json()["results"] == [marker]
        moved = api.patch(path_of(kept, f"markers/{marker['id']}/"), {"at_seconds": 2}).json()
        assert (moved["at_seconds"], moved["text"]) == (2.0, "Take 2")
        assert api.delete(path_of(kept, f"markers/{marker['id']}/")).status_code == 204
        assert vera.get(path_of(kept, "markers/")).json()["results"] == []

    def test_they_come_in_the_order_of_their_moments(self, api, kept):
        for seconds in (3, 1, 2):
            api.post(path_of(kept, "markers/"), {"at_seconds": seconds})
        found = api.get(path_of(kept, "markers/")).json()["results"]
        assert [each["at_seconds"] for each in found] == [1.0, 2.0, 3.0]

    @pytest.mark.parametrize(
        "body",
        [{}, {"at_seconds": -1}, {"at_seconds": 5.2}, {"at_seconds": 1e300}, {"at_seconds": "NaN"},
         {"at_seconds": "inf"}, {"at_seconds": 1, "text": "x" * 121}, {"at_seconds": 1, "colour": "red"}],
    )  # fmt: skip
    def test_a_moment_that_is_none_is_refused(self, api, kept, body):
        answer = api.post(path_of(kept, "markers/"), body)
        assert (answer.status_code, isinstance(answer.json()["detail"], str)) == (400, True)
        assert not Marker.objects.exists()

    def test_a_running_one_is_marked_ahead_of_what_its_row_says(self, api, studio_device):
        running = keep(studio_device, noise(16_000), state=Recording.State.RECORDING)
        assert api.post(path_of(running, "markers/"), {"at_seconds": 1.7}).status_code == 201

    def test_there_is_an_end_to_markers(self, api, kept, monkeypatch):
        monkeypatch.setattr(module, "MAX_MARKERS", 2)
        statuses = [api.post(path_of(kept, "markers/"), {"at_seconds": 1}).status_code for _number in range(3)]
        assert statuses == [201, 201, 409]

    def test_a_marker_is_found_only_in_its_own_recording(self, api, kept, studio_device):
        other = keep(studio_device, noise(16_000))
        marker = Marker.objects.create(recording=other, at_seconds=0.5)
        assert api.patch(path_of(kept, f"markers/{marker.pk}/"), {"text": "mine"}).status_code == 404
        assert api.delete(path_of(kept, f"markers/{marker.pk}/")).status_code == 404
        assert api.delete(path_of(kept, f"markers/{'9' * 18}/")).status_code == 404

    def test_who_may_listen_sees_markers_and_sets_none(self, vera, charlie, kept):
        marker = Marker.objects.create(recording=kept, at_seconds=1)
        for client, status in ((vera, 403), (charlie, 404)):
            assert client.post(path_of(kept, "markers/"), {"at_seconds": 1}).status_code == status
            assert client.patch(path_of(kept, f"markers/{marker.pk}/"), {"text": "x"}).status_code == status
            assert client.delete(path_of(kept, f"markers/{marker.pk}/")).status_code == status
        assert charlie.get(path_of(kept, "markers/")).status_code == 404
        assert list(Marker.objects.values_list("text", flat=True)) == [""]


class TestPeaks:
    @pytest.fixture
    def drawn(self, studio_device) -> Recording:
        """10 s of sound that gets louder each second, with its peaks."""
        louder = b"".join(struct.pack("<2h", -100 * n, 100 * n) * 8000 for n in range(1, 11))
        kept = keep(studio_device, louder)
        PeakWriter(folder_of(kept.organization_id, kept.pk), 16_000, 1).write(0, louder)
        return kept

    def test_the_shape_of_all_of_it_is_drawn(self, vera, drawn):
        told = vera.get(path_of(drawn, "peaks/?points=10")).json()
        assert (told["from"], told["to"]) == (0.0, 10.0)
        assert told["points"] == [[-100 * n, 100 * n] for n in range(1, 11)]

    def test_a_part_of_it_is_drawn(self, vera, drawn):
        told = vera.get(path_of(drawn, "peaks/?from=3&to=5&points=2")).json()
        assert told == {"from": 3.0, "to": 5.0, "points": [[-400, 400], [-500, 500]]}

    def test_as_bytes_it_is_pairs_of_int16(self, vera, drawn):
        answer = vera.get(path_of(drawn, "peaks/?points=10"), HTTP_ACCEPT="application/octet-stream")
        assert answer["Content-Type"] == "application/octet-stream"
        assert struct.unpack("<20h", answer.content)[:4] == (-100, 100, -200, 200)

    def test_nobody_gets_more_points_than_a_screen_has(self, vera, drawn):
        for points, count in (("9" * 50, 4000), ("1", 1)):
            assert len(vera.get(path_of(drawn, f"peaks/?points={points}")).json()["points"]) == count

    def test_what_is_not_there_is_flat(self, vera, drawn, studio_device):
        told = vera.get(path_of(drawn, "peaks/?from=100&to=1e300&points=3")).json()
        assert told["points"] == [[0, 0]] * 3
        nothing = empty_recording(studio_device)
        assert vera.get(path_of(nothing, "peaks/?points=2")).json()["points"] == [[0, 0]] * 2

    @pytest.mark.parametrize(
        "query",
        ["from=-1", "from=nan", "to=inf", "from=5&to=4", "points=0", "points=-1", "points=x", "points=", "points=1.5",
         "points=٣", "from="],
    )  # fmt: skip
    @pytest.mark.parametrize("accept", ["application/json", "application/octet-stream"])
    def test_what_makes_no_sense_is_told(self, vera, drawn, query, accept):
        assert vera.get(path_of(drawn, f"peaks/?{query}"), HTTP_ACCEPT=accept).status_code == 400

    def test_a_stranger_sees_no_shape(self, charlie, drawn):
        assert charlie.get(path_of(drawn, "peaks/")).status_code == 404


class TestBadInput:
    @pytest.mark.parametrize("field", ["title", "kept", "at_seconds", "text"])
    def test_a_wrong_value_brings_nothing_down(self, api, kept, field):
        for value in WRONG_VALUES:
            answers = [
                api.patch(path_of(kept), {field: value}),
                api.post(path_of(kept, "markers/"), {"at_seconds": 1, field: value}),
            ]
            assert all(answer.status_code < 500 for answer in answers), value

    @pytest.mark.parametrize("raw", [b'{"at_seconds": NaN}', b'{"at_seconds": Infinity}', b'{"at_seconds": 1e999}'])
    def test_numbers_that_json_does_not_have_are_refused(self, api, kept, raw):
        answer = api.post(path_of(kept, "markers/"), raw, content_type="application/json")
        assert answer.status_code == 400

    def test_methods_that_are_not_there_are_405(self, api, kept):
        assert api.put(path_of(kept), {}).status_code == 405
        assert api.post(LIST, {}).status_code == 405
        assert api.post(path_of(kept, "peaks/"), {}).status_code == 405

    def test_a_recording_without_any_file_is_told_all_the_same(self, api, kept):
        for path in configured.RECORDINGS_DIR.rglob("*.seg"):
            path.unlink()
        sum_up(kept)
        assert len(api.get(path_of(kept)).json()["gaps"]) == 2
