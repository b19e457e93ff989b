"""The processes of a measurement, each with an interpreter of its own."""

import contextlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from urllib3.exceptions import NewConnectionError

from bench import load
from bench.contestants import CALL_SECONDS
from bench.results import KNATIVE, LEAST, PEER, PLATFORM
from lab import operations, processes
from lab.events import EventData
from lab.memory import UUID
from lab.operations import Operations
from lab.processes import ROOT, TIMEOUT_SECONDS, Function, command, free_port
from lab.vcenters import ADDRESS

BUILD: Final = ROOT / "build" / "bench"
# Of a server's first event; no measure that counts on a state has it.
FIRST_HOST: Final = 16


def _deployed(file: str, pattern: str) -> str:
    """Return what a manifest says, so that what is measured is what is deployed."""
    text = (ROOT / "deploy/knative" / file).read_text(encoding="utf-8")
    found = re.search(pattern, text)
    if found is None:
        raise LookupError(f"deploy/knative/{file} has no {pattern}")
    return found[1]


# How many events the function handles at a time, and after how many seconds a broker sends one
# again that was not answered.
THREADS: Final = int(_deployed("components/function/service.yaml", r'THREADS\s+value: "(\d+)"'))
DELIVERY_SECONDS: Final = float(_deployed("base/trigger.yaml", r"timeout: PT(\d+)S"))


@contextmanager
def simulator(hosts: int, *options: str, delay: float = CALL_SECONDS) -> Iterator[Operations]:
    """Run a simulator; its calls take ``delay`` seconds longer.

    It has the one vCenter of all measures, unless ``options`` of its command name others.
    """
    words = ["--hosts", str(hosts), "--call-delay", str(delay), *options]
    if "--vcenter" not in options:
        words += ["--vcenter", f"{ADDRESS},{ADDRESS},{UUID}"]
    # There may be another one, whose certificate is not this one's.
    with (
        tempfile.TemporaryDirectory(dir=BUILD) as folder,
        operations.running(Path(folder), words) as running,
    ):
        yield running


def server(
    name: str, operations: Operations, event: EventData | None = None, **variables: str
) -> AbstractContextManager[Function]:
    """Run our function as Knative does, the platform or the peer; it has answered an event."""
    port, environ, log = free_port(), environment(operations), BUILD / f"{name}.log"
    programs = {
        KNATIVE: command("handle", port),
        PLATFORM: command("handle", port, "bench/nothing.py"),
        LEAST: command("handle", port, "bench/groups.py"),
        PEER: [sys.executable, "-m", "bench.peer", str(port)],
    }
    answers = partial(_answers, event or load.event(FIRST_HOST, entered=True))
    return processes.started(
        programs[name], port, log, environ={**environ, **variables}, answers=answers
    )


def _answers(event: EventData, url: str) -> bool:
    """Send an event as soon as somebody listens; returns False if nobody does in time."""
    ends = time.perf_counter() + TIMEOUT_SECONDS
    while time.perf_counter() < ends:
        with contextlib.suppress(NewConnectionError):
            return bool(load.send(url, [event]))
        time.sleep(0.001)
    return False


def alone(operations: Operations, measure: str, *contestant: object) -> dict[str, Any]:
    """Let a contestant that is no server take its turn, in a process of its own."""
    return {measure: said("-m", "bench.contestants", measure, *contestant, operations=operations)}


def said(*arguments: object, operations: Operations | None = None) -> Any:
    """Run Python with these arguments, and return the JSON that it prints."""
    words, environ = [sys.executable, *map(str, arguments)], environment(operations)
    with (BUILD / "said.log").open("ab") as log:
        return json.loads(subprocess.check_output(words, cwd=ROOT, env=environ, stderr=log))


def environment(operations: Operations | None) -> dict[str, str]:
    """Return this process's environment, with the Suite API if there is one, and with bytecode.

    The images are made with bytecode, and imports take three times as long without. There are as
    many threads as on Knative.
    """
    told = {"THREADS": str(THREADS), **(operations.variables if operations else {})}
    if operations:  # Not all contestants read a password from a file.
        told["VROPS_PASSWORD"] = operations.password_file.read_text(encoding="utf-8").strip()
    return processes.environment(None, PYTHONDONTWRITEBYTECODE="", **told)


def maintained(operations: Operations) -> set[str]:
    """Return the names of the hosts that are in maintenance."""
    return {name for name, state in operations.states().items() if state != "STARTED"}
