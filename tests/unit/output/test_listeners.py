"""adapters.output.listeners: who is told what becomes of events and sweeps, beside the log."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from adapters import bootstrap, listening
from adapters.config.settings import Limits, Settings, VropsSettings
from adapters.incoming.envelopes import Received, from_timer
from adapters.output import log
from adapters.output.listeners import Handled, Listener, Listeners
from functions.context import Context, VCenters
from functions.errors import (
    MaintenanceError,
    NotACloudEventError,
    OperationsUnavailableError,
    SweepRefusedError,
    VCenterUnavailableError,
)
from functions.events import ENTERED, RECONCILE, REMOVED, HostEvent, HostRef
from functions.handlers import HANDLERS
from functions.outcomes import Action, Outcome, Overdue, SweepListener
from functions.ports import Resource, VCenterHost
from lab.events import ENTER, IMPOSTOR, NOT_OURS, router_envelope
from lab.events import REMOVED as REMOVED_DATA
from tests.fakes import FakeOperations, FakeVCenter

HOST = HostRef("host-1001", "esx01.lab.local", "vcenter.lab.local")
SETTINGS = Settings(vrops=VropsSettings("https://x"))
EVENT = HostEvent(ENTERED, HOST, key=7, created=None, event_id="")


@dataclass
class Notes(Listener):
    """Writes down what it is told."""

    told: list[Handled] = field(default_factory=list)
    compares: list[tuple[str, int, int, list[str]]] = field(default_factory=list)

    def handled(self, handled: Handled) -> None:
        self.told.append(handled)

    def compared(self, vcenter: str, hosts: Any, resources: Any, actions: Any) -> None:
        told = vcenter, len(hosts), len(resources), [each.verb for each in actions]
        self.compares.append(told)


class Broken(Listener):
    """Fails at everything, and its errors hold a secret."""

    def handled(self, handled: Handled) -> None:
        raise ValueError("hunter2")

    def planned(self, actions: list[Action]) -> None:
        raise KeyError("hunter2")

    def close(self) -> None:
        raise ValueError("hunter2")


def dispatch(listener: Listener, *modes: str) -> bootstrap.Dispatch:
    vcenter = FakeVCenter([HOST])
    for moref in modes:
        vcenter.enter(moref)
    vcenters = VCenters({vcenter.address: vcenter})
    context = Context(FakeOperations([HOST]), vcenters, listener=listener)
    return bootstrap.MirrorDispatch(SETTINGS, context, listener=listener)


def given(envelope: Mapping[str, Any]) -> bootstrap.Read:
    return lambda limits: Received(envelope, "test")


def test_whoever_listens_is_told_of_the_outcome_after_the_line_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    lines: list[int] = []

    class Late(Notes):
        def handled(self, handled: Handled) -> None:
            super().handled(handled)
            lines.append(len(caplog.records))

    notes = Late()
    dispatch(notes, "host-1001")(given(router_envelope(ENTER)))
    [told] = notes.told
    assert told.outcome
    assert (told.outcome.action, told.error, told.event_name) == ("entered", None, ENTERED)
    assert told.event
    assert told.event.host.moref == "host-1001"
    assert told.seconds >= 0
    assert lines == [1]


def test_whoever_listens_is_told_of_the_error_that_is_raised_all_the_same() -> None:
    notes = Notes()
    error = NotACloudEventError("no")

    def read(limits: Limits) -> Received:
        raise error

    with pytest.raises(NotACloudEventError):
        dispatch(notes)(read)
    [told] = notes.told
    assert (told.outcome, told.error, told.event, told.event_name) == (None, error, None, "other")


@pytest.mark.parametrize("bug", [ZeroDivisionError, KeyboardInterrupt])
def test_what_is_no_error_of_ours_is_left_to_the_runtime(bug: type[BaseException]) -> None:
    notes = Notes()
    with pytest.raises(bug), log.event_line(listener=notes):
        raise bug
    assert not notes.told


NAMES = {
    "a vCenter event": (Handled(Received(router_envelope(ENTER), ""), Outcome("left"), None, 1), 0),
    "a removal": (
        Handled(Received(router_envelope(REMOVED_DATA), ""), Outcome("left"), None, 1),
        1,
    ),
    "an impostor": (Handled(Received(router_envelope(IMPOSTOR), ""), Outcome("left"), None, 1), 3),
    "another event": (
        Handled(Received(router_envelope(NOT_OURS), ""), Outcome("left"), None, 1),
        3,
    ),
    "no vCenter's": (Handled(Received({"type": "x"}, ""), Outcome("ignored"), None, 1), 3),
    "a timer's": (Handled(from_timer("x"), Outcome("reconciled"), None, 1), 2),
    "a change that was seen": (Handled(None, Outcome("entered", event=EVENT), None, 1), 0),
    "a sweep that nobody asked for": (
        Handled(None, None, VCenterUnavailableError("x"), 1, sweep=True),
        2,
    ),
    "what could not be read": (Handled(None, None, NotACloudEventError("x"), 1), 3),
}


@pytest.mark.parametrize("case", NAMES)
def test_an_event_has_one_of_few_names(case: str) -> None:
    handled, expected = NAMES[case]
    assert handled.event_name == (ENTERED, REMOVED, RECONCILE, "other")[expected]
    assert handled.event_name in {*HANDLERS, "other"}


def test_a_sweep_tells_what_was_compared() -> None:
    notes = Notes()
    dispatch(notes, "host-1001")(lambda limits: from_timer("test"))
    assert notes.compares == [("vcenter.lab.local", 1, 1, ["start"])]
    assert [each.event_name for each in notes.told] == [RECONCILE]


def test_a_vcenter_that_cannot_be_read_is_not_told_of_as_compared() -> None:
    notes = Notes()
    vcenter = FakeVCenter([HOST], failures=[VCenterUnavailableError("away")])
    context = Context(FakeOperations([HOST]), VCenters({vcenter.address: vcenter}), listener=notes)
    with pytest.raises(VCenterUnavailableError):
        bootstrap.MirrorDispatch(SETTINGS, context, listener=notes)(lambda _: from_timer("test"))
    assert not notes.compares
    assert len(notes.told) == 1


# Everything that a listener can be told.
TOLD: dict[str, Callable[[Listener], None]] = {
    "handled": lambda each: each.handled(Handled(None, Outcome("left"), None, 1.0)),
    "close": lambda each: each.close(),
    "read": lambda each: each.read("vc", "vCenter", 500),
    "accompanied": lambda each: each.accompanied("vc", []),
    "compared": lambda each: each.compared("vc", [], [], []),
    "refused": lambda each: each.refused(SweepRefusedError("x")),
    "planned": lambda each: each.planned([]),
    "done": lambda each: each.done(Action("end", HOST, "x"), True),
    "corrected": lambda each: each.corrected(Outcome("exited", HOST)),
    "overdue": lambda each: each.overdue(Overdue(HOST, None)),
    "failed": lambda each: each.failed("vc", MaintenanceError("x")),
}


def test_all_that_a_listener_can_be_told_is_passed_on_to_all_in_order() -> None:
    methods = {name for kind in (SweepListener, Listener) for name in vars(kind) if name[0] != "_"}
    assert methods - {"show"} == TOLD.keys()
    order: list[tuple[str, str]] = []

    def noting(who: str) -> Listener:
        noted = Listener()
        for name in TOLD:
            setattr(noted, name, lambda *told, name=name: order.append((who, name)))
        return noted

    both = Listeners([noting("first"), noting("second")])
    for tell in TOLD.values():
        tell(both)
    assert order == [(who, name) for name in TOLD for who in ("first", "second")]


def test_a_listener_that_fails_harms_neither_the_work_nor_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    notes = Notes()
    listener = Listeners([Broken(), notes])
    handle = dispatch(listener, "host-1001")
    for _ in range(3):
        assert handle(given(router_envelope(ENTER))).action in ("entered", "renewed")
        assert handle(lambda limits: from_timer("test")).action == "reconciled"
    listener.close()
    assert len(notes.told) == 6
    failures = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert [each.getMessage().partition(" at ")[0] for each in failures] == [
        "Broken failed with ValueError",
        "Broken failed with KeyError",
    ]
    assert all("test_listeners:" in each.getMessage() for each in failures)
    assert "hunter2" not in caplog.text


def test_an_error_of_the_work_is_not_hidden_by_one_of_a_listener() -> None:
    with pytest.raises(OperationsUnavailableError), log.event_line(listener=Listeners([Broken()])):
        raise OperationsUnavailableError("away")


def test_the_log_is_the_first_to_be_told_of_sweeps(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    made = listening.listener(SETTINGS, {}, "other")
    [first] = made._listeners
    assert isinstance(first, log.SweepLog)
    made.overdue(Overdue(HOST, None))
    assert "overdue" in caplog.text


def test_resources_and_hosts_are_told_whole() -> None:
    kept: list[tuple[list[VCenterHost], list[Resource]]] = []

    class Keeping(Listener):
        def compared(self, vcenter: str, hosts: Any, resources: Any, actions: Any) -> None:
            kept.append((list(hosts), list(resources)))

    dispatch(Keeping())(lambda limits: from_timer("test"))
    [(hosts, resources)] = kept
    assert [each.host for each in hosts] == [each.host for each in resources] == [HOST]
