"""Damage to what was finished: what can no longer be read counts as missing, in the same place, and is said once."""

import shutil
from io import StringIO
from types import SimpleNamespace

import pytest
from django.core.management import call_command

from recordings import inspection, recovery
from recordings.inspection import Inspector, inspect, inspect_all
from recordings.keeping import bucket, fetched
from recordings.listening import sound
from recordings.log.captures import Capture, note_open
from recordings.log.folder import About, folder_of
from recordings.log.peaks import PeakWriter, read_peaks
from recordings.log.segment_log import Gap, read_segment, runs
from recordings.models import Recording, Segment
from rooms.models import Event
from rooms.sentences import sentence
from tests.kept import empty_recording, keep, keep_segment, noise, sum_up
from tests.test_recovery import bound, crash, machine  # noqa: F401 - fixtures: a microphone, and what its writer leaves

RATE = 16_000
ROW = ("number", "name", "is_closed", "start_sample", "start_audio_sample", "audio_samples", "gap_samples", "gaps")


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.RECORDINGS_DIR = settings.DATA_DIR = tmp_path
    settings.S3_BUCKET = ""


@pytest.fixture
def kept(studio_device):
    """Three seconds in three segments, the second with a gap of half a second in its middle."""
    recording = empty_recording(studio_device)
    for number in range(3):
        gaps = (Gap(8_000, 8_000, "device-offline"),) if number == 1 else ()
        keep_segment(recording, noise(RATE, seed=number), gaps)
    sum_up(recording)
    return recording


def folder_at(recording):
    return folder_of(recording.organization_id, recording.pk)


def file_of(recording, number):
    return folder_at(recording) / recording.segments.get(number=number).name


def clock_of(recording):
    recording.refresh_from_db()
    return recording.audio_seconds, recording.missing_seconds, recording.gap_count


def cut(path, share):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def draw(recording):
    peaks = PeakWriter(folder_at(recording), RATE, 1)
    for row in recording.segments.order_by("number"):
        for at, pcm in runs(read_segment(folder_at(recording) / row.name)):
            peaks.write(row.start_sample + at, pcm)
    peaks.flush()


def test_what_is_whole_is_left_as_it_is(kept):
    rows, before = list(kept.segments.values()), clock_of(kept)
    draw(kept)
    found = inspect(kept)
    assert (found.segments, found.damaged_segments, found.rebuilt_rows, found.redrawn) == (3, 0, 0, 0)
    assert (list(kept.segments.values()), clock_of(kept)) == (rows, before)


@pytest.mark.parametrize("thorough", [True, False])
@pytest.mark.parametrize("how", ["missing", "empty", "zeros"])
def test_a_segment_that_is_gone_counts_as_missing_and_moves_nothing(kept, how, thorough):
    path = file_of(kept, 1)
    path.unlink() if how == "missing" else path.write_bytes(bytes(1000 if how == "zeros" else 0))
    starts = list(kept.segments.values_list("start_sample", flat=True))
    assert inspect(kept, thorough=thorough).damaged_segments == 1
    assert clock_of(kept) == (2.0, 1.5, 3)
    row = kept.segments.get(number=1)
    assert row.gaps == [
        [0, 8_000, "bad-data", False], [0, 8_000, "device-offline", False], [0, 8_000, "bad-data", False],
    ]  # fmt: skip
    assert (row.audio_samples, row.gap_samples) == (0, 24_000)
    assert list(kept.segments.values_list("start_sample", flat=True)) == starts
    assert list(kept.segments.values_list("start_audio_sample", flat=True)) == [0, RATE, RATE]
    alone = b"".join(sound.read_pcm(kept, gaps=sound.SKIP))
    assert alone == noise(RATE, seed=0) + noise(RATE, seed=2)


@pytest.mark.parametrize("harm", [flip, lambda path: cut(path, 0.6)])
def test_what_lies_before_the_damage_is_kept(kept, harm):
    path = file_of(kept, 2)
    harm(path)
    readable = sum(chunk.samples for chunk in read_segment(path).chunks)
    assert 0 < readable < RATE
    inspect(kept)
    assert kept.segments.get(number=2).gaps == [[readable, RATE - readable, "bad-data", False]]
    assert clock_of(kept) == ((2 * RATE + readable) / RATE, (8_000 + RATE - readable) / RATE, 2)


def test_a_bit_that_flipped_is_found_by_reading_and_not_by_size(kept):
    flip(file_of(kept, 0))
    assert inspect(kept, thorough=False).damaged_segments == 0
    assert inspect(kept, thorough=True).damaged_segments == 1


def test_it_is_said_once_and_a_second_look_changes_nothing(kept):
    file_of(kept, 0).unlink()
    inspect(kept)
    rows, clock = list(kept.segments.values()), clock_of(kept)
    assert inspect(kept).damaged_segments == 0
    assert (list(kept.segments.values()), clock_of(kept)) == (rows, clock)
    event = Event.objects.get(kind="recording-unreadable")
    assert sentence(event).startswith("1.0 s of the recording")


def test_what_returns_counts_as_sound_again(kept, tmp_path):
    rows, clock = list(kept.segments.values()), clock_of(kept)
    folder, away = folder_at(kept), tmp_path / "away"
    shutil.move(folder, away)
    inspect(kept)
    assert clock_of(kept) == (0.0, 3.5, 5)
    shutil.move(away, folder)
    assert inspect(kept).returned_segments == 3
    assert (list(kept.segments.values()), clock_of(kept)) == (rows, clock)


def test_with_neither_files_nor_rows_all_of_it_is_missing_and_its_length_stays(kept):
    shutil.rmtree(folder_at(kept))
    kept.segments.all().delete()
    inspect(kept)
    assert clock_of(kept) == (0.0, 3.5, 0)
    inspect(kept)
    assert Event.objects.filter(kind="recording-unreadable").count() == 1


def test_a_disk_that_is_not_mounted_is_no_loss(kept):
    clock = clock_of(kept)
    shutil.rmtree(folder_at(kept).parent)
    inspect(kept)
    assert clock_of(kept) == clock


def test_what_lies_in_the_bucket_is_left_alone(kept):
    clock = clock_of(kept)
    for number, place in enumerate([Segment.Place.BOTH, Segment.Place.ELSEWHERE]):
        file_of(kept, number).unlink()
        kept.segments.filter(number=number).update(place=place)
    inspect(kept)
    assert clock_of(kept) == clock


@pytest.mark.parametrize(
    ("answer", "is_lost"), [(bucket.Unreachable("away"), False), (FileNotFoundError("not there"), True)]
)
def test_a_row_made_anew_may_not_know_of_the_bucket_so_that_is_asked(kept, monkeypatch, answer, is_lost):
    def asked(segment):
        raise answer

    monkeypatch.setattr(bucket, "is_configured", lambda: True)
    monkeypatch.setattr(fetched, "fetched", asked)
    file_of(kept, 0).unlink()
    assert inspect(kept).damaged_segments == is_lost


@pytest.mark.parametrize("state", [Recording.State.RECORDING, Recording.State.SETTLING])
def test_one_that_goes_on_is_left_alone(kept, state):
    kept.state = state
    kept.save()
    file_of(kept, 0).unlink()
    assert inspect(kept).recordings == 0


def test_one_to_which_its_device_may_return_is_left_alone(kept):
    about = About(kept.pk, kept.organization_id, kept.room_id, "", kept.device_id, "", RATE, 1, 1, 1)
    note_open(Capture(kept.device_id, kept.room_id, RATE, 1), about)
    file_of(kept, 0).unlink()
    assert inspect(kept).recordings == 0


def test_one_that_is_being_removed_is_left_alone(kept):
    folder = folder_at(kept)
    folder.rename(folder.with_name(f".leaving-{folder.name}"))
    assert inspect(kept).recordings == 0


def test_a_listener_who_meets_the_damage_has_it_declared(kept, monkeypatch):
    asked = []
    monkeypatch.setattr(sound, "inspector", SimpleNamespace(ask=asked.append))
    b"".join(sound.read_pcm(kept))
    assert asked == []
    file_of(kept, 0).unlink()
    assert len(b"".join(sound.read_pcm(kept))) == 2 * (3 * RATE + 8_000)
    assert asked == [kept.pk]


def test_nobody_waits_for_an_inspection_and_each_recording_has_one(monkeypatch):
    inspector, looked = Inspector(), []
    monkeypatch.setattr(inspection, "_recordings", lambda ids: looked.extend(ids) or ())
    monkeypatch.setattr(inspection.connections, "close_all", lambda: None)
    for name in ("a", "b", "a"):
        inspector.ask(name)
    inspector.wait(5)
    assert looked == ["a", "b"]


@pytest.mark.django_db(transaction=True)
def test_its_own_thread_reaches_the_database(kept):
    file_of(kept, 0).unlink()
    inspector = Inspector()
    inspector.ask(kept.pk)
    inspector.wait(20)
    assert clock_of(kept) == (2.0, 1.5, 2)


@pytest.mark.parametrize("name", ["peaks-0", "peaks-1", "peaks-2"])
def test_a_lost_shape_is_drawn_again(kept, name):
    draw(kept)
    before = {path.name: path.read_bytes() for path in folder_at(kept).glob("peaks-*")}
    (folder_at(kept) / name).unlink()
    assert inspect(kept).redrawn == 1
    assert {path.name: path.read_bytes() for path in folder_at(kept).glob("peaks-*")} == before
    assert read_peaks(folder_at(kept), RATE, 0, 3.5, 100).any()


def test_all_are_looked_at_and_one_that_the_disk_refuses_keeps_no_other_from_it(kept, studio_device, monkeypatch):
    other, seen = keep(studio_device, noise(RATE)), []
    for each in (kept, other):
        file_of(each, 0).unlink()
    real = inspection.read_segment

    def refuses(path):
        if path.parent == folder_at(other):
            raise PermissionError(13, "Permission denied")
        return real(path)

    file_of(other, 0).write_bytes(b"what cannot be opened")
    monkeypatch.setattr(inspection, "read_segment", refuses)
    found = inspect_all(progress=lambda done, total: seen.append((done, total)))
    assert (found.recordings, found.damaged_segments, seen) == (1, 1, [(1, 2), (2, 2)])


def test_the_command_reads_all_and_says_what_it_found(kept):
    flip(file_of(kept, 2))
    out = StringIO()
    call_command("recover_recordings", stdout=out)
    assert "1 finished recordings of 3 segments were read: 1 segments are damaged" in out.getvalue()
    assert kept.segments.get(number=2).gaps


@pytest.mark.parametrize("lost", [{0}, {2}, {0, 1, 2}])
def test_lost_rows_of_segments_are_written_anew_from_the_index(machine, bound, lost):  # noqa: F811
    for first in (0, 40, 80):
        crash(machine, bound, first=first)
        machine.passes(50)
        recovery.settle(machine.clocks)
    machine.passes(4000)
    recovery.settle(machine.clocks)
    recording = Recording.objects.get()
    rows, clock = list(recording.segments.values(*ROW)), clock_of(recording)
    recording.segments.filter(number__in=lost).delete()
    assert inspect(recording, thorough=False).rebuilt_rows == len(lost)
    assert (list(recording.segments.values(*ROW)), clock_of(recording)) == (rows, clock)
    assert recording.state == Recording.State.FINISHED
