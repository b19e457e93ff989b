"""The hosts of the simulated appliance and who is in maintenance: a model without HTTP."""

import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from simulator.clock import Clock

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "simulator.invalid")
DEFAULT_VCENTER = "vcenter.lab.local"
FIRST_MOREF = 1001
GONE = "NOT_EXISTING"


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
class Host:
    """An ESXi host; what is left out is filled in when it joins the inventory."""

    name: str
    moref: str | None = None
    vcenter: str | None = None
    state: str = "STARTED"
    status: str = "DATA_RECEIVING"

    def __post_init__(self) -> None:
        """Raise ValueError for a name that nothing can be called."""
        _check_name(self.name)


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
    """A host as it can be read at one moment."""

    id: str
    host: Host
    vcenter: VCenter
    moref: str
    window: Window | None

    @property
    def name(self) -> str:
        """Return the host's name."""
        return self.host.name

    @property
    def state(self) -> str:
        """Return the resourceState under the owning adapter instance."""
        return self.window.state if self.window else self.host.state


@dataclass(frozen=True)
class _Change:
    visible_at: float
    window: Window | None


@dataclass
class _Timeline:
    """What was done to one resource, of which a part may not be visible yet."""

    changes: list[_Change] = field(default_factory=list)

    def change(self, window: Window | None, now: float, visible_at: float) -> None:
        self.changes = [*self._remembered(now), _Change(visible_at, window)]

    def accepted(self, now: float) -> Window | None:
        return _open(self.changes[-1:], now)

    def visible(self, now: float) -> Window | None:
        return _open([change for change in self.changes if change.visible_at <= now], now)

    def _remembered(self, now: float) -> list[_Change]:
        visible = [change for change in self.changes if change.visible_at <= now]
        return visible[-1:] + [change for change in self.changes if change.visible_at > now]


@dataclass
class _Record:
    host: Host
    vcenter: VCenter
    moref: str
    timeline: _Timeline = field(default_factory=_Timeline)

    def __post_init__(self) -> None:
        # VMEntityObjectID and VMEntityVCID together are what makes a HostSystem unique.
        self.id = stable_id("host", self.vcenter.instance_uuid, self.moref)

    @property
    def is_live(self) -> bool:
        return self.host.state != GONE


class Inventory:
    """Every vCenter and host, safe to use from several threads.

    `adapter_maintenance` is the switch of that name.
    """

    def __init__(
        self, clock: Clock, visible_delay: float = 0.0, adapter_maintenance: str = "above"
    ) -> None:
        self._clock = clock
        self._visible_delay = visible_delay
        self._adapter_maintenance = adapter_maintenance
        self._lock = threading.RLock()
        self._adapters: dict[str, _Timeline] = {}
        self._vcenters: dict[str, VCenter] = {}
        self._records: dict[str, _Record] = {}

    def add_vcenter(self, vcenter: VCenter) -> None:
        """Add a vCenter, or replace the one of that name."""
        with self._lock:
            self._vcenters[vcenter.name] = vcenter

    def add_host(self, host: Host) -> Resource:
        """Add a host; one with the vCenter and MoRef of a known one takes its place."""
        with self._lock:
            vcenter = self._vcenter(host.vcenter)
            record = _Record(host, vcenter, host.moref or self._free_moref())
            self._records[record.id] = record
            return self._snapshot(record)

    def remove_host(self, name: str, vcenter: str | None = None) -> None:
        """Take a host out of its vCenter; its resource stays behind as NOT_EXISTING."""
        with self._lock:
            record = self._records[self.find(name, vcenter).id]
            record.host = replace(record.host, state=GONE, status="NO_DATA_RECEIVING")
            record.timeline = _Timeline()

    def vcenters(self) -> list[VCenter]:
        """Return every vCenter in the order they were added."""
        with self._lock:
            return list(self._vcenters.values())

    def resources(self) -> list[Resource]:
        """Return every host as it can be read now."""
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
            window = self._timeline(adapter_id).visible(self._clock.now())
            return window.state if window else "STARTED"

    def find(self, name: str, vcenter: str | None = None) -> Resource:
        """Return the one host of that name; a live one goes before a stale one."""
        named = [each for each in self.resources() if _is_called(each, name, vcenter)]
        found = [each for each in named if each.state != GONE] or named[:1]
        if not found:
            raise LookupError(f"No host is called {name}.")
        if len(found) > 1:
            raise LookupError(f"{len(found)} hosts are called {name}: name the vCenter too.")
        return found[0]

    def maintain(self, ids: Iterable[str], window: Window, delay: float | None = None) -> None:
        """Put hosts or adapter instances into maintenance; the last call wins over any before."""
        self._change(ids, window, delay)

    def end_maintenance(self, ids: Iterable[str], delay: float | None = None) -> None:
        """Take hosts or adapter instances out of maintenance, whoever put them there."""
        self._change(ids, None, delay)

    def is_maintained(self, id: str) -> bool:
        """Tell whether maintenance was accepted, even if that cannot be read yet."""
        with self._lock:
            return self._timeline(id).accepted(self._clock.now()) is not None

    def _change(self, ids: Iterable[str], window: Window | None, delay: float | None) -> None:
        with self._lock:
            now = self._clock.now()
            visible_at = now + (self._visible_delay if delay is None else delay)
            for timeline in [each for id in ids for each in self._affected(id)]:
                timeline.change(window, now, visible_at)

    def _affected(self, id: str) -> Iterable[_Timeline]:
        yield self._timeline(id)
        if self._adapter_maintenance == "each":
            for record in self._records.values():
                if record.vcenter.adapter_id == id and record.is_live:
                    yield record.timeline

    def _timeline(self, id: str) -> _Timeline:
        """Return what was done to a host, or to an adapter instance."""
        if id in self._records:
            return self._records[id].timeline
        return self._adapters.setdefault(id, _Timeline())

    def _snapshot(self, record: _Record) -> Resource:
        window = self._above(record) or record.timeline.visible(self._clock.now())
        return Resource(record.id, record.host, record.vcenter, record.moref, window)

    def _above(self, record: _Record) -> Window | None:
        """Return the window of a live host's adapter instance, if the host shows it."""
        if self._adapter_maintenance != "above" or not self._adapters or not record.is_live:
            return None
        return self._timeline(record.vcenter.adapter_id).visible(self._clock.now())

    def _vcenter(self, name: str | None) -> VCenter:
        name = name or next(iter(self._vcenters), DEFAULT_VCENTER)
        return self._vcenters.setdefault(name, VCenter(name))

    def _free_moref(self) -> str:
        taken = {record.moref for record in self._records.values()}
        number = FIRST_MOREF + len(self._records)
        while f"host-{number}" in taken:
            number += 1
        return f"host-{number}"


def generated_hosts(count: int, vcenters: Iterable[str] = ()) -> list[Host]:
    """Return esx01.lab.local and its neighbours, dealt out over the vCenters."""
    names = list(vcenters) or [DEFAULT_VCENTER]
    return [
        Host(f"esx{n + 1:02}.lab.local", f"host-{FIRST_MOREF + n}", names[n % len(names)])
        for n in range(count)
    ]


def _open(changes: list[_Change], now: float) -> Window | None:
    window = changes[-1].window if changes else None
    return window if window and window.is_open(now) else None


def _is_called(resource: Resource, name: str, vcenter: str | None) -> bool:
    return resource.name == name and vcenter in (None, resource.vcenter.name)


def _check_name(name: str) -> None:
    if not name.strip() or not name.isprintable():
        raise ValueError(f"{name!r} is no name")
