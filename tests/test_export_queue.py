"""Files are made by one process at a time, go on after its death, and leave nothing behind when they fail or go."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import av
import pytest
from django.db import connection, connections
from django.utils import timezone

from recordings.exporting import exports, making
from recordings.exporting.child import ExportChild
from recordings.exporting.exports import ask, cancel, claim, file_of, forget, part_of, retry, sweep, visible_exports
from recordings.exporting.making import make
from recordings.log.segment_log import Gap
from recordings.models import Export, Recording
from tests.exporting import (  # noqa: F401 - fixtures
    RATE_HZ,
    keep_apart,
    keep_piano,
    keep_table,
    leftovers,
    made,
)
from tests.installation import BASE_DIR
from tests.kept import empty_recording, keep_segment, melody, sum_up

State = Export.State
pytestmark = pytest.mark.django_db(transaction=True)  # files go at a commit, and are sent by threads


class TestQueue:
    def test_the_oldest_is_claimed_first_and_each_once(self, cast, kept):
        first, second = ask(cast.vera, [kept]), ask(cast.vera, [kept])
        assert [claim(), claim(), claim()] == [first, second, None]

    def test_a_silent_one_waits_again_and_is_made(self, cast, kept):
        export = ask(cast.vera, [kept])
        claim()
        part_of(Export.objects.get()).write_bytes(b"half")
        assert claim(timezone.now() + timedelta(seconds=9)) is None
        later = timezone.now() + timedelta(seconds=11)
        assert exports.is_work_waiting(later)
        assert claim(later) == export
        sweep()
        assert leftovers() == []  # the first attempt's half is nobody's

    def test_a_clock_that_was_set_back_keeps_nothing_waiting_for_an_hour(self, cast, kept):
        export = ask(cast.vera, [kept])
        assert claim(timezone.now() + timedelta(hours=1)) == export
        assert claim() == export

    def test_what_ends_its_process_three_times_has_failed(self, cast, kept):
        export = ask(cast.vera, [kept])
        moment = timezone.now()
        for _attempt in range(3):
            assert claim(moment) == export
            moment += timedelta(seconds=11)
        assert claim(moment) is None
        export.refresh_from_db()
        assert (export.state, "three attempts" in export.error) == (State.FAILED, True)
        assert retry(Export.objects.all()) == 1
        made(export)

    def test_a_process_that_was_given_up_cannot_speak_for_the_next(self, cast, kept):
        export = ask(cast.vera, [kept])
        slow = claim()
        quick = claim(timezone.now() + timedelta(seconds=11))
        make(slow)
        export.refresh_from_db()
        assert (export.state, export.tries) == (State.RUNNING, 2)
        make(quick)
        export.refresh_from_db()
        assert (export.state, leftovers()) == (State.DONE, [export.pk.hex])

    @pytest.mark.parametrize("file_format", ["wav", "flac", "opus", "mp3"])
    @pytest.mark.parametrize("zipped", [True, False])
    def test_whatever_is_cancelled_half_way_leaves_no_file(self, cast, kept, monkeypatch, file_format, zipped):
        monkeypatch.setattr(making, "TELL_EVERY_S", 0)
        export = ask(cast.vera, [kept], file_format=file_format, zipped=zipped)
        claimed = claim()
        looks = iter([False, True])

        def is_ending() -> bool:
            if next(looks, True):
                cancel(export)
            return False

        make(claimed, is_ending)
        export.refresh_from_db()
        assert (export.state, export.error, leftovers()) == (State.CANCELLED, "", [])

    def test_one_that_is_cancelled_in_its_last_moment_leaves_no_file(self, cast, kept, monkeypatch):
        export = ask(cast.vera, [kept])
        claimed = claim()
        replace = os.replace
        monkeypatch.setattr(making.os, "replace", lambda *paths: (cancel(export), replace(*paths)))
        make(claimed)
        export.refresh_from_db()
        assert (export.state, leftovers()) == (State.CANCELLED, [])

    def test_a_process_that_is_to_end_gives_back_what_it_began(self, cast, kept):
        export = ask(cast.vera, [kept])
        make(claim(), lambda: True)
        export.refresh_from_db()
        assert (export.state, export.tries, leftovers()) == (State.WAITING, 0, [])
        made(export)


class TestFailing:
    def test_a_disk_without_room_is_told_before_it_is_full(self, cast, kept, monkeypatch):
        monkeypatch.setattr(making, "RESERVE_BYTES", 2**60)
        export = ask(cast.vera, [kept])
        make(claim())
        export.refresh_from_db()
        assert (export.state, export.error[:28]) == (State.FAILED, "The disk has no room for thi")

    def test_a_disk_that_fills_meanwhile_leaves_no_half_of_it(self, cast, kept, monkeypatch):
        monkeypatch.setattr(making, "_look_for_room", lambda export, stretches: None)
        monkeypatch.setattr(making, "RESERVE_BYTES", 2**60)
        export = ask(cast.vera, [kept])
        make(claim())
        export.refresh_from_db()
        assert (export.state, export.error[:28], leftovers()) == (State.FAILED, "The disk has no room for thi", [])

    def test_sound_that_cannot_be_reached_is_never_silence_in_a_file(self, cast, kept, monkeypatch):
        def away(segment):
            raise making.Unreachable("the bucket does not answer")

        monkeypatch.setattr("recordings.listening.sound.path_of", away)
        export = ask(cast.vera, [kept])
        make(claim())
        export.refresh_from_db()
        assert (export.state, "Ask again later" in export.error, leftovers()) == (State.FAILED, True, [])

    def test_what_was_deleted_meanwhile_is_not_made(self, cast, kept):
        export = ask(cast.vera, [kept])
        Recording.objects.update(deleted_at=timezone.now())
        make(claim())
        export.refresh_from_db()
        assert (export.state, export.error) == (State.FAILED, "Nothing was recorded there.")

    def test_what_breaks_is_told_without_a_reason(self, cast, kept, monkeypatch):
        def broken(export):
            raise RuntimeError("something private")

        monkeypatch.setattr(making, "_stretches_of", broken)
        export = ask(cast.vera, [kept])
        make(claim())
        export.refresh_from_db()
        assert (export.state, "private" in export.error) == (State.FAILED, False)


class TestForgetting:
    def test_what_was_kept_long_enough_goes_with_its_row(self, cast, kept):
        export = ask(cast.vera, [kept])
        made(export)
        sweep(timezone.now() + timedelta(days=6))
        assert leftovers() == [export.pk.hex]
        later = timezone.now() + timedelta(days=8)
        assert exports.is_work_waiting(later)
        sweep(later)
        assert (leftovers(), Export.objects.count(), exports.is_work_waiting(later)) == ([], 0, False)

    def test_files_of_nobody_go_and_those_of_others_stay(self, cast, kept):
        export = ask(cast.vera, [kept])
        folder = made(export).parent
        for name in (f"{export.pk.hex}-1.part", f"{'a' * 32}", f"{'b' * 32}-1.track", "README"):
            (folder / name).write_bytes(b"x")
        sweep()
        assert leftovers() == sorted([export.pk.hex, "README"])

    def test_what_is_being_made_stays(self, cast, kept):
        ask(cast.vera, [kept])
        part = part_of(claim())
        part.write_bytes(b"half")
        sweep()
        assert leftovers() == [part.name]

    def test_a_recording_takes_its_files_along(self, cast, kept, piano):
        together, alone = ask(cast.vera, [kept, piano]), ask(cast.vera, [piano])
        made(together)
        made(alone)
        forget(kept)
        assert (list(Export.objects.all()), leftovers()) == ([alone], [alone.pk.hex])

    def test_nobody_has_the_file_of_a_recording_that_was_deleted(self, cast, kept, piano):
        made(ask(cast.vera, [kept, piano]))
        assert visible_exports(cast.alice).count() == 1
        Recording.objects.filter(pk=piano.pk).update(deleted_at=timezone.now())
        assert visible_exports(cast.alice).count() == 0


class TestProcess:
    """The process that a worker starts, on the database and the folders of this test."""

    @pytest.fixture(autouse=True)
    def own_installation(self, monkeypatch, settings) -> None:
        """Let `manage.py` find what this test made."""
        monkeypatch.setenv("DATABASE_URL", f"sqlite:///{connection.settings_dict['NAME']}")
        monkeypatch.setenv("RECORDINGS_DIR", str(settings.RECORDINGS_DIR))
        monkeypatch.setenv("EXPORTS_DIR", str(settings.EXPORTS_DIR))

    @pytest.fixture
    def long(self, studio_device) -> Recording:
        """An hour and a half, most of it a gap, of which an MP3 cannot be made in a moment."""
        kept = empty_recording(studio_device)
        keep_segment(kept, melody(16_000), (Gap(8000, 5400 * RATE_HZ - 16_000, "device-offline"),))
        sum_up(kept)
        return kept

    @pytest.fixture
    def start(self) -> Iterator[Callable[..., subprocess.Popen]]:
        """Start the command; what still runs is ended with the test."""
        running: list[subprocess.Popen] = []

        def run(*options: str) -> subprocess.Popen:
            running.append(subprocess.Popen([sys.executable, "manage.py", "make_exports", *options], cwd=BASE_DIR))
            return running[-1]

        yield run
        for process in running:
            process.kill()
            process.wait()

    def test_of_all_who_claim_at_once_one_gets_it(self, cast, kept):
        ask(cast.vera, [kept])
        together = threading.Barrier(6)

        def claim_with_the_others(_number: int) -> Export | None:
            try:
                together.wait()
                return claim()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as threads:
            claimed = list(threads.map(claim_with_the_others, range(6)))
        assert len([export for export in claimed if export]) == 1

    def test_it_makes_what_waits_and_ends_by_itself(self, cast, kept, start):
        export = ask(cast.vera, [kept], file_format="flac")
        assert start("--linger=0").wait(60) == 0
        export.refresh_from_db()
        assert (export.state, leftovers()) == (State.DONE, [export.pk.hex])

    def test_one_that_was_killed_in_the_middle_is_made_by_the_next(self, cast, long, start):
        export = ask(cast.vera, [long], file_format="mp3")
        first = start()
        self._wait(export, lambda: export.progress > 0.05)
        first.kill()
        first.wait()
        assert leftovers() == [f"{export.pk.hex}-1.part"]
        Export.objects.update(touched_at=timezone.now() - exports.STALE_AFTER)  # ten seconds later
        assert start("--linger=0").wait(120) == 0
        export.refresh_from_db()
        assert (export.state, export.tries, leftovers()) == (State.DONE, 2, [export.pk.hex])
        with av.open(str(file_of(export))) as container:
            assert container.duration / av.time_base == pytest.approx(5400, abs=0.05)

    @pytest.mark.parametrize("zipped", [False, True])
    def test_one_that_is_cancelled_stops_within_two_seconds_and_leaves_no_file(self, cast, long, start, zipped):
        export = ask(cast.vera, [long], file_format="mp3", zipped=zipped)
        start()
        self._wait(export, lambda: export.progress > 0.02)
        cancel(export)
        cancelled_s = time.monotonic()
        while leftovers():
            assert time.monotonic() - cancelled_s < 2
            time.sleep(0.02)

    def test_one_that_is_asked_to_end_gives_its_work_back_at_once(self, cast, long, start):
        export = ask(cast.vera, [long], file_format="mp3")
        process = start()
        self._wait(export, lambda: export.progress > 0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        export.refresh_from_db()
        assert (export.state, export.tries, leftovers()) == (State.WAITING, 0, [])

    def test_it_works_behind_everything_else(self, cast, long, start):
        export = ask(cast.vera, [long], file_format="mp3")
        process = start()
        self._wait(export, lambda: export.state == State.RUNNING)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)

    def test_a_disk_that_fills_up_fails_the_job_and_nothing_else(self, cast, long):
        export = ask(cast.vera, [long])
        limited = ["sh", "-c", f"ulimit -f 16384; exec {sys.executable} manage.py make_exports --linger=0"]
        assert subprocess.run(limited, cwd=BASE_DIR, timeout=60).returncode == 0
        export.refresh_from_db()
        assert (export.state, export.error, leftovers()) == (State.FAILED, making.NO_ROOM, [])

    def test_a_worker_starts_one_when_there_is_work_and_no_second(self, cast, kept):
        child = ExportChild()
        child.tend()
        assert not child.is_running
        export = ask(cast.vera, [kept])
        try:
            for _beat in range(3):
                child.tend()
            first = child._process.pid
            self._wait(export, lambda: export.state == State.DONE)
            child.tend()
            assert (child.is_running, child._process.pid) == (True, first)
        finally:
            child.stop()
        assert not child.is_running

    @staticmethod
    def _wait(export: Export, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not reached():
            assert time.monotonic() < deadline, f"{export.state} {export.progress} {export.error}"
            time.sleep(0.02)
            export.refresh_from_db()
