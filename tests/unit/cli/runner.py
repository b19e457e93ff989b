"""Run the command line: within the test, and as a person does, in a terminal."""

import contextlib
import fcntl
import io
import logging
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, TypeVar

from adapters.cli.commands import run
from adapters.cli.connection import Connect
from adapters.clients import Clients
from adapters.config.settings import Settings
from adapters.vrops.inspection import Role
from adapters.vrops.models import Instance
from functions.context import Context, VCenters
from functions.events import HostRef
from functions.outcomes import SweepListener
from lab.processes import ROOT, start
from tests.fakes import Clock, FakeOperations, FakeVCenter

COMMAND = [sys.executable, "-m", "adapters.cli"]
ADDRESS = "vcenter.lab.local"
ENVIRON = {
    "VROPS_URL": "https://vrops.lab.local",
    "VROPS_USERNAME": "mirror",
    "VROPS_PASSWORD": "hunter2",
}
LEASED = {**ENVIRON, "MAINTENANCE_LEASE_MINUTES": "120"}
TIMEOUT_SECONDS = 60.0
CONTROL_SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


T = TypeVar("T")


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class FakeVSphere(FakeVCenter):
    """The fake, with what the command line asks beyond the port."""

    closed: int = 0
    listed: bool = True

    def close(self) -> None:
        self.closed += 1

    def now(self) -> datetime:
        self._fail()
        return datetime.now(UTC)

    def api_version(self) -> str:
        self._fail()
        return "8.0.3.0"

    def lists_api_versions(self) -> bool:
        return self.listed


@dataclass
class FakeInspection:
    """An inspection that is told what to say, or raises it."""

    said_roles: list[Role] | Exception | None = None
    said_now: datetime | Exception | None = None
    said_release: str | Exception = "8.18.7"
    said_instances: list[Instance] | Exception = field(default_factory=list)

    def roles(self) -> list[Role] | None:
        return _said(self.said_roles)

    def now(self) -> datetime | None:
        return _said(self.said_now)

    def release(self) -> str:
        return _said(self.said_release)

    def instances(self) -> list[Instance]:
        return _said(self.said_instances)


@dataclass
class FakeVrops(FakeOperations):
    """The fake, with what the command line asks beyond the port."""

    inspected: FakeInspection = field(default_factory=FakeInspection)

    def inspection(self) -> FakeInspection:
        return self.inspected


@dataclass
class FakeClients:
    """Both sides in memory, with one clock, which the command goes by, too."""

    operations: FakeVrops
    vspheres: list[FakeVSphere]
    settings: Settings | None = None
    closed: int = 0
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.operations.clock = self.clock
        for vsphere in self.vspheres:
            vsphere.clock = self.clock

    @property
    def vcenters(self) -> VCenters:
        return VCenters({each.address: each for each in self.vspheres})

    def connect(self, settings: Settings, environ: Mapping[str, str]) -> "FakeClients":
        self.settings = settings
        return self

    def context(self, listener: SweepListener) -> Context:
        assert self.settings
        return Context(
            self.operations,
            self.vcenters,
            policy=self.settings.policy,
            listener=listener,
            now=self.clock,
        )

    def close(self) -> None:
        self.closed += 1


def hosts(count: int, address: str = ADDRESS) -> list[HostRef]:
    return [HostRef(f"host-{n}", f"esx{n:02}.lab.local", address) for n in range(1, count + 1)]


def clients(known: Iterable[HostRef]) -> FakeClients:
    """Both sides know these hosts, of which none is in maintenance."""
    known = [*known]
    return FakeClients(FakeVrops(known), [FakeVSphere(known)])


def command(
    *arguments: str, connect: Connect = Clients, environ: Mapping[str, str] = ENVIRON
) -> Result:
    """Run a command line within this process, with its output in pipes."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _logging_as_before():
        code = run(arguments, environ, connect)
    return Result(code, _written(out), _written(err))


def seen(*arguments: str, environ: Mapping[str, str]) -> str:
    """Run a command line within this process, and return both outputs as they come."""
    both = io.TextIOWrapper(io.BytesIO(), "utf-8", newline="")
    with contextlib.redirect_stdout(both), contextlib.redirect_stderr(both), _logging_as_before():
        run(arguments, environ)
    return _written(both)


def process(*arguments: str, environ: Mapping[str, str], **options: Any) -> Result:
    """Run a command line as a process, with its output in pipes."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        **options,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


@contextlib.contextmanager
def terminal(
    *arguments: str, environ: Mapping[str, str], columns: int = 80
) -> Iterator[SimpleNamespace]:
    """Run a command line in a terminal; ``said`` waits for a text, ``press`` types, ``end`` waits.

    ``end`` returns the exit code, and all that was shown, control sequences and all.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    child = start(
        [*COMMAND, *arguments],
        env={**environ, "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = bytearray()

    def said(text: str) -> None:
        while text.encode() not in shown:
            assert _read(ours, shown), f"{text!r} is not in {bytes(shown)!r}"

    def end() -> tuple[int, str]:
        while _read(ours, shown):
            pass
        return child.wait(TIMEOUT_SECONDS), shown.decode().replace("\r\n", "\n")

    def press(keys: str) -> None:
        os.write(ours, keys.encode())

    try:
        yield SimpleNamespace(said=said, end=end, press=press, process=child)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait(TIMEOUT_SECONDS)
        os.close(ours)


def interrupted(child: "subprocess.Popen[bytes]", when: Callable[[], bool]) -> tuple[int, str, str]:
    """Press Ctrl-C as soon as ``when`` holds; returns the exit code and both outputs."""
    ends = time.monotonic() + TIMEOUT_SECONDS
    while not when():
        assert child.poll() is None
        assert time.monotonic() < ends
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=TIMEOUT_SECONDS)
    return child.returncode, out.decode(), err.decode()


def bare(text: str) -> str:
    """Return what a person sees, without the sequences that colour and move it."""
    return CONTROL_SEQUENCES.sub("", text)


@contextlib.contextmanager
def _logging_as_before() -> Iterator[None]:
    root, attempts = logging.getLogger(), logging.getLogger("urllib3")
    handlers, levels = [*root.handlers], (root.level, attempts.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    attempts.setLevel(levels[1])


def _said(told: T | Exception) -> T:
    if isinstance(told, Exception):
        raise told
    return told


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


def _read(descriptor: int, into: bytearray) -> bool:
    try:
        data = os.read(descriptor, 65536)
    except OSError:  # Linux says EIO when the other end is closed.
        return False
    into += data
    return bool(data)
