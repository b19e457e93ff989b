"""Metrics as CloudWatch finds them in Lambda's log, in its embedded metric format, without a call.

Source: Amazon CloudWatch user guide, "Embedded metric format specification": a line is an object of
JSON whose ``_aws`` says which of its members are metrics, and by which others they are told apart.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from adapters.metrics.sweeps import FAILED, GOOD, REFUSED, Hosts, SweepCounts, result
from adapters.outgoing import tally
from adapters.outgoing.tally import Party
from adapters.output.listeners import Handled

NAMESPACE: Final = "MaintenanceMirror"
# What CloudWatch tells metrics apart by; each set of values is a metric that is paid for.
_DIMENSIONS: Final = ((), ("Event",), ("Event", "Outcome"))
EVENT_UNITS: Final[Mapping[str, str]] = {
    "Events": "Count",
    "Errors": "Count",
    "Duration": "Milliseconds",
    "VropsCalls": "Count",
    "VcenterCalls": "Count",
    "Logins": "Count",
}
# Of all vCenters together, and without dimensions.
SWEEP_UNITS: Final[Mapping[str, str]] = {
    "GoodSweeps": "Count",
    "RefusedSweeps": "Count",
    "FailedSweeps": "Count",
    "HostsInMaintenance": "Count",
    "HostsDiffering": "Count",
    "HostsOverdue": "Count",
}
_RESULTS: Final = {"GoodSweeps": GOOD, "RefusedSweeps": REFUSED, "FailedSweeps": FAILED}
_CALLS: Final[Mapping[Party, str]] = {"vrops": "VropsCalls", "vcenter": "VcenterCalls"}


def _write(line: str) -> None:
    # One write, so that no other line gets in between.
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class EmbeddedMetrics(SweepCounts, tally.Counter):
    """Writes a line for each event and each sweep, when it is over.

    ``leases`` is that of SweepCounts. Lambda handles one event at a time in a process, so that all
    calls since the last line are those of the event. ``now`` tells seconds since 1970.
    """

    def __init__(
        self,
        *,
        leases: bool,
        write: Callable[[str], None] = _write,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(leases=leases)
        self._print = write
        self._now = now
        self._calls = self._none()
        tally.listen(self)

    def close(self) -> None:
        """See Listener.close."""
        tally.leave(self)

    def called(self, party: Party, status: str, seconds: float) -> None:
        """See Counter.called."""
        self._calls[_CALLS[party]] += 1

    def logged_in(self, party: Party) -> None:
        """See Counter.logged_in."""
        self._calls["Logins"] += 1

    def handled(self, handled: Handled) -> None:
        """See Listener.handled."""
        calls, self._calls = self._calls, self._none()
        of_event = {
            "Events": 1,
            "Errors": int(handled.error is not None),
            "Duration": round(handled.seconds * 1000, 1),
            **calls,
        }
        of_sweep = _of_sweep(self.take(), result(handled))
        told = {"Event": handled.event_name, "Outcome": _outcome(handled)}
        self._print(json.dumps({**self._head(of_sweep), **told, **of_event, **of_sweep}))

    def _head(self, of_sweep: Mapping[str, int]) -> dict[str, Any]:
        directives = [_directive(_DIMENSIONS, EVENT_UNITS)]
        if of_sweep:
            directives.append(_directive(_DIMENSIONS[:1], {n: SWEEP_UNITS[n] for n in of_sweep}))
        milliseconds = int(self._now() * 1000)
        return {"_aws": {"Timestamp": milliseconds, "CloudWatchMetrics": directives}}

    @staticmethod
    def _none() -> dict[str, int]:
        return dict.fromkeys((*_CALLS.values(), "Logins"), 0)


def _outcome(handled: Handled) -> str:
    """Return the outcome's action, or the error's class: no dimension may be empty."""
    return handled.outcome.action if handled.outcome else type(handled.error).__name__


def _of_sweep(found: Mapping[str, Hosts], how: str) -> dict[str, int]:
    if not how:
        return {}
    results = {name: int(each == how) for name, each in _RESULTS.items()}
    if not found:
        return results
    hosts = found.values()
    return {
        **results,
        "HostsInMaintenance": sum(len(each.owners) for each in hosts),
        "HostsDiffering": sum(len(each.differing) for each in hosts),
        "HostsOverdue": sum(len(each.overdue) for each in hosts),
    }


def _directive(dimensions: Sequence[Sequence[str]], units: Mapping[str, str]) -> dict[str, object]:
    metrics = [{"Name": name, "Unit": unit} for name, unit in units.items()]
    return {"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}
