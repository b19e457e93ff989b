"""What a sweep of one vCenter does: a table, and nothing is done here.

The rules say what is done by whether there are leases, how a host stands (``ownership.Stand``), and
the state of its resource. Decision 0013 has the reasons.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from functions.context import Policy
from functions.events import HostRef
from functions.outcomes import Action, Verb
from functions.ownership import A_PERSONS, ANOTHERS, NOT_OURS, NOT_TOLD, Stand, by_host, stand
from functions.ports import ModeChange, Resource, ResourceState, VCenterHost

_Decision = tuple[Verb, str]
_Rules = Mapping[tuple[bool, Stand, ResourceState], _Decision]

_MISSED: Final[_Decision] = ("start", "in maintenance mode, but monitored")
_STILL: Final[_Decision] = ("renew", "still in maintenance mode")
_OVER: Final[_Decision] = ("end", "not in maintenance mode any more")
GONE: Final = "its vCenter no longer has it"
_PERSONS: Final[_Decision] = ("leave", A_PERSONS)
_ANYONES: Final[_Decision] = ("leave", "open-ended, so perhaps a person's; --adopt ends it")
_WHOLE: Final[_Decision] = ("leave", "its whole vCenter is in a timed window, which is not ours")

_OUT: Final = (Stand.JUST_LEFT, Stand.OUT_FOR_LONG, Stand.NOT_TOLD, Stand.ENTERED_SINCE)
_IN: Final = (Stand.IN_FOR_LONG, Stand.JUST_ENTERED)

_RULES: Final[_Rules] = {
    **{
        (leased, each, ResourceState.MONITORED): _MISSED for leased in (True, False) for each in _IN
    },
    **{(True, each, ResourceState.OPEN_ENDED): _PERSONS for each in Stand},
    (True, Stand.IN_FOR_LONG, ResourceState.TIMED): _STILL,
    (True, Stand.JUST_LEFT, ResourceState.TIMED): _OVER,
    (True, Stand.OUT_FOR_LONG, ResourceState.TIMED): ("leave", NOT_OURS),
    (True, Stand.NOT_TOLD, ResourceState.TIMED): ("leave", NOT_TOLD),
    (True, Stand.ENTERED_SINCE, ResourceState.TIMED): ("leave", NOT_TOLD),
    **{(False, each, ResourceState.TIMED): ("leave", ANOTHERS) for each in _OUT},
    **{(False, each, ResourceState.OPEN_ENDED): _ANYONES for each in _OUT},
}
_ADOPTING: Final[_Rules] = {
    **_RULES,
    **{
        (leased, each, ResourceState.OPEN_ENDED): _OVER for leased in (True, False) for each in _OUT
    },
}
# What is done to windows that may be ours is not done where the whole vCenter is in one.
_BREAKABLE: Final = (_STILL, _OVER)
# Of fewer hosts than these, somebody may have put each into a window of its own.
_MIN_HOSTS: Final = 5


@dataclass(frozen=True)
class _Pair:
    """A host, the resources that stand for it, how it stands, and whether we started its window."""

    host: VCenterHost
    resources: Sequence[Resource]
    stand: Stand
    is_ours: bool


def plan(
    vcenter_hosts: Iterable[VCenterHost],
    resources: Iterable[Resource],
    policy: Policy,
    now: datetime,
    changes: Iterable[ModeChange] | None = (),
    adopt: bool = False,
    ours: Collection[str] = (),
) -> list[Action]:
    """Return what a sweep of one vCenter does, an Action for each host that is not just right.

    ``changes`` are those since ``ownership.period_start``, the newest first; None if they could not
    be read. ``ours`` identifies the resources whose windows this process has started since then.
    With ``adopt``, open-ended maintenance is taken for ours where the host is not in maintenance
    mode. Hosts are matched by their MoRefs; of two resources with the same one, neither is touched.
    """
    known, past = _by_moref(resources), _Past(policy, now, changes, ours)
    lease = policy.lease_minutes
    until = now + timedelta(minutes=lease) if lease else None
    pairs = [_pair(each, known.pop(each.host.moref, []), past) for each in vcenter_hosts]
    rules = _ADOPTING if adopt else _RULES
    others = _sparing(rules) if _is_whole_vcenter(pairs) else rules
    actions = [
        _action(each, rules if each.is_ours else others, until, leased=bool(lease))
        for each in pairs
    ]
    left_over = (each for group in known.values() for each in group)
    gone = [_left_over(each, past, leased=bool(lease), adopt=adopt) for each in left_over]
    return [*filter(None, [*actions, *gone])]


class _Past:
    """What is known of the last lease: vCenter's events, and what this process has done."""

    def __init__(
        self,
        policy: Policy,
        now: datetime,
        changes: Iterable[ModeChange] | None,
        ours: Collection[str],
    ) -> None:
        self._policy = policy
        self._now = now
        self._changes = None if changes is None else by_host(changes)
        self._ours = ours

    def is_ours(self, resource: Resource) -> bool:
        """Whether this process has started its window."""
        return resource.identifier in self._ours

    def stand(self, host: VCenterHost) -> Stand:
        """Say how a host stands by its vCenter's events."""
        changes = None if self._changes is None else self._changes.get(host.host.moref, ())
        return stand(host.in_maintenance_mode, changes, self._policy, self._now)

    def stood(self, resource: Resource) -> Stand:
        """Say how a host stood before it was removed; it need not have left maintenance mode.

        One that was in it for longer than the lease has no event in it, so that none tells nothing.
        """
        told = self._changes is not None and bool(self._changes.get(resource.moref))
        return Stand.JUST_LEFT if told or self.is_ours(resource) else Stand.NOT_TOLD


def _pair(host: VCenterHost, resources: Sequence[Resource], past: _Past) -> _Pair:
    found, is_ours = past.stand(host), any(past.is_ours(each) for each in resources)
    stands = Stand.JUST_LEFT if is_ours and not found.in_maintenance else found
    return _Pair(host, resources, stands, is_ours)


def _sparing(rules: _Rules) -> _Rules:
    return {key: _WHOLE if each in _BREAKABLE else each for key, each in rules.items()}


def _is_whole_vcenter(pairs: Sequence[_Pair]) -> bool:
    """Whether somebody put the whole vCenter into a timed window: all hosts, most of them not ours.

    Suite API, ``PUT /api/adapters/{id}/maintained``: nothing else shows that it was done.
    """
    hosts = [each for each in pairs if each.host.host.is_host]
    states = [each.state for host in hosts for each in host.resources]
    not_ours = sum(host.stand is Stand.OUT_FOR_LONG for host in hosts)
    return {*states} == {ResourceState.TIMED} and 2 * not_ours > len(hosts) >= _MIN_HOSTS


def _action(pair: _Pair, rules: _Rules, until: datetime | None, *, leased: bool) -> Action | None:
    host = pair.host.host
    if len(pair.resources) != 1:
        nothing_lost = _is_quiet_companion(host, pair.resources) and not pair.stand.in_maintenance
        return None if nothing_lost else Action("report", host, _incomparable(pair.resources))
    [resource] = pair.resources
    decision = rules.get((leased, pair.stand, resource.state))
    if decision is None:
        return None
    verb, reason = decision
    return Action(verb, host, reason, resource, until if verb in ("start", "renew") else None)


def _is_quiet_companion(host: HostRef, resources: Sequence[Resource]) -> bool:
    """Whether this is no host, and silenced by nobody: virtual machines come and go all day."""
    return not host.is_host and not any(each.state.maintained for each in resources)


def _left_over(resource: Resource, past: _Past, *, leased: bool, adopt: bool) -> Action | None:
    """Say what becomes of a resource whose vCenter does not have it: nobody else would end it."""
    host, rules = resource.host, _ADOPTING if adopt else _RULES
    if _is_quiet_companion(host, [resource]):
        return None
    if not resource.moref:
        return Action("report", host, f"has no MoRef to compare it by; {resource.state}", resource)
    if not resource.state.maintained:
        return Action("report", host, f"unknown to its vCenter; {resource.state}", resource)
    verb, reason = rules[leased, past.stood(resource), resource.state]
    if verb == "end":
        return Action("end", host, GONE, resource)
    return Action(verb, host, f"unknown to its vCenter; {reason}", resource)


def _by_moref(resources: Iterable[Resource]) -> dict[str, list[Resource]]:
    grouped: defaultdict[str, list[Resource]] = defaultdict(list)
    for resource in resources:
        grouped[resource.moref].append(resource)
    return dict(grouped)


def _incomparable(found: Sequence[Resource]) -> str:
    if not found:
        return "unknown to vRealize Operations"
    return f"{len(found)} resources have its MoRef; none of them is touched"
