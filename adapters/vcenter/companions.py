"""What goes with hosts, as vCenter knows it: which there is, and on which hosts each depends.

Sources: vSphere Web Services API Reference, ``HostSystem`` (datastore, parent, vm), ``Datastore``,
``ComputeResource`` and ``VirtualMachine.runtime`` (host). A collector can go from a host to those,
but not from a datastore to its hosts, since ``Datastore.host`` holds more than references; with
``FilterSpec.reportMissingObjectsInResults`` it leaves objects out that are gone.
"""

import logging
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from pyVmomi import vim, vmodl

from adapters.outgoing.cache import TimedCache
from adapters.vcenter import inventory
from adapters.vcenter.faults import ObjectGoneError, refusal
from adapters.vcenter.inventory import MODE, MOREF, View
from adapters.vcenter.session import Session, Sessions
from functions.errors import VCenterUnavailableError
from functions.events import HostRef
from functions.ports import Companion, Surroundings

_logger: Final = logging.getLogger(__name__)

# Which hosts matter to a host changes when somebody mounts a datastore, or changes a cluster.
_NEAR_SECONDS: Final = 3600.0
_NEAR_HOSTS: Final = 1000

_Collector = vmodl.query.PropertyCollector


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a kind is read: its class, the property of a host that leads there, and that of hosts."""

    type: Any
    path: str
    hosts: str


_KINDS: Final[Mapping[str, _Kind]] = {
    "Datastore": _Kind(vim.Datastore, "datastore", "host"),
    "ClusterComputeResource": _Kind(vim.ClusterComputeResource, "parent", "host"),
    "VirtualMachine": _Kind(vim.VirtualMachine, "vm", "runtime.host"),
}


@dataclass
class _Told:
    """What the answers tell: modes, companions, and the hosts whose mode they keep from us."""

    modes: dict[str, bool] = field(default_factory=dict)
    companions: dict[str, Companion] = field(default_factory=dict)
    kept: dict[str, Exception] = field(default_factory=dict)

    @property
    def named(self) -> set[str]:
        """The hosts that the companions depend on."""
        return {moref for each in self.companions.values() for moref in each.hosts}

    def unknown(self) -> set[str]:
        """Those of them that nothing is said about."""
        return {
            moref
            for moref in self.named - self.modes.keys() - self.kept.keys()
            if MOREF.fullmatch(moref)
        }


class Companions:
    """What goes with the hosts of one vCenter, which has the address ``address``."""

    def __init__(
        self, sessions: Sessions, address: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sessions = sessions
        self._address = address
        # Only what to ask for at the same time: what is true of them is always read anew.
        self._near: TimedCache[str, frozenset[str]] = TimedCache(_NEAR_SECONDS, _NEAR_HOSTS, clock)

    def surroundings(self, moref: str, kinds: Collection[str]) -> Surroundings | None:
        """See VCenter.surroundings; None if there is no such host."""
        if not MOREF.fullmatch(moref):
            return None
        near = self._near.get(moref) or frozenset()
        ask = partial(_around, moref=moref, kinds=kinds, near=near, address=self._address)
        told = self._sessions.run(ask)
        if told is None:
            self._near.drop(moref)
            return None
        self._near.put(moref, frozenset(told.named - {moref}))
        return Surroundings(told.modes, list(told.companions.values()))

    def all(self, kinds: Collection[str]) -> Generator[Companion, None, None]:
        """See VCenter.companions."""
        types = [_KINDS[kind].type for kind in kinds]
        view = self._sessions.run(partial(inventory.view_of, kinds=types))
        with self._sessions.lasting():
            yield from _all(view, kinds, self._address)

    def has(self, companion: HostRef) -> bool:
        """See VCenter.has."""
        return self._sessions.run(partial(_is_there, companion=companion))


def _is_there(session: Session, companion: HostRef) -> bool:
    if not MOREF.fullmatch(companion.moref):
        return False
    try:
        kind = _KINDS[companion.kind].type
        inventory.read(session, kind(companion.moref, session.stub), "name")
    except ObjectGoneError:
        return False
    return True


def _all(view: View, kinds: Collection[str], address: str) -> Iterator[Companion]:
    wanted = inventory.of_view(view, *_properties(kinds))
    for found in inventory.all_in(view, wanted):
        yield from _companion(found, address, view.session.service)


def _around(
    session: Session, moref: str, kinds: Collection[str], near: Collection[str], address: str
) -> _Told | None:
    """Read a host and what goes with it, and then the hosts that nobody expected to matter."""
    told = _Told()
    try:
        _tell(told, session, [_from(session, moref, kinds), *_modes(session, near)], address)
        _check(moref, told, session.service)
        _tell(told, session, _modes(session, told.unknown() - set(near)), address)
    except ObjectGoneError:
        # Something else may have gone meanwhile: whoever asks anew will not hear of it.
        if inventory.in_maintenance_mode(session, moref) is not None:
            raise
        return None
    return told


def _check(moref: str, told: _Told, service: str) -> None:
    """Raise why the mode of the host itself is not told, if it is not."""
    if moref in told.modes:
        return
    raise told.kept.get(moref) or VCenterUnavailableError(
        f"{service} does not tell what it was asked"
    )


def _tell(told: _Told, session: Session, wanted: Collection[Any], address: str) -> None:
    if not wanted:
        return
    with closing(inventory.objects(session, list(wanted))) as objects:
        for found in objects:
            if isinstance(found.obj, vim.HostSystem):
                _tell_mode(told, found, session.service)
            for each in _companion(found, address, session.service):
                told.companions[each.ref.moref] = each


def _tell_mode(told: _Told, found: Any, service: str) -> None:
    """Note a host's mode; of one that is read twice, that it works if either says so."""
    faults = _faults(found, service)
    moref = found.obj._GetMoId()
    for each in found.propSet:
        told.modes[moref] = inventory.mode(each.val, service) and told.modes.get(moref, True)
    for fault in faults:
        told.kept[moref] = refusal(fault, service)


def _companion(found: Any, address: str, service: str) -> Iterator[Companion]:
    """Yield it, with no hosts if those are kept from us: then it is never all in maintenance."""
    kind, moref = _kind_of(found.obj), found.obj._GetMoId()
    if kind is None or not MOREF.fullmatch(moref):
        return
    values = {each.name: each.val for each in found.propSet}
    hosts = values.get(_KINDS[kind].hosts)
    # One that no host mounts has none, and that is no refusal.
    if _faults(found, service) and hosts is None:
        _logger.warning("%s does not tell the hosts of %s %a", service, kind, moref[:80])
    ref = HostRef(moref, inventory.printable(values.get("name")), address, kind)
    yield Companion(ref, frozenset(_morefs(hosts)))


def _morefs(hosts: Any) -> Iterator[str]:
    """Yield the MoRefs of a host, of hosts, or of those that mount a datastore.

    What is none of those is a host that is never in maintenance mode.
    """
    listed = hosts if isinstance(hosts, list) else [] if hosts is None else [hosts]
    for each in listed:
        host = each.key if isinstance(each, vim.Datastore.HostMount) else each
        yield host._GetMoId() if isinstance(host, vim.HostSystem) else ""


def _faults(found: Any, service: str) -> list[Any]:
    faults = [missing.fault for missing in found.missingSet]
    inventory.check_session(faults, service)
    return faults


def _kind_of(thing: Any) -> str | None:
    return next((name for name, kind in _KINDS.items() if isinstance(thing, kind.type)), None)


def _from(session: Session, moref: str, kinds: Collection[str]) -> Any:
    """Return what a collector is to read: a host, and from there its companions of ``kinds``."""
    ways = [
        _Collector.TraversalSpec(type=vim.HostSystem, path=_KINDS[kind].path, skip=False)
        for kind in kinds
    ]
    host = vim.HostSystem(moref, session.stub)
    start = _Collector.ObjectSpec(obj=host, skip=False, selectSet=ways)
    return _Collector.FilterSpec(objectSet=[start], propSet=[_mode(), *_properties(kinds)])


def _modes(session: Session, morefs: Collection[str]) -> list[Any]:
    """Return what a collector is to read, if anything: the modes of these hosts."""
    if not morefs:
        return []
    hosts = [vim.HostSystem(moref, session.stub) for moref in sorted(morefs)]
    starts = [_Collector.ObjectSpec(obj=host, skip=False) for host in hosts]
    return [
        _Collector.FilterSpec(
            objectSet=starts, propSet=[_mode()], reportMissingObjectsInResults=True
        )
    ]


def _mode() -> Any:
    return inventory.properties(vim.HostSystem, MODE)


def _properties(kinds: Collection[str]) -> list[Any]:
    return [inventory.properties(_KINDS[kind].type, "name", _KINDS[kind].hosts) for kind in kinds]
