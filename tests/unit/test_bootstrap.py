"""adapters.bootstrap and adapters.clients: who is put together with whom, and for how long."""

import gc
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from adapters import bootstrap
from adapters.bootstrap import Target
from adapters.clients import Clients
from adapters.config.settings import Limits, Settings, VropsSettings
from adapters.incoming.envelopes import Received, from_object, from_timer
from adapters.outgoing.deadline import remaining
from functions.context import Context, Policy, VCenters
from functions.events import HostRef
from functions.outcomes import Outcome, SweepListener
from functions.ports import VCenterHost
from lab.events import ENTER, router_envelope
from tests.fakes import FakeOperations, FakeVCenter

HOST = HostRef("host-1001", "esx01.lab.local", "vcenter.lab.local")
SETTINGS = Settings(vrops=VropsSettings("https://x"))
ENVIRON = {
    "VROPS_URL": "https://vrops.lab.local",
    "VROPS_USERNAME": "mirror",
    "VROPS_PASSWORD": "hunter2",
}
VCENTER = {
    "VCENTER_URL": "https://VCenter.lab.local/sdk",
    "VCENTER_USERNAME": "reader",
    "VCENTER_PASSWORD": "hunter3",
    "VCENTER_ALIASES": "vc",
}


@dataclass
class SlowVCenter(FakeVCenter):
    """Notes how much time there is, and answers a sweep only when it is let."""

    left: list[float] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)
    let: threading.Event = field(default_factory=threading.Event)

    def in_maintenance_mode(self, moref: str) -> bool:
        self.left.append(remaining())
        return super().in_maintenance_mode(moref)

    def hosts(self) -> Iterator[VCenterHost]:
        self.left.append(remaining())
        self.asked.set()
        assert self.let.wait(30)
        return super().hosts()


@pytest.fixture
def vcenter() -> SlowVCenter:
    return SlowVCenter([HOST])


@pytest.fixture
def dispatch(vcenter: SlowVCenter) -> bootstrap.Dispatch:
    vcenters = VCenters({vcenter.address: vcenter})
    return bootstrap.MirrorDispatch(SETTINGS, Context(FakeOperations([HOST]), vcenters))


def timer(limits: Limits) -> Received:
    return from_timer("test")


def event(limits: Limits) -> Received:
    return from_object(router_envelope(ENTER), limits)


def test_one_sweep_is_enough_at_a_time_and_events_do_not_wait_for_it(
    dispatch: bootstrap.Dispatch, vcenter: SlowVCenter
) -> None:
    outcomes: list[Outcome] = []
    sweep = threading.Thread(target=lambda: outcomes.append(dispatch(timer)))
    sweep.start()
    assert vcenter.asked.wait(30)
    assert dispatch(timer) == Outcome("ignored", reason="a sweep is under way already")
    assert dispatch(event).action == "exited"
    vcenter.let.set()
    sweep.join()
    assert [outcome.action for outcome in outcomes] == ["reconciled"]
    assert dispatch(timer).action == "reconciled"


def test_a_sweep_that_fails_does_not_keep_the_next_one_out(
    dispatch: bootstrap.Dispatch, vcenter: SlowVCenter
) -> None:
    vcenter.let.set()
    vcenter.failures.append(ZeroDivisionError())  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        dispatch(timer)
    assert dispatch(timer).action == "reconciled"


def test_a_sweep_has_more_time_than_an_event(
    dispatch: bootstrap.Dispatch, vcenter: SlowVCenter
) -> None:
    vcenter.let.set()
    dispatch(event)
    assert all(left <= SETTINGS.deadline_seconds for left in vcenter.left)
    vcenter.left.clear()
    dispatch(timer)
    [left] = vcenter.left
    assert SETTINGS.deadline_seconds < left <= SETTINGS.sweep_seconds


def test_a_door_does_not_look_for_garbage_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    thresholds: list[int] = []
    monkeypatch.setattr(gc, "set_threshold", thresholds.append)
    bootstrap.start({"echo": Target(bootstrap.echo, from_object)}, "echo", {})
    assert thresholds == [10_000]


def test_without_a_vcenter_nobody_is_asked_and_nothing_is_imported() -> None:
    clients = Clients(Settings.from_environ(ENVIRON), ENVIRON)
    assert not clients.context(SweepListener()).vcenters
    clients.close()


def test_the_policy_reaches_the_context_and_every_address_its_vcenter() -> None:
    environ = {
        **ENVIRON,
        **VCENTER,
        "MAINTENANCE_LEASE_MINUTES": "90",
        "REQUIRE_VERIFICATION": "true",
        "RECONCILE_MAX_CHANGES": "7",
    }
    clients = Clients(Settings.from_environ(environ), environ)
    context = clients.context(SweepListener())
    assert context.policy == Policy(90, require_verification=True, max_changes=7)
    [vcenter] = context.vcenters
    assert context.vcenters.at("vcenter.lab.local") is context.vcenters.at("vc") is vcenter
    assert context.vcenters.at("another.lab.local") is None
    clients.close()
