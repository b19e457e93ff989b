"""The function with a vCenter client of your own: ``functions-framework --source`` this file.

For whoever may not ask vCenter itself, but has an inventory that knows what vCenter would say. Here
it is a table that another program keeps up to date, with the columns moref, name, maintenance and
changed, the moment at which that was so; ``INVENTORY`` names the file.
"""

import csv
import os
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from adapters import bootstrap, knative
from adapters.clients import Clients
from adapters.config.settings import Settings
from adapters.output import log
from functions.context import VCenters
from functions.errors import HostGoneError, VCenterUnavailableError
from functions.events import HostRef
from functions.ports import ModeChange, VCenter, VCenterHost


class Inventory(VCenter):
    """A vCenter, as functions/ports.py describes it: whatever has these members will do.

    This one knows hosts only, and nothing that goes with them.
    """

    address = "vcenter.lab.local"
    instance_uuid = "5a1d9f0e-7c52-4d0b-9a5c-0e6f3c1b2a4d"

    def __init__(self, table: Path) -> None:
        self._table = table

    def in_maintenance_mode(self, moref: str) -> bool:
        """See VCenter.in_maintenance_mode."""
        for each in self.hosts():
            if each.host.moref == moref:
                return each.in_maintenance_mode
        raise HostGoneError(f"{self.address} has no host {moref}")

    def hosts(self) -> Iterator[VCenterHost]:
        """See VCenter.hosts."""
        for row in self._rows():
            host = HostRef(row["moref"], row["name"], self.address)
            yield VCenterHost(host, row["maintenance"] == "yes")

    def mode_changes(self, since: datetime, moref: str = "") -> list[ModeChange]:
        """See VCenter.mode_changes: the last change of each host is enough."""
        changes = [_change(row) for row in self._rows() if moref in ("", row["moref"])]
        recent = [change for change in changes if change.at >= since]
        return sorted(recent, key=lambda change: change.at, reverse=True)

    def entered(self, morefs: Collection[str]) -> dict[str, ModeChange]:
        """See VCenter.entered."""
        changes = [_change(row) for row in self._rows() if row["moref"] in morefs]
        return {change.moref: change for change in changes if change.entered}

    def _rows(self) -> list[dict[str, str]]:
        try:
            with self._table.open(encoding="utf-8", newline="") as lines:
                return list(csv.DictReader(lines))
        except OSError as error:  # The event is sent again then, as for a vCenter that is down.
            raise VCenterUnavailableError(f"{self._table}: {error.strerror}") from None


def _change(row: Mapping[str, str]) -> ModeChange:
    at = datetime.fromisoformat(row["changed"])
    return ModeChange(row["moref"], row["maintenance"] == "yes", at)


def mirror(environ: Mapping[str, str]) -> bootstrap.MirrorDispatch:
    """Put together what ``bootstrap.mirror`` does, but with this vCenter."""
    settings = Settings.from_environ(environ)
    log.set_up(settings, default_format="json")
    clients = Clients(settings, environ)
    vcenter = Inventory(Path(environ["INVENTORY"]))
    clients.vcenters = VCenters({vcenter.address: vcenter})
    return bootstrap.MirrorDispatch(settings, clients.context(log.SweepLog()))


handle = knative.view("handle", bootstrap.answering(mirror(os.environ), knative.received))
