"""What handlers work with: the services behind the ports, and the policy."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from functions.errors import MaintenanceError, VCenterUnavailableError
from functions.events import HostEvent
from functions.outcomes import SweepListener
from functions.ports import Memory, OperationsManager, Resource, VCenter


class VCenters:
    """The configured vCenters, by each address under which events may know them."""

    def __init__(self, by_address: Mapping[str, VCenter] | None = None) -> None:
        self._by_address = dict(by_address or {})
        self._uuids: dict[str, str] = {}

    def __iter__(self) -> Iterator[VCenter]:
        """Each vCenter once, however many addresses it has."""
        return iter({id(vcenter): vcenter for vcenter in self._by_address.values()}.values())

    def __bool__(self) -> bool:
        return bool(self._by_address)

    def at(self, address: str) -> VCenter | None:
        """Return the vCenter with this address, if it is configured."""
        return self._by_address.get(address)

    def only(self, vcenter: VCenter) -> "VCenters":
        """Return ``vcenter`` by itself; it still has to differ from all that ``identify`` knows."""
        alone = VCenters({vcenter.address: vcenter})
        alone._uuids = self._uuids
        return alone

    def identify(self, vcenter: VCenter) -> None:
        """Note who ``vcenter`` says it is.

        Raises VCenterUnavailableError if another one has said the same: a copy of a vCenter, such
        as a restored backup, keeps its UUID and MoRefs, and would decide about the hosts of both.
        Raises what VCenter does if it cannot be asked.
        """
        uuid = self._uuids.get(vcenter.address) or vcenter.instance_uuid.casefold()
        self._uuids[vcenter.address] = uuid
        for address, other in list(self._uuids.items()):
            if uuid and other == uuid and address != vcenter.address:
                raise VCenterUnavailableError(
                    f"{vcenter.address} and {address} both say that they are the vCenter {uuid};"
                    " configure one of them only, with the other as its alias if they are the same",
                    lasting=True,
                )

    def owning(self, resource: Resource) -> VCenter | None:
        """Return the vCenter that ``resource`` itself says it belongs to, if it is configured.

        Raises what VCenter does if one that might be it cannot be asked who it is.
        """
        uuid, unknown = resource.vcenter_uuid.casefold(), None
        for vcenter in self if uuid else ():
            try:
                if vcenter.instance_uuid.casefold() == uuid:
                    return vcenter
            except MaintenanceError as error:
                unknown = error
        if unknown:
            raise unknown
        return None


class NoMemory:
    """The Memory of those who remember nothing: every event is the newest, and all is new."""

    def newest(self, event: HostEvent) -> HostEvent:
        """See Memory.newest."""
        return event

    def started(self, resource: Resource, at: datetime) -> None:
        """See Memory.started."""

    def has_started(self, resource: Resource, since: datetime) -> bool:
        """See Memory.has_started."""
        return False

    def noticed(self, what: Hashable) -> bool:
        """See Memory.noticed."""
        return False


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Policy:
    """The rules that somebody set.

    ``lease_minutes`` bounds every maintenance that is started; None leaves it open-ended.
    With ``require_verification``, events of hosts that no configured vCenter has are refused.
    ``max_changes`` is how many hosts a sweep may change; None means 50, or a fifth of all.
    An event of a host that vRealize Operations does not know is done with after
    ``discovery_minutes``. A host is overdue after ``overdue_days`` in maintenance mode.
    ``includes`` are the kinds of companions that go with hosts (``events.COMPANIONS``).
    """

    lease_minutes: int | None = None
    require_verification: bool = False
    max_changes: int | None = None
    discovery_minutes: int = 30
    overdue_days: int = 14
    includes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """What every event and every sweep is handled in.

    ``listener`` is told how sweeps go, and ``now`` tells the time (aware).
    """

    operations: OperationsManager
    vcenters: VCenters = field(default_factory=VCenters)
    memory: Memory = field(default_factory=NoMemory)
    policy: Policy = Policy()
    listener: SweepListener = field(default_factory=SweepListener)
    now: Callable[[], datetime] = _now
