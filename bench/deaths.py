"""A writer that dies, or whose disk refuses, at each single one of its system calls, in processes of its own."""

import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from bench.kept import Kept
from devices.binding import Binding
from leganize.wire.chunk import Chunk, Codec
from leganize.wire.identity import new_epoch
from recordings.log.clocks import Clocks
from recordings.log.folder import RecordingFolder
from recordings.log.recorder import Recorder
from recordings.log.repair import repaired
from recordings.log.signing import read_or_make_key
from recordings.verify import verify

CALLS = ("write", "replace", "ftruncate", "fdatasync", "fsync", "unlink")
CHUNK_US = 64_000
CHUNKS_EACH = 12
CAME_TO_ITS_END = 7
REFUSALS = (1, 4)  # so many calls in a row
DEVICE = Binding(
    UUID(int=1), "Table", UUID(int=2), "microphone", 7, 16000, 1, UUID(int=3), True, True, wanted_at_us=7, room_name="A"
)


@dataclass
class Findings:
    """What was tried, and what broke a promise."""

    deaths: int = 0
    refusals: int = 0
    wrong: list[str] = field(default_factory=list)


class Machine:
    """A machine whose steady clock the scenario turns."""

    def __init__(self, steady_us: int = 5_000_000) -> None:
        self.steady_us = steady_us
        self.clocks = Clocks(lambda: self.steady_us, lambda: self.steady_us + 1_700_000_000_000_000, "this boot")


class Interference:
    """Stands before the system calls of this process and acts at the one whose number has come."""

    def __init__(self, at: int, act: Callable[[str, tuple[Any, ...]], None], times: int = 1) -> None:
        self.calls = 0
        self._at, self._act, self._times = at, act, times
        for name in CALLS:
            setattr(os, name, self._before(name, getattr(os, name)))

    def _before(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*values: Any, **named: Any) -> Any:
            number, self.calls = self.calls, self.calls + 1
            if self._at <= number < self._at + self._times:
                self._act(name, values)
            return call(*values, **named)

        return wrapped


def payload(number: int) -> bytes:
    """Return the sound of a chunk, like no other's."""
    return number.to_bytes(4) * 512


def record(recorder: Recorder, machine: Machine, first: int, acknowledge: Callable[[int], None]) -> None:
    """Let a device send through two connections, 3 s apart."""
    for connection in range(2):
        epoch = new_epoch()
        for seq in range(CHUNKS_EACH):
            machine.steady_us += CHUNK_US
            number = first + connection * CHUNKS_EACH + seq
            chunk = Chunk(Codec.PCM_S16LE, 7, seq, 1, 1, payload(number), 16000, 1)
            recorder.offer(DEVICE, UUID(int=3), epoch, chunk)
            recorder.write_once()
            acknowledge(recorder.written_chunks)
        if connection == 0:
            machine.steady_us += CHUNK_US
            recorder.left(epoch)
            recorder.write_once()
            machine.steady_us += 3_000_000


def finish(recorder: Recorder, machine: Machine) -> None:
    """Let the capture be stopped, and the disk take what it refused before."""
    recorder.rests(DEVICE.device_id)
    for _second in range(3):
        machine.steady_us += 1_100_000
        recorder.write_once()


def deaths(root: Path, findings: Findings) -> None:
    """Die before each call, and in the middle of each write; then recover, and let the device return."""
    for half in (False, True):
        for at in range(10_000):
            folder = root / f"death-{at}-{half}"
            status, acknowledged = _child(folder, lambda pipe, at=at, half=half: _die(at, half, pipe))
            if status == CAME_TO_ITS_END:
                break
            findings.deaths += 1
            _judge_death(folder, acknowledged, f"death {at} {'in the middle' if half else 'before'}", findings)


def refusals(root: Path, findings: Findings) -> None:
    """Let the disk be full at each call, for one call or several, and then no longer."""
    for times in REFUSALS:
        for at in range(10_000):
            folder = root / f"refusal-{at}-{times}"
            status, acknowledged = _child(folder, lambda pipe, at=at, times=times: _refuse(at, times, pipe))
            findings.refusals += 1
            _judge_refusal(folder, acknowledged, f"refusal {at} {times} times", findings)
            if status == CAME_TO_ITS_END:
                break


def deaths_of_recovery(root: Path, findings: Findings) -> None:
    """Let recovery itself die at each of its calls, and do it again."""
    for at in range(10_000):
        folder = root / f"recovery-{at}"
        _child(folder, lambda pipe: _die(31, True, pipe))
        status, _none = _child(folder, lambda pipe, at=at: _die_recovering(at))
        if status == CAME_TO_ITS_END:
            return
        findings.deaths += 1
        _judge_death(folder, 0, f"recovery that died at {at}", findings)


def _die(at: int, half: bool, pipe: int) -> None:
    write = os.write

    def die(name: str, values: tuple[Any, ...]) -> None:
        if half and name == "write":
            write(values[0], bytes(values[1])[: len(values[1]) // 2])
        os._exit(0)

    machine = Machine()
    recorder = Recorder(machine.clocks)
    Interference(at, die)
    record(recorder, machine, 0, lambda count: write(pipe, count.to_bytes(4)) and None)
    finish(recorder, machine)
    os._exit(CAME_TO_ITS_END)


def _refuse(at: int, times: int, pipe: int) -> None:
    write, machine = os.write, Machine()

    def refuse(name: str, _values: tuple[Any, ...]) -> None:
        if name != "unlink":  # a full disk can always forget
            raise OSError(errno.ENOSPC, "No space left on device")

    recorder = Recorder(machine.clocks)
    interference = Interference(at, refuse, times)
    record(recorder, machine, 0, lambda count: write(pipe, count.to_bytes(4)) and None)
    finish(recorder, machine)
    os._exit(CAME_TO_ITS_END if interference.calls <= at else 0)


def _die_recovering(at: int) -> None:
    def die(_name: str, _values: tuple[Any, ...]) -> None:
        os._exit(0)

    Interference(at, die)
    _recover()
    os._exit(CAME_TO_ITS_END)


def _child(folder: Path, work: Callable[[int], None]) -> tuple[int, int]:
    """Run `work` in a child that may die; returns its exit status and the last count that it acknowledged."""
    folder.mkdir(parents=True, exist_ok=True)
    settings.RECORDINGS_DIR = settings.DATA_DIR = folder
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        try:
            work(writing)
        finally:
            os._exit(99)  # it was not meant to come here
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status, int.from_bytes(said[-4:])


def _judge_death(folder: Path, acknowledged: int, what: str, findings: Findings) -> None:
    settings.RECORDINGS_DIR = settings.DATA_DIR = folder
    _recover()
    kept = [int.from_bytes(each[:4]) for each in _payloads(folder)]
    if kept != list(range(len(kept))) or len(kept) < acknowledged:
        findings.wrong.append(f"{what}: {acknowledged} were written, kept are {kept}")
    machine = Machine(60_000_000)
    recorder = Recorder(machine.clocks)
    record(recorder, machine, 100, lambda count: None)
    finish(recorder, machine)
    later = [int.from_bytes(each[:4]) for each in _payloads(folder)]
    if sorted(later) != sorted(kept + list(range(100, 100 + 2 * CHUNKS_EACH))):
        findings.wrong.append(f"{what}: after the return there are {later}")
    _judge_folders(folder, what, findings)


def _judge_refusal(folder: Path, acknowledged: int, what: str, findings: Findings) -> None:
    kept = [int.from_bytes(each[:4]) for each in _payloads(folder)]
    if kept != sorted(set(kept)) or len(kept) != acknowledged:
        findings.wrong.append(f"{what}: {acknowledged} were counted as written, kept are {kept}")
    _judge_folders(folder, what, findings)


def _judge_folders(folder: Path, what: str, findings: Findings) -> None:
    for path in _recordings(folder):
        manifest = json.loads((path / "manifest.json").read_bytes())
        passed_us = manifest["until_us"] - manifest["started_at_us"]
        told_us = (manifest["audio"] + manifest["missing"]) * 1_000_000 / 16000
        fault = verify(path).fault
        if not manifest["audio"] and not fault:
            continue  # it died before its first sound: nothing to judge
        if fault or manifest["state"] != "finished" or abs(told_us - passed_us) > CHUNK_US / 2:
            findings.wrong.append(f"{what}: {manifest['state']}, {told_us - passed_us:.0f} µs too long, {fault}")


def _recover() -> None:
    for path in _recordings(Path(settings.RECORDINGS_DIR)):
        folder = RecordingFolder(path)
        if folder.lock():
            repaired(folder, read_or_make_key(Path(settings.DATA_DIR) / "signing_key.pem"))
            folder.unlock()


def _recordings(folder: Path) -> list[Path]:
    return sorted({path.parent for name in ("manifest.json", "*.seg") for path in folder.glob(f"*/*/{name}")})


def _payloads(folder: Path) -> list[bytes]:
    return [payload for path in _recordings(folder) for payload in Kept({}, path).payloads()]


TRIALS = {each.__name__: each for each in (deaths, deaths_of_recovery, refusals)}


def try_all(root: Path, *names: str) -> dict[str, Any]:
    """Try what is named; to be called in a process without threads, for it forks."""
    findings = Findings()
    for name in names:
        TRIALS[name](root, findings)
    return vars(findings)
