"""The function with a vCenter in a file: ``functions-framework --source`` this, for the demo.

It also shows how to put the function together with clients of your own: anything that fits the
protocols in functions/ports.py will do.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from adapters import bootstrap, knative
from adapters.clients import Clients
from adapters.config.settings import Settings
from adapters.output import log
from functions.context import VCenters
from functions.errors import HostNotFoundError
from functions.events import HostRef
from functions.ports import VCenterHost


class MemoryVCenter:
    """A VCenter that answers from a file: MoRef -> [name, in maintenance mode]."""

    address = "vcenter.lab.local"
    instance_uuid = "5a1d9f0e-7c52-4d0b-9a5c-0e6f3c1b2a4d"

    def __init__(self, path: Path) -> None:
        self._path = path

    def in_maintenance_mode(self, moref: str) -> bool:
        """See VCenter.in_maintenance_mode."""
        for each in self.hosts():
            if each.host.moref == moref:
                return each.in_maintenance_mode
        raise HostNotFoundError(f"{self.address} has no host {moref}")

    def hosts(self) -> Iterator[VCenterHost]:
        """See VCenter.hosts."""
        for moref, (name, mode) in json.loads(self._path.read_text(encoding="utf-8")).items():
            yield VCenterHost(HostRef(moref, name, self.address), mode)


_settings = Settings.from_environ(os.environ)
log.set_up(_settings, default_format="json")
_vcenter = MemoryVCenter(Path(os.environ["MEMORY_VCENTER"]))
_context = Clients(_settings, os.environ).context(log.SweepLog())
_context = replace(_context, vcenters=VCenters({_vcenter.address: _vcenter}))
_dispatch = bootstrap.MirrorDispatch(_settings, _context)
handle = knative.view("handle", bootstrap.answering(_dispatch, knative.received))
