"""``make run``: every command that it prints works as it is printed, and nothing is left behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.operations import Operations
from lab.processes import ROOT, TIMEOUT_SECONDS, start
from tests.vcenters import needs_go

# They take the ports that people know, if those are free.
pytestmark = pytest.mark.xdist_group("demo")
HOST = "esx01.lab.local"
GO = [
    pytest.param(os.environ["PATH"], id="vcsim", marks=needs_go),
    pytest.param("", id="in memory"),
]
# The shell of somebody who has a real vCenter, and settings of all kinds.
SHELL = {
    **os.environ,
    "VCENTER_URL": "https://127.0.0.1:1",
    "VCENTERS_FILE": "/nowhere",
    "VROPS_SECRET_ID": "theirs",
    "REQUIRE_VERIFICATION": "perhaps",
    "EVENT_DEADLINE_SECONDS": "0",
    "FUNCTION_TARGET": "echo",
}


@dataclass
class Running:
    """A laboratory that is up, and what it has said."""

    process: "subprocess.Popen[Any]"
    folder: Path

    @property
    def said(self) -> str:
        return (self.folder.parent / "said").read_text(encoding="utf-8")

    @property
    def commands(self) -> list[str]:
        return [line.strip() for line in self.said.splitlines() if line.startswith("  ")]

    def state(self) -> str:
        (port,) = set(re.findall(r"https://127\.0\.0\.1:(\d+)(?!\d|/sdk)", self.said))
        return Operations(int(port), self.folder).states()[HOST]

    def everything(self) -> list[int]:
        """The processes that it has started, all the way down."""
        found, left = [], [self.process.pid]
        while left:
            pid = left.pop()
            tasks = Path(f"/proc/{pid}/task").glob("*/children")
            left += [int(each) for task in tasks for each in task.read_text("ascii").split()]
            found.append(pid)
        return found


@contextmanager
def laboratory(folder: Path, path: str, **options: Any) -> Iterator[Running]:
    with (folder.parent / "said").open("wb") as said:
        process = start(
            [sys.executable, "-m", "lab", "--folder", folder],
            env={**SHELL, "PATH": path},
            stdout=said,
            stderr=said,
            **options,
        )
    running = Running(process, folder)
    try:
        ends = time.monotonic() + 60
        while "Stop with" not in running.said:
            assert time.monotonic() < ends, running.said
            assert process.poll() is None, running.said
            time.sleep(0.05)
        yield running
    finally:
        process.terminate()
        process.wait(TIMEOUT_SECONDS)


def run(*lines: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run what a person types into a shell, where they were told to."""
    return subprocess.run(
        ["/bin/sh", "-c", "\n".join(lines)],
        cwd=ROOT,
        env={**SHELL, **environ},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "a folder" / "run"


@pytest.fixture(autouse=True)
def _parent(folder: Path) -> None:
    folder.parent.mkdir()


@pytest.mark.parametrize("path", GO)
def test_every_command_works_as_it_is_printed(path: str, folder: Path) -> None:
    with laboratory(folder, path) as running:
        take_over, *commands, watch, _ = running.commands
        assert watch.endswith(" watch" if path else " lab.watcher")
        assert len(commands) == (6 if path else 4)
        states = {}
        for command in commands:
            done = run(take_over, command)
            differ = command.endswith("status")
            assert (done.returncode, done.stderr.count("Traceback")) == (3 if differ else 0, 0)
            states[command] = running.state()
        sent = [state for command, state in states.items() if " send enter " in command]
        assert sent == ["MAINTAINED"]
        assert running.state() == "STARTED"
        told = {"doctor", "status", "send", "reconcile"} if path else {"send"}
        verbs = {re.split(r"maintenance-mirror |adapters.cli ", each)[-1] for each in commands}
        assert {each.split()[0] for each in verbs if "lab.host" not in each} == told


@pytest.mark.parametrize("path", GO)
def test_without_veba_it_is_vcenter_that_tells(path: str, folder: Path) -> None:
    with laboratory(folder, path) as running:
        take_over, *_, watch, enter = running.commands
        with watching(f"{take_over}\nexec {watch}", folder.parent / "watching"):
            assert run(take_over, enter).returncode == 0
            ends = time.monotonic() + TIMEOUT_SECONDS
            while running.state() != "MAINTAINED" and time.monotonic() < ends:
                time.sleep(0.05)
        assert running.state() == "MAINTAINED"


@contextmanager
def watching(commands: str, log: Path) -> Iterator[None]:
    """Run a command that goes on, and stop it; returns when it says that it has swept."""
    with log.open("wb") as said:
        process = start(["/bin/sh", "-c", commands], env=SHELL, stdout=said, stderr=said)
    try:
        ends = time.monotonic() + TIMEOUT_SECONDS
        while "reconciled" not in log.read_text(encoding="utf-8"):
            assert time.monotonic() < ends, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        assert process.wait(TIMEOUT_SECONDS) == 0


@pytest.mark.parametrize("path", GO)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_all_that_it_has_started(number: int, path: str, folder: Path) -> None:
    with laboratory(folder, path) as running:
        everything = running.everything()
        assert len(everything) >= (5 if path else 4)
        assert (folder / "env").stat().st_mode & 0o777 == 0o600
        running.process.send_signal(number)
        assert running.process.wait(TIMEOUT_SECONDS) == 0
    assert [pid for pid in everything if Path(f"/proc/{pid}").exists()] == []
    assert not (folder / "env").exists()
    assert "Traceback" not in running.said


@pytest.mark.parametrize("path", GO)
def test_ctrl_c_in_a_terminal_ends_it_even_if_pressed_twice(path: str, folder: Path) -> None:
    with laboratory(folder, path, start_new_session=True) as running:
        everything = running.everything()
        for _ in range(2):
            os.killpg(running.process.pid, signal.SIGINT)
            time.sleep(0.05)
        # A server that hears them, too, may take thirty seconds.
        assert running.process.wait(15) == 0
    assert [pid for pid in everything if Path(f"/proc/{pid}").exists()] == []
    assert "Traceback" not in running.said


def test_a_host_of_the_laboratory_is_meant_whatever_the_shell_says(folder: Path) -> None:
    with laboratory(folder, "") as running:
        enter = next(each for each in running.commands if "lab.host" in each)
        assert run(enter).stdout == f"{HOST} is in maintenance mode.\n"
        unknown = run(enter.replace(HOST, "esx99"))
        assert (unknown.returncode, unknown.stdout) == (1, "")
        assert "no esx99, only esx01.lab.local, esx02.lab.local" in unknown.stderr
    after = run(enter)
    assert (after.returncode, "no laboratory is up" in after.stderr) == (1, True)


def test_there_is_one_laboratory_in_a_folder(folder: Path) -> None:
    with laboratory(folder, ""):
        second = subprocess.run(
            [sys.executable, "-m", "lab", "--folder", folder],
            cwd=ROOT,
            env=SHELL,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr.startswith("a laboratory is up already")
        assert (folder / "env").exists()
