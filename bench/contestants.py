"""Contestants that are no servers: ``python -m bench.contestants MEASURE CONTESTANT NUMBER...``.

It prints the value of one round. The environment names the Suite API.
"""

import cProfile
import http.client
import itertools
import json
import os
import ssl
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from statistics import median
from timeit import timeit
from types import CodeType, MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from adapters import bootstrap
from adapters.incoming import envelopes
from bench import load, machine
from bench.load import SendEvent
from bench.results import CALL
from bench.telling import LEASE, TellingVCenter, changes
from functions.events import COMPANIONS, HostRef
from functions.ports import Companion, VCenterHost
from lab import memory
from lab.events import HTTP_FORMATS, EventData, lambda_event, router_envelope
from lab.memory import MemoryVCenter
from lab.processes import ROOT

CALL_SECONDS: Final = 0.005
_HOSTS: Final = "/resources?adapterKind=VMWARE&resourceKind=HostSystem"
_LOOKUP: Final = f"{_HOSTS}&name=esx01.lab.local"
_PAGE: Final = 1000
# What a slow machine needs for the largest sweep is measured, too.
_UNHURRIED: Final = {"RECONCILE_DEADLINE_SECONDS": "900"}


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

    def mirror_all(self, methods: Mapping[str, str]) -> None:
        """Write each host by its method, PUT or DELETE, if it has one; then look at all of them.

        Raises OSError if what was written does not show.
        """
        for method in ("PUT", "DELETE"):
            written = [self._ids[host] for host, its in methods.items() if its == method]
            if written:
                self._call(method, f"/resources/maintained?id={'&id='.join(written)}")
        looked_at = "".join(f"&resourceId={self._ids[host]}" for host in methods)
        for found in self._call("GET", f"/resources?pageSize={_PAGE}{looked_at}")["resourceList"]:
            host = found["resourceKey"]["name"]
            states = {each["resourceState"] for each in found["resourceStatusStates"]}
            if methods[host] and ("MAINTAINED_MANUAL" in states) != (methods[host] == "PUT"):
                raise OSError(f"{host} is {states} after {methods[host]}")

    def sweep(self) -> int:
        """Log in, and list all hosts as a sweep does, vCenter by vCenter; return how many."""
        self.close()
        self._log_in()
        adapters = self._call("GET", "/adapters?adapterKindKey=VMWARE")["adapterInstancesInfoDto"]
        return sum(len(page) for each in adapters for page in self._pages(each["id"]))

    @cached_property
    def _ids(self) -> dict[str, str]:
        found = [item for page in self._pages() for item in page]
        return {each["resourceKey"]["name"]: each["identifier"] for each in found}

    def _pages(self, adapter: str = "") -> Iterator[Sequence[Any]]:
        owned = f"&adapterInstanceId={adapter}" if adapter else ""
        for number in itertools.count():
            paging = f"&page={number}&pageSize={_PAGE}"
            answer = self._call("GET", f"{_HOSTS}{owned}{paging}")
            yield answer["resourceList"]
            if (number + 1) * _PAGE >= answer["pageInfo"]["totalCount"]:
                return

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


class DealtVCenter(MemoryVCenter):
    """One of many vCenters, to which a simulator deals out hosts; it makes them up as it is asked.

    So its hosts take no memory of the process that sweeps: a real vCenter's would not.
    """

    def __init__(self, number: int, vcenters: int, hosts: int) -> None:
        address, uuid = dealt(number)
        super().__init__(address, uuid, 0)
        self._numbers = range(number + 1, hosts + 1, vcenters)

    def hosts(self) -> Iterator[VCenterHost]:
        """See VCenter.hosts."""
        for place, number in enumerate(self._numbers):
            if place % _PAGE == 0:
                time.sleep(CALL_SECONDS)
            host = HostRef(f"host-{1000 + number}", f"esx{number:02}.lab.local", self.address)
            yield VCenterHost(host, in_maintenance_mode=False)


def dealt(number: int) -> tuple[str, str]:
    """Return the address and the UUID of one of many vCenters, by its number."""
    return f"vcenter{number:02}.lab.local", f"5a1d9f0e-7c52-4d0b-9a5c-{number:012x}"


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


def _with_vcenter(
    companions: Iterable[Companion] = (), variables: Mapping[str, str] = MappingProxyType({})
) -> SendEvent:
    """Our dispatch with a vCenter in memory, each question to which takes as long as a call."""
    vcenter = _vcenter(companions)
    dispatch = memory.mirror({**os.environ, **variables}, vcenter)

    def mirror(event: EventData) -> str:
        vcenter.in_maintenance = {event.moref} if event.name.startswith("Entered") else set()
        return _dispatched(dispatch, event)

    return mirror


def _vcenter(companions: Iterable[Companion] = ()) -> MemoryVCenter:
    return MemoryVCenter(EventData.vcenter, memory.UUID, 20, CALL_SECONDS, companions=companions)


def _questions() -> SendEvent:
    """Only ask that vCenter twice, as it is asked before a write and after it."""
    vcenter = _vcenter()

    def ask(event: EventData) -> str:
        for _ in range(2):
            vcenter.in_maintenance_mode(event.moref)
        return "entered"

    return ask


def companions_of(host: int) -> list[Companion]:
    """Return one companion of each kind that nothing but this host has."""
    return [
        Companion(
            HostRef(f"{kind.lower()}-{host}", f"{kind}-{host}", EventData.vcenter, kind),
            frozenset({f"host-{1000 + host}"}),
        )
        for kind in COMPANIONS
    ]


def _accompanied(host: int, count: int) -> float:
    includes = {"MAINTENANCE_INCLUDES": ",".join(COMPANIONS)}
    return _warm(partial(_with_vcenter, companions_of(host), includes), host, count)


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


def _sweep(hosts: int, wrong: int) -> tuple[float, float, float]:
    """Sweep when so many hosts, evenly spread, entered maintenance mode without an event.

    Returns the seconds that it takes, how many MB more than before, and how many in all.
    """
    vcenter = MemoryVCenter(EventData.vcenter, memory.UUID, hosts, CALL_SECONDS)
    vcenter.in_maintenance = {f"host-{1001 + n * hosts // wrong}" for n in range(wrong)}
    return _swept([vcenter])


def _estate(hosts: int, vcenters: int) -> tuple[float, float, float]:
    """Do as ``_sweep`` for many vCenters, and return the same; all hosts are right."""
    return _swept([DealtVCenter(number, vcenters, hosts) for number in range(vcenters)])


def _swept(vcenters: Sequence[MemoryVCenter]) -> tuple[float, float, float]:
    dispatch = memory.mirror({**os.environ, **_UNHURRIED}, *vcenters)
    before, started = machine.used(os.getpid())["VmRSS"], time.perf_counter()
    dispatch(lambda limits: envelopes.from_timer("bench"))
    seconds = time.perf_counter() - started
    # Not getrusage: what it says is inherited from the process that started this one.
    most = machine.used(os.getpid())["VmHWM"]
    return seconds, (most - before) / 1024, most / 1024


def _listing(hosts: int) -> float:
    """Return the seconds that it takes to list so many hosts, and to do nothing with them."""
    least, started = Least(), time.perf_counter()
    if least.sweep() != hosts:
        raise OSError("not all hosts were listed")
    return time.perf_counter() - started


def _profile(host: int, count: int) -> dict[str, tuple[float, float]]:
    """Return by whose code an event is handled: its own milliseconds, and how often it is called.

    That is by cProfile, which makes all of it slower, and what is called most it slows down most.
    """
    mirror, profile = _lambda(), cProfile.Profile()
    load.milliseconds(mirror, load.in_turn(host, 2))
    profile.runcall(load.milliseconds, mirror, list(load.in_turn(host, count)))
    spent: dict[str, tuple[float, float]] = {}
    for entry in profile.getstats():
        seconds, calls = spent.get(whose := _whose(entry.code), (0.0, 0.0))
        spent[whose] = (seconds + entry.inlinetime, calls + entry.callcount)
    for whose in ("ours: bench", "ours: lab"):
        spent.pop(whose, None)
    return {whose: (1000 * own / count, calls / count) for whose, (own, calls) in spent.items()}


def _whose(code: CodeType | str) -> str:
    """Return whose code it is; what is built into Python has no file, and calls wait in there."""
    if isinstance(code, str):
        return "waiting for answers" if "_ssl._SSLSocket" in code else "built into Python"
    parts = Path(code.co_filename).parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1]
    ours = Path(code.co_filename).is_relative_to(ROOT)
    return f"ours: {parts[len(ROOT.parts)]}" if ours else "Python's library"


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
        "its two questions alone": partial(_warm, _questions),
    },
    "companions": {
        "a host alone": partial(_warm, _with_vcenter),
        "a host with 3 companions": _accompanied,
    },
    "watched": {"watched": _watched, "as an event": _as_events, "its calls alone": _calls_alone},
    "cold": {"a first event's calls alone": lambda: Least().first_event()},
    "rate": {"the simulator: calls": _per_second},
    "cpu": {CALL: lambda n: 1000 / n * timeit(Least().mirror, timer=time.process_time, number=n)},
    "profile": {"ours": _profile},
    "sweep": {"ours": _sweep, "estate": _estate, "listing": _listing},
}

if __name__ == "__main__":
    print(json.dumps(CONTESTANTS[sys.argv[1]][sys.argv[2]](*map(json.loads, sys.argv[3:]))))
