"""Any stretch of a recording comes back bit for bit, with silence where there is none, whatever its files hold."""

import itertools

import numpy as np
import pytest

from recordings.listening import sound
from recordings.listening.sound import PIECE_BYTES, length, read_pcm, sound_before
from recordings.log.recorder import folder_of
from recordings.log.segment_log import Gap
from recordings.models import Recording, Segment
from tests.kept import empty_recording, keep, keep_segment, noise

RATE_HZ = 16000
GAPS = (Gap(5000, 800, "device-offline"), Gap(48_000, 160, "queue-full", True), Gap(70_000, 3000, "worker-lost"))


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    """Keep what a test records where only it looks."""
    settings.RECORDINGS_DIR = tmp_path


def with_silence(pcm: bytes, gaps: tuple[Gap, ...], channels: int = 1) -> bytes:
    """What is heard by the clock."""
    frame = 2 * channels
    cuts = [0, *(gap.at for gap in gaps), len(pcm) // frame]
    sounds = [pcm[first * frame : last * frame] for first, last in itertools.pairwise(cuts)]
    silences = [bytes(gap.samples * frame) for gap in gaps] + [b""]
    return b"".join(part for pair in zip(sounds, silences, strict=True) for part in pair)


def heard(recording: Recording, *where, **how) -> bytes:
    return b"".join(read_pcm(recording, *where, **how))


@pytest.mark.parametrize("channels", [1, 2])
def test_the_whole_of_it_comes_back_with_silence_in_its_gaps(studio_device, channels):
    pcm = noise(80_000, channels=channels)
    kept = keep(studio_device, pcm, GAPS, segment_seconds=1, channels=channels)
    assert kept.segments.count() == 5
    assert heard(kept) == with_silence(pcm, GAPS, channels)
    assert length(kept) == 80_000 + 3960


def test_left_out_gaps_leave_the_sound_alone(studio_device):
    pcm = noise(80_000)
    kept = keep(studio_device, pcm, GAPS, segment_seconds=1)
    assert heard(kept, gaps="skip") == pcm
    assert length(kept, "skip") == 80_000


@pytest.mark.parametrize("gaps", ["silence", "skip"])
def test_every_stretch_is_that_stretch_of_the_whole(studio_device, gaps):
    kept = keep(studio_device, noise(80_000), GAPS, segment_seconds=1)
    whole = heard(kept, gaps=gaps)
    edges = [0, 1, 4999, 5000, 5001, 5800, 15_999, 16_800, 16_801, 40_000, 48_960, 73_000, len(whole) // 2]
    for first, last in itertools.combinations(edges, 2):
        assert heard(kept, first, last, gaps=gaps) == whole[2 * first : 2 * last], (first, last)


def test_where_the_sound_of_a_moment_lies_is_known_without_the_files(studio_device):
    kept = keep(studio_device, noise(80_000), GAPS, segment_seconds=1)
    of_sound = np.frombuffer(with_silence(np.ones(80_000, "<i2").tobytes(), GAPS), "<i2")
    for sample in (0, 1, 5000, 5400, 5800, 16_800, 48_800, 48_900, 70_960, 72_000, 83_960):
        assert sound_before(kept, sample) == of_sound[:sample].sum(), sample
    assert sound_before(kept, 10**12) == 80_000


def test_a_gap_that_nothing_follows_is_heard(studio_device):
    kept = keep(studio_device, noise(1000), (Gap(1000, 500, "device-offline"),))
    assert heard(kept) == noise(1000) + bytes(1000)


def test_a_segment_that_is_a_gap_alone_is_silence(studio_device):
    kept = empty_recording(studio_device)
    keep_segment(kept, noise(1000))
    keep_segment(kept, b"", (Gap(0, 700, "worker-lost"),))
    keep_segment(kept, noise(500, seed=2))
    assert heard(kept) == noise(1000) + bytes(1400) + noise(500, seed=2)
    assert heard(kept, gaps="skip") == noise(1000) + noise(500, seed=2)


def test_two_gaps_at_one_place_follow_each_other(studio_device):
    gaps = (Gap(300, 900, "worker-lost"), Gap(300, 100, "device-offline"))
    kept = keep(studio_device, noise(1000), gaps)
    assert heard(kept) == with_silence(noise(1000), gaps)


def test_a_file_cut_by_a_crash_is_silent_to_its_end_and_shifts_nothing(studio_device):
    pcm = noise(48_000)
    kept = keep(studio_device, pcm, segment_seconds=1)
    torn = folder_of(kept.organization_id, kept.pk) / kept.segments.get(number=1).name
    torn.write_bytes(torn.read_bytes()[:20_000])
    back = heard(kept)
    assert len(back) == len(pcm)
    assert (back[:32_000], back[64_000:]) == (pcm[:32_000], pcm[64_000:])
    whole = 9 * 1024 * 2  # the records that a torn file of 20,000 bytes still holds
    assert back[32_000 : 32_000 + whole] == pcm[32_000 : 32_000 + whole]
    assert not any(back[32_000 + whole : 64_000])


@pytest.mark.parametrize("damage", [b"", b"\0" * 4000, b"no segment at all"])
def test_a_file_of_rubbish_is_silence(studio_device, damage):
    kept = keep(studio_device, noise(16_000))
    (folder_of(kept.organization_id, kept.pk) / kept.segments.get().name).write_bytes(damage)
    assert heard(kept) == bytes(32_000)


def test_a_lost_file_is_silence(studio_device):
    kept = keep(studio_device, noise(48_000), segment_seconds=1)
    (folder_of(kept.organization_id, kept.pk) / kept.segments.get(number=0).name).unlink()
    assert heard(kept) == bytes(32_000) + noise(48_000)[32_000:]


def test_a_file_that_is_ahead_of_its_row_is_heard_as_far_as_the_row_says(studio_device):
    kept = keep(studio_device, noise(16_000), state=Recording.State.RECORDING)
    Segment.objects.update(audio_samples=10_000)
    assert heard(kept) == noise(16_000)[:20_000]
    Segment.objects.update(audio_samples=16_000)  # a second later
    assert heard(kept) == noise(16_000)


def test_what_lies_behind_the_end_is_silence_of_the_length_that_was_asked_for(studio_device):
    kept = keep(studio_device, noise(1000))
    assert heard(kept, 900, 1100) == noise(1000)[1800:] + bytes(200)
    assert heard(kept, 5000, 5100) == bytes(200)
    assert heard(empty_recording(studio_device), 0, 10) == bytes(20)


def test_nothing_is_a_length_too(studio_device):
    kept = empty_recording(studio_device)
    assert (length(kept), length(kept, "skip"), sound_before(kept, 9), heard(kept)) == (0, 0, 0, b"")


def test_rows_that_leave_a_hole_between_them_are_heard_in_their_place(studio_device):
    kept = keep(studio_device, noise(32_000), segment_seconds=1)
    Segment.objects.filter(number=1).update(start_sample=20_000)
    assert heard(kept) == noise(32_000)[:32_000] + bytes(8000) + noise(32_000)[32_000:]


def test_pieces_are_bounded_and_whole_samples(studio_device):
    kept = keep(studio_device, noise(400_000, channels=2), (Gap(7, 300_001, "device-offline"),), channels=2)
    pieces = list(read_pcm(kept))
    assert max(len(piece) for piece in pieces) <= PIECE_BYTES
    assert all(len(piece) % 4 == 0 and piece for piece in pieces)


def test_a_late_stretch_is_found_without_opening_what_comes_before(studio_device, monkeypatch):
    kept = keep(studio_device, noise(160_000), segment_seconds=0.1)
    opened = []

    def opening(path):
        opened.append(int(path.name.partition("-")[0]))
        return read(path)

    read = sound.read_segment
    monkeypatch.setattr(sound, "read_segment", opening)
    assert heard(kept, 150_000, 152_000) == noise(160_000)[300_000:304_000]
    assert opened == [93, 94]


@pytest.mark.parametrize("gaps", ["silence", "skip"])
def test_a_stretch_costs_as_many_queries_in_a_long_recording_as_in_a_short_one(
    studio_device, django_assert_num_queries, gaps
):
    kept = keep(studio_device, noise(160_000), segment_seconds=0.05)
    with django_assert_num_queries(3):  # where it begins, its rows, and that there are no more
        heard(kept, 100_000, 108_000, gaps=gaps)
