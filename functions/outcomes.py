"""What became of an event, and what a sweep does to a host."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from functions.errors import MaintenanceError, SweepRefusedError
from functions.events import HostEvent, HostRef
from functions.ports import Companion, ModeChange, Resource, VCenterHost

Done = Literal[
    "entered",
    "exited",
    "renewed",
    "unchanged",
    "left",
    "reconciled",
    "ignored",
    "echoed",
    "given up",
]
Verb = Literal["start", "renew", "end", "leave", "report"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done, to which host (None: to none in particular), and why.

    ``needs_attention`` marks what a person should look at, though nothing failed. ``event`` is
    the one that it is about, for the log; None where its host could not be read, and of a sweep.
    ``companions`` are the outcomes of what goes with the host (Policy.includes), each of which may
    need attention for itself.
    """

    action: Done
    host: HostRef | None = None
    reason: str = ""
    needs_attention: bool = False
    event: HostEvent | None = field(default=None, compare=False)
    companions: tuple["Outcome", ...] = ()

    def as_dict(self) -> dict[str, str]:
        """Return what a processor may be told: JSON texts only."""
        return {"action": self.action, "host": str(self.host or ""), "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Action:
    """What a sweep does to one host, and why.

    ``leave`` and ``report`` change nothing: the first is about maintenance that is not ours, the
    second about a host that cannot be compared. ``until`` is when a window that is started or
    renewed will end by itself. ``is_new``: it was not told of within the last day.
    """

    verb: Verb
    host: HostRef
    reason: str
    resource: Resource | None = None
    until: datetime | None = None
    is_new: bool = True

    @property
    def changes(self) -> bool:
        """Whether the host's state will be another one: renewing a window is no change."""
        return self.verb in ("start", "end")


@dataclass(frozen=True, slots=True)
class Overdue:
    """A host that has been in maintenance mode for longer than it should be.

    ``entered`` is when that began, and who did it; None is longer ago than its vCenter remembers.
    ``is_new``: it was not told of today.
    """

    host: HostRef
    entered: ModeChange | None
    is_new: bool = True

    @property
    def reason(self) -> str:
        """Return since when, and by whom, in words."""
        if self.entered is None:
            return "in maintenance mode for longer than its vCenter remembers"
        by = f", by {self.entered.user}" if self.entered.user else ""
        return f"in maintenance mode since {self.entered.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC{by}"


class SweepListener:
    """Is told how a sweep goes, as it goes. This one does not care."""

    def read(self, vcenter: str, side: str, count: int) -> None:
        """``count`` hosts of ``vcenter`` were read so far, on one ``side`` of the comparison."""

    def compared(
        self,
        vcenter: str,
        hosts: Sequence[VCenterHost],
        resources: Sequence[Resource],
        actions: Sequence[Action],
        companions: Sequence[Companion] = (),
    ) -> None:
        """All of ``vcenter`` was read, on both sides, and ``actions`` are what there is to do.

        ``resources`` and ``actions`` are about the ``companions`` of hosts, too. Hosts that are
        overdue are told of later.
        """

    def refused(self, error: SweepRefusedError) -> None:
        """More would be changed than may be, so that of what comes next only ``renew`` is done."""

    def planned(self, actions: list[Action]) -> None:
        """All hosts were compared, and this is what there is to do."""

    def done(self, action: Action, seen: bool) -> None:
        """``action`` was accepted; ``seen`` tells whether the new state is visible already."""

    def corrected(self, outcome: Outcome) -> None:
        """A host has changed its mode since it was compared, and was looked at once more."""

    def overdue(self, found: Overdue) -> None:
        """A host has been in maintenance mode for too long."""

    def failed(self, where: str, error: MaintenanceError) -> None:
        """Something about ``where`` did not work; the sweep goes on with the rest."""
