"""The demonstration's vCenter: vcsim where there is Go to build it with, otherwise a file.

Both let a host enter and leave maintenance mode, and tell the function how to reach them.
"""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from pyVim.task import WaitForTask
from pyVmomi import SoapStubAdapter, vim

from examples import vcsim

ADDRESS = "vcenter.lab.local"
UUID = "5a1d9f0e-7c52-4d0b-9a5c-0e6f3c1b2a4d"


class VCenter(Protocol):
    """A vCenter whose hosts can be put into maintenance mode, by their names."""

    @property
    def what(self) -> str:
        """A line that says what this is."""
        ...

    @property
    def uuid(self) -> str:
        """Its instance UUID."""
        ...

    @property
    def settings(self) -> Mapping[str, str]:
        """The variables that the function needs to reach it."""
        ...

    @property
    def source(self) -> str:
        """The file that functions-framework is to run."""
        ...

    @property
    def morefs(self) -> Mapping[str, str]:
        """Every host's MoRef by its name."""
        ...

    def set_mode(self, name: str, *, in_maintenance_mode: bool) -> None:
        """Let a host enter maintenance mode, or leave it."""
        ...


@contextmanager
def running(folder: Path, names: list[str]) -> Iterator[VCenter]:
    """Run a vCenter with hosts of these names, and whatever it needs in ``folder``."""
    if not vcsim.available():
        yield FileVCenter.written(folder / "vcenter.json", names)
        return
    with vcsim.running(len(names)) as program:
        simulated = SimulatedVCenter(program)
        try:
            yield simulated
        finally:
            simulated.close()


class SimulatedVCenter:
    """vcsim: the real vSphere API, over TLS."""

    source = "adapters/knative.py"

    def __init__(self, program: vcsim.Vcsim) -> None:
        self.what = f"vcenter    {program.url}   vcsim, which speaks the vSphere API, over TLS"
        self.uuid = program.uuid
        # The alias is what the events in examples/events call it.
        self.settings = {**program.variables, "VCENTER_ALIASES": ADDRESS}
        self._stub = connection(program)
        content = vim.ServiceInstance("ServiceInstance", self._stub).RetrieveContent()
        content.sessionManager.Login(userName=program.username, password=program.password)
        view = content.viewManager.CreateContainerView(
            container=content.rootFolder, type=[vim.HostSystem], recursive=True
        )
        self._hosts = {host.name: host for host in view.view}
        self.morefs = {name: host._GetMoId() for name, host in self._hosts.items()}

    def set_mode(self, name: str, *, in_maintenance_mode: bool) -> None:
        """See VCenter.set_mode."""
        host = self._hosts[name]
        start = (
            host.EnterMaintenanceMode_Task if in_maintenance_mode else host.ExitMaintenanceMode_Task
        )
        WaitForTask(start(timeout=0))

    def close(self) -> None:
        """Close the connections."""
        self._stub.DropConnections()


@dataclass
class FileVCenter:
    """A vCenter in a file, which memory_vcenter.py answers from."""

    path: Path
    morefs: Mapping[str, str]
    what: str = "vcenter    in memory, since there is no Go to build vcsim with"
    uuid: str = UUID
    source: str = "examples/memory_vcenter.py"

    @classmethod
    def written(cls, path: Path, names: list[str]) -> "FileVCenter":
        """Return a new one, with no host in maintenance mode."""
        morefs = {name: f"host-{1001 + number}" for number, name in enumerate(names)}
        hosts = {moref: [name, False] for name, moref in morefs.items()}
        path.write_text(json.dumps(hosts), encoding="utf-8")
        return cls(path, morefs)

    @property
    def settings(self) -> Mapping[str, str]:
        """See VCenter."""
        return {"MEMORY_VCENTER": str(self.path)}

    def set_mode(self, name: str, *, in_maintenance_mode: bool) -> None:
        """See VCenter.set_mode."""
        hosts = json.loads(self.path.read_text(encoding="utf-8"))
        hosts[self.morefs[name]] = [name, in_maintenance_mode]
        self.path.write_text(json.dumps(hosts), encoding="utf-8")


def connection(program: vcsim.Vcsim) -> Any:
    """Return pyVmomi's way to a vcsim, which verifies its certificate."""
    parts = urlsplit(program.url)
    return SoapStubAdapter(
        host=parts.hostname,
        port=parts.port,
        version="vim.version.version11",
        sslContext=ssl.create_default_context(cafile=str(program.ca_file)),
    )
