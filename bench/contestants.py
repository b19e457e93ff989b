"""Contestants that are no servers, each to be run by ``world.alone``.

The environment names the Suite API.
"""

import http.client
import json
import os
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from statistics import median
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import urlsplit

from adapters import bootstrap
from adapters.clients import Clients
from adapters.config.settings import Settings
from adapters.incoming import envelopes
from adapters.output import log
from bench import events, world
from bench.events import EventData
from bench.world import CALL_SECONDS, VCENTER, VCENTER_UUID
from functions.context import VCenters
from functions.outcomes import SweepListener
from functions.reconciliation import reconcile
from lab.memory import MemoryVCenter

_BASE: Final = "/suite-api/api"
_LOOKUP: Final = f"{_BASE}/resources?resourceKind=HostSystem&name=esx01.lab.local"


class Contestant:
    """Does all that an event needs, again and again."""

    def mirror(self, event_data: EventData) -> bool:
        """Mirror an event; returns whether that went well."""
        raise NotImplementedError

    def milliseconds(self, host: int, count: int) -> float:
        """Return the median of so many events of a host; raises OSError if one goes wrong."""
        times = []
        for event_data in islice(events.in_turn(host), count):
            started = time.perf_counter()
            well = self.mirror(event_data)
            times.append(1000 * (time.perf_counter() - started))
            _check(well)
        return median(times)


class Least(Contestant):
    """The least there is to do: calls by http.client on one kept-alive connection, with a token.

    An event is one call, the write.
    """

    def __init__(self) -> None:
        url = urlsplit(os.environ["VROPS_URL"])
        trust = ssl.create_default_context(cafile=os.environ["VROPS_CA_FILE"])
        self._connect = partial(http.client.HTTPSConnection, url.hostname, url.port, context=trust)
        self._log_in()
        self._host = f"{_BASE}/resources/{self._find()}"

    def mirror(self, event_data: EventData | None = None) -> bool:
        """Start maintenance of a host, whatever the event is; always the same one."""
        return self._call("PUT", f"{self._host}/maintained") is None

    def first_event(self) -> float:
        """Return the milliseconds of what the first event of a process needs at least."""
        self.close()
        started = time.perf_counter()
        self._log_in()
        self._call("GET", f"{_BASE}/adapters")
        self._find()
        self.mirror()
        self._call("GET", self._host)
        return 1000 * (time.perf_counter() - started)

    def processor_milliseconds(self, calls: int) -> float:
        """Return the time of the processor that one call of so many takes."""
        started = time.process_time()
        _check(all(self.mirror() for _ in range(calls)))
        return 1000 * (time.process_time() - started) / calls

    def per_second(self, threads: int, seconds: float) -> float:
        """Return how many calls threads can make at once, on a connection each."""
        ends = time.perf_counter() + seconds

        def call(caller: Least) -> int:
            return sum(caller.mirror() for _ in iter(lambda: time.perf_counter() < ends, False))

        with ThreadPoolExecutor(threads) as pool:
            return sum(pool.map(call, [Least() for _ in range(threads)])) / seconds

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _log_in(self) -> None:
        self._connection = self._connect()
        self._headers = {"Accept": "application/json", "Content-Type": "application/json"}
        body = {name: os.environ[f"VROPS_{name.upper()}"] for name in ("username", "password")}
        token = self._call("POST", f"{_BASE}/auth/token/acquire", json.dumps(body))["token"]
        self._headers["Authorization"] = f"vRealizeOpsToken {token}"

    def _find(self) -> str:
        return str(self._call("GET", _LOOKUP)["resourceList"][0]["identifier"])

    def _call(self, method: str, path: str, body: str | None = None) -> Any:
        self._connection.request(method, path, body, self._headers)
        reply = self._connection.getresponse()
        read = reply.read()
        _check(reply.status == http.HTTPStatus.OK)
        return json.loads(read) if read else None


class OpenFaaS(Contestant):
    """Our handler of OpenFaaS, called as the template calls it."""

    def mirror(self, event_data: EventData) -> bool:
        """See Contestant.mirror."""
        from adapters.openfaas import handle

        message = events.HTTP_FORMATS["router-openfaas"](event_data)
        return bool(handle(SimpleNamespace(body=message.body), None)["statusCode"] == 200)


class Lambda(Contestant):
    """Our handler of Lambda, called as its runtime calls it."""

    def mirror(self, event_data: EventData) -> bool:
        """See Contestant.mirror."""
        from adapters.eventbridge import lambda_handler

        answer = lambda_handler(events.lambda_event(event_data), None)
        return answer["action"] in ("entered", "exited")


class EventsAlone(Contestant):
    """Our dispatch, without a vCenter."""

    def __init__(self, *vcenters: MemoryVCenter) -> None:
        settings = Settings.from_environ(os.environ)
        log.set_up(settings, default_format="json")
        clients = Clients(settings, os.environ)
        clients.vcenters = VCenters({each.address: each for each in vcenters})
        self._context = clients.context(SweepListener())
        self._dispatch = bootstrap.MirrorDispatch(settings, self._context)

    def mirror(self, event_data: EventData) -> bool:
        """See Contestant.mirror."""
        read = partial(envelopes.from_object, events.router_envelope(event_data))
        return self._dispatch(read).action in ("entered", "exited")


class WithVCenter(EventsAlone):
    """The same with a vCenter in memory, each question to which takes as long as a call."""

    def __init__(self, hosts: int = 10) -> None:
        self._vcenter = MemoryVCenter(VCENTER, VCENTER_UUID, hosts, CALL_SECONDS)
        super().__init__(self._vcenter)

    def mirror(self, event_data: EventData) -> bool:
        """See Contestant.mirror."""
        entered = event_data.name.startswith("Entered")
        self._vcenter.in_maintenance = {event_data.moref} if entered else set()
        return super().mirror(event_data)

    def sweep(self, morefs: set[str]) -> dict[str, float]:
        """Sweep, when these entered maintenance mode without an event.

        Returns the seconds that it takes, and how many megabytes more than before.
        """
        self._vcenter.in_maintenance = morefs
        before, started = world.status(os.getpid(), "VmRSS"), time.perf_counter()
        report = reconcile(self._context)
        seconds = time.perf_counter() - started
        _check(report.counts()["start"] == len(morefs) and not report.faults)
        # Not getrusage: what it says is inherited from the process that started this one.
        held = world.status(os.getpid(), "VmHWM")
        return {"sweep": seconds, "sweep_memory": (held - before) / 1024}


def _check(well: bool) -> None:
    if not well:
        raise OSError("what was to be measured went wrong")
