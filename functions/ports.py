"""What the core asks of the outside world.

The real parties stand behind these protocols in ``adapters``, and in-memory fakes in the tests;
one contract suite holds both to what is written here.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from functions.events import HostRef


class ResourceState(StrEnum):
    """The states of a host's resource that matter to us.

    MAINTAINED is a timed window, MAINTAINED_MANUAL an open-ended one (Suite API, resourceState).
    Every other state (STARTED, NONE, UNKNOWN, ...) means that nothing suppresses its alerts.
    """

    MONITORED = "MONITORED"
    MAINTAINED = "MAINTAINED"
    MAINTAINED_MANUAL = "MAINTAINED_MANUAL"

    @property
    def maintained(self) -> bool:
        """Whether alerts and collection are suppressed."""
        return self is not ResourceState.MONITORED


@dataclass(frozen=True, slots=True)
class Resource:
    """The one vRealize Operations object that stands for ``host``, as it was when read.

    ``identifier`` is the object's UUID there.
    """

    identifier: str
    host: HostRef
    state: ResourceState


class OperationsManager(Protocol):
    """vRealize Operations, as far as maintenance is concerned."""

    def find(self, host: HostRef) -> Resource:
        """Read the one live resource that is ``host``, with its state as it is now.

        Raises HostNotFoundError if none is known, AmbiguousHostError if several fit, and any
        TransientError or RequestRejectedError of the way there.
        """
        ...

    def start_maintenance(self, resource: Resource, minutes: int | None) -> bool:
        """Start maintenance for ``minutes``, or open-ended with None; repeating it is harmless.

        Returns whether the new state was seen: False means accepted, but not visible yet.
        """
        ...

    def end_maintenance(self, resource: Resource) -> bool:
        """End maintenance, timed or open-ended; success also where there was none.

        Returns whether the new state was seen: False means accepted, but not visible yet.
        """
        ...
