"""What is asked of the services beyond functions.ports, while vCenters are watched."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from functions.context import Context
from functions.outcomes import SweepListener
from functions.ports import VCenter, VCenterHost


class Updates(Protocol):
    """See adapters.vcenter.updates.Updates."""

    @property
    def changed(self) -> Sequence[VCenterHost]:
        """See Updates.changed."""
        ...

    @property
    def other_hosts(self) -> bool:
        """See Updates.other_hosts."""
        ...

    @property
    def told_again(self) -> frozenset[str]:
        """See Updates.told_again."""
        ...


class HostUpdates(Protocol):
    """See adapters.vcenter.updates.HostUpdates."""

    def __len__(self) -> int:
        """See HostUpdates.__len__."""
        ...

    def wait(self, seconds: int) -> Updates:
        """See HostUpdates.wait."""
        ...


class WatchedVCenter(VCenter, Protocol):
    """A vCenter that tells of changes by itself."""

    def watch(self) -> AbstractContextManager[HostUpdates]:
        """See VSphere.watch."""
        ...


class Services(Protocol):
    """Everybody we talk to; see adapters.clients.Clients."""

    @property
    def vspheres(self) -> Sequence[WatchedVCenter]:
        """See Clients.vspheres."""
        ...

    def context(self, listener: SweepListener) -> Context:
        """See Clients.context."""
        ...

    def close(self) -> None:
        """See Clients.close."""
        ...
