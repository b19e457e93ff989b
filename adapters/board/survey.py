"""Both sides of all vCenters, as far as they can be read."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol, TypeVar

from adapters.board.comparison import Row, compare, with_entered
from functions.context import Context
from functions.errors import MaintenanceError, RequestRejectedError
from functions.ownership import changes_that_matter
from functions.ports import Companion, ModeChange, Resource, VCenter, VCenterHost
from functions.reconciliation import companions_of

T = TypeVar("T")


class Audience(Protocol):
    """Is told how a survey goes, as adapters.cli.terminal.Terminal is."""

    def busy(self, text: str) -> AbstractContextManager[object]:
        """Let it be known what takes a while, as long as that lasts."""
        ...

    def note(self, text: str) -> None:
        """Say what is not known, and why."""
        ...

    def error(self, text: str) -> None:
        """Say what went wrong."""
        ...


class Survey:
    """Reads both sides; what fails is told to the audience, and spares the rest.

    ``complete`` tells whether nothing has failed. What our account may not read is no failure.
    """

    def __init__(self, context: Context, audience: Audience) -> None:
        self.complete = True
        self._context = context
        self._audience = audience

    def rows(self) -> list[Row]:
        """Return a row for each host that either side knows."""
        return [row for vcenter in self._context.vcenters for row in self._of(vcenter)]

    def _of(self, vcenter: VCenter) -> list[Row]:
        with self._audience.busy(f"reading the hosts of {vcenter.address}"):
            try:
                return self.read(vcenter)
            except MaintenanceError as error:
                self._failed(vcenter, str(error))
                return []

    def read(self, vcenter: VCenter) -> list[Row]:
        """Return a row for each host of one vCenter; raises the MaintenanceError it meets."""
        context = self._context
        hosts = list(vcenter.hosts())
        resources = list(context.operations.resources(vcenter.address))
        companions = self._add_companions(vcenter, resources)
        changes = self._changes(vcenter, hosts, resources)
        rows = compare(hosts, resources, context.policy, context.now(), changes, companions)
        return self._with_entered(rows, vcenter)

    def _add_companions(self, vcenter: VCenter, resources: list[Resource]) -> list[Companion]:
        """Read what goes with the hosts, and add its ``resources``."""
        companions: list[Companion] = []
        for kind in self._context.policy.includes:
            try:
                listed, known = companions_of(kind, vcenter, self._context)
            except MaintenanceError as error:
                self._failed(vcenter, str(error))
            else:
                companions += listed
                resources += known
        return companions

    def _changes(
        self, vcenter: VCenter, hosts: Sequence[VCenterHost], resources: Sequence[Resource]
    ) -> Sequence[ModeChange] | None:
        policy = self._context.policy
        if not policy.lease_minutes:
            return ()  # Then no timed window is ours, whatever has been.
        now = self._context.now()
        ask = partial(changes_that_matter, vcenter, hosts, resources, policy, now)
        return self._asked("whose timed windows are", vcenter, ask)

    def _with_entered(self, rows: Sequence[Row], vcenter: VCenter) -> list[Row]:
        """Add since when hosts are in maintenance mode, and by whom."""
        morefs = [row.host.moref for row in rows if row.in_maintenance_mode]
        ask = partial(vcenter.entered, morefs)
        entered = self._asked("since when", vcenter, ask) if morefs else None
        if entered is None:
            return [*rows]
        return with_entered(rows, entered, self._context.policy, self._context.now())

    def _asked(self, what: str, vcenter: VCenter, ask: Callable[[], T]) -> T | None:
        """Ask for what a row can do without; None if it is not told, which is said."""
        try:
            return ask()
        except RequestRejectedError as error:
            self._audience.note(f"{what} is not known: {error}")
        except MaintenanceError as error:
            self._failed(vcenter, f"{what} is not known: {error}")
        return None

    def _failed(self, vcenter: VCenter, what: str) -> None:
        self._audience.error(f"{vcenter.address}: {what}")
        self.complete = False
