"""The hosts that every contract claim is about: each trap of the field, side by side.

Where a claim needs hosts of its own they have a name of their own, so that all claims can share
one inventory, and each of them proves that nothing else in it was touched.
"""

from typing import Final

from functions.events import HostRef
from simulator import Host, VCenter

# The vCenters as people configured them: A and B can be told from an event's source, C cannot.
VCENTERS: Final = (
    VCenter("A", url="https://VC-A.lab.local:443/sdk"),
    VCenter("B", url="vc-b.lab.local"),
    VCenter("C", url="192.0.2.16"),
)
A: Final = "vc-a.lab.local"
B: Final = "vc-b.lab.local"
C: Final = "192.0.2.16"
UNKNOWN: Final = "vc-c.lab.local"
ADDRESSES: Final = {"A": A, "B": B, "C": C}

_STALE: Final = {"state": "NOT_EXISTING", "status": "NO_DATA_RECEIVING"}
_QUIET: Final = {"status": "NO_DATA_RECEIVING"}

HOSTS: Final = (
    Host("esx1", "host-1", "A"),
    Host("esx10", "host-10", "A"),
    Host("ESX-Case", "host-2", "A"),
    Host("moref-in-a", "host-3", "A"),
    Host("moref-in-b", "host-3", "B"),
    Host("name-in-both", "host-4", "A"),
    Host("name-in-both", "host-5", "B"),
    Host("all-in-both", "host-6", "A"),
    Host("all-in-both", "host-6", "B"),
    Host("stale-first", "host-7", "A", **_STALE),
    Host("stale-first", "host-8", "A"),
    Host("stale-last", "host-9", "A"),
    Host("stale-last", "host-11", "A", **_STALE),
    Host("stale-only", "host-12", "A", **_STALE),
    Host("quiet-first", "host-13", "A", **_QUIET),
    Host("quiet-first", "host-14", "A"),
    Host("old-name", "host-15", "A"),
    Host("only-in-b", "host-16", "B"),
    Host("Lonely", "host-17", "C"),
    Host("half-quiet", "host-18", "B", **_QUIET),
    Host("half-quiet", "host-19", "C"),
    Host("quiet", "host-20", "A", **_QUIET),
)


def known(name: str, moref: str, vcenter: str) -> HostRef:
    """How the inventory itself names a host."""
    return HostRef(moref, name, vcenter)


def stale(host: Host) -> bool:
    """Whether the host has left its vCenter."""
    return host.state == "NOT_EXISTING"


def reference(host: Host) -> HostRef:
    """The host as the inventory names it: with the address of the vCenter that it is known by."""
    return HostRef(host.moref or "", host.name, ADDRESSES[host.vcenter or ""])
