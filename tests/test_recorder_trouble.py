"""The recorder never waits for a disk, declares what the disk did not take, and goes on by itself."""

import errno
import os
from uuid import uuid4

import pytest

from leganize.wire.identity import new_epoch
from recordings.log import recorder as module
from recordings.log import segment_log
from recordings.log.folder import folder_of
from recordings.log.recorder import Recorder
from tests.machine import Machine, capture, chunk, contents, device, gaps, kept, told


@pytest.fixture
def machine(settings, tmp_path):
    settings.RECORDINGS_DIR = tmp_path
    settings.DATA_DIR = tmp_path
    return Machine()


@pytest.fixture
def recorder(machine):
    return Recorder(machine.clocks)


def test_what_the_queue_cannot_take_is_counted_and_declared_exactly(recorder, machine, monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 4 * 2048)
    bound, epoch = device(), new_epoch()
    taken = [recorder.offer(bound, bound.room_id, epoch, chunk(seq)) for seq in range(10)]
    assert taken == [True] * 4 + [False] * 6
    assert [each.kind for each in recorder.troubles()] == ["disk-slow"]
    recorder.write_once()
    capture(recorder, machine, bound, epoch, 1, first=10)
    (snapshot,) = told(recorder).values()
    (gap,) = gaps(bound, snapshot)
    assert (gap.at, gap.samples, gap.reason) == (4 * 1024, 6 * 1024, "queue-full")
    assert recorder.lost_chunks["queue-full"] == 6


def test_a_full_disk_pauses_declares_and_goes_on_by_itself(recorder, machine, monkeypatch):
    bound, epoch = device(), new_epoch()
    capture(recorder, machine, bound, epoch, 5)
    write = segment_log.os.write

    def full(descriptor, data):
        write(descriptor, bytes(data)[:100])  # a part fits
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(segment_log.os, "write", full)
        capture(recorder, machine, bound, epoch, 20, first=5)
        assert [(each.kind, each.chunks_lost) for each in recorder.troubles()] == [("disk-full", 20)]
    machine.passes(0.5)
    capture(recorder, machine, bound, epoch, 5, first=25)
    machine.passes(3)
    assert recorder.troubles() == []
    (snapshot,) = told(recorder).values()
    assert kept(bound, snapshot) == [*range(5), *range(25, 30)]
    (gap,) = gaps(bound, snapshot)
    assert (gap.at, gap.samples, gap.reason) == (5 * 1024, 20 * 1024, "disk-full")


def test_an_organization_over_its_quota_is_refused_and_nobody_else(recorder, machine):
    rich, poor = device(), device()
    recorder.refuse(frozenset({poor.organization_id}))
    capture(recorder, machine, rich, new_epoch(), 3)
    capture(recorder, machine, poor, new_epoch(), 3)
    (trouble,) = recorder.troubles()
    assert (trouble.kind, trouble.organization) == ("over-quota", poor.organization_id)
    recorder.refuse(frozenset())
    capture(recorder, machine, poor, new_epoch(), 3, first=3)
    by_organization = {each.about.organization: each for each in told(recorder).values()}
    assert kept(rich, by_organization[rich.organization_id]) == [0, 1, 2]
    assert kept(poor, by_organization[poor.organization_id]) == [3, 4, 5]


def test_a_sync_that_fails_keeps_what_can_be_read_and_begins_a_new_file(recorder, machine, monkeypatch):
    bound, epoch = device(), new_epoch()
    capture(recorder, machine, bound, epoch, 5)

    def fails(_descriptor):
        raise OSError(errno.EIO, "Input/output error")

    machine.passes(1)
    with monkeypatch.context() as patched:
        patched.setattr(segment_log, "_fdatasync", fails)
        capture(recorder, machine, bound, epoch, 1, first=5)
    assert [each.kind for each in recorder.troubles()] == ["disk-refuses"]
    capture(recorder, machine, bound, epoch, 5, first=6)
    (snapshot,) = told(recorder).values()
    assert kept(bound, snapshot) == list(range(11))
    assert [len(content.chunks) for content in contents(bound, snapshot)] == [6, 5]


def test_what_cannot_be_read_back_after_a_failed_sync_is_declared(recorder, machine, monkeypatch):
    bound, epoch = device(), new_epoch()
    capture(recorder, machine, bound, epoch, 5)
    (path,) = folder_of(bound.organization_id, uuid4()).parent.glob("*/*.seg")

    def fails(_descriptor):
        os.truncate(path, path.stat().st_size - 3000)
        raise OSError(errno.EIO, "Input/output error")

    machine.passes(1)
    with monkeypatch.context() as patched:
        patched.setattr(segment_log, "_fdatasync", fails)
        recorder.write_once()
    capture(recorder, machine, bound, epoch, 2, first=5)
    (snapshot,) = told(recorder).values()
    assert kept(bound, snapshot) == [0, 1, 2, 5, 6]
    (gap,) = gaps(bound, snapshot)
    assert (gap.samples, gap.reason, gap.estimated) == (2 * 1024, "bad-data", True)


def test_a_key_that_is_none_costs_declared_sound_until_it_is_put_back(recorder, machine, tmp_path):
    bound, epoch = device(), new_epoch()
    (tmp_path / "signing_key.pem").write_text("no key")
    capture(recorder, machine, bound, epoch, 20)
    assert [each.chunks_lost for each in recorder.troubles()] == [20]
    (tmp_path / "signing_key.pem").unlink()
    machine.passes(1)
    capture(recorder, machine, bound, epoch, 5, first=20)
    (snapshot,) = told(recorder).values()
    assert kept(bound, snapshot) == list(range(20, 25))
