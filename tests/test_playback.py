"""The WAV of a recording: whole, in parts, while it runs, and what is answered to requests that make no sense."""

import struct
import wave
from io import SEEK_CUR, SEEK_END, SEEK_SET, BytesIO, RawIOBase

import av
import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from django.urls import reverse

from accounts.api_keys import make_api_key
from recordings.keeping.bucket import Unreachable
from recordings.keeping.offsite import path_of
from recordings.listening.playback import Wav
from recordings.listening.ranges import Unsatisfiable, wanted
from recordings.listening.stretch import stretch_of
from recordings.listening.wav import wav_header
from recordings.log.segment_log import Gap
from recordings.models import Recording, Segment
from tests.kept import empty_recording, keep, keep_segment, noise, sum_up

RATE_HZ = 16000
GAP = Gap(16_000, 8000, "device-offline")
PCM = noise(40_000)
BY_THE_CLOCK = PCM[:32_000] + bytes(16_000) + PCM[32_000:]
pytestmark = pytest.mark.django_db(transaction=True)  # the sound is read on threads, which see what is committed


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    """Keep what a test records where only it looks."""
    settings.RECORDINGS_DIR = tmp_path


@pytest.fixture
def kept(studio_device) -> Recording:
    """2.5 s of sound in three segments, with half a second missing after the first."""
    return keep(studio_device, PCM, (GAP,), segment_seconds=1)


@pytest.fixture
def vera(cast) -> Client:
    """The browser of someone who may listen, and no more."""
    client = Client()
    client.force_login(cast.vera)
    return client


def url_of(recording: Recording) -> str:
    return reverse("recording_wav", args=[recording.pk])


def body_of(response) -> bytes:
    """Everything that a response sends."""

    async def gather() -> bytes:
        return b"".join([piece async for piece in response.streaming_content])

    return async_to_sync(gather)() if response.streaming else response.content


def fetch(client: Client, recording: Recording, query: str = "", **headers: str):
    """Ask for the WAV; `If_Range` is the header If-Range."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(url_of(recording) + query, headers=sent)


def sound_in(wav: bytes) -> bytes:
    """The samples of a WAV that any program can read."""
    with wave.open(BytesIO(wav)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE_HZ, 1, 2)
        return file.readframes(file.getnframes())


class Opened(RawIOBase):
    """A WAV as a file that a decoder reads and seeks in."""

    def __init__(self, wav: Wav) -> None:
        self._wav, self._at = wav, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        self._at = offset + {SEEK_SET: 0, SEEK_CUR: self._at, SEEK_END: self._wav.size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        stop = min(self._at + size, self._wav.size)
        data = b"".join(self._wav.read(self._at, stop))
        self._at += len(data)
        return data


class TestWhole:
    def test_a_recording_is_a_wav_with_silence_in_its_gaps(self, vera, kept):
        response = fetch(vera, kept)
        wav = body_of(response)
        assert sound_in(wav) == BY_THE_CLOCK
        assert (response.status_code, response["Content-Type"], response["Accept-Ranges"]) == (
            200,
            "audio/wav",
            "bytes",
        )
        assert int(response["Content-Length"]) == len(wav)

    def test_gaps_can_be_left_out(self, vera, kept):
        assert sound_in(body_of(fetch(vera, kept, "?gaps=skip"))) == PCM
        assert sound_in(body_of(fetch(vera, kept, "?gaps=silence"))) == BY_THE_CLOCK

    def test_the_file_is_named_for_people(self, vera, kept, studio_room):
        assert 'filename="Weekly planning, Table, ' in fetch(vera, kept)["Content-Disposition"]
        kept.title = 'ห้อง <2>/"../x'
        kept.save()
        named = fetch(vera, kept)["Content-Disposition"]
        assert named.startswith("attachment; filename*=utf-8''%E0%B8%AB%E0%B9%89%E0%B8%AD%E0%B8%87%202%20..%20x%2C")

    def test_nothing_recorded_is_a_wav_of_no_length(self, vera, studio_device):
        assert sound_in(body_of(fetch(vera, empty_recording(studio_device)))) == b""

    def test_head_tells_all_but_the_sound(self, vera, kept):
        got, told = fetch(vera, kept), vera.head(url_of(kept), headers={"Range": "bytes=0-1"})
        assert (told.status_code, told.streaming, told.content) == (200, False, b"")
        for name in ("Content-Length", "Content-Type", "ETag", "Accept-Ranges", "Content-Disposition"):
            assert told[name] == got[name], name

    def test_other_methods_are_not_there(self, vera, kept):
        assert vera.post(url_of(kept)).status_code == 405


class TestStretch:
    @pytest.mark.parametrize(
        ("query", "first", "last"),
        [("from=0.5", 8000, 48_000), ("to=1.25", 0, 20_000), ("from=0.9&to=1.1", 14_400, 17_600),
         ("from=2&to=1e300", 32_000, 48_000), ("from=9&to=10", 48_000, 48_000), ("from=1&to=1", 16_000, 16_000)],
    )  # fmt: skip
    def test_a_part_is_told_in_seconds_by_the_clock(self, vera, kept, query, first, last):
        assert sound_in(body_of(fetch(vera, kept, f"?{query}"))) == BY_THE_CLOCK[2 * first : 2 * last]

    def test_a_part_without_its_gaps_has_what_was_heard_between_the_two_moments(self, vera, kept):
        assert sound_in(body_of(fetch(vera, kept, "?from=0.9&to=1.6&gaps=skip"))) == PCM[2 * 14_400 : 2 * 17_600]
        assert sound_in(body_of(fetch(vera, kept, "?from=1.1&to=1.4&gaps=skip"))) == b""

    @pytest.mark.parametrize(
        "query",
        ["from=-1", "from=nan", "to=inf", "to=-inf", "from=", "from=one", "from=2&to=1", "gaps=", "gaps=both",
         "from=%00", "to=0x10", "from=1,5"],
    )  # fmt: skip
    def test_what_makes_no_sense_is_told_in_a_sentence(self, vera, kept, query):
        response = fetch(vera, kept, f"?{query}")
        assert response.status_code == 400
        assert response.json()["detail"].endswith(".")

    def test_a_part_in_the_middle_of_a_week_is_found_at_once(self, vera, kept, django_assert_max_num_queries):
        wav = Wav(stretch_of(kept, 1.9, 2.0))
        with django_assert_max_num_queries(3):
            b"".join(wav.read(0, wav.size))


class TestRanges:
    @pytest.mark.parametrize(
        ("header", "first", "stop"),
        [("bytes=0-0", 0, 1), ("bytes=0-43", 0, 44), ("bytes=40-49", 40, 50), ("bytes=45-45", 45, 46),
         ("bytes=-1", 95_999 + 44, 96_044), ("bytes=-70000", 26_044, 96_044), ("bytes=-9999999", 0, 96_044),
         ("bytes=96000-", 96_000, 96_044), ("bytes=31-99999999999999999999999999", 31, 96_044),
         ("BYTES = 33001-70002 ", 33_001, 70_003)],
    )  # fmt: skip
    def test_one_range_is_that_part_of_the_whole(self, vera, kept, header, first, stop):
        whole = body_of(fetch(vera, kept))
        part = fetch(vera, kept, Range=header)
        assert part.status_code == 206
        assert part["Content-Range"] == f"bytes {first}-{stop - 1}/{len(whole)}"
        assert int(part["Content-Length"]) == stop - first
        assert body_of(part) == whole[first:stop]

    @pytest.mark.parametrize("header", ["bytes=96044-", "bytes=96044-96050", "bytes=-0", "bytes=" + "9" * 5000 + "-"])
    def test_a_range_behind_the_end_is_416_with_the_length(self, vera, kept, header):
        refused = fetch(vera, kept, Range=header)
        assert (refused.status_code, refused["Content-Range"]) == (416, "bytes */96044")

    @pytest.mark.parametrize(
        "header",
        ["bytes=0-1,5-6", "bytes=" + ",".join(f"{n}-{n + 1}" for n in range(0, 5000, 5)), "bytes=-", "bytes=",
         "lines=0-1", "bytes=5-2", "bytes=x-y", "bytes=0-1;2", "bytes=--1", "bytes=1.5-2", "", "bytes=٣-٤"],
    )  # fmt: skip
    def test_many_ranges_and_none_are_answered_with_the_whole(self, vera, kept, header):
        response = fetch(vera, kept, Range=header.encode("utf-8").decode("latin-1"))
        assert (response.status_code, response["Content-Length"]) == (200, "96044")
        assert sound_in(body_of(response)) == BY_THE_CLOCK

    def test_a_range_of_a_part_counts_from_the_part(self, vera, kept):
        whole = body_of(fetch(vera, kept, "?from=0.9&to=1.6&gaps=skip"))
        part = body_of(fetch(vera, kept, "?from=0.9&to=1.6&gaps=skip", Range="bytes=43-3001"))
        assert part == whole[43:3002]

    def test_a_range_goes_on_only_with_what_was_begun(self, vera, kept):
        tag = fetch(vera, kept)["ETag"]
        assert fetch(vera, kept, Range="bytes=4-7", If_Range=tag).status_code == 206
        for other in ('"another"', f"W/{tag}", "Wed, 21 Oct 2026 07:28:00 GMT"):
            assert fetch(vera, kept, Range="bytes=4-7", If_Range=other).status_code == 200, other

    def test_a_file_of_no_bytes_has_no_range(self):
        for header in ("bytes=0-", "bytes=-1", "bytes=0-0"):
            with pytest.raises(Unsatisfiable):
                wanted(header, 0)


class TestVersions:
    def test_what_is_there_already_is_not_sent_again(self, vera, kept):
        tag = fetch(vera, kept)["ETag"]
        assert tag.startswith('"')
        again = fetch(vera, kept, If_None_Match=f'"other", W/{tag}')
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)

    def test_each_part_and_each_way_with_gaps_is_a_file_of_its_own(self, vera, kept):
        queries = ["", "?gaps=skip", "?from=1", "?to=1", "?from=1&gaps=skip"]
        assert len({fetch(vera, kept, query)["ETag"] for query in queries}) == len(queries)

    def test_a_running_one_is_another_file_as_soon_as_it_has_grown(self, vera, studio_device):
        running = keep(studio_device, PCM, state=Recording.State.RECORDING)
        first = fetch(vera, running)
        keep_segment(running, noise(100))
        assert fetch(vera, running)["ETag"] != first["ETag"]
        assert fetch(vera, running, Range="bytes=4-7", If_Range=first["ETag"]).status_code == 200

    def test_a_loss_that_was_found_late_is_another_file_too(self, vera, studio_device):
        running = keep(studio_device, PCM, state=Recording.State.RECORDING)
        before = fetch(vera, running, "?to=1")["ETag"]
        Segment.objects.update(gaps=[[10, 50, "device-offline", True]], gap_samples=50)
        assert fetch(vera, running, "?to=1")["ETag"] != before


class TestRunning:
    def test_a_running_one_ends_where_its_header_says(self, vera, studio_device):
        running = keep(studio_device, PCM, state=Recording.State.RECORDING)
        response = fetch(vera, running)
        keep_segment(running, noise(5000, seed=9))  # between the header and the sound
        sum_up(running)
        assert sound_in(body_of(response)) == PCM
        assert sound_in(body_of(fetch(vera, running))) == PCM + noise(5000, seed=9)

    def test_a_file_cut_while_it_is_sent_keeps_the_promised_length(self, vera, kept, settings, tmp_path):
        response = fetch(vera, kept)
        for path in tmp_path.rglob("*.seg"):
            path.write_bytes(path.read_bytes()[:5000])
        assert len(body_of(response)) == int(response["Content-Length"])


class TestElsewhere:
    def test_sound_that_cannot_be_reached_is_told_and_never_silence(self, vera, kept, monkeypatch):
        def away(segment):
            raise Unreachable("the bucket does not answer")

        monkeypatch.setattr("recordings.listening.sound.path_of", away)
        response = fetch(vera, kept)
        assert (response.status_code, response.json()["detail"]) == (
            503, "This sound lies elsewhere, and cannot be reached now.",
        )  # fmt: skip

    def test_sound_that_leaves_for_the_bucket_meanwhile_is_fetched_from_there(self, vera, kept, monkeypatch, tmp_path):
        def leaving(segment):
            if segment.place == Segment.Place.ELSEWHERE:
                return tmp_path / segment.name
            path = path_of(segment)
            path.rename(tmp_path / segment.name)
            Segment.objects.filter(pk=segment.pk).update(place=Segment.Place.ELSEWHERE)
            return path

        monkeypatch.setattr("recordings.listening.sound.path_of", leaving)
        assert sound_in(body_of(fetch(vera, kept))) == BY_THE_CLOCK


class TestLong:
    def test_beyond_four_gigabytes_the_sizes_stand_in_ds64(self):
        data_bytes = 7 * 24 * 3600 * 16000 * 2
        header = wav_header(data_bytes, 16000, 1)
        assert (header[:4], header[4:8], header[8:16], header[-8:]) == (
            b"RF64", b"\xff" * 4, b"WAVEds64", b"data" + b"\xff" * 4,
        )  # fmt: skip
        assert struct.unpack("<IQQQI", header[16:48]) == (28, data_bytes + 72, data_bytes, data_bytes // 2, 0)

    def test_the_change_comes_where_32_bits_end(self):
        assert wav_header(0xFFFFFFFF - 37, 8000, 1)[:4] == b"RIFF"
        assert wav_header(0xFFFFFFFF - 35, 8000, 1)[:4] == b"RF64"

    def test_a_decoder_finds_its_way_in_a_week(self, studio_device):
        week = empty_recording(studio_device)
        samples = 7 * 24 * 3600 * RATE_HZ
        keep_segment(week, PCM, (Gap(0, samples, "device-offline"),))
        with av.open(Opened(Wav(stretch_of(week)))) as container:
            assert container.duration / av.time_base == samples / RATE_HZ + 2.5
            container.seek((samples // RATE_HZ) * av.time_base)
            frame = next(container.decode(audio=0))
        assert (frame.time, frame.to_ndarray().tobytes()) == (samples / RATE_HZ, PCM[: 2 * frame.samples])

    def test_the_last_second_of_a_week_is_fetched_as_quickly_as_the_first(self, vera, studio_device):
        week = empty_recording(studio_device)
        samples = 7 * 24 * 3600 * RATE_HZ
        keep_segment(week, noise(1000), (Gap(0, samples, "device-offline"),))
        header = wav_header(2 * (samples + 1000), RATE_HZ, 1)
        response = fetch(vera, week, Range="bytes=-2002")
        assert response["Content-Range"].endswith(f"/{len(header) + 2 * (samples + 1000)}")
        assert body_of(response) == bytes(2) + noise(1000)


class TestWhoMayHear:
    def test_a_stranger_and_nobody_hear_nothing(self, cast, kept):
        charlie = Client()
        charlie.force_login(cast.charlie)
        assert fetch(charlie, kept).status_code == 404
        assert fetch(Client(), kept).status_code == 302

    def test_a_deleted_one_is_not_there(self, vera, kept):
        Recording.objects.update(deleted_at=kept.started_at)
        assert fetch(vera, kept).status_code == 404

    def test_an_api_key_opens_it_too(self, cast, kept):
        for user, status in ((cast.vera, 200), (cast.charlie, 404)):
            key = make_api_key(user)[1]
            response = fetch(Client(), kept, Authorization=f"Bearer {key}")
            assert response.status_code == status
        assert fetch(Client(), kept, Authorization="Bearer nonsense").status_code == 401

    def test_a_key_takes_ranges_and_head_as_well(self, cast, kept):
        bearer = f"Bearer {make_api_key(cast.vera)[1]}"
        assert body_of(fetch(Client(), kept, Authorization=bearer, Range="bytes=0-3")) == b"RIFF"
        assert Client().head(url_of(kept), headers={"Authorization": bearer})["Content-Length"] == "96044"
