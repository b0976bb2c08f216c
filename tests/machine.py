"""A machine whose clocks a test turns, the devices on it, and what its recorders kept of them."""

from uuid import uuid4

from devices.binding import Binding
from leganize.wire.chunk import Chunk, Codec
from recordings.log.clocks import Clocks
from recordings.log.folder import RecordingFolder, folder_of
from recordings.log.segment_log import read_segment

RATE = 16000
CHUNK_US = 64_000


class Machine:
    """A machine whose clocks the test turns, and one or more recorders on it."""

    def __init__(self) -> None:
        self.steady, self.world = 5_000_000, 1_700_000_000_000_000
        self.clocks = Clocks(lambda: self.steady, lambda: self.world, "this boot")

    def passes(self, seconds: float) -> None:
        self.steady += round(seconds * 1e6)
        self.world += round(seconds * 1e6)


def device(**changes) -> Binding:
    values = {"wanted": True, "wanted_at_us": 7, "room_name": "Studio"} | changes
    return Binding(uuid4(), "Table", uuid4(), "microphone", 7, RATE, 1, uuid4(), True, **values)


def chunk(seq: int) -> Chunk:
    return Chunk(Codec.PCM_S16LE, 7, seq, 1, 1, bytes([seq % 256]) * 2048, RATE, 1)


def capture(recorder, machine, bound, epoch, count, *, first=0):
    """Let a device send `count` chunks in real time."""
    for seq in range(first, first + count):
        machine.passes(CHUNK_US / 1e6)
        recorder.offer(bound, bound.room_id, epoch, chunk(seq))
        recorder.write_once()


def told(recorder):
    recorder.write_once(stopping=True)
    return {each.about.recording: each for each in recorder.news()}


def contents(bound, snapshot):
    folder = RecordingFolder(folder_of(bound.organization_id, snapshot.about.recording))
    return [read_segment(folder.path / name) for name in folder.segment_names()]


def kept(bound, snapshot) -> list[int]:
    return [each.seq for content in contents(bound, snapshot) for each in content.chunks]


def gaps(bound, snapshot):
    return [gap for content in contents(bound, snapshot) for gap in content.gaps]
