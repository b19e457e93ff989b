"""adapters.metrics.prometheus: what is counted, exactly, and by few labels."""

import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters import bootstrap
from adapters.config.settings import Settings, VCenterSettings, VropsSettings
from adapters.incoming.envelopes import Received, from_timer
from adapters.listening import listener
from adapters.metrics import VERSION
from adapters.metrics.prometheus import PrometheusMetrics
from adapters.metrics.table import METRICS
from adapters.outgoing import tally
from adapters.output.listeners import Handled, Listeners
from adapters.output.log import SweepLog
from functions.context import Context, Policy, VCenters
from functions.errors import (
    AmbiguousHostError,
    ConfigurationError,
    MaintenanceError,
    NotACloudEventError,
    OperationsUnavailableError,
    SweepRefusedError,
    VCenterUnavailableError,
)
from functions.events import ENTERED, EXITED, HostEvent, HostRef
from functions.outcomes import Outcome
from functions.ports import ResourceState
from lab.events import ENTER, router_envelope
from tests.fakes import Clock, FakeOperations, FakeVCenter

ADDRESS = "vcenter.lab.local"
NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


def host(number: int, vcenter: str = ADDRESS) -> HostRef:
    return HostRef(f"host-{number}", f"esx{number}.lab.local", vcenter)


def hosts(count: int, vcenter: str = ADDRESS) -> list[HostRef]:
    return [host(number, vcenter) for number in range(1, count + 1)]


@pytest.fixture
def metrics() -> Iterator[PrometheusMetrics]:
    made = PrometheusMetrics("knative", [ADDRESS], leases=True, now=lambda: 1000.0)
    yield made
    made.close()


def told(metrics: PrometheusMetrics) -> dict[str, float]:
    """Return every series that is ours and no bucket, and its value."""
    shown = metrics.show()
    assert shown.content_type.startswith("text/plain; version=0.0.4")
    return {
        _series(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(shown.body.decode())
        for sample in family.samples
        if sample.name.startswith("maintenance_mirror_") and not sample.name.endswith("_bucket")
    }


def _series(name: str, labels: dict[str, str]) -> str:
    """Return the name and the values of its labels, in the order of the table."""
    plain = name.removesuffix("_sum").removesuffix("_count")
    order = {each.name: each.labels for each in METRICS}[plain]
    values = ",".join(labels.get(label, "") for label in order)
    return name.removeprefix("maintenance_mirror_") + (f"{{{values}}}" if values else "")


def test_all_that_can_be_zero_is_there_from_the_beginning(metrics: PrometheusMetrics) -> None:
    values = told(metrics)
    [info] = [name for name in values if name.startswith("build_info")]
    assert VERSION in info
    assert "knative" in info
    assert values.pop(info) == 1
    assert values.keys() == {
        *(f"breaker_open{{{party}}}" for party in ("vrops", "vcenter")),
        *(f"calls_total{{{party}}}" for party in ("vrops", "vcenter")),
        *(f"logins_total{{{party}}}" for party in ("vrops", "vcenter")),
        *(f"sweeps_total{{{result}}}" for result in ("good", "refused", "failed")),
        "outcomes_dropped_total",
        "notifications_dropped_total",
    }
    assert set(values.values()) == {0}


def test_where_there_is_no_vcenter_there_are_no_numbers_of_one() -> None:
    made = PrometheusMetrics("openfaas", [], leases=False)
    made.close()
    assert not [name for name in told(made) if "vcenter" in name or "sweep" in name]


def of(name: str) -> HostEvent:
    return HostEvent(name, host(1), key=1, created=None, event_id="")


def test_an_event_counts_by_its_name_and_by_what_became_of_it(metrics: PrometheusMetrics) -> None:
    metrics.handled(Handled(None, Outcome("entered", event=of(ENTERED)), None, 0.5))
    metrics.handled(Handled(None, Outcome("entered", event=of(ENTERED)), None, 0.25))
    away = OperationsUnavailableError("away")
    away.event = of(EXITED)
    metrics.handled(Handled(None, None, away, 12.0))
    metrics.handled(Handled(None, None, NotACloudEventError("x"), 0.0))
    values = told(metrics)
    assert values[f"events_total{{{ENTERED},entered,}}"] == 2
    assert values[f"events_total{{{EXITED},,OperationsUnavailableError}}"] == 1
    assert values["events_total{other,,NotACloudEventError}"] == 1
    assert values[f"event_duration_seconds_sum{{{ENTERED}}}"] == 0.75
    assert values["last_event_timestamp_seconds"] == 1000


def test_what_is_no_event_of_a_host_is_not_the_last_one(metrics: PrometheusMetrics) -> None:
    metrics.handled(Handled(None, None, NotACloudEventError("x"), 0.0))
    metrics.handled(Handled(from_timer("x"), Outcome("reconciled"), None, 0.0))
    assert "last_event_timestamp_seconds" not in told(metrics)


def test_calls_logins_breakers_and_what_is_dropped_are_told_by_the_tally(
    metrics: PrometheusMetrics,
) -> None:
    with tally.call("vrops") as call:
        call.status = tally.http_status(204)
    with pytest.raises(ZeroDivisionError), tally.call("vcenter"):
        raise ZeroDivisionError
    tally.login("vcenter")
    tally.drop("outcomes")
    tally.drop("notifications")
    values = told(metrics)
    assert values["calls_total{vrops}"] == values["calls_total{vcenter}"] == 1
    assert values["call_duration_seconds_count{vrops,204}"] == 1
    assert values["call_duration_seconds_count{vcenter,invalid}"] == 1
    assert (values["logins_total{vrops}"], values["logins_total{vcenter}"]) == (0, 1)
    assert values["outcomes_dropped_total"] == values["notifications_dropped_total"] == 1


def test_a_breaker_of_one_of_several_vcenters_is_enough(metrics: PrometheusMetrics) -> None:
    tally.breaker("vcenter", "vCenter a", is_open=True)
    tally.breaker("vcenter", "vCenter b", is_open=True)
    tally.breaker("vcenter", "vCenter a", is_open=False)
    assert told(metrics)["breaker_open{vcenter}"] == 1
    assert told(metrics)["breaker_open{vrops}"] == 0
    tally.breaker("vcenter", "vCenter b", is_open=False)
    assert told(metrics)["breaker_open{vcenter}"] == 0


class Site:
    """One or two vCenters with some hosts each, and a vRealize Operations that knows them."""

    def __init__(self, *counts: int, lease: int | None = 60, changes: int | None = None) -> None:
        clock = Clock(NOW)
        addresses = [ADDRESS, "other.lab.local"][: len(counts)]
        sizes = dict(zip(addresses, counts, strict=True))
        uuids = {address: f"uuid-{address}" for address in addresses}
        self.vcenters = [
            FakeVCenter(hosts(sizes[each], each), each, uuids[each], clock=clock)
            for each in addresses
        ]
        every = [ref for each in self.vcenters for ref in each.modes]
        self.operations = FakeOperations(every, uuids=uuids, clock=clock)
        self.metrics = PrometheusMetrics(
            "knative", addresses, leases=lease is not None, now=lambda: clock().timestamp()
        )
        self.context = Context(
            self.operations,
            VCenters({each.address: each for each in self.vcenters}),
            policy=Policy(lease, max_changes=changes),
            listener=Listeners([SweepLog(), self.metrics]),
            now=clock,
        )
        settings = Settings(vrops=VropsSettings("https://x"))
        self.dispatch = bootstrap.MirrorDispatch(settings, self.context, listener=self.metrics)

    def sweep(self) -> dict[str, float]:
        self.handle(from_timer("test"))
        return told(self.metrics)

    def handle(self, received: Received) -> None:
        with suppress(MaintenanceError):
            self.dispatch(lambda limits: received)


@pytest.fixture
def closing() -> Iterator[list[Site]]:
    sites: list[Site] = []
    yield sites
    for each in sites:
        each.metrics.close()


def test_a_sweep_tells_how_the_hosts_are_after_it(closing: list[Site]) -> None:
    site = Site(6)
    closing.append(site)
    vcenter, operations = site.vcenters[0], site.operations
    vcenter.enter("host-1")  # Will be started.
    vcenter.enter("host-2")
    operations.set_state(host(2), ResourceState.OPEN_ENDED)  # A person's, left alone.
    operations.set_state(host(3), ResourceState.OPEN_ENDED)  # The same of a host in service.
    vcenter.enter("host-4")
    vcenter.leave("host-4")
    operations.set_state(host(4), ResourceState.TIMED)  # Ours, and over: will be ended.
    operations.set_state(host(5), ResourceState.TIMED)  # No host of ours: a person's.
    values = site.sweep()
    assert values[f"hosts_in_maintenance{{{ADDRESS},ours}}"] == 1
    assert values[f"hosts_in_maintenance{{{ADDRESS},person}}"] == 3
    assert values[f"hosts_in_maintenance{{{ADDRESS},other}}"] == 0
    assert values[f"hosts_in_maintenance{{{ADDRESS},unknown}}"] == 0
    assert values[f"hosts_differing{{{ADDRESS}}}"] == 0
    assert values["sweeps_total{good}"] == 1
    assert values["last_good_sweep_timestamp_seconds"] == NOW.timestamp()


def test_without_a_lease_nobody_knows_whose_open_ended_maintenance_is(closing: list[Site]) -> None:
    site = Site(3, lease=None)
    closing.append(site)
    site.vcenters[0].enter("host-1")
    site.operations.set_state(host(2), ResourceState.TIMED)
    values = site.sweep()
    assert values[f"hosts_in_maintenance{{{ADDRESS},unknown}}"] == 1
    assert values[f"hosts_in_maintenance{{{ADDRESS},other}}"] == 1


def test_what_a_refused_sweep_has_not_done_differs(closing: list[Site]) -> None:
    site = Site(9, changes=1)
    closing.append(site)
    for number in (1, 2, 3):
        site.vcenters[0].enter(f"host-{number}")
    values = site.sweep()
    assert values[f"hosts_differing{{{ADDRESS}}}"] == 3
    assert values[f"hosts_in_maintenance{{{ADDRESS},ours}}"] == 0
    assert (values["sweeps_total{refused}"], values["sweeps_total{good}"]) == (1, 0)
    assert "last_good_sweep_timestamp_seconds" not in values


def test_what_could_not_be_written_differs(closing: list[Site]) -> None:
    site = Site(4)
    closing.append(site)
    site.vcenters[0].enter("host-1")
    before = site.operations.start_all

    def away(*told: object) -> object:
        raise OperationsUnavailableError("away")

    site.operations.start_all = away  # type: ignore[method-assign, assignment]
    values = site.sweep()
    assert (values[f"hosts_differing{{{ADDRESS}}}"], values["sweeps_total{failed}"]) == (1, 1)
    site.operations.start_all = before  # type: ignore[method-assign]
    assert site.sweep()[f"hosts_differing{{{ADDRESS}}}"] == 0


def test_a_forgotten_host_is_overdue_until_it_is_back(closing: list[Site]) -> None:
    site = Site(3)
    closing.append(site)
    site.vcenters[0].enter("host-1")
    assert site.sweep()[f"hosts_overdue{{{ADDRESS}}}"] == 0
    site.operations.clock.advance(15 * 24 * 60)
    assert site.sweep()[f"hosts_overdue{{{ADDRESS}}}"] == 1
    assert site.sweep()[f"hosts_overdue{{{ADDRESS}}}"] == 1
    site.vcenters[0].leave("host-1")
    assert site.sweep()[f"hosts_overdue{{{ADDRESS}}}"] == 0


def test_of_several_vcenters_the_one_that_was_swept_longest_ago_counts(
    closing: list[Site],
) -> None:
    site = Site(2, 2)
    closing.append(site)
    first, second = site.vcenters
    second.failures = [VCenterUnavailableError("away")]
    assert "last_good_sweep_timestamp_seconds" not in site.sweep()
    assert site.sweep()["last_good_sweep_timestamp_seconds"] == NOW.timestamp()
    site.operations.clock.advance(10)
    first.failures = [VCenterUnavailableError("away")]
    assert site.sweep()["last_good_sweep_timestamp_seconds"] == NOW.timestamp()


def test_a_sweep_of_one_vcenter_at_a_time_tells_the_oldest_one(metrics: PrometheusMetrics) -> None:
    both = PrometheusMetrics("watch", ["a", "b"], leases=True, now=iter((5.0, 7.0, 9.0)).__next__)
    both.close()
    good = Handled(None, Outcome("reconciled"), None, 1.0, sweep=True)
    for address, expected in (("a", None), ("b", 5.0), ("a", 7.0)):
        both.compared(address, [], [], [])
        both.handled(good)
        assert told(both).get("last_good_sweep_timestamp_seconds") == expected


@pytest.mark.parametrize(
    ("handled", "counted"),
    [
        (Handled(None, None, SweepRefusedError("x"), 1.0, sweep=True), "refused"),
        (Handled(None, None, AmbiguousHostError("x"), 1.0, sweep=True), "failed"),
        (Handled(from_timer("x"), Outcome("ignored"), None, 1.0), None),
    ],
)
def test_a_sweep_that_did_not_take_place_is_none(
    metrics: PrometheusMetrics, handled: Handled, counted: str | None
) -> None:
    metrics.handled(handled)
    counts = {name: value for name, value in told(metrics).items() if "sweeps" in name}
    assert {name for name, value in counts.items() if value} == (
        {f"sweeps_total{{{counted}}}"} if counted else set()
    )


def test_no_number_is_lost_among_threads(metrics: PrometheusMetrics) -> None:
    outcome = Handled(None, Outcome("renewed", event=of(ENTERED)), None, 0.5)
    begin = threading.Barrier(8)

    def work() -> None:
        begin.wait(30)
        for _ in range(500):
            metrics.handled(outcome)
            tally.login("vrops")
            with tally.call("vrops") as call:
                call.status = "200"

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    values = told(metrics)
    assert values[f"events_total{{{ENTERED},renewed,}}"] == 4000
    assert values["logins_total{vrops}"] == values["calls_total{vrops}"] == 4000
    assert values["call_duration_seconds_count{vrops,200}"] == 4000
    assert values[f"event_duration_seconds_sum{{{ENTERED}}}"] == 2000


def test_sweeps_that_run_at_once_do_not_count_for_each_other(metrics: PrometheusMetrics) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def other() -> None:
        metrics.compared(ADDRESS, [], [], [])
        inside.set()
        go_on.wait(30)
        metrics.handled(Handled(None, Outcome("reconciled"), None, 1.0, sweep=True))

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(30)
    metrics.handled(Handled(None, Outcome("reconciled"), None, 1.0, sweep=True))
    assert f"hosts_differing{{{ADDRESS}}}" not in told(metrics)
    go_on.set()
    thread.join()
    assert told(metrics)[f"hosts_differing{{{ADDRESS}}}"] == 0


def series(metrics: PrometheusMetrics) -> int:
    lines = metrics.show().body.decode().splitlines()
    return sum(line.startswith("maintenance_mirror_") for line in lines)


def test_thousands_of_hosts_and_junk_make_no_more_series(closing: list[Site]) -> None:
    site = Site(1000, changes=1000)
    closing.append(site)

    def send(names: list[str]) -> None:
        for name in names:
            odd = {"subject": name, "source": f"https://{name}/sdk"}
            site.handle(Received({**router_envelope(ENTER), **odd}, name))
        for code in range(1100):
            with tally.call("vrops") as call:
                call.status = tally.http_status(code)

    site.vcenters[0].enter("host-1")
    site.sweep()
    send([ENTERED, "JunkEvent"])
    before = series(site.metrics)
    for number in range(1, 1001):
        site.vcenters[0].enter(f"host-{number}")
    site.sweep()
    send([f"Junk{number}" for number in range(1000)])
    assert series(site.metrics) == before


def test_without_metrics_nobody_counts() -> None:
    made = listener(Settings(vrops=VropsSettings("https://x")), {}, "knative")
    assert made.show() is None


def test_with_metrics_every_door_counts_in_its_own_way(
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = Settings(
        vrops=VropsSettings("https://x"),
        vcenters=(VCenterSettings("https://VCenter.lab.local/sdk", aliases=("vc",)),),
        metrics=True,
    )
    for door in ("knative", "openfaas", "watch", "eventbridge"):
        made = listener(settings, {}, door)
        made.handled(Handled(None, Outcome("left", event=of(ENTERED)), None, 1.0))
        shown, lines = made.show(), capsys.readouterr().out
        made.close()
        assert bool(shown) != bool(lines), door
        assert bool(lines) == (door == "eventbridge")


def test_without_the_package_the_process_does_not_come_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "adapters.metrics.prometheus")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    settings = Settings(vrops=VropsSettings("https://x"), metrics=True)
    with pytest.raises(ConfigurationError, match="METRICS needs prometheus-client, the extra"):
        listener(settings, {}, "knative")
    listener(settings, {}, "eventbridge").close()


def test_the_table_has_all_that_is_counted(closing: list[Site]) -> None:
    site = Site(2)
    closing.append(site)
    site.vcenters[0].enter("host-1")
    site.sweep()
    site.handle(Received(router_envelope(ENTER), "test"))
    with tally.call("vrops"):
        pass
    families = {
        family.name
        for family in text_string_to_metric_families(site.metrics.show().body.decode())
        if family.name.startswith("maintenance_mirror_")
    }
    assert families == {each.name.removesuffix("_total") for each in METRICS}
