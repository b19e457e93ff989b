"""A vCenter, a vRealize Operations and the function between them, each a process of its own."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests

from lab import operations, processes, vcenters
from lab.operations import Operations
from lab.processes import ROOT, Function
from lab.vcenters import VCenter

# Where ``python -m lab`` keeps its files, among them the variables, in VARIABLES.
FOLDER: Final = ROOT / "build" / "run"
VARIABLES: Final = "env"
# How long the page waits between two readings of both sides.
PAGE_SECONDS: Final = 5


@dataclass(frozen=True)
class Laboratory:
    """All three of them, as they run; ``variables`` are those of the function."""

    vcenter: VCenter
    operations: Operations
    function: Function
    variables: dict[str, str]

    @property
    def description(self) -> str:
        """A line for each."""
        return (
            f"vcenter    {self.vcenter.what}\n"
            f"simulator  {self.operations.url}   a stand-in for vRealize Operations, over TLS\n"
            f"function   {self.function.url}    functions-framework, as Knative runs it\n"
        )


@contextmanager
def running(
    folder: Path, operations_port: int = 0, function_port: int = 0, **chosen: str
) -> Iterator[Laboratory]:
    """Run a laboratory whose files are in ``folder``, at these ports if they are free.

    ``chosen`` are further variables of the function, and of the programs beside it.
    Raises NotStartedError or NotBuiltError if a part of it cannot be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (
        vcenters.running(folder) as vcenter,
        operations.running(folder, operations.knowing(vcenter), operations_port) as simulator,
    ):
        told = {**variables(vcenter, simulator), **chosen}
        log = folder / "function.log"
        with _function(log, vcenter, function_port, **told) as function:
            yield Laboratory(vcenter, simulator, function, told)


@contextmanager
def including(folder: Path, lab: Laboratory, kinds: str) -> Iterator[Function]:
    """Run a second function, which lets companions of these ``kinds`` go with their hosts.

    Raises NotStartedError if that cannot be.
    """
    log = folder / "including.log"
    told = {**lab.variables, "MAINTENANCE_INCLUDES": kinds}
    with _function(log, lab.vcenter, 0, **told) as function:
        yield function


@contextmanager
def watching(folder: Path, lab: Laboratory) -> Iterator[Function]:
    """Watch the laboratory's vCenter beside its function, without VEBA, and log into ``folder``.

    Raises NotStartedError if that cannot be.
    """
    log = folder / "watcher.log"
    with processes.watcher(log, None, lab.vcenter.watcher, **lab.variables) as watcher:
        watcher.said("reconciled:")
        yield watcher


@contextmanager
def page(folder: Path, lab: Laboratory, port: int = 0) -> Iterator[Function]:
    """Show the laboratory's hosts in a browser, at ``port`` if that is free; log into ``folder``.

    Raises NotStartedError if that cannot be.
    """
    port = processes.free_port(port)
    command = [sys.executable, "-m", lab.vcenter.command_line, "serve"]
    command += ["--address", f"127.0.0.1:{port}", "--every", str(PAGE_SECONDS)]
    environ = processes.environment(None, **lab.variables)
    log = folder / "page.log"
    with processes.started(command, port, log, environ=environ, answers=_shows) as shown:
        yield shown


def _shows(url: str) -> bool:
    return requests.get(url, timeout=processes.TIMEOUT_SECONDS).ok


def variables(vcenter: VCenter, operations: Operations) -> dict[str, str]:
    """Return what the function and a watcher are told, and the command line beside them."""
    # The function has the port that a watcher would take by itself.
    chosen = {"MAINTENANCE_LEASE_MINUTES": "120", "HEALTH_ADDRESS": "127.0.0.1:0"}
    # All of this stays on this machine.
    return {"no_proxy": "127.0.0.1", **operations.variables, **chosen, **vcenter.variables}


def end_on_signals(code: int | None = None) -> None:
    """Let SIGINT and SIGTERM end this program with ``code``, or as a shell tells of signals.

    What runs is stopped on the way, as it is at any other end.
    """

    def end(number: int, frame: object) -> None:
        # Once is enough: an impatient second Ctrl-C must not leave processes behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(128 + number if code is None else code)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


@contextmanager
def _function(log: Path, vcenter: VCenter, port: int, **variables: str) -> Iterator[Function]:
    port = processes.free_port(port)
    command = processes.command("handle", port, vcenter.source)
    # functions-framework does not look for modules where it is run.
    environ = processes.environment(None, **variables, PYTHONPATH=str(ROOT))
    with processes.started(command, port, log, environ=environ) as function:
        yield function
