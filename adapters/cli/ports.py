"""What the command line asks of the services beyond ``functions.ports``.

``adapters.clients.Clients`` and what it holds fit these protocols; so do the fakes of the tests.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from adapters.vrops.inspection import Role
from adapters.vrops.models import Instance
from functions.context import Context, VCenters
from functions.outcomes import SweepListener
from functions.ports import OperationsManager, VCenter


class ExtendedVCenter(VCenter, Protocol):
    """A VCenter that also tells its time, and how it is asked.

    Every member raises what the members of VCenter do.
    """

    def now(self) -> datetime:
        """Return the time on its clock (aware)."""
        ...

    def api_version(self) -> str:
        """Return the version of the vSphere API that is spoken, such as ``8.0.3.0``."""
        ...

    def lists_api_versions(self) -> bool:
        """Return whether it says which versions it speaks."""
        ...


class Inspection(Protocol):
    """What vRealize Operations says of itself and of our account.

    Every member raises AuthenticationError, or another MaintenanceError.
    """

    def release(self) -> str:
        """Return the name of the release, such as ``VMware Aria Operations 8.18.7``."""
        ...

    def roles(self) -> Sequence[Role] | None:
        """Return the roles of our account, or None if it is not told."""
        ...

    def now(self) -> datetime | None:
        """Return the time on its clock (aware), or None if it does not tell."""
        ...

    def instances(self) -> Sequence[Instance]:
        """Return which vCenters are collected."""
        ...


class ExtendedOperations(OperationsManager, Protocol):
    """An OperationsManager that also tells how it is set up."""

    def inspection(self) -> Inspection:
        """Return what tells that."""
        ...


class ConnectedClients(Protocol):
    """Both sides; nobody is called before there is something to ask."""

    @property
    def operations(self) -> ExtendedOperations:
        """Return vRealize Operations."""
        ...

    @property
    def vspheres(self) -> Sequence[ExtendedVCenter]:
        """Return the vCenters, in the order of the settings."""
        ...

    @property
    def vcenters(self) -> VCenters:
        """Return the same by each address under which events may know them."""
        ...

    def context(self, listener: SweepListener) -> Context:
        """Return what a sweep works with; ``listener`` is told how it goes."""
        ...

    def close(self) -> None:
        """Give up token, sessions and connections; never raises."""
        ...
