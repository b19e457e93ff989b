"""The simulated appliance's hosts, what goes with them, and who is in maintenance: without HTTP."""

import threading
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from simulator.clock import Clock

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "simulator.invalid")
DEFAULT_VCENTER = "vcenter.lab.local"
FIRST_MOREF = 1001
GONE = "NOT_EXISTING"
HOST, DATASTORE, CLUSTER, MACHINE = KINDS = (
    *("HostSystem", "Datastore", "ClusterComputeResource", "VirtualMachine"),
)
# How vCenter's MoRefs begin.
PREFIXES = {HOST: "host-", DATASTORE: "datastore-", CLUSTER: "domain-c", MACHINE: "vm-"}

T = TypeVar("T")


def stable_id(*parts: str) -> str:
    """Return the UUID that these parts have in every run."""
    return str(uuid.uuid5(NAMESPACE, "/".join(parts)))


@dataclass(frozen=True)
class VCenter:
    """A vCenter with its adapter instance; `url` is its VCURL as somebody configured it."""

    name: str
    url: str | None = None
    uuid: str | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a name that nothing can be called."""
        _check_name(self.name)

    @property
    def vcurl(self) -> str:
        """Return what the adapter instance holds as VCURL."""
        return self.url or self.name

    @property
    def instance_uuid(self) -> str:
        """Return the vCenter's instance UUID."""
        return self.uuid or stable_id("vcenter", self.name)

    @property
    def adapter_id(self) -> str:
        """Return the id of the adapter instance that collects from this vCenter."""
        return stable_id("adapter", self.name)


@dataclass(frozen=True)
class Entity:
    """What a vCenter has; what is left out is filled in when it joins the inventory."""

    name: str
    moref: str | None = None
    vcenter: str | None = None
    state: str = "STARTED"
    status: str = "DATA_RECEIVING"
    kind: str = HOST

    def __post_init__(self) -> None:
        """Raise ValueError for a name that nothing can be called, or a kind that is none."""
        _check_name(self.name)
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no kind of resource, unlike {', '.join(KINDS)}")


@dataclass(frozen=True)
class Host(Entity):
    """An ESXi host."""

    kind: str = field(default=HOST, init=False)


@dataclass(frozen=True)
class Companion(Entity):
    """What goes with hosts: a datastore, a cluster or a virtual machine.

    `hosts` are the names of those that mount it, that are in it, or that it runs on; it is of
    their vCenter unless another one is named.
    """

    kind: str = DATASTORE
    hosts: Sequence[str] = ()


@dataclass(frozen=True)
class Window:
    """A time of maintenance; without `ends` it lasts until somebody ends it."""

    ends: float | None = None

    @property
    def state(self) -> str:
        """Return the resourceState that this window stands for."""
        return "MAINTAINED_MANUAL" if self.ends is None else "MAINTAINED"

    def is_open(self, now: float) -> bool:
        """Tell whether the window has not run out."""
        return self.ends is None or now < self.ends


@dataclass(frozen=True)
class Resource:
    """A host or a companion as it can be read at one moment.

    `hosts` are the ids of the hosts that a companion is related to.
    """

    id: str
    entity: Entity
    vcenter: VCenter
    moref: str
    window: Window | None
    hosts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return its name."""
        return self.entity.name

    @property
    def kind(self) -> str:
        """Return its resource kind."""
        return self.entity.kind

    @property
    def state(self) -> str:
        """Return the resourceState under the owning adapter instance."""
        return self.window.state if self.window else self.entity.state


@dataclass(frozen=True)
class _Change(Generic[T]):
    visible_at: float
    value: T


@dataclass
class _History(Generic[T]):
    """What was done to one resource, of which a part may not be visible yet."""

    changes: list[_Change[T]] = field(default_factory=list)

    def change(self, value: T, now: float, visible_at: float) -> None:
        self.changes = [*self._remembered(now), _Change(visible_at, value)]

    def accepted(self) -> T | None:
        return self.changes[-1].value if self.changes else None

    def visible(self, now: float) -> T | None:
        for change in reversed(self.changes):
            if change.visible_at <= now:
                return change.value
        return None

    def _remembered(self, now: float) -> list[_Change[T]]:
        seen = [change for change in self.changes if change.visible_at <= now]
        return seen[-1:] + [change for change in self.changes if change.visible_at > now]


_Windows = _History[Window | None]


@dataclass
class _Record:
    entity: Entity
    vcenter: VCenter
    moref: str
    windows: _Windows = field(default_factory=_Windows)
    hosts: _History[tuple[str, ...]] = field(default_factory=_History)

    def __post_init__(self) -> None:
        # VMEntityObjectID and VMEntityVCID together are what makes a resource of a kind unique.
        kind = "host" if self.entity.kind == HOST else self.entity.kind
        self.id = stable_id(kind, self.vcenter.instance_uuid, self.moref)

    @property
    def is_live(self) -> bool:
        return self.entity.state != GONE


class Inventory:
    """Every vCenter, host and companion, safe to use from several threads.

    `adapter_maintenance` and `relation_delay` are the switches of those names.
    """

    def __init__(
        self,
        clock: Clock,
        visible_delay: float = 0.0,
        adapter_maintenance: str = "above",
        relation_delay: float = 0.0,
    ) -> None:
        self._clock = clock
        self._visible_delay = visible_delay
        self._adapter_maintenance = adapter_maintenance
        self._relation_delay = relation_delay
        self._lock = threading.RLock()
        self._adapters: dict[str, _Windows] = {}
        self._vcenters: dict[str, VCenter] = {}
        self._records: dict[str, _Record] = {}
        self._ids: defaultdict[str, list[str]] = defaultdict(list)

    def add_vcenter(self, vcenter: VCenter) -> None:
        """Add a vCenter, or replace the one of that name."""
        with self._lock:
            self._vcenters[vcenter.name] = vcenter

    def add_host(self, host: Host) -> Resource:
        """Add a host; one with the vCenter and MoRef of a known one takes its place."""
        with self._lock:
            return self._snapshot(self._add(host))

    def add_companion(self, companion: Companion, delay: float | None = None) -> Resource:
        """Add a companion, as `add_host` does; LookupError unless each of its hosts is known.

        Its relations can be read after `delay` seconds; None means those of the switch.
        """
        with self._lock:
            vcenter = companion.vcenter
            for first in companion.hosts[:1]:
                vcenter = self.find(first, vcenter, HOST).vcenter.name
            hosts = [self.find(name, vcenter, HOST) for name in companion.hosts]
            record = self._add(replace(companion, vcenter=vcenter))
            self._relate(record, hosts, delay)
            return self._snapshot(record)

    def relate(self, id: str, hosts: Iterable[str], delay: float | None = None) -> None:
        """Relate a companion to the hosts of these names, and to no others."""
        with self._lock:
            record = self._records[id]
            if record.entity.kind == HOST:
                raise LookupError(f"{record.entity.name} is a host.")
            found = [self.find(name, record.vcenter.name, HOST) for name in hosts]
            self._relate(record, found, delay)

    def remove(self, id: str) -> None:
        """Take a resource out of its vCenter; it stays behind as NOT_EXISTING, and related."""
        with self._lock:
            record = self._records[id]
            record.entity = replace(record.entity, state=GONE, status="NO_DATA_RECEIVING")
            record.windows = _Windows()

    def remove_host(self, name: str, vcenter: str | None = None) -> None:
        """Take a host out of its vCenter; its resource stays behind as NOT_EXISTING."""
        with self._lock:
            self.remove(self.find(name, vcenter, HOST).id)

    def vcenters(self) -> list[VCenter]:
        """Return every vCenter in the order they were added."""
        with self._lock:
            return list(self._vcenters.values())

    def resources(self) -> list[Resource]:
        """Return every host and companion as it can be read now."""
        with self._lock:
            return [self._snapshot(record) for record in self._records.values()]

    def by_id(self, id: str) -> Resource:
        """Return the resource of that id, or raise LookupError."""
        with self._lock:
            if id not in self._records:
                raise LookupError(f"No host has the id {id}.")
            return self._snapshot(self._records[id])

    def adapter_state(self, adapter_id: str) -> str:
        """Return the resourceState that an adapter instance itself shows now."""
        with self._lock:
            now = self._clock.now()
            window = _open(self._windows(adapter_id).visible(now), now)
            return window.state if window else "STARTED"

    def find(self, name: str, vcenter: str | None = None, kind: str | None = None) -> Resource:
        """Return the one host of that name, or else companion; a live one goes before a stale one.

        With a `kind`, nothing else is meant.
        """
        called = [each for each in self._called(name) if vcenter in (None, each.vcenter.name)]
        named = [each for each in called if each.kind == (kind or HOST)]
        named = named or [each for each in called if kind is None]
        found = [each for each in named if each.state != GONE] or named[:1]
        if not found:
            raise LookupError(f"No host is called {name}.")
        if len(found) > 1:
            raise LookupError(f"{len(found)} hosts are called {name}: name the vCenter too.")
        return found[0]

    def maintain(self, ids: Iterable[str], window: Window, delay: float | None = None) -> None:
        """Put resources, or adapter instances, into maintenance; the last call wins."""
        self._change(ids, window, delay)

    def end_maintenance(self, ids: Iterable[str], delay: float | None = None) -> None:
        """Take resources or adapter instances out of maintenance, whoever put them there."""
        self._change(ids, None, delay)

    def is_maintained(self, id: str) -> bool:
        """Tell whether maintenance was accepted, even if that cannot be read yet."""
        with self._lock:
            return _open(self._windows(id).accepted(), self._clock.now()) is not None

    def _add(self, entity: Entity) -> _Record:
        vcenter = self._vcenter(entity.vcenter)
        record = _Record(entity, vcenter, entity.moref or self._free_moref(PREFIXES[entity.kind]))
        self._records[record.id] = record
        if record.id not in self._ids[entity.name]:
            self._ids[entity.name].append(record.id)
        return record

    def _relate(self, record: _Record, hosts: Iterable[Resource], delay: float | None) -> None:
        now = self._clock.now()
        visible_at = now + (self._relation_delay if delay is None else delay)
        record.hosts.change(tuple(each.id for each in hosts), now, visible_at)

    def _called(self, name: str) -> list[Resource]:
        with self._lock:
            records = [self._records[id] for id in self._ids.get(name, ())]
            return [self._snapshot(each) for each in records if each.entity.name == name]

    def _change(self, ids: Iterable[str], window: Window | None, delay: float | None) -> None:
        with self._lock:
            now = self._clock.now()
            visible_at = now + (self._visible_delay if delay is None else delay)
            for windows in [each for id in ids for each in self._affected(id)]:
                windows.change(window, now, visible_at)

    def _affected(self, id: str) -> Iterable[_Windows]:
        yield self._windows(id)
        if self._adapter_maintenance == "each":
            for record in self._records.values():
                if record.vcenter.adapter_id == id and record.is_live:
                    yield record.windows

    def _windows(self, id: str) -> _Windows:
        """Return what was done to a resource, or to an adapter instance."""
        if id in self._records:
            return self._records[id].windows
        return self._adapters.setdefault(id, _Windows())

    def _snapshot(self, record: _Record) -> Resource:
        now = self._clock.now()
        window = self._above(record, now) or _open(record.windows.visible(now), now)
        hosts = record.hosts.visible(now) or ()
        return Resource(record.id, record.entity, record.vcenter, record.moref, window, hosts)

    def _above(self, record: _Record, now: float) -> Window | None:
        """Return the window of a live resource's adapter instance, if the resource shows it."""
        if self._adapter_maintenance != "above" or not self._adapters or not record.is_live:
            return None
        return _open(self._windows(record.vcenter.adapter_id).visible(now), now)

    def _vcenter(self, name: str | None) -> VCenter:
        name = name or next(iter(self._vcenters), DEFAULT_VCENTER)
        return self._vcenters.setdefault(name, VCenter(name))

    def _free_moref(self, prefix: str) -> str:
        taken = {record.moref for record in self._records.values()}
        number = FIRST_MOREF + len(self._records)
        while f"{prefix}{number}" in taken:
            number += 1
        return f"{prefix}{number}"


def generated_hosts(count: int, vcenters: Iterable[str] = ()) -> list[Host]:
    """Return esx01.lab.local and its neighbours, dealt out over the vCenters."""
    names = list(vcenters) or [DEFAULT_VCENTER]
    return [
        Host(f"esx{n + 1:02}.lab.local", f"host-{FIRST_MOREF + n}", names[n % len(names)])
        for n in range(count)
    ]


def generated_companions(hosts: Sequence[Host]) -> list[Companion]:
    """Return a local datastore of each host, and for each vCenter a shared one and a cluster."""
    local = [
        Companion(f"local{n:02}", f"datastore-{n}", host.vcenter, hosts=[host.name])
        for n, host in enumerate(hosts, 1)
    ]
    for number, vcenter in enumerate(dict.fromkeys(each.vcenter for each in hosts), 1):
        names = [each.name for each in hosts if each.vcenter == vcenter]
        moref = f"datastore-{len(hosts) + number}"
        local.append(Companion(f"shared{number:02}", moref, vcenter, hosts=names))
        local.append(
            Companion(
                f"cluster{number:02}", f"domain-c{number}", vcenter, kind=CLUSTER, hosts=names
            )
        )
    return local


def _open(window: Window | None, now: float) -> Window | None:
    return window if window and window.is_open(now) else None


def _check_name(name: str) -> None:
    if not name.strip() or not name.isprintable():
        raise ValueError(f"{name!r} is no name")
