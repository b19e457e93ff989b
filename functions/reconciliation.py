"""Sweep: compare every host of every vCenter with vRealize Operations, and repair what differs.

``reconcile`` reads both sides, lets ``sweep_plan`` decide, writes, and looks again. The API does
not tell when a window ends, so each sweep renews the lease of every host that is still in
maintenance mode, from the time on when it could end. Decision 0013 has the reasons.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from functions.context import Context
from functions.convergence import converge
from functions.errors import (
    HostGoneError,
    MaintenanceError,
    RequestRejectedError,
    SweepRefusedError,
    VCenterUnavailableError,
)
from functions.events import HostRef
from functions.mode_sources import AskedVCenter
from functions.outcomes import Action, Outcome, Overdue, SweepListener, Verb
from functions.ownership import changes_that_matter, period_start, with_companions
from functions.ports import Companion, ModeChange, Resource, VCenter, VCenterHost
from functions.sweep_plan import GONE, plan

T = TypeVar("T")
_Write = Callable[[Sequence[Resource]], Iterator[tuple[Resource, bool]]]

_DEFAULT_MAX_CHANGES: Final = 50
_COMPARED_PER_CHANGE: Final = 5
_PROGRESS: Final = 500


@dataclass
class Report:
    """How a sweep went.

    ``hosts`` and ``companions`` count those that were compared. ``actions`` were planned, and done
    unless the sweep was a dry run or there is a ``refusal``; ``unseen`` are those of them whose new
    state did not show in time, and ``corrections`` what became of hosts that changed their mode
    meanwhile.
    """

    hosts: int = 0
    companions: int = 0
    actions: list[Action] = field(default_factory=list)
    unseen: list[Action] = field(default_factory=list)
    corrections: list[Outcome] = field(default_factory=list)
    overdue: list[Overdue] = field(default_factory=list)
    faults: list[MaintenanceError] = field(default_factory=list)
    refusal: SweepRefusedError | None = None

    @property
    def needs_attention(self) -> bool:
        """Whether there is anything for a person to look at that was not told of before."""
        left = (each.is_new for each in self.actions if each.verb == "leave")
        return any(left) or any(each.is_new for each in self.overdue)

    def counts(self) -> dict[Verb, int]:
        """Return how many actions there are of each kind."""
        return {verb: sum(each.verb == verb for each in self.actions) for verb in _VERBS}

    def summary(self) -> str:
        """Return the counts in words."""
        counted = ", ".join(f"{count} {_VERBS[verb]}" for verb, count in self.counts().items())
        companions = f" and {self.companions} companions" if self.companions else ""
        return f"{self.hosts} hosts{companions} compared: {counted}"


_VERBS: Final[Mapping[Verb, str]] = {
    "start": "started",
    "renew": "renewed",
    "end": "ended",
    "leave": "left alone",
    "report": "not comparable",
}


def reconcile(context: Context, *, dry_run: bool = False, adopt: bool = False) -> Report:
    """Sweep all vCenters; what fails for one of them is in the report, and spares the others.

    A sweep that would change more hosts than it may starts and ends none, and only renews what
    would end during work. A vCenter whose answer cannot be the truth is left out of it.
    """
    report = Report()
    for vcenter in _identified(report, context):
        with _collecting_faults(vcenter.address, report, context.listener):
            _survey(vcenter, context, adopt, report)
    report.refusal = _refusal(report, context.policy.max_changes, dry_run=dry_run)
    if report.refusal:
        context.listener.refused(report.refusal)
    context.listener.planned(report.actions)
    _tell_overdue(report, context)
    if not dry_run:
        # End first: of two things that may fail, a silenced host is the worse.
        for write in (_renew,) if report.refusal else (_end, _start):
            with _collecting_faults("vRealize Operations", report, context.listener):
                write(report, context)
        for vcenter in context.vcenters:
            with _collecting_faults(vcenter.address, report, context.listener):
                _look_again(vcenter, context, report)
    return report


def _identified(report: Report, context: Context) -> Sequence[VCenter]:
    """Return those that say who they are, all of them asked before any is compared."""
    identified: list[VCenter] = []
    for vcenter in context.vcenters:
        with _collecting_faults(vcenter.address, report, context.listener):
            context.vcenters.identify(vcenter)
            identified.append(vcenter)
    return identified


@contextmanager
def _collecting_faults(where: str, report: Report, listener: SweepListener) -> Iterator[None]:
    try:
        yield
    except MaintenanceError as error:
        report.faults.append(error)
        listener.failed(where, error)


def _survey(vcenter: VCenter, context: Context, adopt: bool, report: Report) -> None:
    address, listener = vcenter.address, context.listener
    context.vcenters.identify(vcenter)
    hosts = list(_counted(vcenter.hosts(), listener, address, "vCenter"))
    listed = context.operations.resources(address)
    resources = list(_counted(listed, listener, address, "vRealize Operations"))
    report.hosts += _checked(address, hosts, resources)
    modes = {each.host.moref: each.in_maintenance_mode for each in hosts}
    companions, theirs = _companions(vcenter, context, report)
    things = [*hosts, *(each.with_mode(modes) for each in companions)]
    resources += theirs
    policy, now = context.policy, context.now()
    reading = partial(changes_that_matter, vcenter, things, resources, policy, now)
    changes = with_companions(_asked(reading, vcenter, context, report), companions, modes)
    since = period_start(policy, now)
    ours = {each.identifier for each in resources if context.memory.has_started(each, since)}
    planned = plan(things, resources, policy, now, changes, adopt, ours)
    actions = [_noticed(_sure(each, vcenter), context) for each in planned]
    report.actions += actions
    report.overdue += _overdue(vcenter, hosts, context, report)
    listener.compared(address, hosts, resources, actions, companions)


def _companions(
    vcenter: VCenter, context: Context, report: Report
) -> tuple[list[Companion], list[Resource]]:
    """Read all companions; a kind that cannot be compared spares all others."""
    companions: list[Companion] = []
    resources: list[Resource] = []
    for kind in context.policy.includes:
        with _collecting_faults(vcenter.address, report, context.listener):
            listed, known = companions_of(kind, vcenter, context)
            report.companions += _known_to_both([each.ref for each in listed], known)
            companions += listed
            resources += known
    return companions, resources


def companions_of(
    kind: str, vcenter: VCenter, context: Context
) -> tuple[Sequence[Companion], Sequence[Resource]]:
    """Read all companions of a kind, from both sides.

    Raises VCenterUnavailableError if vCenter's answer cannot be the truth, and what both do.
    """
    listed = list(vcenter.companions([kind]))
    known = list(context.operations.resources(vcenter.address, kind))
    _check(vcenter.address, [each.ref for each in listed], known)
    return listed, known


def _overdue(
    vcenter: VCenter, hosts: Sequence[VCenterHost], context: Context, report: Report
) -> Iterator[Overdue]:
    """Find the hosts that somebody may have forgotten in maintenance mode."""
    in_maintenance = {each.host.moref: each.host for each in hosts if each.in_maintenance_mode}
    entered = (
        _asked(partial(vcenter.entered, in_maintenance), vcenter, context, report)
        if in_maintenance
        else None
    )
    if entered is None:
        return
    allowed = timedelta(days=context.policy.overdue_days)
    for moref, host in in_maintenance.items():
        change = entered.get(moref)
        if in_for_longer(change, allowed, context.now()):
            told = context.memory.noticed(("overdue", host, context.now().date()))
            yield Overdue(host, change, is_new=not told)


def in_for_longer(entered: ModeChange | None, than: timedelta, now: datetime) -> bool:
    """Whether a host in maintenance mode has been so for longer, by what VCenter.entered found.

    What is not found (None) is longer ago than its vCenter remembers.
    """
    return entered is None or now - entered.at > than


def _asked(ask: Callable[[], T], vcenter: VCenter, context: Context, report: Report) -> T | None:
    """Ask for what a sweep can do without; None, which is no evidence, where it is not told."""
    try:
        return ask()
    except RequestRejectedError:
        return None
    except MaintenanceError as error:
        report.faults.append(error)
        context.listener.failed(vcenter.address, error)
        return None


def _sure(action: Action, vcenter: VCenter) -> Action:
    """Ask before a host is taken for gone: our account may not see it in the list, or its mode."""
    if action.reason != GONE or action.resource is None:
        return action
    try:
        if not _has(action.resource, vcenter):
            return action
    except RequestRejectedError:
        pass  # One that may not be asked for must not hold up all others.
    return replace(action, verb="report", reason="its vCenter has it, but does not list it")


def _has(resource: Resource, vcenter: VCenter) -> bool:
    if not resource.host.is_host:
        return vcenter.has(resource.host)
    try:
        vcenter.in_maintenance_mode(resource.moref)
    except HostGoneError:
        return False
    return True


def _noticed(action: Action, context: Context) -> Action:
    """Say of maintenance that is left alone whether it was told of before."""
    if action.verb != "leave":
        return action
    told = context.memory.noticed(("left", action.host, action.reason))
    return replace(action, is_new=not told)


def _tell_overdue(report: Report, context: Context) -> None:
    for found in report.overdue:
        context.listener.overdue(found)


def _counted(items: Iterable[T], listener: SweepListener, vcenter: str, side: str) -> Iterator[T]:
    count = 0
    for count, item in enumerate(items, 1):
        if count % _PROGRESS == 0:
            listener.read(vcenter, side, count)
        yield item
    if count % _PROGRESS or not count:
        listener.read(vcenter, side, count)


def _checked(address: str, hosts: Sequence[VCenterHost], resources: Sequence[Resource]) -> int:
    """Return how many hosts both sides know.

    Raises VCenterUnavailableError for an answer that would end or miss too much to be true.
    """
    if not hosts:
        raise VCenterUnavailableError(f"{address} says that it has no hosts; taken for a fault")
    listed = [each.host for each in hosts]
    _check(address, listed, resources)
    return _known_to_both(listed, resources)


def _check(address: str, listed: Sequence[HostRef], resources: Sequence[Resource]) -> None:
    """Raise VCenterUnavailableError if most of what is known of one kind were gone."""
    known, there = len(_morefs(resources)), _known_to_both(listed, resources)
    if 2 * there < known:
        raise VCenterUnavailableError(
            f"{address} has only {there} of the {known} {resources[0].host.word}s that vRealize"
            " Operations knows of it; taken for a fault"
        )


def _known_to_both(listed: Iterable[HostRef], resources: Iterable[Resource]) -> int:
    return len(_morefs(resources) & {each.moref for each in listed})


def _morefs(resources: Iterable[Resource]) -> set[str]:
    return {each.moref for each in resources}


def _refusal(report: Report, max_changes: int | None, *, dry_run: bool) -> SweepRefusedError | None:
    """Return why the sweep may not change that much: of hosts, or of what goes with them."""
    hosts = [each.changes for each in report.actions if each.host.is_host]
    companions = [each.changes for each in report.actions if not each.host.is_host]
    counted = ((hosts, report.hosts, "hosts"), (companions, report.companions, "companions"))
    for changes, compared, what in counted:
        limit = max(_DEFAULT_MAX_CHANGES, compared // _COMPARED_PER_CHANGE)
        limit = limit if max_changes is None else max_changes
        if sum(changes) > limit:
            renewed = "" if dry_run else _but_renewed(report)
            return SweepRefusedError(
                f"would change {sum(changes)} of {compared} {what}, more than {limit}"
                f" (RECONCILE_MAX_CHANGES), so nothing was changed{renewed}"
            )
    return None


def _but_renewed(report: Report) -> str:
    renewed = report.counts()["renew"]
    return f"; renewed all the same: {renewed}" if renewed else ""


def _end(report: Report, context: Context) -> None:
    _write_and_tell(_chosen(report, "end"), context.operations.end_all, report, context.listener)


def _start(report: Report, context: Context) -> None:
    _write_windows(_chosen(report, "start", "renew"), report, context)


def _renew(report: Report, context: Context) -> None:
    _write_windows(_chosen(report, "renew"), report, context)


def _write_windows(resources: Sequence[Resource], report: Report, context: Context) -> None:
    def start(several: Sequence[Resource]) -> Iterator[tuple[Resource, bool]]:
        written = context.operations.start_all(several, context.policy.lease_minutes)
        return _remembered(written, context)

    _write_and_tell(resources, start, report, context.listener)


def _remembered(
    written: Iterable[tuple[Resource, bool]], context: Context
) -> Iterator[tuple[Resource, bool]]:
    for resource, seen in written:
        context.memory.started(resource, context.now())
        yield resource, seen


def _chosen(report: Report, *verbs: Verb) -> list[Resource]:
    return [each.resource for each in report.actions if each.resource and each.verb in verbs]


def _write_and_tell(
    resources: Sequence[Resource], write: _Write, report: Report, listener: SweepListener
) -> None:
    """Write, which happens as this is iterated, and tell of each as it is done."""
    actions = {each.resource.identifier: each for each in report.actions if each.resource}
    for resource, seen in _written(resources, write):
        action = actions[resource.identifier]
        if not seen:
            report.unseen.append(action)
        listener.done(action, seen)


def _written(resources: Sequence[Resource], write: _Write) -> Iterator[tuple[Resource, bool]]:
    """Write the hosts, and then their companions, whatever becomes of those."""
    companions = {each.identifier: each for each in resources if not each.host.is_host}
    yield from write([each for each in resources if each.host.is_host])
    try:
        for resource, seen in write([*companions.values()]):
            del companions[resource.identifier]
            yield resource, seen
    except RequestRejectedError:
        yield from _one_by_one([*companions.values()], write)


def _one_by_one(companions: Sequence[Resource], write: _Write) -> Iterator[tuple[Resource, bool]]:
    """Write where not all may be written.

    Raises RequestRejectedError in the end if there are such indeed.
    """
    refused: list[str] = []
    for each in companions:
        try:
            yield from write([each])
        except RequestRejectedError as error:
            refused.append(f"{each.host}: {error}")
    if refused:
        raise RequestRejectedError(f"{len(refused)} companions are left, such as {refused[0]}")


def _look_again(vcenter: VCenter, context: Context, report: Report) -> None:
    """Ask once more, since hosts may have changed their mode after they were compared."""
    verbs = ("renew",) if report.refusal else ("start", "renew", "end")
    written = {
        action.host: action.verb != "end"
        for action in report.actions
        if action.host.vcenter == vcenter.address and action.verb in verbs
    }
    for host in _changed_since(written, vcenter) if written else ():
        with _collecting_faults(str(host.host), report, context.listener):
            _correct(host, vcenter, context, report)


def _changed_since(written: Mapping[HostRef, bool], vcenter: VCenter) -> Iterator[VCenterHost]:
    """Find the hosts that are not, or whose companions are not, as they were written."""
    wanted = {ref.moref: mode for ref, mode in written.items()}
    hosts: dict[str, VCenterHost] = {}
    for host in vcenter.hosts():
        hosts[host.host.moref] = host
        if wanted.get(host.host.moref, host.in_maintenance_mode) != host.in_maintenance_mode:
            yield host
    kinds = {ref.kind for ref in written if not ref.is_host}
    modes = {moref: host.in_maintenance_mode for moref, host in hosts.items()}
    for companion in vcenter.companions(kinds) if kinds else ():
        mode = companion.in_maintenance(modes)
        if wanted.get(companion.ref.moref, mode) != mode:
            # If it is not in maintenance, one of its hosts says why.
            yield from [hosts[each] for each in companion.hosts if modes.get(each) == mode][:1]


def _correct(each: VCenterHost, vcenter: VCenter, context: Context, report: Report) -> None:
    """Look at the host, and at all that goes with it, as an event of it would."""
    asked = AskedVCenter(vcenter, context)
    outcome = converge(each.host, each.in_maintenance_mode, asked, context)
    report.corrections.append(outcome)
    context.listener.corrected(outcome)
