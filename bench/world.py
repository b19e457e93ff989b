"""The processes of a measurement, each with an interpreter of its own, and what they use."""

import multiprocessing
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any, Final, TypeVar

import requests

from bench.results import KNATIVE, PEER, PLATFORM
from lab import processes
from lab.processes import ROOT as ROOT
from lab.processes import Function as Function
from lab.processes import command, free_port, started
from simulator import Simulator, Switches, VCenter

BUILD: Final = ROOT / "build" / "bench"
VCENTER: Final = "vcenter.lab.local"
VCENTER_UUID: Final = "2d0f1c3e-4a5b-4c6d-8e7f-9a0b1c2d3e4f"
CALL_SECONDS: Final = 0.005
T = TypeVar("T")


class Operations(Simulator):
    """A simulator of vRealize Operations, whose every call takes ``delay`` seconds longer."""

    def __init__(self, hosts: int, delay: float) -> None:
        vcenter = VCenter(VCENTER, VCENTER, VCENTER_UUID)
        super().__init__(hosts, [vcenter], switches=Switches(call_delay=delay))
        self._mended = 0.0
        self.start()

    def settings(self) -> dict[str, str]:
        """Return what the function has to be told to reach it."""
        return {
            "VROPS_URL": self.url,
            "VROPS_USERNAME": self.username,
            "VROPS_PASSWORD": self.password,
            "VROPS_CA_FILE": str(self.ca_file),
        }

    def maintained(self) -> set[str]:
        """Return the names of the hosts that are in maintenance."""
        return {name for name, state in self.states().items() if state != "STARTED"}

    def count(self) -> int:
        """Return how many calls there were."""
        return len(self.calls)

    def landed(self, count: int) -> list[float]:
        """Return when the last writes had landed, in seconds since 1970."""
        writes = [call for call in self.calls if call.path.endswith("/maintained")]
        return [call.at + call.seconds for call in writes[-count:]]

    def break_down(self) -> None:
        """Answer 503 from now on."""
        self.fault(status=503, count=1_000_000)

    def mend(self) -> None:
        """Answer as usual again."""
        self.clear_faults()
        self._mended = time.perf_counter()

    def mended(self) -> float:
        """Return when it was mended, by ``time.perf_counter``, which all processes share."""
        return self._mended


class _Process(BaseManager):
    """Holds an object that others call."""


@contextmanager
def alone(kind: type[T], *arguments: object, **settings: str) -> Iterator[T]:
    """Make an object in a process of its own; only its methods can be called from here."""
    _Process.register("make", kind)
    process: Any = _Process(ctx=multiprocessing.get_context("spawn"))
    process.start(_set_up, (environment(**settings), BUILD / f"{kind.__name__}.log"))
    with process:
        yield process.make(*arguments)


@contextmanager
def simulator(hosts: int, delay: float = CALL_SECONDS) -> Iterator[Operations]:
    """Run a simulator; its calls take ``delay`` seconds longer."""
    with alone(Operations, hosts, delay) as operations:
        try:
            yield operations
        finally:
            operations.stop()


def _answers(url: str) -> bool:
    # 404 will do: only ours says how it is.
    return bool(requests.get(f"{url}/healthz", timeout=30).status_code)


@contextmanager
def server(
    name: str, operations: Operations, answers: Callable[[str], bool] = _answers
) -> Iterator[Function]:
    """Run our function as Knative does, the platform or the peer, until it ``answers``."""
    port = free_port()
    ours = command("handle", port)
    programs = {
        KNATIVE: ours,
        PLATFORM: [part.replace("adapters/knative.py", "bench/nothing.py") for part in ours],
        PEER: [sys.executable, "-m", "bench.peer"],
    }
    environ = environment(**operations.settings(), PORT=str(port))
    log = BUILD / f"{name}.log"
    with started(programs[name], port, log, environ=environ, answers=answers) as running:
        yield running


def _set_up(environ: Mapping[str, str], log: Path) -> None:
    os.environ.clear()
    os.environ.update(environ)
    with log.open("ab") as output:
        os.dup2(output.fileno(), sys.stderr.fileno())


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment, with these settings of ours and with bytecode.

    The images are made with bytecode, and imports take three times as long without.
    """
    environ = processes.environment(None, **settings)
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    return environ


@contextmanager
def on_core(number: int) -> Iterator[None]:
    """Let this process, and all that it starts meanwhile, run on one core.

    0 is the first one that we may use, -1 the last one.
    """
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and its children have used so far."""
    # What stands before the bracket is the program's name, and may hold blanks.
    stats = [_read(each, "stat").rpartition(")")[2].split() for each in _family(pid)]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")


def status(pid: int, field: str) -> int:
    """Add up a number of the status of a process and its children.

    ``Threads``, and in KB the memory that they hold, ``VmRSS``, and the most so far, ``VmHWM``.
    """
    texts = [_read(each, "status") for each in _family(pid)]
    found = [re.search(rf"^{field}:\s+(\d+)", text, re.MULTILINE) for text in texts]
    return sum(int(each[1]) for each in found if each)


def sockets(pid: int) -> int:
    """Return how many sockets a process and its children have at this moment."""
    folders = [Path(f"/proc/{each}/fd") for each in _family(pid)]
    return sum(file.is_socket() for folder in folders for file in folder.iterdir())


def _family(pid: int) -> list[int]:
    """Return a process and its children: gunicorn's master and its worker."""
    return [pid, *map(int, _read(pid, f"task/{pid}/children").split())]


def _read(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8")
