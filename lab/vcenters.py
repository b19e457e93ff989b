"""The vCenter of a laboratory: vcsim where there is Go to build it with, otherwise a file.

Both let a host enter and leave maintenance mode, and tell the function how to reach them.
"""

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from pyVim.task import WaitForTask
from pyVmomi import SoapStubAdapter, vim

from adapters.clients import Clients
from adapters.config.settings import Settings
from functions.context import VCenters
from functions.events import HostRef
from functions.ports import Companion
from lab import vcsim
from lab.memory import UUID, MemoryVCenter, companions_of
from lab.processes import COMMAND_LINE, SOURCE, WATCHER

HOSTS: Final = ("esx01.lab.local", "esx02.lab.local")
# What the events in examples/events call it.
ADDRESS: Final = "vcenter.lab.local"
# The variable that names the file to lab/function.py, lab/watcher.py and lab/cli.py.
FILE: Final = "MEMORY_VCENTER"
# What the settings want to know of a vCenter, where it is in that file; nobody goes there.
NOWHERE: Final = {
    "VCENTER_URL": f"https://{ADDRESS}",
    "VCENTER_USERNAME": "-",
    "VCENTER_PASSWORD": "-",
}
# The kinds of what goes with hosts, and which hosts each of them depends on.
_HOSTS_OF: Final[Mapping[Any, Callable[[Any], Sequence[Any]]]] = {
    vim.Datastore: lambda datastore: [mount.key for mount in datastore.host],
    vim.ClusterComputeResource: lambda cluster: cluster.host,
    vim.VirtualMachine: lambda machine: [machine.runtime.host],
}


class VCenter(Protocol):
    """A vCenter whose hosts can be put into maintenance mode, by their names."""

    @property
    def what(self) -> str:
        """What this is, and where."""
        ...

    @property
    def speaks_vsphere(self) -> bool:
        """Whether the command line can ask it, too."""
        ...

    @property
    def uuid(self) -> str:
        """Its instance UUID."""
        ...

    @property
    def variables(self) -> Mapping[str, str]:
        """What it takes to reach it: for the function, and for ``connected``."""
        ...

    @property
    def source(self) -> str:
        """The file that functions-framework is to run."""
        ...

    @property
    def watcher(self) -> str:
        """The module that is to be run to watch it."""
        ...

    @property
    def command_line(self) -> str:
        """The module of the command line that reads it."""
        ...

    @property
    def morefs(self) -> Mapping[str, str]:
        """Every host's MoRef by its name."""
        ...

    @property
    def companions(self) -> Sequence[Companion]:
        """What goes with its hosts: two local datastores, a shared one, a cluster, a machine."""
        ...

    def set_mode(self, name: str, *, in_maintenance_mode: bool) -> None:
        """Let a host enter maintenance mode, or leave it."""
        ...


@contextmanager
def running(folder: Path) -> Iterator[VCenter]:
    """Run a vCenter with HOSTS, none of them in maintenance mode; a file would be in ``folder``."""
    if not vcsim.available():
        file = folder / "vcenter.json"
        file.unlink(missing_ok=True)  # What an earlier laboratory has left behind.
        in_file(file).in_maintenance = set()
        yield FileVCenter(file)
        return
    numbers = range(1, len(HOSTS) + 1)
    datastores = [*([number] for number in numbers), numbers]
    with (
        vcsim.running(len(HOSTS), datastores=datastores, machines=[1]) as program,
        connected(program.variables) as vcenter,
    ):
        yield vcenter


@contextmanager
def connected(variables: Mapping[str, str]) -> Iterator[VCenter]:
    """Connect to a vCenter that runs, by its variables."""
    if FILE in variables:
        yield FileVCenter(Path(variables[FILE]))
        return
    simulated = SimulatedVCenter(variables)
    try:
        yield simulated
    finally:
        simulated.close()


class SimulatedVCenter:
    """vcsim: the real vSphere API, over TLS."""

    source = SOURCE
    watcher = WATCHER
    command_line = COMMAND_LINE
    speaks_vsphere = True

    def __init__(self, variables: Mapping[str, str]) -> None:
        url = variables["VCENTER_URL"]
        self.what = f"{url}   vcsim, which speaks the vSphere API, over TLS"
        self.variables = {**variables, "VCENTER_ALIASES": ADDRESS}
        self._stub = connection(url, Path(variables["VCENTER_CA_FILE"]))
        content = vim.ServiceInstance("ServiceInstance", self._stub).RetrieveContent()
        content.sessionManager.Login(
            userName=variables["VCENTER_USERNAME"], password=variables["VCENTER_PASSWORD"]
        )
        self.uuid = content.about.instanceUuid
        self._content = content
        self._hosts = {host.name: host for host in _all(content, [vim.HostSystem])}
        self.morefs = {name: host._GetMoId() for name, host in self._hosts.items()}
        self.companions = companions(content, ADDRESS)

    def set_mode(self, name: str, *, in_maintenance_mode: bool) -> None:
        """See VCenter.set_mode."""
        set_mode(self._content, self._hosts[name], in_maintenance_mode=in_maintenance_mode)

    def close(self) -> None:
        """Close the connections."""
        self._stub.DropConnections()


class FileVCenter:
    """A vCenter in a file, which lab/function.py and its like answer from."""

    what = "in memory, since there is no Go to build vcsim with"
    source = "lab/function.py"
    watcher = "lab.watcher"
    command_line = "lab.cli"
    speaks_vsphere = False
    uuid = UUID

    def __init__(self, file: Path) -> None:
        self.variables = {FILE: str(file)}
        self._vcenter = in_file(file)
        self.morefs = {each.host.name: each.host.moref for each in self._vcenter.hosts()}
        self.companions = companions_of(ADDRESS, len(HOSTS))

    def set_mode(self, name: str, *, in_maintenance_mode: bool) -> None:
        """See VCenter.set_mode."""
        others = self._vcenter.in_maintenance - {self.morefs[name]}
        entered = {self.morefs[name]} if in_maintenance_mode else set()
        self._vcenter.in_maintenance = others | entered


def companions(content: Any, address: str) -> list[Companion]:
    """Return all that goes with hosts of a vcsim, which is called ``address``."""
    return [
        Companion(
            HostRef(each._GetMoId(), each.name, address, each._wsdlName),
            frozenset(host._GetMoId() for host in _HOSTS_OF[type(each)](each)),
        )
        for each in _all(content, [*_HOSTS_OF])
    ]


def _all(content: Any, kinds: Sequence[Any]) -> Sequence[Any]:
    view = content.viewManager.CreateContainerView(
        container=content.rootFolder, type=kinds, recursive=True
    )
    try:
        return list(view.view)
    finally:
        view.DestroyView()


def set_mode(content: Any, host: Any, *, in_maintenance_mode: bool) -> None:
    """Let a host of a vcsim enter maintenance mode, or leave it.

    The event of that, which a vCenter would post by itself, is posted, too.
    """
    if host.runtime.inMaintenanceMode == in_maintenance_mode:
        return
    if in_maintenance_mode:
        WaitForTask(host.EnterMaintenanceMode_Task(timeout=0))
        post_event(content, "EnteredMaintenanceModeEvent", host)
    else:
        WaitForTask(host.ExitMaintenanceMode_Task(timeout=0))
        post_event(content, "ExitMaintenanceModeEvent", host)


def post_event(content: Any, name: str, host: Any) -> None:
    """Post an event about a host of a vcsim, of the class ``name``, as vCenter itself would."""
    datacenter = content.rootFolder.childEntity[0]
    event = getattr(vim.event, name)(
        key=0,
        chainId=0,
        createdTime=datetime.now(UTC),
        userName="",
        datacenter=vim.event.DatacenterEventArgument(name=datacenter.name, datacenter=datacenter),
        computeResource=vim.event.ComputeResourceEventArgument(
            name=host.parent.name, computeResource=host.parent
        ),
        host=vim.event.HostEventArgument(name=host.name, host=host),
    )
    content.eventManager.PostEvent(eventToPost=event)


def in_file(file: Path) -> MemoryVCenter:
    """Return the vCenter with HOSTS that is in a file."""
    count = len(HOSTS)
    return MemoryVCenter(ADDRESS, UUID, count, file=file, companions=companions_of(ADDRESS, count))


def clients_of_file(settings: Settings, environ: Mapping[str, str]) -> Clients:
    """Return the clients of these settings, but for the vCenter, which is in the file FILE names.

    Of a vCenter, the settings know NOWHERE.
    """
    clients = Clients(settings, environ)
    vcenter = in_file(Path(environ[FILE]))
    clients.vcenters = VCenters({vcenter.address: vcenter})
    return clients


def connection(url: str, ca_file: Path) -> Any:
    """Return pyVmomi's way to a vcsim, which verifies its certificate."""
    parts = urlsplit(url)
    return SoapStubAdapter(
        host=parts.hostname,
        port=parts.port,
        version="vim.version.version11",
        sslContext=ssl.create_default_context(cafile=str(ca_file)),
    )
