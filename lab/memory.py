"""A vCenter in memory, which takes its time; or in a file, where other processes can change it."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from adapters import bootstrap
from adapters.clients import Clients
from adapters.config.settings import Settings
from adapters.output import log
from functions.context import VCenters
from functions.errors import HostNotFoundError
from functions.events import HostRef
from functions.ports import VCenterHost

# A vCenter's instance UUID, for whom any will do.
UUID: Final = "5a1d9f0e-7c52-4d0b-9a5c-0e6f3c1b2a4d"


class MemoryVCenter:
    """Knows ``count`` hosts as a simulator makes them up; every question takes ``seconds``.

    ``in_maintenance`` holds the MoRefs of those in maintenance mode. With a ``file`` it is kept
    there, and asked anew each time.
    """

    def __init__(
        self,
        address: str,
        instance_uuid: str,
        count: int,
        seconds: float = 0.0,
        file: Path | None = None,
    ) -> None:
        self.address = address
        self.instance_uuid = instance_uuid
        self._seconds = seconds
        self._file = file
        self._in_maintenance: set[str] = set()
        self._hosts = {
            f"host-{1000 + n}": HostRef(f"host-{1000 + n}", f"esx{n:02}.lab.local", address)
            for n in range(1, count + 1)
        }

    @property
    def in_maintenance(self) -> set[str]:
        """The MoRefs of the hosts that are in maintenance mode."""
        if self._file is None:
            return self._in_maintenance
        return set(json.loads(self._file.read_text(encoding="utf-8")))

    @in_maintenance.setter
    def in_maintenance(self, morefs: set[str]) -> None:
        self._in_maintenance = morefs
        if self._file:
            # Whoever reads meanwhile finds all of the old ones, or all of the new.
            unfinished = self._file.with_suffix(".new")
            unfinished.write_text(json.dumps(sorted(morefs)), encoding="utf-8")
            unfinished.replace(self._file)

    def in_maintenance_mode(self, moref: str) -> bool:
        """See VCenter.in_maintenance_mode."""
        time.sleep(self._seconds)
        if moref not in self._hosts:
            raise HostNotFoundError(f"{self.address} has no host {moref}")
        return moref in self.in_maintenance

    def hosts(self) -> Iterator[VCenterHost]:
        """See VCenter.hosts."""
        time.sleep(self._seconds)
        in_maintenance = self.in_maintenance
        for moref, host in self._hosts.items():
            yield VCenterHost(host, moref in in_maintenance)


def mirror(environ: Mapping[str, str], vcenter: MemoryVCenter) -> bootstrap.Dispatch:
    """Return what bootstrap.mirror does, but for the vCenter."""
    settings = Settings.from_environ(environ)
    log.set_up(settings, default_format="json")
    clients = Clients(settings, environ)
    clients.vcenters = VCenters({vcenter.address: vcenter})
    return bootstrap.MirrorDispatch(settings, clients.context(log.SweepLog()))
