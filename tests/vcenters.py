"""A vCenter to test against, vcsim: what people, and time, do to it."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pytest
from pyVim.task import WaitForTask
from pyVmomi import vim, vmodl

from adapters.config.credentials import EnvironCredentials
from adapters.config.settings import VCenterSettings
from adapters.vcenter import VSphere
from functions.events import HostRef, vcenter_address
from functions.ports import Companion
from lab import vcenters
from lab import vcsim as program
from lab.vcenters import connection, post_event, set_mode
from simulator import Companion as SimulatedCompanion
from simulator import Host, Simulator, VCenter

_Collector = vmodl.query.PropertyCollector

needs_go = pytest.mark.skipif(not program.available(), reason="needs go")
# For what shows without Go what vcsim shows with it, and takes as long.
INSTEAD_OF_VCSIM = [pytest.mark.exhaustive] if program.available() else []

# Go's words for a proxy of its modules that cannot be reached.
_OFFLINE = ("dial tcp", "no such host", "connection refused", "i/o timeout")


class Vcsim:
    """A running vcsim, and an administrator in it."""

    def __init__(self, running: program.Vcsim) -> None:
        self.url = running.url
        self.address = vcenter_address(running.url)
        self.uuid = running.uuid
        self.ca_file = running.ca_file
        self.username = running.username
        self.password = running.password
        self.variables = running.variables
        self.stop = running.stop
        self.pid = running.pid
        self._stub = connection(running.url, running.ca_file)
        self._content = vim.ServiceInstance("ServiceInstance", self._stub).RetrieveContent()
        self._content.sessionManager.Login(userName=self.username, password=self.password)

    @cached_property
    def hosts(self) -> list[HostRef]:
        """All hosts."""
        kinds = {"type": vim.HostSystem, "pathSet": ["name"]}
        view = self._content.viewManager.CreateContainerView(
            container=self._content.rootFolder, type=[vim.HostSystem], recursive=True
        )
        found = self._content.propertyCollector.RetrieveProperties(
            specSet=[
                _Collector.FilterSpec(
                    objectSet=[_Collector.ObjectSpec(obj=host) for host in view.view],
                    propSet=[_Collector.PropertySpec(**kinds)],
                )
            ]
        )
        view.DestroyView()
        return [HostRef(e.obj._GetMoId(), e.propSet[0].val, self.address) for e in found]

    @property
    def companions(self) -> list[Companion]:
        """All that goes with hosts."""
        return vcenters.companions(self._content, self.address)

    def enter(self, moref: str) -> None:
        """Put a host into maintenance mode."""
        set_mode(self._content, self._host(moref), in_maintenance_mode=True)

    def enter_long_ago(self, moref: str) -> None:
        """Put a host into maintenance mode, so long ago that the event of it is purged."""
        WaitForTask(self._host(moref).EnterMaintenanceMode_Task(timeout=0))

    def leave(self, moref: str) -> None:
        """Take a host out of maintenance mode."""
        set_mode(self._content, self._host(moref), in_maintenance_mode=False)

    def leave_untold(self, moref: str) -> None:
        """Take a host out of maintenance mode, with the event of that still to come."""
        WaitForTask(self._host(moref).ExitMaintenanceMode_Task(timeout=0))

    def remove(self, moref: str) -> None:
        """Remove a host; unlike entering and leaving, vcsim posts the event of that itself."""
        remaining = [host for host in self.hosts if host.moref != moref]
        _result(self._host(moref).Destroy_Task())
        # vcsim's cluster goes on naming a host that is gone, so that nobody can ask it for all.
        self.hosts = remaining

    def add(self, name: str) -> HostRef:
        """Add a host outside of the cluster, which gets a MoRef that no host had before."""
        [datacenter] = self._content.rootFolder.childEntity
        spec = vim.host.ConnectSpec(hostName=name, force=False)
        task = datacenter.hostFolder.AddStandaloneHost_Task(spec=spec, addConnected=True)
        added = HostRef(_result(task)._GetMoId(), name, self.address)
        self.hosts = [*self.hosts, added]
        return added

    def move(self, machine: str, moref: str) -> None:
        """Let a virtual machine run on another host."""
        spec = vim.vm.RelocateSpec(host=self._host(moref))
        _result(vim.VirtualMachine(machine, self._stub).RelocateVM_Task(spec=spec))

    def remove_datastore(self, moref: str) -> None:
        """Remove a datastore from all hosts that mount it."""
        _result(vim.Datastore(moref, self._stub).Destroy_Task())

    def post_event(self, name: str, moref: str) -> None:
        """Post an event about a host, of the class ``name``, as vCenter itself would."""
        post_event(self._content, name, self._host(moref))

    def forge_event(self, name: str, moref: str) -> None:
        """Post an EventEx that only calls itself ``name``, as anybody with the privilege can."""
        forged = vim.event.EventEx(
            key=0,
            chainId=0,
            createdTime=datetime.now(UTC),
            userName="",
            eventTypeId=name,
            objectType=vim.HostSystem,
            objectId=moref,
            host=vim.event.HostEventArgument(name=moref, host=self._host(moref)),
        )
        self._content.eventManager.PostEvent(eventToPost=forged)

    def posted(self, *names: str) -> list[Any]:
        """Return the events of these classes as they are stored, the newest first."""
        wanted = vim.event.EventFilterSpec(eventTypeId=list(names), maxCount=1000)
        return list(self._content.eventManager.QueryEvents(filter=wanted))

    @property
    def logins(self) -> int:
        """How many there were, without the administrator's own."""
        return len(self.posted("UserLoginSessionEvent")) - 1

    def sessions(self) -> list[str]:
        """Return the keys of all sessions but the administrator's own."""
        manager = self._content.sessionManager
        own = manager.currentSession.key
        return [session.key for session in manager.sessionList if session.key != own]

    def expire_sessions(self) -> None:
        """End all sessions but the administrator's own, as idle time does."""
        if keys := self.sessions():
            self._content.sessionManager.TerminateSession(sessionId=keys)

    def close(self) -> None:
        """Close the administrator's connections."""
        self._stub.DropConnections()

    def _host(self, moref: str) -> Any:
        return vim.HostSystem(moref, self._stub)


def _result(task: Any) -> Any:
    """Wait for a task that WaitForTask stumbles over, since pyVmomi does not know its method."""
    while (info := task.info).state in ("queued", "running"):
        time.sleep(0.01)
    if info.error:
        raise info.error
    return info.result


@contextmanager
def vcsim(hosts: int = 3, events: int = 0, **options: Any) -> Iterator[Vcsim]:
    """Run a vcsim; ``options`` are those of lab.vcsim.running, such as the password that it takes.

    So many ``events`` have been posted before.

    Skips the test where there is no Go, or, with its last words, where Go cannot fetch what it is
    made of.
    """
    if not program.available():
        pytest.skip("needs go")
    try:
        program.built()
    except program.NotBuiltError as error:
        if not any(word in str(error) for word in _OFFLINE):
            raise
        pytest.skip(f"vcsim could not be built: {error}")
    with program.running(hosts, events=events, **options) as running:
        simulated = Vcsim(running)
        try:
            yield simulated
        finally:
            simulated.close()


@contextmanager
def collecting(vcenter: Vcsim) -> Iterator[Simulator]:
    """Run a vRealize Operations that knows all hosts of a vcsim, and what goes with them."""
    known = [Host(each.name, each.moref, "vc") for each in vcenter.hosts]
    names = {each.moref: each.name for each in vcenter.hosts}
    companions = [_simulated(each, names) for each in vcenter.companions]
    where = VCenter("vc", vcenter.address, vcenter.uuid)
    with Simulator(known, [where], companions) as operations:
        yield operations


def _simulated(companion: Companion, names: Mapping[str, str]) -> SimulatedCompanion:
    # vcsim's cluster goes on naming a host that is gone.
    ref, hosts = companion.ref, [names[each] for each in sorted(companion.hosts & names.keys())]
    return SimulatedCompanion(ref.name, ref.moref, "vc", kind=ref.kind, hosts=hosts)


def credentials_for(vcenter: Vcsim, password: str | None = None) -> EnvironCredentials:
    """Who may log in to a vcsim, or may not, with another password."""
    password = vcenter.password if password is None else password
    environ = {"VCENTER_USERNAME": vcenter.username, "VCENTER_PASSWORD": password}
    return EnvironCredentials(environ, "VCENTER")


@contextmanager
def connected(
    vcenter: Vcsim,
    password: str | None = None,
    clock: Callable[[], float] = time.monotonic,
    **changes: Any,
) -> Iterator[VSphere]:
    """A client of a vcsim that checks its certificate, closed in the end."""
    settings = {"url": vcenter.url, "ca_file": str(vcenter.ca_file), **changes}
    vsphere = VSphere(VCenterSettings(**settings), credentials_for(vcenter, password), clock)
    try:
        yield vsphere
    finally:
        vsphere.close()
