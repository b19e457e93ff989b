"""How many hosts are in maintenance, and whose it is, by what a sweep has found and done.

A sweep runs in one thread, and sweeps of several vCenters may run at once: each counts for itself,
and what it has counted is taken when it is over.
"""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, get_args

from adapters.output.listeners import Handled, Listener
from functions.events import RECONCILE
from functions.outcomes import Action, Overdue
from functions.ownership import Whose, whose
from functions.ports import Companion, Resource, ResourceState, VCenterHost

OWNERS: Final = get_args(Whose)
GOOD: Final = "good"
REFUSED: Final = "refused"
FAILED: Final = "failed"
RESULTS: Final = (GOOD, REFUSED, FAILED)


@dataclass
class Hosts:
    """The hosts of one vCenter, by their MoRefs: whose maintenance each is in, and so on."""

    owners: dict[str, str] = field(default_factory=dict)
    differing: set[str] = field(default_factory=set)
    overdue: set[str] = field(default_factory=set)

    def by_owner(self) -> dict[str, int]:
        """Return how many are in maintenance, for every owner that there can be."""
        counted = Counter(self.owners.values())
        return {owner: counted[owner] for owner in OWNERS}


class _Sweep(threading.local):
    def __init__(self) -> None:
        self.hosts: dict[str, Hosts] = {}


class SweepCounts(Listener):
    """Counts hosts; ``leases`` says whether maintenance is given an end."""

    def __init__(self, *, leases: bool) -> None:
        self._leases = leases
        self._sweep = _Sweep()

    def compared(
        self,
        vcenter: str,
        hosts: Sequence[VCenterHost],
        resources: Sequence[Resource],
        actions: Sequence[Action],
        companions: Sequence[Companion] = (),
    ) -> None:
        """See SweepListener.compared."""
        planned = {each.host.moref: each for each in actions if each.host.is_host}
        self._sweep.hosts[vcenter] = Hosts(
            {
                each.moref: self._owner(each, planned.get(each.moref))
                for each in resources
                if each.state.maintained and each.host.is_host
            },
            {moref for moref, action in planned.items() if action.changes},
        )

    def done(self, action: Action, seen: bool) -> None:
        """See SweepListener.done."""
        hosts = self._sweep.hosts.get(action.host.vcenter)
        if hosts is None or not action.host.is_host:
            return
        hosts.differing.discard(action.host.moref)
        if action.verb == "end":
            hosts.owners.pop(action.host.moref, None)
        elif action.verb == "start":
            state = ResourceState.TIMED if self._leases else ResourceState.OPEN_ENDED
            hosts.owners[action.host.moref] = str(whose(self._leases, state))

    def overdue(self, found: Overdue) -> None:
        """See SweepListener.overdue."""
        if hosts := self._sweep.hosts.get(found.host.vcenter):
            hosts.overdue.add(found.host.moref)

    def take(self) -> dict[str, Hosts]:
        """Return what this thread's sweep has counted, by vCenter, and begin anew."""
        taken, self._sweep.hosts = self._sweep.hosts, {}
        return taken

    def _owner(self, resource: Resource, action: Action | None) -> str:
        left_alone = action.reason if action and action.verb == "leave" else ""
        return str(whose(self._leases, resource.state, left_alone))


def result(handled: Handled) -> str:
    """Return how a sweep went: GOOD, REFUSED or FAILED; "" if it was none."""
    if handled.event_name != RECONCILE:
        return ""
    if handled.error:
        return REFUSED if type(handled.error).__name__ == "SweepRefusedError" else FAILED
    done = handled.outcome and handled.outcome.action == "reconciled"
    return GOOD if done else ""
