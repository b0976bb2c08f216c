"""The commands that people type: a clone's first minute, what is said when something is missing, and how they end."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import websockets

from tests.installation import PLAIN_SETTINGS
from tests.stores import free_port

HOUSE = Path(__file__).resolve().parent.parent
PREPARE = HOUSE / "scripts" / "prepare.sh"
PLAIN_PROGRAMS = ("sh", "env", "id", "uname", "rm", "cat", "cksum", "tail", "mktemp", "printf", "true", "dirname")


@pytest.fixture
def bare_machine(tmp_path: Path):
    """A PATH with little on it, and a way to put programs there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in PLAIN_PROGRAMS:
        program = shutil.which(name)
        if program:
            (folder / name).symlink_to(program)

    def add(name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    add.path = folder
    return add


def shell(code: str, *, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess:
    """Run `code` after the scripts' preparations were read, as `scripts/run` and `scripts/test` do."""
    environment = {"PATH": str(path) if path else os.environ["PATH"], "HOME": str(cwd), "LC_ALL": "C"}
    return subprocess.run(
        ["/bin/sh", "-euc", f". {PREPARE}\n{code}"],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_without_a_python_the_one_command_is_named(bare_machine, tmp_path):
    bare_machine("python3", "exit 1")  # too old
    bare_machine("uname", "echo Linux")
    said = shell("find_python", cwd=tmp_path, path=bare_machine.path)
    assert said.returncode == 1
    assert "sudo apt-get install python3 python3-venv" in said.stderr


def test_without_venv_and_without_the_right_to_install_it_the_one_command_is_named(bare_machine, tmp_path):
    bare_machine("python3", 'case "$2" in *ensurepip*) exit 1;; *print*) echo python3.11-venv;; esac')
    said = shell("make_venv", cwd=tmp_path, path=bare_machine.path)
    assert said.returncode == 1
    assert said.stderr.strip() == (
        "leganize: Python's venv module is missing. Install it: sudo apt-get install -y python3.11-venv"
    )


def test_where_it_may_install_it_does_and_fetches_the_list_of_packages_only_when_needed(bare_machine, tmp_path):
    bare_machine("id", "echo 0")
    asked, updated = tmp_path / "asked", tmp_path / "updated"
    bare_machine("apt-get", f'echo "$@" >> {asked}; [ "$1" != update ] || : > {updated}; [ -e {updated} ]')
    said = shell("install_packages redis-server gettext", cwd=tmp_path, path=bare_machine.path)
    assert said.returncode == 0, said.stderr
    install = "install -y --no-install-recommends redis-server gettext"
    assert asked.read_text().splitlines() == [install, "update", install]


def test_missing_programs_are_named_all_at_once(bare_machine, tmp_path):
    bare_machine("id", "echo 1000")
    bare_machine("apt-get", "exit 100")
    bare_machine("no-python", "exit 1")
    said = shell("venv_python=no-python; prepare_programs", cwd=tmp_path, path=bare_machine.path)
    assert said.returncode == 1
    command = "sudo apt-get install -y redis-server chromium nodejs gettext"
    assert command in said.stderr


def test_a_venv_is_made_once_filled_once_and_made_anew_when_it_is_half_made(tmp_path):
    (tmp_path / "empty.lock").write_text("# nothing is needed\n")
    prepare = f"PYTHON={sys.executable}; prepare_venv empty.lock"
    first = shell(prepare, cwd=tmp_path)
    assert first.returncode == 0 and "making .venv" in first.stdout, first.stdout + first.stderr
    assert shell(prepare, cwd=tmp_path).stdout == ""
    (tmp_path / "empty.lock").write_text("# still nothing\n")
    changed = shell(prepare, cwd=tmp_path).stdout
    assert "installing" in changed and "making" not in changed
    (tmp_path / ".venv" / "being-filled").touch()
    assert "making .venv" in shell(prepare, cwd=tmp_path).stdout
    (tmp_path / ".venv" / "bin" / "python").unlink()
    assert "making .venv" in shell(prepare, cwd=tmp_path).stdout


def test_a_package_that_cannot_be_installed_stops_it_and_is_tried_again(tmp_path):
    (tmp_path / "broken.lock").write_text("leganize-has-no-such-package==1.0 --hash=sha256:" + "0" * 64 + "\n")
    prepare = f"PYTHON={sys.executable}; PIP_NO_INDEX=1 PIP_FIND_LINKS= ; export PIP_NO_INDEX; prepare_venv broken.lock"
    said = shell(prepare, cwd=tmp_path)
    assert said.returncode == 1
    assert "pip could not install broken.lock" in said.stderr
    assert not (tmp_path / ".venv" / "installed-broken.lock").exists()


def test_make_run_prints_a_sign_in_link_shows_the_demo_device_and_ends_with_ctrl_c(tmp_path):
    port = free_port()
    own = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "LEGANIZE_DATA": str(tmp_path / "var")}
    environment = {name: text for name, text in PLAIN_SETTINGS.items() if name != "DEMO"} | own
    log = tmp_path / "log"
    with log.open("wb") as output:
        run = subprocess.Popen(
            ["make", "--no-print-directory", "run"], cwd=HOUSE, env=environment | {"PORT": str(port)},
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        link = _wait_for(lambda: re.search(r"http://\S+/accounts/enter/\S+", log.read_text()), log)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            assert answer.status == 200
        assert f":{port}/" in link[0]
        shown = [sys.executable, "manage.py", "shell", "--verbosity", "0", "--command"]
        code = "from devices.models import Connection; print(*Connection.objects.values_list('reported_id', 'state'))"
        settings = environment | {"PORT": str(port), "PYTHONPATH": str(HOUSE)}
        _wait_for(
            lambda: (
                "('esp32-demo-01', 'pending')"
                in subprocess.run([*shown, code], cwd=HOUSE, env=settings, capture_output=True, text=True).stdout
            ),
            log,
        )
    finally:
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does
        run.wait(20)
    _wait_for(lambda: not _processes_of(run.pid), log)
    assert "Traceback" not in log.read_text()


async def test_simulate_device_runs_a_fleet_for_so_many_seconds():
    paths = set()

    async def pending(socket):
        paths.add(socket.request.path)
        await socket.wait_closed()

    async with websockets.serve(pending, "127.0.0.1", 0) as server:
        fleet = await _simulate(server.sockets[0].getsockname()[1], "--count", "2", "--seconds", "2.5")
        said, _ = await asyncio.wait_for(fleet.communicate(), 20)
    assert fleet.returncode == 0
    assert paths == {f"/ws?type=esp32&deviceId=esp32-demo-{number:02d}" for number in (1, 2)}
    assert b"2 away" in said or b"2 pending" in said


async def test_simulate_device_ends_cleanly_with_ctrl_c():
    met = asyncio.Event()

    async def pending(socket):
        met.set()
        await socket.wait_closed()

    async with websockets.serve(pending, "127.0.0.1", 0) as server:
        fleet = await _simulate(server.sockets[0].getsockname()[1])
        await asyncio.wait_for(met.wait(), 20)
        fleet.send_signal(signal.SIGINT)
        said, _ = await asyncio.wait_for(fleet.communicate(), 10)
    assert fleet.returncode == 0
    assert b"Traceback" not in said


async def test_simulate_device_does_not_outlive_the_process_that_started_it():
    met, left = asyncio.Event(), asyncio.Event()

    async def pending(socket):
        met.set()
        await socket.wait_closed()
        left.set()

    async with websockets.serve(pending, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        command = f"{sys.executable} manage.py simulate_device --port {port} & wait"
        parent = await asyncio.create_subprocess_exec("/bin/sh", "-c", command, cwd=HOUSE)
        await asyncio.wait_for(met.wait(), 20)
        parent.kill()
        await asyncio.wait_for(left.wait(), 10)
        await parent.wait()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--count", "2", "--device-id", "one-name"], "2 devices cannot all be called one-name"),
        (["--wav", "no-such.wav"], "no-such.wav"),
    ],
)
async def test_simulate_device_says_what_is_wrong_with_what_it_was_told(arguments, sentence):
    fleet = await _simulate(9, *arguments)
    said, _ = await asyncio.wait_for(fleet.communicate(), 20)
    assert fleet.returncode == 1
    assert sentence in said.decode() and "Traceback" not in said.decode()


async def _simulate(port: int, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "manage.py", "simulate_device", "--port", str(port), *arguments,
        cwd=HOUSE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


def _wait_for(reached, log: Path, seconds: float = 90):
    deadline = time.monotonic() + seconds
    while not (found := reached()):
        assert time.monotonic() < deadline, log.read_text()[-4000:]
        time.sleep(0.2)
    return found


def _processes_of(session: int) -> list[str]:
    listed = subprocess.run(["ps", "-e", "-o", "sess=,pid=,args="], capture_output=True, text=True).stdout
    return [line for line in listed.splitlines() if line.split()[0] == str(session) and "<defunct>" not in line]
