"""``make run``: every command that it prints works as it is printed, and nothing is left behind."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from lab.operations import Operations
from lab.processes import ROOT, TIMEOUT_SECONDS, start
from lab.vcenters import HOSTS
from tests.vcenters import INSTEAD_OF_VCSIM, needs_go

# They take the ports that people know, if those are free.
pytestmark = pytest.mark.xdist_group("demo")
HOST, OTHER = HOSTS
OUTCOMES = [
    f"| outcome: {HOST} silenced\n",
    f"| outcome: {OTHER} left: open-ended, so a person's",
]
GO = [
    pytest.param(os.environ["PATH"], id="vcsim", marks=needs_go),
    pytest.param("", id="in memory", marks=INSTEAD_OF_VCSIM),
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

    def address(self, what: str) -> str:
        """Where a part of it listens, by what its line begins with."""
        (url,) = re.findall(rf"^{what} +(http://\S+?)/? ", self.said, re.MULTILINE)
        return str(url)

    @property
    def inbox(self) -> str:
        return (self.folder / "inbox.txt").read_text(encoding="utf-8")

    def on_the_page(self) -> dict[str, str]:
        """The group of each host that the page shows."""
        told = requests.get(f"{self.address('page')}/board.json", timeout=TIMEOUT_SECONDS).json()
        return {host["host"]: host["group"] for host in told["hosts"]}

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
def laboratory(
    folder: Path, path: str, end: Callable[["subprocess.Popen[Any]"], None], **options: Any
) -> Iterator[Running]:
    """Run one, and ``end`` it by a signal, which leaves nothing behind."""
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
        everything = running.everything()
        assert len(everything) >= (6 if path else 5), running.said
        assert (folder / "env").stat().st_mode & 0o777 == 0o600
        yield running
        end(process)
        # A server that hears Ctrl-C, too, may take thirty seconds.
        assert process.wait(25) == 0
    finally:
        process.terminate()
        process.wait(TIMEOUT_SECONDS)
    assert [pid for pid in everything if Path(f"/proc/{pid}").exists()] == []
    assert not (folder / "env").exists()
    assert "Traceback" not in running.said


def terminated(process: "subprocess.Popen[Any]") -> None:
    process.send_signal(signal.SIGTERM)


def interrupted(process: "subprocess.Popen[Any]") -> None:
    process.send_signal(signal.SIGINT)


def ctrl_c_pressed_twice(process: "subprocess.Popen[Any]") -> None:
    """Let all of its terminal hear it, as those do that have a session of their own."""
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.05)


def await_that(is_so: Callable[[], bool]) -> None:
    ends = time.monotonic() + TIMEOUT_SECONDS
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.05)


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
    with laboratory(folder, path, terminated) as running:
        take_over, *commands, watch, _ = running.commands
        assert watch.endswith(" watch" if path else " lab.watcher")
        assert len(commands) == (8 if path else 7)
        states = {}
        for command in commands:
            done = run(take_over, command)
            differ = command.endswith("status")
            assert (done.returncode, done.stderr.count("Traceback")) == (3 if differ else 0, 0)
            states[command] = running.state()
        sent = [state for command, state in states.items() if " send enter " in command]
        assert sent == ["MAINTAINED"]
        assert running.state() == "STARTED"
        told = {"status", "send", "reconcile"} | ({"doctor"} if path else set())
        verbs = {
            re.split(r"maintenance-mirror |(?:adapters|lab).cli ", each)[-1] for each in commands
        }
        assert {each.split()[0] for each in verbs if "lab.host" not in each} == told
        metrics = f"{running.address('function')}/metrics"
        assert 'outcome="left"} 1.0' in requests.get(metrics, timeout=TIMEOUT_SECONDS).text
        await_that(lambda: running.on_the_page() == {OTHER: "differs"})
        await_that(lambda: all(each in running.said for each in OUTCOMES))
    # A process that ends sends what it has gathered, for which others wait half a minute.
    notified = "| Left alone, since it may be a person's:\n| - "
    for each in (running.said, running.inbox):
        assert all(each.count(text) == 1 for text in (notified, *OUTCOMES))


@pytest.mark.parametrize("path", GO)
def test_without_veba_it_is_vcenter_that_tells_until_ctrl_c_is_pressed_twice(
    path: str, folder: Path
) -> None:
    with laboratory(folder, path, ctrl_c_pressed_twice, start_new_session=True) as running:
        take_over, *_, watch, enter = running.commands
        with watching(f"{take_over}\nexec {watch}", folder.parent / "watching"):
            assert run(take_over, enter).returncode == 0
            await_that(lambda: running.state() == "MAINTAINED")
            await_that(lambda: running.on_the_page() == {HOST: "ours"})
        assert running.state() == "MAINTAINED"
        assert OUTCOMES[0] in running.said


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


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A laboratory in memory for tests that leave it as it is, but for the modes of hosts."""
    with laboratory(tmp_path_factory.mktemp("shared") / "run", "", interrupted) as running:
        yield running


def test_a_host_of_the_laboratory_is_meant_whatever_the_shell_says(
    shared: Running, folder: Path
) -> None:
    enter = next(each for each in shared.commands if "lab.host" in each)
    assert run(enter).stdout == f"{HOST} is in maintenance mode.\n"
    unknown = run(enter.replace(HOST, "esx99"))
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "no esx99, only esx01.lab.local, esx02.lab.local" in unknown.stderr
    nowhere = run(enter.replace(str(shared.folder), shlex.quote(str(folder))))
    assert (nowhere.returncode, "no laboratory is up" in nowhere.stderr) == (1, True)


def test_there_is_one_laboratory_in_a_folder(shared: Running) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "lab", "--folder", shared.folder],
        cwd=ROOT,
        env=SHELL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.startswith("a laboratory is up already")
    assert (shared.folder / "env").exists()
