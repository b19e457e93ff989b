"""What the Suite API's JSON says of vCenters and hosts, as dataclasses.

Sources: Suite API 8.6 to 9.1, the schemas ``adapter-instance`` and ``resource``.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from adapters.vrops.client import objects
from functions.events import HostRef, vcenter_address
from functions.ports import Resource, ResourceState

# The adapter kind of all that comes from a vCenter.
VSPHERE: Final = "VMWARE"


@dataclass(frozen=True, slots=True)
class Instance:
    """A VMWARE adapter instance: one vCenter as vRealize Operations collects it."""

    identifier: str
    address: str
    uuid: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A resource that a host, or a companion of hosts, may be.

    ``vcenter`` is the instance UUID of its vCenter. ``entries`` are (adapter instance,
    resourceState, resourceStatus). ``kind`` is empty unless it is one of vSphere's.
    """

    identifier: str
    name: str
    moref: str
    vcenter: str
    entries: tuple[tuple[str, str, str], ...]
    kind: str = ""

    def owned_by(self, owners: Collection[str]) -> "Candidate":
        """Keep the entries of the owning adapter instances, if there are any, whatever order."""
        owned = tuple(entry for entry in self.entries if entry[0] in owners)
        return replace(self, entries=owned or self.entries)

    def as_resource(self, host: HostRef) -> Resource:
        """Return it as the core sees it, since it was found to be ``host``."""
        return Resource(self.identifier, host, self.state, self.moref, self.vcenter)

    @property
    def state(self) -> ResourceState:
        """The state that suppresses most, since entries of one host rarely differ."""
        states = {state for _, state, _ in self.entries}
        for suppressed in (ResourceState.OPEN_ENDED, ResourceState.TIMED):
            if suppressed in states:
                return suppressed
        return ResourceState.MONITORED

    @property
    def gone(self) -> bool:
        """Whether vCenter no longer has this host: a stale twin of a host that was re-added."""
        return bool(self.entries) and all(state == "NOT_EXISTING" for _, state, _ in self.entries)

    @property
    def liveliness(self) -> int:
        """2: data arrives. 1: in maintenance, when none need arrive. 0: neither, so maybe stale."""
        if any(status == "DATA_RECEIVING" for _, _, status in self.entries):
            return 2
        return 1 if self.state.maintained else 0

    def is_called(self, name: str) -> bool:
        """Whether this is its whole name, in any case: what the server matched is a part of it."""
        return bool(name) and self.name.casefold() == name.casefold()

    def is_named(self, host: HostRef) -> bool:
        """Whether this has the host's name, and no MoRef that says it is another one."""
        another = host.moref and self.moref and self.moref != host.moref
        return self.is_called(host.name) and not another

    def has_moref(self, host: HostRef) -> bool:
        """Whether both have a MoRef, and the same one."""
        return bool(host.moref) and self.moref == host.moref

    def is_companion(self, companion: HostRef) -> bool:
        """Whether it is of that kind, and has that MoRef."""
        return self.kind == companion.kind and self.has_moref(companion)

    def reference(self, vcenter: str) -> HostRef:
        """Return what it is by its own account, in the vCenter with that address."""
        return HostRef(self.moref, self.name, vcenter, self.kind)

    def may_be_of(self, uuid: str) -> bool:
        """Whether nothing says that it belongs to another vCenter; "" is one that is not known."""
        return not uuid or self.vcenter in ("", uuid)

    def is_still(self, host: HostRef) -> bool:
        """Whether what was found to be ``host`` still is: either may have been renamed since."""
        return self.has_moref(host) or self.is_named(host)


def liveliest(found: Collection[Candidate]) -> list[Candidate]:
    """Return those of which most is heard, as a stale twin is not heard of any more."""
    most = max((each.liveliness for each in found), default=0)
    return [each for each in found if each.liveliness == most]


def candidate(item: Mapping[str, Any]) -> Candidate:
    """Read a resource; what is missing or of another kind is empty."""
    key = _object(item, "resourceKey")
    identifiers = _identifiers(key)
    return Candidate(
        identifier=_text(item, "identifier"),
        name=_text(key, "name"),
        moref=identifiers.get("VMEntityObjectID", ""),
        vcenter=identifiers.get("VMEntityVCID", "").casefold(),
        entries=tuple(_entry(entry) for entry in objects(item, "resourceStatusStates")),
        kind=_text(key, "resourceKindKey") if _text(key, "adapterKindKey") == VSPHERE else "",
    )


def _entry(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    return (
        _text(entry, "adapterInstanceId"),
        _text(entry, "resourceState"),
        _text(entry, "resourceStatus"),
    )


def instance(item: Mapping[str, Any]) -> Instance:
    """Read an adapter instance; what is missing or of another kind is empty."""
    identifiers = _identifiers(_object(item, "resourceKey"))
    address = vcenter_address(identifiers.get("VCURL", ""))
    return Instance(_text(item, "id"), address, identifiers.get("VMEntityVCID", ""))


def _identifiers(key: Mapping[str, Any]) -> dict[str, str]:
    listed = objects(key, "resourceIdentifiers")
    return {_text(_object(each, "identifierType"), "name"): _text(each, "value") for each in listed}


def _object(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = item.get(key)
    return value if isinstance(value, dict) else {}


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""
