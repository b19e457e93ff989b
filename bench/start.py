"""How long it takes to start: servers up to their first answer, imports, and Lambda's runtime."""

import contextlib
import platform
import shutil
import subprocess
import sys
import sysconfig
import time
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Final

from urllib3.exceptions import NewConnectionError

from bench import contestants, events, load, world
from bench.events import EventData, HttpMessage
from bench.results import KNATIVE, PEER, PLATFORM, Results, one_value, take_turns
from bench.world import BUILD, ROOT, Operations
from lab.emulator import Lambda, Machine

_OPTIONAL: Final = {"boto3", "botocore", "pyVmomi", "click", "rich", "flask", "functions_framework"}
_IMPORT: Final = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
_LOADED: Final = f"import sys, adapters.eventbridge; print(len(sys.modules.keys() & {_OPTIONAL}))"
_TOOLS: Final = ROOT / "build" / "tools"
_OURS: Final = "ours, Lambda's emulator"
_HANDLERS: Final = {
    "a handler that only imports requests": "only_requests.handler",
    _OURS: "adapters.eventbridge.lambda_handler",
}
_ONLY_REQUESTS: Final = "import requests\n\ndef handler(*_):\n    return {'reason': 'none'}\n"
# No API of AWS is called.
_NOBODY: Final = "http://127.0.0.1:9"


def start(results: Results, rounds: int) -> None:
    """Note ``cold`` and ``imports``, in milliseconds, and ``optional``, packages.

    ``cold`` lasts from starting a process to its first answer; a contestant of its own is what the
    calls of a first event take by themselves, with a new connection and the login.
    """
    with (
        world.simulator(20) as operations,
        world.alone(contestants.Least, **operations.settings()) as least,
    ):
        turns = {"a first event's calls alone": one_value("cold", least.first_event)}
        for name in (PLATFORM, KNATIVE, PEER):
            turns[name] = one_value("cold", _cold, name, operations)
        for module in ("requests", "adapters.eventbridge"):
            turns[module] = one_value("imports", _import, module)
        for module in ("requests", "adapters.knative"):
            beside = one_value("imports", _import, module, "functions_framework")
            turns[f"{module}, after functions_framework"] = beside
        take_turns(results, rounds, turns)
    results.add("adapters.eventbridge", optional=_said(_LOADED))


def _cold(name: str, operations: Operations) -> float:
    message = events.message(events.event_data(1, entered=True))
    started = time.perf_counter()
    with world.server(name, operations, partial(_answered, message)):
        return 1000 * (time.perf_counter() - started)


def _answered(message: HttpMessage, url: str) -> bool:
    """Send an event as soon as somebody listens; returns False if nobody does for 30 s."""
    ends = time.perf_counter() + 30
    while time.perf_counter() < ends:
        with contextlib.suppress(NewConnectionError):
            return bool(load.send(int(url.rpartition(":")[2]), [message]))
        time.sleep(0.001)
    return False


def _import(module: str, *before: str) -> float:
    return 1000 * _said("".join(f"import {each}; " for each in before) + _IMPORT.format(module))


def _said(code: str) -> float:
    environ = world.environment()
    return float(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env=environ))


def runtime(results: Results, rounds: int, archive: Path) -> None:
    """Note ``init`` and ``warm`` in AWS's emulator, in milliseconds, where its tools are there.

    ``archive`` is our zip. ``init`` is how much longer the first event takes than the second, both
    of them none of ours; its imports are without bytecode, as in a zip.
    """
    tools = _tools()
    if tools is None:
        results.skipped["Lambda's own runtime"] = "`make test` sets up AWS's emulator of it."
        return
    machine = Machine(*tools, _unpacked(archive))
    with world.simulator(10) as operations:
        turns = {name: partial(_invoke, machine, name, operations) for name in _HANDLERS}
        take_turns(results, rounds, turns)


def _invoke(machine: Machine, name: str, operations: Operations) -> dict[str, float]:
    log = BUILD / "emulator.log"
    with machine.run(_HANDLERS[name], operations.settings(), _NOBODY, log) as function:
        first, second = (_milliseconds(function, events.NOT_OURS) for _ in range(2))
        warm = [_milliseconds(function, each) for each in islice(events.in_turn(1), 12)]
    init = {"init": first - second}
    return {**init, "warm": median(warm)} if name == _OURS else init


def _milliseconds(function: Lambda, event_data: EventData) -> float:
    event, started = events.lambda_event(event_data), time.perf_counter()
    answer = function.invoke(event).answer
    if "reason" not in answer:
        raise OSError(f"the emulator answered {answer}")
    return 1000 * (time.perf_counter() - started)


def _tools() -> tuple[Path, Path] | None:
    version = sysconfig.get_python_version()
    python = _TOOLS / f"runtime-{version}" / "bin" / "python"
    machine = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
    found = [*_TOOLS.glob(f"sam-{version}/lib/*/site-packages/samcli/local/rapid/*-{machine}")]
    return (found[0], python) if found and python.exists() else None


def _unpacked(archive: Path) -> Path:
    task = BUILD / "task"
    shutil.rmtree(task, ignore_errors=True)
    shutil.unpack_archive(archive, task)
    (task / "only_requests.py").write_text(_ONLY_REQUESTS, encoding="utf-8")
    return task
