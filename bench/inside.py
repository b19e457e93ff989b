"""A contestant that is no server: reads jobs as JSON lines from stdin, and answers each on stdout.

``python -m bench.inside ROLE``; the settings are in the environment.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace
from typing import Any

from adapters import bootstrap
from adapters.config.credentials import EnvironCredentials
from adapters.config.settings import Settings
from adapters.incoming import envelopes
from adapters.memory import EventMemory
from adapters.output import log
from adapters.vrops import Vrops
from bench import events
from bench.lab import CALL_SECONDS, VCENTER, VCENTER_UUID
from bench.least import Least
from bench.machine import status
from functions.context import Context, VCenters
from functions.reconciliation import reconcile
from lab.events import HTTP_FORMATS, EventData, lambda_event, router_envelope
from lab.memory import MemoryVCenter

Job = Callable[..., Any]


def least() -> dict[str, Job]:
    """Writes, one after the other or by some threads at once, and what a first event needs."""
    caller = Least()
    return {"run": caller.write, "first": caller.first_event, "cpu": _cpu, "rate": _rate}


def _cpu(count: int) -> float:
    caller = Least()
    started = time.process_time()
    caller.write(count)
    return (time.process_time() - started) / count


def _rate(threads: int, seconds: float) -> float:
    ends = time.perf_counter() + seconds

    def call(caller: Least) -> int:
        count = 0
        while time.perf_counter() < ends:
            count += len(caller.write(1))
        return count

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(call, [Least() for _ in range(threads)])) / seconds


def openfaas() -> dict[str, Job]:
    """Our handler of OpenFaaS, called as the template calls it."""
    from adapters.openfaas import handle

    def call(event_data: EventData) -> None:
        body = HTTP_FORMATS["router-openfaas"](event_data).body
        _check(handle(SimpleNamespace(body=body), None)["statusCode"] == 200)

    return {"run": partial(_one_by_one, call, 2)}


def eventbridge() -> dict[str, Job]:
    """Our handler of Lambda, called as its runtime calls it."""
    from adapters.eventbridge import lambda_handler

    def call(event_data: EventData) -> None:
        _check(lambda_handler(lambda_event(event_data), None)["action"] in ("entered", "exited"))

    return {"run": partial(_one_by_one, call, 3)}


def verified() -> dict[str, Job]:
    """Mirroring with a vCenter in memory, each question to which takes as long as a call."""
    vcenter = MemoryVCenter(VCENTER, VCENTER_UUID, 10, CALL_SECONDS)
    return _mirroring(5, vcenter)


def unverified() -> dict[str, Job]:
    """The same without a vCenter."""
    return _mirroring(6, None)


def _mirroring(host: int, vcenter: MemoryVCenter | None) -> dict[str, Job]:
    settings = Settings.from_environ(os.environ)
    log.set_up(settings, default_format="json")
    dispatch = bootstrap.MirrorDispatch(settings, _mirror(settings, vcenter))

    def call(event_data: EventData) -> None:
        if vcenter:
            entered = event_data.name.startswith("Entered")
            vcenter.in_maintenance = {event_data.moref} if entered else set()
        outcome = dispatch(partial(envelopes.from_object, router_envelope(event_data)))
        _check(outcome.action in ("entered", "exited"))

    return {"run": partial(_one_by_one, call, host)}


def _mirror(settings: Settings, vcenter: MemoryVCenter | None) -> Context:
    uuid = vcenter.instance_uuid if vcenter else ""
    credentials = EnvironCredentials(os.environ)
    vrops = Vrops(settings.vrops, credentials, uuid_of=lambda address: uuid)
    vcenters = VCenters({vcenter.address: vcenter} if vcenter else {})
    return Context(vrops, vcenters, EventMemory(), settings.policy)


def _one_by_one(call: Callable[[EventData], None], host: int, count: int) -> list[float]:
    seconds = []
    for number in range(count):
        event_data = events.event_data(host, entered=number % 2 == 0)
        started = time.perf_counter()
        call(event_data)
        seconds.append(time.perf_counter() - started)
    return seconds


def sweep() -> dict[str, Job]:
    """A sweep of all hosts, some of which entered maintenance mode without an event."""

    def run(hosts: int, wrong: int) -> dict[str, float]:
        vcenter = MemoryVCenter(VCENTER, VCENTER_UUID, hosts, CALL_SECONDS)
        vcenter.in_maintenance = {f"host-{1001 + n * hosts // (wrong or 1)}" for n in range(wrong)}
        context = _mirror(Settings.from_environ(os.environ), vcenter)
        before, started = _megabytes("VmRSS"), time.perf_counter()
        report = reconcile(context)
        seconds = time.perf_counter() - started
        _check(report.counts()["start"] == wrong and not report.faults)
        return {"seconds": seconds, "megabytes": _megabytes("VmHWM") - before}

    return {"run": run}


def _check(right: bool) -> None:
    if not right:
        raise SystemExit("what was to be measured went wrong")


def _megabytes(field: str) -> float:
    # Not getrusage: what it says is inherited from the process that started this one.
    return status(os.getpid(), field) / 1024


ROLES: dict[str, Callable[[], dict[str, Job]]] = {
    each.__name__: each for each in (least, openfaas, eventbridge, verified, unverified, sweep)
}


def main() -> None:
    """Do jobs until there are no more."""
    jobs = ROLES[sys.argv[1]]()
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps(jobs[job.pop("do")](**job)), flush=True)


if __name__ == "__main__":
    main()
