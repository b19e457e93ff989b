"""A vCenter in memory, which takes its time; or in a file, where other processes can change it."""

import atexit
import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from adapters import bootstrap, listening
from adapters.clients import Clients
from adapters.config.settings import Settings
from adapters.output import log
from adapters.vcenter.updates import Updates
from functions.context import VCenters
from functions.errors import HostGoneError
from functions.events import HostRef
from functions.ports import Companion, ModeChange, Surroundings, VCenterHost

# A vCenter's instance UUID, for whom any will do.
UUID: Final = "5a1d9f0e-7c52-4d0b-9a5c-0e6f3c1b2a4d"
_LOOK_SECONDS: Final = 0.02


class MemoryVCenter:
    """Knows ``count`` hosts as a simulator makes them up; every question takes ``seconds``.

    ``in_maintenance`` holds the MoRefs of those in maintenance mode; of each host, the last change
    is remembered. With a ``file`` all of it is kept there, and asked anew each time. Their
    ``companions`` stay as they are.
    """

    def __init__(
        self,
        address: str,
        instance_uuid: str,
        count: int,
        seconds: float = 0.0,
        file: Path | None = None,
        companions: Iterable[Companion] = (),
    ) -> None:
        self.address = address
        self.instance_uuid = instance_uuid
        self._seconds = seconds
        self._file = file
        self._companions = tuple(companions)
        self._last: dict[str, ModeChange] = {}
        self._hosts = {
            f"host-{1000 + n}": HostRef(f"host-{1000 + n}", f"esx{n:02}.lab.local", address)
            for n in range(1, count + 1)
        }

    @property
    def in_maintenance(self) -> set[str]:
        """The MoRefs of the hosts that are in maintenance mode."""
        return {moref for moref, change in self._read().items() if change.entered}

    @in_maintenance.setter
    def in_maintenance(self, morefs: set[str]) -> None:
        changed, now = self.in_maintenance ^ morefs, datetime.now(UTC)
        changes = {moref: ModeChange(moref, moref in morefs, now) for moref in sorted(changed)}
        self._write({**self._read(), **changes})

    def in_maintenance_mode(self, moref: str) -> bool:
        """See VCenter.in_maintenance_mode."""
        time.sleep(self._seconds)
        if moref not in self._hosts:
            raise HostGoneError(f"{self.address} has no host {moref}")
        return moref in self.in_maintenance

    def hosts(self) -> Iterator[VCenterHost]:
        """See VCenter.hosts."""
        time.sleep(self._seconds)
        in_maintenance = self.in_maintenance
        for moref, host in self._hosts.items():
            yield VCenterHost(host, moref in in_maintenance)

    def surroundings(self, moref: str, kinds: Collection[str]) -> Surroundings:
        """See VCenter.surroundings."""
        in_maintenance_mode = self.in_maintenance_mode(moref)
        found = [each for each in self._of(kinds) if moref in each.hosts]
        entered = self.in_maintenance
        modes = {host: host in entered for each in found for host in each.hosts}
        return Surroundings({**modes, moref: in_maintenance_mode}, found)

    def companions(self, kinds: Collection[str]) -> Iterator[Companion]:
        """See VCenter.companions."""
        time.sleep(self._seconds)
        yield from self._of(kinds)

    def has(self, companion: HostRef) -> bool:
        """See VCenter.has."""
        time.sleep(self._seconds)
        return any(each.ref.moref == companion.moref for each in self._of({companion.kind}))

    def mode_changes(self, since: datetime, moref: str = "") -> list[ModeChange]:
        """See VCenter.mode_changes."""
        time.sleep(self._seconds)
        changes = [each for each in self._read().values() if moref in ("", each.moref)]
        recent = [each for each in changes if each.at >= since]
        return sorted(recent, key=lambda change: change.at, reverse=True)

    def entered(self, morefs: Collection[str]) -> dict[str, ModeChange]:
        """See VCenter.entered."""
        time.sleep(self._seconds)
        known = self._read()
        return {moref: known[moref] for moref in morefs if moref in known and known[moref].entered}

    @contextmanager
    def watch(self) -> Iterator["MemoryUpdates"]:
        """See VSphere.watch."""
        yield MemoryUpdates(self)

    def _of(self, kinds: Collection[str]) -> list[Companion]:
        return [each for each in self._companions if each.ref.kind in kinds]

    def _read(self) -> dict[str, ModeChange]:
        if self._file is None or not self._file.exists():
            return self._last
        told = json.loads(self._file.read_text(encoding="utf-8"))
        changes = [ModeChange(moref, mode, datetime.fromisoformat(at)) for moref, mode, at in told]
        return {change.moref: change for change in changes}

    def _write(self, last: dict[str, ModeChange]) -> None:
        self._last = last
        if self._file:
            # Whoever reads meanwhile finds all of the old ones, or all of the new.
            unfinished = self._file.with_suffix(".new")
            told = [(each.moref, each.entered, each.at.isoformat()) for each in last.values()]
            unfinished.write_text(json.dumps(told), encoding="utf-8")
            unfinished.replace(self._file)


def companions_of(address: str, count: int) -> list[Companion]:
    """Return a local datastore of each of so many hosts, and of all a shared one and a cluster.

    On the first host runs a virtual machine.
    """
    hosts = [f"host-{1000 + n}" for n in range(1, count + 1)]
    told = [("Datastore", f"local{n:02}", f"datastore-{n}", [h]) for n, h in enumerate(hosts, 1)]
    told.append(("Datastore", f"shared{count + 1:02}", f"datastore-{count + 1}", hosts))
    told.append(("ClusterComputeResource", "DC0_C0", "domain-c1", hosts))
    told.append(("VirtualMachine", "vm01", "vm-1", hosts[:1]))
    return [
        Companion(HostRef(moref, name, address, kind), frozenset(its))
        for kind, name, moref, its in told
    ]


class MemoryUpdates:
    """See HostUpdates: what changes in a vCenter in memory, which does not tell by itself."""

    def __init__(self, vcenter: MemoryVCenter) -> None:
        self._vcenter = vcenter
        self._told = {each.host.moref: each.in_maintenance_mode for each in vcenter.hosts()}

    def __len__(self) -> int:
        """See HostUpdates.__len__."""
        return len(self._told)

    def wait(self, seconds: int) -> Updates:
        """See HostUpdates.wait."""
        ends = time.monotonic() + seconds
        while not (changed := self._changed()) and time.monotonic() < ends:
            time.sleep(_LOOK_SECONDS)
        self._told |= {each.host.moref: each.in_maintenance_mode for each in changed}
        return Updates(tuple(changed))

    def _changed(self) -> list[VCenterHost]:
        hosts = self._vcenter.hosts()
        return [each for each in hosts if self._told[each.host.moref] != each.in_maintenance_mode]


def mirror(environ: Mapping[str, str], vcenter: MemoryVCenter) -> bootstrap.Dispatch:
    """Return what bootstrap.mirror does, but for the vCenter."""
    settings = Settings.from_environ(environ)
    log.set_up(settings, default_format="json")
    clients = Clients(settings, environ)
    clients.vcenters = VCenters({vcenter.address: vcenter})
    listener = listening.listener(settings, environ, "knative")
    atexit.register(listener.close)
    context = clients.context(listener)
    return bootstrap.MirrorDispatch(settings, context, listener=listener)
