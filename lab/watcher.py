"""The door without VEBA, with a vCenter in a file: ``python -m lab.watcher``.

``MEMORY_VCENTER`` names the file.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.clients import Clients
from adapters.config.settings import Settings
from adapters.watch import program
from functions.context import Context
from functions.outcomes import SweepListener
from lab import vcenters
from lab.memory import MemoryVCenter


@dataclass
class _Services:
    """See adapters.watch.ports.Services."""

    clients: Clients
    vspheres: Sequence[MemoryVCenter]

    def context(self, listener: SweepListener) -> Context:
        return self.clients.context(listener)

    def close(self) -> None:
        self.clients.close()


def _connected(settings: Settings, environ: Mapping[str, str]) -> _Services:
    clients = vcenters.clients_of_file(settings, environ)
    return _Services(clients, [vcenters.in_file(Path(environ[vcenters.FILE]))])


def main() -> int:
    """Watch the vCenter in the file until a signal ends it; returns the exit code."""
    return program.run({**os.environ, **vcenters.NOWHERE}, _connected)


if __name__ == "__main__":
    sys.exit(main())
