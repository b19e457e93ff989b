"""How long it takes to start: servers up to their first answer, imports, and Lambda's runtime."""

import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Final

from bench import load, sizes, world
from bench.contestants import CALL_SECONDS, CONTESTANTS
from bench.results import KNATIVE, PEER, PLATFORM, Results, Turn
from bench.world import BUILD
from lab import operations as laboratory
from lab import vcsim
from lab.emulator import Machine, installed
from lab.events import NOT_OURS, EventData, lambda_event
from lab.operations import Operations
from lab.vcenters import HOSTS, VCenter, connected

_OPTIONAL: Final = {"boto3", "botocore", "pyVmomi", "click", "rich", "flask", "functions_framework"}
_IMPORT: Final = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
_LOADED: Final = f"import sys, adapters.eventbridge; print(len(sys.modules.keys() & {_OPTIONAL}))"
_OURS: Final = "ours, Lambda's emulator"
_VCENTER: Final = "adapters.vcenter"
_WITH_VCENTER: Final = "with a vCenter"
_HANDLERS: Final = {
    "a handler that only imports requests": "only_requests.handler",
    _OURS: "adapters.eventbridge.lambda_handler",
}
_ONLY_REQUESTS: Final = "import requests\n\ndef handler(*_):\n    return {'action': 'ignored'}\n"
_TASK: Final = BUILD / "task"
# No API of AWS is called.
_NOBODY: Final = "http://127.0.0.1:9"


def start(results: Results) -> None:
    """Note ``cold`` and ``imports``, in milliseconds, and ``optional``, packages.

    ``cold`` lasts from starting a process to its first answer; a contestant of its own is what the
    calls of a first event take by themselves, with a new connection and the login.
    """
    turns: dict[str, Turn] = {}
    with world.simulator(20) as operations:
        for name in CONTESTANTS["cold"]:
            turns[name] = partial(world.alone, operations, "cold", name)
        for name in (PLATFORM, KNATIVE, PEER):
            turns[name] = partial(_cold, name, operations)
        for module in ("requests", "adapters.eventbridge"):
            turns[module] = partial(_import, module)
        for module in ("requests", "adapters.knative"):
            after = f"{module}, after functions_framework"
            turns[after] = partial(_import, module, "import functions_framework; ")
        after_ours = "import functions_framework, adapters.knative; "
        turns[f"{_VCENTER}, after adapters.knative"] = partial(_import, _VCENTER, after_ours)
        results.take_turns(turns)
    results.add("adapters.eventbridge", optional=world.said("-c", _LOADED))


def _cold(name: str, operations: Operations) -> dict[str, float]:
    started = time.perf_counter()
    with world.server(name, operations) as server:
        lasted = time.perf_counter() - started
        # So that there is something to write the next time, too.
        load.send(server.url, [load.event(world.FIRST_HOST, entered=False)])
    return {"cold": 1000 * lasted}


def _import(module: str, before: str = "") -> dict[str, float]:
    return {"imports": 1000 * world.said("-c", before + _IMPORT.format(module))}


def runtime(results: Results) -> None:
    """Note ``init`` and ``warm`` in AWS's emulator, in milliseconds, where its tools are there.

    ``init`` is how much longer the first event takes than the second, both of them none of ours;
    its imports are without bytecode, as in the zip of ``sizes``.
    """
    machine, task = _machine(), _TASK
    if machine is None:
        results.skipped["Lambda's own runtime"] = "`make test` sets up AWS's emulator of it."
        return
    (task / "only_requests.py").write_text(_ONLY_REQUESTS, encoding="utf-8")
    with world.simulator(20) as operations:
        invoke = partial(_invoke, machine, operations)
        results.take_turns({name: partial(invoke, name) for name in _HANDLERS}, 5)


def _machine() -> Machine | None:
    """Return a machine with what ``sizes`` has packed, where AWS's tools are there."""
    machine = installed(_TASK)
    if machine:
        shutil.rmtree(_TASK, ignore_errors=True)
        shutil.unpack_archive(sizes.ZIP, _TASK)
    return machine


def vcenters(results: Results) -> None:
    """Note ``first``, in milliseconds: from a start to the first mirrored event's answer.

    That is on Knative, and in AWS's emulator where its tools are there; with a vCenter, which is
    vcsim, and without. The host is in maintenance mode, and monitored.
    """
    if not vcsim.available():
        results.skipped["a cold start with a vCenter"] = "there is no Go to build vcsim with."
        return
    machine = _machine()
    with ExitStack() as stack:
        program = stack.enter_context(vcsim.running(len(HOSTS), entered=[1]))
        vcenter = stack.enter_context(connected(program.variables))
        options = [*laboratory.knowing(vcenter), "--call-delay", str(CALL_SECONDS)]
        operations = stack.enter_context(laboratory.running(BUILD, options))
        turns: dict[str, Turn] = {}
        for beside, variables in (("", {}), (f", {_WITH_VCENTER}", vcenter.variables)):
            turns[KNATIVE + beside] = partial(_first, operations, vcenter, variables)
            if machine:
                invoke = partial(_first_invoked, machine, operations, vcenter, variables)
                turns[_OURS + beside] = invoke
        results.take_turns(turns, 5)


def _first(
    operations: Operations, vcenter: VCenter, variables: Mapping[str, str]
) -> dict[str, float]:
    operations.end(HOSTS[0])
    started = time.perf_counter()
    with world.server(KNATIVE, operations, _entered(vcenter), **variables):
        return {"first": 1000 * (time.perf_counter() - started)}


def _first_invoked(
    machine: Machine, operations: Operations, vcenter: VCenter, variables: Mapping[str, str]
) -> dict[str, float]:
    operations.end(HOSTS[0])
    told, log = {**operations.variables, **variables}, BUILD / "emulator.log"
    with machine.run(_HANDLERS[_OURS], told, _NOBODY, log) as function:
        (first,) = load.milliseconds(
            lambda event: function.invoke(lambda_event(event)).answer["action"], [_entered(vcenter)]
        )
    return {"first": first}


def _entered(vcenter: VCenter) -> EventData:
    return replace(load.event(1, entered=True), moref=vcenter.morefs[HOSTS[0]])


def _invoke(machine: Machine, operations: Operations, name: str) -> dict[str, float]:
    log = BUILD / "emulator.log"
    with machine.run(_HANDLERS[name], operations.variables, _NOBODY, log) as function:
        events = [NOT_OURS, NOT_OURS, *load.in_turn(1, 12 if name == _OURS else 0)]
        first, second, *warm = load.milliseconds(
            lambda event: function.invoke(lambda_event(event)).answer["action"], events
        )
    return {"init": first - second, **({"warm": median(warm)} if warm else {})}
