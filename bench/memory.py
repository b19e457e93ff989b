"""A vCenter in memory, which takes its time."""

import time
from collections.abc import Iterator

from functions.events import HostRef
from functions.ports import VCenterHost


class MemoryVCenter:
    """Knows ``count`` hosts as a simulator makes them up; every question takes ``seconds``."""

    def __init__(self, address: str, instance_uuid: str, count: int, seconds: float) -> None:
        self.address = address
        self.instance_uuid = instance_uuid
        self._seconds = seconds
        self._hosts = {
            f"host-{1000 + n}": HostRef(f"host-{1000 + n}", f"esx{n:02}.lab.local", address)
            for n in range(1, count + 1)
        }
        self.in_maintenance: set[str] = set()

    def in_maintenance_mode(self, moref: str) -> bool:
        """See VCenter.in_maintenance_mode."""
        time.sleep(self._seconds)
        return moref in self.in_maintenance

    def hosts(self) -> Iterator[VCenterHost]:
        """See VCenter.hosts."""
        time.sleep(self._seconds)
        for moref, host in self._hosts.items():
            yield VCenterHost(host, moref in self.in_maintenance)
