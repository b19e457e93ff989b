"""Contestants that are no servers: ``python -m bench.contestants MEASURE CONTESTANT NUMBER...``.

It prints the value of one round. The environment names the Suite API.
"""

import http.client
import json
import os
import ssl
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median
from timeit import timeit
from typing import Any, Final
from urllib.parse import urlsplit

from adapters import bootstrap
from adapters.incoming import envelopes
from bench import load, machine
from bench.load import SendEvent
from bench.results import CALL
from bench.telling import LEASE, TellingVCenter, changes
from lab import memory
from lab.events import HTTP_FORMATS, EventData, lambda_event, router_envelope
from lab.memory import MemoryVCenter

CALL_SECONDS: Final = 0.005
_LOOKUP: Final = "/resources?resourceKind=HostSystem&name=esx01.lab.local"


class Least:
    """The least there is to do: calls by http.client on one kept-alive connection, with a token."""

    def __init__(self) -> None:
        url = urlsplit(os.environ["VROPS_URL"])
        trust = ssl.create_default_context(cafile=os.environ["VROPS_CA_FILE"])
        self._connection = http.client.HTTPSConnection(str(url.hostname), url.port, context=trust)
        self.close = self._connection.close
        self._host = self._log_in()

    def mirror(self, event: EventData | None = None) -> str:
        """Start maintenance of a host, whatever the event is; always the same one."""
        self._call("PUT", f"{self._host}/maintained")
        return "entered"

    def look_and_write(self, seconds: float) -> None:
        """Look at the host, wait for so many ``seconds``, and start its maintenance."""
        self._call("GET", self._host)
        time.sleep(seconds)
        self.mirror()

    def first_event(self) -> float:
        """Return the milliseconds of what the first event of a process needs at least."""
        self.close()
        started = time.perf_counter()
        self._log_in()
        self._call("GET", "/adapters")
        self.mirror()
        self._call("GET", self._host)
        return 1000 * (time.perf_counter() - started)

    def _log_in(self) -> str:
        """Acquire a token, and return the path of a host after looking it up."""
        self._headers = {"Accept": "application/json", "Content-Type": "application/json"}
        body = {name: os.environ[f"VROPS_{name.upper()}"] for name in ("username", "password")}
        token = self._call("POST", "/auth/token/acquire", json.dumps(body))["token"]
        self._headers["Authorization"] = f"vRealizeOpsToken {token}"
        return f"/resources/{self._call('GET', _LOOKUP)['resourceList'][0]['identifier']}"

    def _call(self, method: str, path: str, body: str | None = None) -> Any:
        self._connection.request(method, f"/suite-api/api{path}", body, self._headers)
        reply = self._connection.getresponse()
        read = reply.read()
        if reply.status != http.HTTPStatus.OK:
            raise OSError(f"{method} {path} was answered with {reply.status}")
        return json.loads(read) if read else None


def _per_second(threads: int, seconds: float) -> float:
    """Return how many calls threads can make at once, on a connection each."""
    callers, started = [Least() for _ in range(threads)], time.perf_counter()

    def count(caller: Least) -> int:
        lasts = iter(lambda: time.perf_counter() - started < seconds, False)
        return sum(bool(caller.mirror()) for _ in lasts)

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(count, callers)) / (time.perf_counter() - started)


def _openfaas() -> SendEvent:
    """Our handler of OpenFaaS, called as the template calls it."""
    from adapters.openfaas import handle

    # A request of the template's has a body, as an HttpMessage has.
    return lambda event: handle(HTTP_FORMATS["router-openfaas"](event), None)["body"]["action"]


def _lambda() -> SendEvent:
    """Our handler of Lambda, called as its runtime calls it."""
    from adapters.eventbridge import lambda_handler

    return lambda event: lambda_handler(lambda_event(event), None)["action"]


def _with_vcenter() -> SendEvent:
    """Our dispatch with a vCenter in memory, each question to which takes as long as a call."""
    vcenter = MemoryVCenter(EventData.vcenter, memory.UUID, 20, CALL_SECONDS)
    dispatch = memory.mirror(os.environ, vcenter)

    def mirror(event: EventData) -> str:
        vcenter.in_maintenance = {event.moref} if event.name.startswith("Entered") else set()
        return _dispatched(dispatch, event)

    return mirror


def _dispatched(dispatch: bootstrap.Dispatch, event: EventData) -> str:
    return dispatch(partial(envelopes.from_object, router_envelope(event))).action


def _watched(hosts: int, host: int, count: int) -> list[float]:
    """Return when each change was that the door without VEBA has mirrored."""
    return changes(TellingVCenter(hosts, CALL_SECONDS), host, count)


def _as_events(hosts: int, host: int, count: int) -> list[float]:
    """Return when each event was dispatched; the same vCenter is asked, and tells of nothing."""
    vcenter = TellingVCenter(hosts, CALL_SECONDS)
    dispatch, times = memory.mirror({**os.environ, **LEASE}, vcenter), []
    for event in load.in_turn(host, count):
        vcenter.in_maintenance = {event.moref} if event.name.startswith("Entered") else set()
        times.append(time.time())
        _dispatched(dispatch, event)
    return times


def _calls_alone(hosts: int, host: int, count: int) -> list[float]:
    """Return when each time the calls up to a write began: a look, a question and the write."""
    least, times = Least(), []
    for _ in range(count):
        times.append(time.time())
        least.look_and_write(CALL_SECONDS)
    return times


def _sweep(hosts: int, wrong: int) -> tuple[float, float]:
    """Sweep when so many hosts, evenly spread, entered maintenance mode without an event.

    Returns the seconds that it takes, and how many megabytes more than before.
    """
    vcenter = MemoryVCenter(EventData.vcenter, memory.UUID, hosts, CALL_SECONDS)
    vcenter.in_maintenance = {f"host-{1001 + n * hosts // wrong}" for n in range(wrong)}
    dispatch = memory.mirror(os.environ, vcenter)
    before, started = machine.used(os.getpid())["VmRSS"], time.perf_counter()
    dispatch(lambda limits: envelopes.from_timer("bench"))
    seconds = time.perf_counter() - started
    # Not getrusage: what it says is inherited from the process that started this one.
    return seconds, (machine.used(os.getpid())["VmHWM"] - before) / 1024


def _warm(make: Callable[[], SendEvent], host: int, count: int) -> float:
    """Return the milliseconds of the median of so many events, after two that do not count."""
    return median(load.milliseconds(make(), load.in_turn(host, 2 + count))[2:])


# By measure: the contestants, and what gives the value of a round.
CONTESTANTS: Final[dict[str, dict[str, Callable[..., object]]]] = {
    "warm": {
        CALL: partial(_warm, lambda: Least().mirror),
        "ours, OpenFaaS (in-process)": partial(_warm, _openfaas),
        "ours, Lambda (in-process)": partial(_warm, _lambda),
    },
    "verified": {
        "events alone": partial(_warm, lambda: partial(_dispatched, bootstrap.mirror(os.environ))),
        "with vCenter": partial(_warm, _with_vcenter),
    },
    "watched": {"watched": _watched, "as an event": _as_events, "its calls alone": _calls_alone},
    "cold": {"a first event's calls alone": lambda: Least().first_event()},
    "rate": {"the simulator: calls": _per_second},
    "cpu": {CALL: lambda n: 1000 / n * timeit(Least().mirror, timer=time.process_time, number=n)},
    "sweep": {"ours": _sweep},
}

if __name__ == "__main__":
    print(json.dumps(CONTESTANTS[sys.argv[1]][sys.argv[2]](*map(json.loads, sys.argv[3:]))))
