"""Metrics as Prometheus reads them; needs prometheus-client, the extra ``metrics``."""

import platform
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    exposition,
)

from adapters.metrics import VERSION
from adapters.metrics.sweeps import GOOD, RESULTS, Hosts, SweepCounts, result
from adapters.metrics.table import METRICS, PREFIX, Metric
from adapters.outgoing import tally
from adapters.outgoing.tally import Dropped, Party
from adapters.output.listeners import OTHER, Handled, Shown
from functions.events import RECONCILE

_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_KINDS: Final = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}
# What has no value before something has happened: 0 would be a day in 1970.
_LATER: Final = frozenset(("last_good_sweep_timestamp_seconds", "last_event_timestamp_seconds"))


class PrometheusMetrics(SweepCounts, tally.Counter):
    """Counts everything that the table has, for all threads of a process.

    ``vcenters`` are the addresses of those that are configured. ``door`` names the one that it is
    for, and ``now`` tells seconds since 1970.
    """

    def __init__(
        self,
        door: str,
        vcenters: Iterable[str],
        *,
        leases: bool,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(leases=leases)
        # A series for when each was made would be as many again.
        disable_created_metrics()  # type: ignore[no-untyped-call, unused-ignore]
        self._now = now
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._metrics = {each.name.removeprefix(PREFIX): self._made(each) for each in METRICS}
        self._lock = threading.Lock()
        self._later = set(_LATER)
        self._open: defaultdict[str, set[str]] = defaultdict(set)
        self._swept = dict.fromkeys(vcenters, 0.0)
        self._begin(door, ["vrops", *(["vcenter"] if self._swept else [])])
        tally.listen(self)

    def show(self) -> Shown:
        """See Listener.show."""
        return Shown(_CONTENT_TYPE, exposition.generate_latest(self._registry))

    def close(self) -> None:
        """See Listener.close."""
        tally.leave(self)

    def handled(self, handled: Handled) -> None:
        """See Listener.handled."""
        name, outcome, error = handled.event_name, handled.outcome, handled.error
        done = outcome.action if outcome else ""
        failed = type(error).__name__ if error else ""
        self._metrics["events_total"].labels(name, done, failed).inc()
        self._metrics["event_duration_seconds"].labels(name).observe(handled.seconds)
        if name == RECONCILE:
            self._swept_all(self.take(), result(handled))
        elif name != OTHER:
            self._set_now("last_event_timestamp_seconds", self._now())

    def called(self, party: Party, status: str, seconds: float) -> None:
        """See Counter.called."""
        self._metrics["calls_total"].labels(party).inc()
        self._metrics["call_duration_seconds"].labels(party, status).observe(seconds)

    def logged_in(self, party: Party) -> None:
        """See Counter.logged_in."""
        self._metrics["logins_total"].labels(party).inc()

    def breaker(self, party: Party, service: str, *, is_open: bool) -> None:
        """See Counter.breaker: of several vCenters, one is enough."""
        with self._lock:
            services = self._open[party]
            (services.add if is_open else services.discard)(service)
            self._metrics["breaker_open"].labels(party).set(bool(services))

    def dropped(self, what: Dropped) -> None:
        """See Counter.dropped."""
        self._metrics[f"{what}_dropped_total"].inc()

    def _made(self, metric: Metric) -> Any:
        later = metric.name.removeprefix(PREFIX) in _LATER
        registry = None if later else self._registry
        more = {"buckets": metric.buckets} if metric.buckets else {}
        kind: Any = _KINDS[metric.kind]
        return kind(metric.name, metric.help, metric.labels, registry=registry, **more)

    def _begin(self, door: str, parties: Iterable[str]) -> None:
        """Let there be a 0 for what has not happened yet, so that its first time is an increase."""
        for party in parties:
            self._metrics["breaker_open"].labels(party).set(0)
            self._metrics["calls_total"].labels(party)
            self._metrics["logins_total"].labels(party)
        for each in RESULTS if self._swept else ():
            self._metrics["sweeps_total"].labels(each)
        self._metrics["build_info"].labels(VERSION, platform.python_version(), door).set(1)

    def _swept_all(self, found: dict[str, Hosts], how: str) -> None:
        for vcenter, hosts in found.items():
            for owner, count in hosts.by_owner().items():
                self._metrics["hosts_in_maintenance"].labels(vcenter, owner).set(count)
            self._metrics["hosts_differing"].labels(vcenter).set(len(hosts.differing))
            self._metrics["hosts_overdue"].labels(vcenter).set(len(hosts.overdue))
        if how:
            self._metrics["sweeps_total"].labels(how).inc()
        if how == GOOD:
            self._note_good(found)

    def _note_good(self, vcenters: Iterable[str]) -> None:
        with self._lock:
            self._swept.update(dict.fromkeys(vcenters, self._now()))
            oldest = min(self._swept.values(), default=0.0)
        if oldest:
            self._set_now("last_good_sweep_timestamp_seconds", oldest)

    def _set_now(self, name: str, moment: float) -> None:
        metric = self._metrics[name]
        metric.set(moment)
        with self._lock:
            if name in self._later:
                self._later.discard(name)
                self._registry.register(metric)
