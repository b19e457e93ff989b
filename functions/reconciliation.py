"""Sweep: compare every host of every vCenter with vRealize Operations, and repair what differs.

``plan`` decides, and does nothing; ``reconcile`` reads, lets it decide, writes, and looks again.
The API does not tell when a window ends, so each sweep renews the lease of every host that is
still in maintenance mode. Decision 0013 says what a sweep stops for.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

from functions.context import Context, Policy
from functions.convergence import converge
from functions.errors import MaintenanceError, SweepRefusedError, VCenterUnavailableError
from functions.outcomes import Action, Outcome, SweepListener, Verb
from functions.ports import Resource, ResourceState, VCenter, VCenterHost

T = TypeVar("T")
_Decision = tuple[Verb, str]

_LEAST_LIMIT: Final = 50
_LIMITED_SHARE: Final = 5
_PROGRESS: Final = 500

_MISSED: Final[_Decision] = ("start", "in maintenance mode, but monitored")
_STILL: Final[_Decision] = ("renew", "still in maintenance mode")
_OVER: Final[_Decision] = ("end", "not in maintenance mode any more")
_A_PERSONS: Final[_Decision] = ("leave", "open-ended, so a person's, since ours have a lease")
_ANYONES: Final[_Decision] = ("leave", "open-ended, so perhaps a person's; --adopt ends it")
_ANOTHERS: Final[_Decision] = ("leave", "a timed window, so not ours, since ours have no lease")

# Whether there are leases, whether the host is in maintenance mode, and its resource's state.
# Decision 0005 says why that tells whose maintenance it is.
_RULES: Final[Mapping[tuple[bool, bool, ResourceState], _Decision]] = {
    (True, True, ResourceState.MONITORED): _MISSED,
    (True, True, ResourceState.TIMED): _STILL,
    (True, True, ResourceState.OPEN_ENDED): _A_PERSONS,
    (True, False, ResourceState.TIMED): _OVER,
    (True, False, ResourceState.OPEN_ENDED): _A_PERSONS,
    (False, True, ResourceState.MONITORED): _MISSED,
    (False, False, ResourceState.TIMED): _ANOTHERS,
    (False, False, ResourceState.OPEN_ENDED): _ANYONES,
}
_ADOPTING: Final[Mapping[tuple[bool, bool, ResourceState], _Decision]] = {
    **_RULES,
    (True, False, ResourceState.OPEN_ENDED): _OVER,
    (False, False, ResourceState.OPEN_ENDED): _OVER,
}


def plan(
    vcenter_hosts: Iterable[VCenterHost],
    resources: Iterable[Resource],
    policy: Policy,
    now: datetime,
    adopt: bool = False,
) -> list[Action]:
    """Return what a sweep of one vCenter does, an Action for each host that is not just right.

    With ``adopt``, open-ended maintenance is taken for ours where the host is not in maintenance
    mode. Hosts are matched by their MoRefs; of two resources with the same one, neither is touched.
    """
    known = _by_moref(resources)
    lease = policy.lease_minutes
    until = now + timedelta(minutes=lease) if lease else None
    rules = _ADOPTING if adopt else _RULES
    actions = []
    for each in vcenter_hosts:
        found = known.pop(each.host.moref, [])
        if len(found) != 1:
            actions.append(Action("report", each.host, _incomparable(found)))
        elif decision := rules.get((bool(lease), each.in_maintenance_mode, found[0].state)):
            actions.append(_action(decision, each, found[0], until))
    return [*actions, *(_left_over(each) for group in known.values() for each in group)]


@dataclass
class Report:
    """How a sweep went.

    ``hosts`` counts those that were compared. ``actions`` were planned, and done unless the sweep
    was a dry run or there is a ``refusal``; ``unseen`` are those of them whose new state did not
    show in time, and ``corrections`` what became of hosts that changed their mode meanwhile.
    """

    hosts: int = 0
    actions: list[Action] = field(default_factory=list)
    unseen: list[Action] = field(default_factory=list)
    corrections: list[Outcome] = field(default_factory=list)
    faults: list[MaintenanceError] = field(default_factory=list)
    refusal: SweepRefusedError | None = None

    def counts(self) -> dict[Verb, int]:
        """Return how many actions there are of each kind."""
        return {verb: sum(each.verb == verb for each in self.actions) for verb in _VERBS}

    def summary(self) -> str:
        """Return the counts in words."""
        counted = ", ".join(f"{count} {_VERBS[verb]}" for verb, count in self.counts().items())
        return f"{self.hosts} hosts compared: {counted}"


_VERBS: Final[Mapping[Verb, str]] = {
    "start": "started",
    "renew": "renewed",
    "end": "ended",
    "leave": "left alone",
    "report": "not comparable",
}


def reconcile(context: Context, *, dry_run: bool = False, adopt: bool = False) -> Report:
    """Sweep all vCenters; what fails for one of them is in the report, and spares the others.

    A sweep that would change more hosts than it may changes none, and neither does one of a
    vCenter whose answer cannot be the truth.
    """
    report = Report()
    for vcenter in context.vcenters:
        with _noting(vcenter.address, report, context.listener):
            _survey(vcenter, context, adopt, report)
    context.listener.planned(report.actions)
    report.refusal = _refusal(report, context.policy.max_changes)
    if not dry_run and not report.refusal:
        # End first: of two things that may fail, a silenced host is the worse.
        for write in (_end, _start):
            with _noting("vRealize Operations", report, context.listener):
                write(report, context)
        for vcenter in context.vcenters:
            with _noting(vcenter.address, report, context.listener):
                _look_again(vcenter, context, report)
    return report


@contextmanager
def _noting(where: str, report: Report, listener: SweepListener) -> Iterator[None]:
    try:
        yield
    except MaintenanceError as error:
        report.faults.append(error)
        listener.failed(where, error)


def _survey(vcenter: VCenter, context: Context, adopt: bool, report: Report) -> None:
    address, listener = vcenter.address, context.listener
    hosts = list(_counted(vcenter.hosts(), listener, address, "vCenter"))
    listed = context.operations.resources(address)
    resources = list(_counted(listed, listener, address, "vRealize Operations"))
    report.hosts += _compared(address, hosts, resources)
    report.actions += plan(hosts, resources, context.policy, context.now(), adopt)


def _counted(items: Iterable[T], listener: SweepListener, vcenter: str, side: str) -> Iterator[T]:
    count = 0
    for count, item in enumerate(items, 1):
        if count % _PROGRESS == 0:
            listener.read(vcenter, side, count)
        yield item
    if count % _PROGRESS or not count:
        listener.read(vcenter, side, count)


def _compared(address: str, hosts: Sequence[VCenterHost], resources: Sequence[Resource]) -> int:
    """Return how many hosts both sides know.

    Raises VCenterUnavailableError for an answer that would end or miss too much to be true.
    """
    if not hosts:
        raise VCenterUnavailableError(f"{address} says that it has no hosts; taken for a fault")
    known = {resource.moref for resource in resources}
    there = len(known & {each.host.moref for each in hosts})
    if 2 * there < len(known):
        raise VCenterUnavailableError(
            f"{address} has only {there} of the {len(known)} hosts that vRealize Operations"
            " knows of it; taken for a fault"
        )
    return there


def _refusal(report: Report, max_changes: int | None) -> SweepRefusedError | None:
    changes = sum(action.changes for action in report.actions)
    limit = max(_LEAST_LIMIT, report.hosts // _LIMITED_SHARE)
    limit = limit if max_changes is None else max_changes
    if changes <= limit:
        return None
    return SweepRefusedError(
        f"would change {changes} of {report.hosts} hosts, more than {limit}"
        " (RECONCILE_MAX_CHANGES), so nothing was changed"
    )


def _end(report: Report, context: Context) -> None:
    resources = _chosen(report, "end")
    _note(context.operations.end_all(resources), report, context.listener)


def _start(report: Report, context: Context) -> None:
    resources = _chosen(report, "start", "renew")
    written = context.operations.start_all(resources, context.policy.lease_minutes)
    _note(written, report, context.listener)


def _chosen(report: Report, *verbs: Verb) -> list[Resource]:
    return [each.resource for each in report.actions if each.resource and each.verb in verbs]


def _note(
    written: Iterable[tuple[Resource, bool]], report: Report, listener: SweepListener
) -> None:
    """Write, which happens as this is iterated, and tell of each as it is done."""
    actions = {each.resource.identifier: each for each in report.actions if each.resource}
    for resource, seen in written:
        action = actions[resource.identifier]
        if not seen:
            report.unseen.append(action)
        listener.done(action, seen)


def _look_again(vcenter: VCenter, context: Context, report: Report) -> None:
    """Ask once more, since hosts may have changed their mode after they were compared."""
    written = {
        action.host.moref: action.verb != "end"
        for action in report.actions
        if action.host.vcenter == vcenter.address and action.verb in ("start", "renew", "end")
    }
    for each in vcenter.hosts() if written else ():
        in_maintenance = each.in_maintenance_mode
        if written.get(each.host.moref, in_maintenance) != in_maintenance:
            with _noting(str(each.host), report, context.listener):
                _correct(each, vcenter, context, report)


def _correct(each: VCenterHost, vcenter: VCenter, context: Context, report: Report) -> None:
    outcome = converge(
        each.host, each.in_maintenance_mode, context.operations, vcenter, context.policy
    )
    report.corrections.append(outcome)
    context.listener.corrected(outcome)


def _by_moref(resources: Iterable[Resource]) -> dict[str, list[Resource]]:
    grouped: defaultdict[str, list[Resource]] = defaultdict(list)
    for resource in resources:
        grouped[resource.moref].append(resource)
    return dict(grouped)


def _incomparable(found: Sequence[Resource]) -> str:
    if not found:
        return "unknown to vRealize Operations"
    return f"{len(found)} resources have its MoRef; none of them is touched"


def _action(
    decision: _Decision, each: VCenterHost, resource: Resource, until: datetime | None
) -> Action:
    verb, reason = decision
    ends = until if verb in ("start", "renew") else None
    return Action(verb, each.host, reason, resource, ends)


def _left_over(resource: Resource) -> Action:
    return Action("report", resource.host, f"unknown to its vCenter; {resource.state}", resource)
