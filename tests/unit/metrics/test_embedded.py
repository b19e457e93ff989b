"""adapters.metrics.embedded: what CloudWatch finds in Lambda's log."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.incoming.envelopes import from_timer
from adapters.metrics.embedded import EVENT_UNITS, SWEEP_UNITS, EmbeddedMetrics
from adapters.outgoing import tally
from adapters.output.listeners import Handled
from functions.errors import SweepRefusedError
from functions.events import ENTERED, RECONCILE, HostEvent, HostRef
from functions.outcomes import Action, Outcome, Overdue
from functions.ports import Resource, ResourceState

HOST = HostRef("host-1", "esx01.lab.local", "vcenter.lab.local")
EVENT = HostEvent(ENTERED, HOST, key=1, created=None, event_id="")
# CloudWatch's units, as far as there is any use for them here.
UNITS = {"Seconds", "Milliseconds", "Count", "None"}


class Lines:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.metrics = EmbeddedMetrics(leases=True, write=self.lines.append, now=lambda: 1.7e9)

    @property
    def last(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.lines[-1])
        check(told)
        return told


@pytest.fixture
def lines() -> Iterator[Lines]:
    made = Lines()
    yield made
    made.metrics.close()


def check(told: dict[str, Any]) -> None:
    """Hold a line against the specification."""
    head = told["_aws"]
    assert isinstance(head["Timestamp"], int)
    assert 1e12 < head["Timestamp"] < 1e13  # Milliseconds.
    for directive in head["CloudWatchMetrics"]:
        assert directive.keys() == {"Namespace", "Dimensions", "Metrics"}
        assert 1 <= len(directive["Namespace"]) <= 1024
        assert len(directive["Metrics"]) <= 100
        for names in directive["Dimensions"]:
            assert len(names) <= 30
            assert all(isinstance(told[name], str) and told[name] for name in names)
        for metric in directive["Metrics"]:
            assert metric.keys() == {"Name", "Unit"}
            assert metric["Unit"] in UNITS
            value = told[metric["Name"]]
            assert isinstance(value, int | float)
            assert not isinstance(value, bool)


def test_an_event_leaves_one_line_with_its_calls(lines: Lines) -> None:
    with tally.call("vrops") as call:
        call.status = "200"
    tally.login("vrops")
    lines.metrics.handled(Handled(None, Outcome("entered", HOST, event=EVENT), None, 0.25))
    told = lines.last
    assert (told["Event"], told["Outcome"]) == (ENTERED, "entered")
    assert {name: told[name] for name in EVENT_UNITS} == {
        "Events": 1,
        "Errors": 0,
        "Duration": 250.0,
        "VropsCalls": 1,
        "VcenterCalls": 0,
        "Logins": 1,
    }
    assert not SWEEP_UNITS.keys() & told.keys()
    assert "esx01" not in lines.lines[0]
    lines.metrics.handled(Handled(None, Outcome("entered", HOST, event=EVENT), None, 0.25))
    assert (lines.last["VropsCalls"], lines.last["Logins"], len(lines.lines)) == (0, 0, 2)


def test_a_sweep_tells_how_the_hosts_are(lines: Lines) -> None:
    other = HostRef("host-2", "esx02.lab.local", HOST.vcenter)
    ours = Resource("1", HOST, ResourceState.TIMED, "host-1")
    start = Action("start", other, "x", Resource("2", other, ResourceState.MONITORED, "host-2"))
    lines.metrics.compared(HOST.vcenter, [], [ours], [start])
    lines.metrics.overdue(Overdue(HOST, None))
    lines.metrics.handled(Handled(from_timer("x"), None, SweepRefusedError("x"), 1.0))
    told = lines.last
    assert (told["Event"], told["Outcome"], told["Errors"]) == (RECONCILE, "SweepRefusedError", 1)
    assert {name: told[name] for name in SWEEP_UNITS} == {
        "GoodSweeps": 0,
        "RefusedSweeps": 1,
        "FailedSweeps": 0,
        "HostsInMaintenance": 1,
        "HostsDiffering": 1,
        "HostsOverdue": 1,
    }


def test_a_sweep_that_could_read_nothing_tells_nothing_of_hosts(lines: Lines) -> None:
    lines.metrics.handled(Handled(from_timer("x"), Outcome("reconciled"), None, 1.0))
    assert lines.last["GoodSweeps"] == 1
    assert "HostsDiffering" not in lines.last


def test_it_is_written_to_the_log_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    made = EmbeddedMetrics(leases=True)
    made.handled(Handled(None, Outcome("entered", HOST, event=EVENT), None, 0.25))
    made.close()
    [line] = capsys.readouterr().out.splitlines()
    check(json.loads(line))
