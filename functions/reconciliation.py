"""Sweep: compare every host of every vCenter with vRealize Operations, and repair what differs.

``reconcile`` reads both sides, lets ``sweep_plan`` decide, writes, and looks again. The API does
not tell when a window ends, so each sweep renews the lease of every host that is still in
maintenance mode, from the time on when it could end. Decision 0013 has the reasons.

Several vCenters are asked side by side, and both sides of each at the same time. What is found out
there is small, but for the hosts of those that are being compared; it is told, and written, in the
sweep's own thread.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Generic, TypeVar

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

    def add(self, other: "Report") -> None:
        """Add how it went with one more vCenter."""
        self.hosts += other.hosts
        self.companions += other.companions
        self.actions += other.actions
        self.corrections += other.corrections
        self.overdue += other.overdue
        self.faults += other.faults

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
    _survey_all(_identified(report, context), context, adopt, report)
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
        _look_again(context, report)
    return report


@dataclass
class _Part(Generic[T]):
    """What one vCenter was asked: how that went, and what it has told (None: nothing).

    Faults are told of by whoever takes it.
    """

    number: int
    vcenter: VCenter
    report: Report = field(default_factory=Report)
    told: T | None = None


def _ask_all(
    vcenters: Iterable[VCenter], ask: Callable[[VCenter, Report], T], context: Context
) -> Iterator[_Part[T]]:
    """Ask vCenters side by side; yields each as soon as it is done, with its faults told."""
    tasks = [partial(_ask, ask, number, each) for number, each in enumerate(vcenters)]
    for part in context.together(tasks):
        for error in part.report.faults:
            context.listener.failed(part.vcenter.address, error)
        yield part


def _ask(ask: Callable[[VCenter, Report], T], number: int, vcenter: VCenter) -> _Part[T]:
    part: _Part[T] = _Part(number, vcenter)
    with _noting_faults(part.report):
        part.told = ask(vcenter, part.report)
    return part


def _add(parts: Iterable[_Part[T]], report: Report) -> Sequence[_Part[T]]:
    """Add all ``parts`` to the report in the order of their vCenters, and return them so."""
    in_order = sorted(parts, key=lambda each: each.number)
    for part in in_order:
        report.add(part.report)
    return in_order


def _identified(report: Report, context: Context) -> Sequence[VCenter]:
    """Return those that say who they are, all of them asked before any is compared."""

    def identify(vcenter: VCenter, part: Report) -> bool:
        context.vcenters.identify(vcenter)
        return True

    parts = _add(_ask_all(context.vcenters, identify, context), report)
    return [each.vcenter for each in parts if each.told]


@contextmanager
def _noting_faults(report: Report) -> Iterator[None]:
    """Let what fails spare what comes next; whoever takes the report tells of it."""
    try:
        yield
    except MaintenanceError as error:
        report.faults.append(error)


@contextmanager
def _collecting_faults(where: str, report: Report, listener: SweepListener) -> Iterator[None]:
    try:
        yield
    except MaintenanceError as error:
        report.faults.append(error)
        listener.failed(where, error)


@dataclass(frozen=True)
class _Compared:
    """All that was read of one vCenter, and what there is to do: see SweepListener.compared."""

    hosts: Sequence[VCenterHost]
    resources: Sequence[Resource]
    actions: Sequence[Action]
    companions: Sequence[Companion]


def _survey_all(vcenters: Sequence[VCenter], context: Context, adopt: bool, report: Report) -> None:
    """Compare all vCenters; of each that was told of, no more is kept than what is to be done."""
    survey = partial(_survey, adopt=adopt, context=context)
    parts: list[_Part[_Compared]] = []
    for part in _ask_all(vcenters, survey, context):
        if found := part.told:
            listener, address = context.listener, part.vcenter.address
            listener.compared(
                address, found.hosts, found.resources, found.actions, found.companions
            )
        part.told = found = None
        parts.append(part)
    _add(parts, report)


def _survey(vcenter: VCenter, report: Report, context: Context, adopt: bool) -> _Compared:
    address = vcenter.address
    context.vcenters.identify(vcenter)
    hosts, resources = _hosts(vcenter, context)
    report.hosts += _checked(address, hosts, resources)
    modes = {each.host.moref: each.in_maintenance_mode for each in hosts}
    companions, theirs = _companions(vcenter, context, report)
    things = [*hosts, *(each.with_mode(modes) for each in companions)]
    resources += theirs
    policy, now = context.policy, context.now()
    reading = partial(changes_that_matter, vcenter, things, resources, policy, now)
    changes = with_companions(_asked(reading, report), companions, modes)
    since = period_start(policy, now)
    silenced = [each for each in resources if each.state.maintained]
    ours = {each.identifier for each in silenced if context.memory.has_started(each, since)}
    planned = plan(things, resources, policy, now, changes, adopt, ours)
    actions = [_noticed(_sure(each, vcenter), context) for each in planned]
    report.actions += actions
    report.overdue += _overdue(vcenter, hosts, context, report)
    return _Compared(hosts, resources, actions, companions)


def _hosts(vcenter: VCenter, context: Context) -> tuple[list[VCenterHost], list[Resource]]:
    """Read all hosts of a vCenter, from both sides."""
    address, listener = vcenter.address, context.listener

    def theirs() -> Iterable[VCenterHost]:
        return _counted(vcenter.hosts(), listener, address, "vCenter")

    def known() -> Iterable[Resource]:
        listed = context.operations.resources(address)
        return _counted(listed, listener, address, "vRealize Operations")

    return _both(theirs, known, context)


def _both(
    theirs: Callable[[], Iterable[T]], known: Callable[[], Iterable[Resource]], context: Context
) -> tuple[list[T], list[Resource]]:
    """Read both sides to their ends, at the same time: ``theirs``, and what is ``known`` of it.

    Raises what vCenter does, or else what vRealize Operations does.
    """
    things: list[T] = []
    resources: list[Resource] = []
    sides = (lambda: things.extend(theirs()), lambda: resources.extend(known()))
    faults = dict(context.together([partial(_fault, *each) for each in enumerate(sides)]))
    if fault := faults[0] or faults[1]:
        raise fault
    return things, resources


def _fault(number: int, read: Callable[[], None]) -> tuple[int, MaintenanceError | None]:
    try:
        read()
    except MaintenanceError as error:
        return number, error
    return number, None


def _companions(
    vcenter: VCenter, context: Context, report: Report
) -> tuple[list[Companion], list[Resource]]:
    """Read all companions; a kind that cannot be compared spares all others."""
    companions: list[Companion] = []
    resources: list[Resource] = []
    for kind in context.policy.includes:
        with _noting_faults(report):
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
    listed, known = _both(
        lambda: vcenter.companions([kind]),
        lambda: context.operations.resources(vcenter.address, kind),
        context,
    )
    _check(vcenter.address, [each.ref for each in listed], known)
    return listed, known


def _overdue(
    vcenter: VCenter, hosts: Sequence[VCenterHost], context: Context, report: Report
) -> Iterator[Overdue]:
    """Find the hosts that somebody may have forgotten in maintenance mode."""
    in_maintenance = {each.host.moref: each.host for each in hosts if each.in_maintenance_mode}
    entered = _asked(partial(vcenter.entered, in_maintenance), report) if in_maintenance else None
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


def _asked(ask: Callable[[], T], report: Report) -> T | None:
    """Ask for what a sweep can do without; None, which is no evidence, where it is not told."""
    try:
        return ask()
    except RequestRejectedError:
        return None
    except MaintenanceError as error:
        report.faults.append(error)
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


def _look_again(context: Context, report: Report) -> None:
    """Ask once more, since hosts may have changed their mode after they were compared."""
    written = _modes_written(report)
    vcenters = [each for each in context.vcenters if each.address in written]
    parts: list[_Part[list[VCenterHost]]] = []
    for part in _ask_all(vcenters, partial(_changed, written=written), context):
        for host in part.told or ():
            with _collecting_faults(str(host.host), part.report, context.listener):
                _correct(host, part.vcenter, context, part.report)
        parts.append(part)
    _add(parts, report)


def _modes_written(report: Report) -> Mapping[str, Mapping[HostRef, bool]]:
    """Return, by vCenter, of what was written whether it was put into maintenance."""
    verbs = ("renew",) if report.refusal else ("start", "renew", "end")
    written: defaultdict[str, dict[HostRef, bool]] = defaultdict(dict)
    for action in report.actions:
        if action.verb in verbs:
            written[action.host.vcenter][action.host] = action.verb != "end"
    return written


def _changed(
    vcenter: VCenter, report: Report, written: Mapping[str, Mapping[HostRef, bool]]
) -> list[VCenterHost]:
    """Return what ``_changed_since`` finds, also if it does not come to its end."""
    found: list[VCenterHost] = []
    with _noting_faults(report):
        found.extend(_changed_since(written[vcenter.address], vcenter))
    return found


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
