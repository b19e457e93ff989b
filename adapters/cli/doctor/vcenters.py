"""Does a vCenter let us in, and do both sides know the same hosts?"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from adapters.board import comparison
from adapters.cli.doctor import clocks
from adapters.cli.doctor.findings import Finding, Findings, failed, note, ok, skipped, tried
from adapters.cli.ports import ExtendedVCenter
from adapters.vrops.models import Instance
from functions.context import Context
from functions.errors import MaintenanceError, RequestRejectedError
from functions.events import COMPANIONS
from functions.ownership import changes_that_matter
from functions.ports import ModeChange, Resource, VCenterHost
from functions.reconciliation import companions_of

_ASKED: Final = ("login", "version", "clock", "hosts", "history")
_BOTH: Final = ("collected", "one host", "maintenance")
_CREDENTIALS: Final = "are VCENTER_USERNAME (user@domain) and VCENTER_PASSWORD right?"
_READ_ONLY: Final = "its account needs the role Read-only on the vCenter itself, propagated"
_SEES_ALL: Final = "both accounts' scopes need what MAINTENANCE_INCLUDES names"
_UNREADABLE: Final = "sweeps cannot tell whose a timed window is, so they leave it"
_UNLISTED: Final = "see what it answers to /sdk/vimServiceVersions.xml"
_DAY_MINUTES: Final = 24 * 60


def examined(
    vsphere: ExtendedVCenter,
    context: Context,
    instances: Sequence[Instance] | None,
    reachable: bool,
) -> Findings:
    """Yield what it says, and how that fits what vRealize Operations says.

    ``instances`` are the vCenters that are collected, None where that could not be read.
    """
    if not reachable:
        yield from skipped(*_ASKED, *_BOTH, because="it cannot be reached")
        return
    login = tried("login", lambda: _let_in(vsphere), _CREDENTIALS)
    yield login
    if login.result == "failed":
        yield from skipped(*_ASKED[1:], *_BOTH, because="it does not let us in")
        return
    yield tried("version", lambda: _version(vsphere))
    yield tried("clock", lambda: clocks.compared(vsphere.now()))
    hosts: list[VCenterHost] = []
    yield tried("hosts", lambda: _read(vsphere, hosts))
    yield tried("history", lambda: _history(vsphere, context.policy.lease_minutes or _DAY_MINUTES))
    if instances is None:
        yield from skipped(*_BOTH, because="vRealize Operations does not let us in")
        return
    yield tried("collected", lambda: _collected(vsphere, instances))
    yield from _on_both_sides(vsphere, context, hosts)


def not_configured(instances: Sequence[Instance], vspheres: Sequence[ExtendedVCenter]) -> Findings:
    """Yield the vCenters that are collected, but not configured."""
    for instance in instances:
        if not any(_collects(instance, vsphere) for vsphere in vspheres):
            who = instance.address or instance.uuid or "without an address"
            found = f"vCenter {who} is collected, but not configured here"
            yield note("collected", found, "its hosts are mirrored by events alone")


def _let_in(vsphere: ExtendedVCenter) -> Finding:
    uuid = vsphere.instance_uuid
    return ok("login", f"it takes the user name and the password; its UUID is {uuid}")


def _version(vsphere: ExtendedVCenter) -> Finding:
    spoken = f"vSphere API {vsphere.api_version()}"
    if vsphere.lists_api_versions():
        return ok("version", f"{spoken}, the newest that both know")
    return note("version", f"{spoken}, since it does not list which ones it speaks", _UNLISTED)


def _read(vsphere: ExtendedVCenter, hosts: list[VCenterHost]) -> Finding:
    hosts += vsphere.hosts()
    if not hosts:
        return failed("hosts", "it shows us no hosts", _READ_ONLY)
    in_mode = sum(each.in_maintenance_mode for each in hosts)
    return ok("hosts", f"{len(hosts)}, {in_mode} of them in maintenance mode")


def _history(vsphere: ExtendedVCenter, minutes: int) -> Finding:
    """Look back as far as a sweep does: for a lease, or for a day where there are none."""
    try:
        changes = vsphere.mode_changes(vsphere.now() - timedelta(minutes=minutes))
    except RequestRejectedError:
        return failed("history", f"not readable: {_UNREADABLE}", _READ_ONLY)
    events = f"{len(changes)} event{'' if len(changes) == 1 else 's'} of hosts"
    return ok("history", f"{events} that entered or left, in the last {minutes} minutes")


def _collected(vsphere: ExtendedVCenter, instances: Iterable[Instance]) -> Finding:
    if any(_collects(instance, vsphere) for instance in instances):
        return ok("collected", "an adapter instance of vRealize Operations is its own")
    found = f"no adapter instance is that of {vsphere.address}, by address or UUID"
    return failed("collected", found, "add this vCenter to vRealize Operations")


def _collects(instance: Instance, vsphere: ExtendedVCenter) -> bool:
    if instance.address == vsphere.address:
        return True
    try:
        return instance.uuid.casefold() == vsphere.instance_uuid.casefold()
    except MaintenanceError:
        return False


def _on_both_sides(
    vsphere: ExtendedVCenter, context: Context, hosts: Sequence[VCenterHost]
) -> Findings:
    if not hosts:
        yield from skipped(*_BOTH[1:], because="there are no hosts")
        return
    yield tried("one host", lambda: _one(hosts[0], context))
    yield tried("maintenance", lambda: _maintenance(vsphere, context, hosts))
    if context.policy.includes:
        yield tried("companions", lambda: _companions(vsphere, context))


def _companions(vsphere: ExtendedVCenter, context: Context) -> Finding:
    """Say of each kind whether both sides show it; that it may be written, no question tells."""
    found, missing = [], []
    for kind in context.policy.includes:
        listed, known = companions_of(kind, vsphere, context)
        found.append(f"{len(listed)} and {len(known)} {COMPANIONS[kind]}s")
        missing += [COMPANIONS[kind]] if bool(listed) != bool(known) else []
    text = f"in vCenter and in vRealize Operations: {', '.join(found)}"
    if missing:
        return note("companions", text, f"one side shows no {missing[0]}; {_SEES_ALL}")
    return ok("companions", text)


def _one(first: VCenterHost, context: Context) -> Finding:
    resource = context.operations.find(first.host)
    here, there = comparison.MODES[first.in_maintenance_mode], comparison.STATES[resource.state]
    name = f"{first.host.name} ({first.host.moref})"
    found = f"{name}: {here} in vCenter, {there} in vRealize Operations"
    if not resource.moref:
        return note("one host", f"{found}; found by its name only")
    return ok("one host", found)


def _changes(
    vsphere: ExtendedVCenter,
    context: Context,
    hosts: Sequence[VCenterHost],
    resources: Sequence[Resource],
) -> Sequence[ModeChange] | None:
    try:
        return changes_that_matter(vsphere, hosts, resources, context.policy, context.now())
    except RequestRejectedError:
        return None  # The check of the history has said so.


def _maintenance(
    vsphere: ExtendedVCenter, context: Context, hosts: Sequence[VCenterHost]
) -> Finding:
    resources = list(context.operations.resources(vsphere.address))
    policy, now = context.policy, context.now()
    changes = _changes(vsphere, context, hosts, resources)
    rows = comparison.compare(hosts, resources, policy, now, changes)
    differing = sum(not row.agrees for row in rows)
    not_ours = sum(row.whose not in (None, "ours") for row in rows)
    differ = f"{differing} of {len(rows)} hosts differ"
    found = f"{differ}; {not_ours} in maintenance that may be a person's"
    if differing or not_ours:
        return note("maintenance", found, "maintenance-mirror status lists them")
    return ok("maintenance", found)
