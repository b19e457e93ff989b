"""Lambda's own runtime, in AWS's emulator: how long until a function is ready, and an event."""

import platform
import shutil
import sysconfig
import time
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from bench import events, world
from bench.results import Results, take_turns
from lab.emulator import Lambda, Machine
from lab.events import NOT_OURS, lambda_event
from lab.processes import ROOT

_TOOLS: Final = ROOT / "build" / "tools"
_EVENTS: Final = 12
_HANDLERS: Final = {
    "requests": "only_requests.handler",
    "ours": "adapters.eventbridge.lambda_handler",
}
_ONLY_REQUESTS: Final = """\
import requests


def handler(event, context):
    return {"reason": requests.__version__}
"""
# No API of AWS is called.
_NOBODY: Final = "http://127.0.0.1:9"


def measure(results: Results, rounds: int, archive: Path) -> None:
    """Note ``init`` and ``warm`` of the ``emulator``, in milliseconds, where the tools are there.

    ``archive`` is our zip. ``init`` is how much longer the first event takes than the second, both
    of them none of ours; its imports are without bytecode, as in a zip.
    """
    tools = _tools()
    if tools is None:
        results.skipped["Lambda's own runtime"] = "`make test` sets up AWS's emulator of it."
        return
    machine = Machine(*tools, _unpacked(archive))
    with world.simulator(10) as operations:
        turns = [partial(_turn, machine, name, operations.settings) for name in _HANDLERS]
        take_turns(rounds, [partial(turn, results) for turn in turns])


def _turn(machine: Machine, name: str, settings: Mapping[str, str], results: Results) -> None:
    log = world.BUILD / f"emulator-{name}.log"
    with machine.run(_HANDLERS[name], settings, _NOBODY, log) as function:
        first, second = (_invoked(function, lambda_event(NOT_OURS)) for _ in range(2))
        results.add("init", name, first - second)
        if name == "ours":
            results.add("warm", "emulator", median(_event(function, n) for n in range(_EVENTS)))


def _event(function: Lambda, number: int) -> float:
    event_data = events.event_data(1, entered=number % 2 == 0)
    return _invoked(function, lambda_event(event_data))


def _invoked(function: Lambda, event: object) -> float:
    started = time.perf_counter()
    answer = function.invoke(event).answer
    if "reason" not in answer:
        raise OSError(f"the emulator answered {answer}")
    return 1000 * (time.perf_counter() - started)


def _tools() -> tuple[Path, Path] | None:
    version = sysconfig.get_python_version()
    python = _TOOLS / f"runtime-{version}" / "bin" / "python"
    machine = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
    found = [*_TOOLS.glob(f"sam-{version}/lib/*/site-packages/samcli/local/rapid/*-{machine}")]
    return (found[0], python) if found and python.exists() else None


def _unpacked(archive: Path) -> Path:
    task = world.BUILD / "task"
    shutil.rmtree(task, ignore_errors=True)
    with zipfile.ZipFile(archive) as contents:
        contents.extractall(task)
    (task / "only_requests.py").write_text(_ONLY_REQUESTS, encoding="utf-8")
    return task
