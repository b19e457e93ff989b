"""A vCenter in memory, which takes its time; or in a file, where other processes can change it."""

import json
import time
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

from functions.errors import HostGoneError
from functions.events import HostRef
from functions.ports import ModeChange, VCenterHost


class MemoryVCenter:
    """Knows ``count`` hosts as a simulator makes them up; every question takes ``seconds``.

    ``in_maintenance`` holds the MoRefs of those in maintenance mode, and what changes there is
    remembered. With a ``file`` all of it is kept there, and asked anew each time.
    """

    def __init__(
        self,
        address: str,
        instance_uuid: str,
        count: int,
        seconds: float = 0.0,
        file: Path | None = None,
    ) -> None:
        self.address = address
        self.instance_uuid = instance_uuid
        self._seconds = seconds
        self._file = file
        self._changes: list[ModeChange] = []
        self._hosts = {
            f"host-{1000 + n}": HostRef(f"host-{1000 + n}", f"esx{n:02}.lab.local", address)
            for n in range(1, count + 1)
        }

    @property
    def in_maintenance(self) -> set[str]:
        """The MoRefs of the hosts that are in maintenance mode."""
        return {moref for moref, entered in self._newest().items() if entered}

    @in_maintenance.setter
    def in_maintenance(self, morefs: set[str]) -> None:
        changed = self.in_maintenance ^ morefs
        now = datetime.now(UTC)
        changes = [ModeChange(moref, moref in morefs, now) for moref in sorted(changed)]
        self._write([*self._read(), *changes])

    def in_maintenance_mode(self, moref: str) -> bool:
        """See VCenter.in_maintenance_mode."""
        time.sleep(self._seconds)
        if moref not in self._hosts:
            raise HostGoneError(f"{self.address} has no host {moref}")
        return moref in self.in_maintenance

    def hosts(self) -> Iterator[VCenterHost]:
        """See VCenter.hosts."""
        time.sleep(self._seconds)
        in_maintenance = self.in_maintenance
        for moref, host in self._hosts.items():
            yield VCenterHost(host, moref in in_maintenance)

    def mode_changes(self, since: datetime, moref: str = "") -> list[ModeChange]:
        """See VCenter.mode_changes."""
        time.sleep(self._seconds)
        changes = [each for each in self._read() if each.at >= since]
        return [each for each in reversed(changes) if moref in ("", each.moref)]

    def entered(self, morefs: Collection[str]) -> dict[str, ModeChange]:
        """See VCenter.entered."""
        time.sleep(self._seconds)
        changes = [each for each in self._read() if each.entered and each.moref in morefs]
        return {each.moref: each for each in changes}

    def _newest(self) -> dict[str, bool]:
        return {each.moref: each.entered for each in self._read()}

    def _read(self) -> list[ModeChange]:
        if self._file is None or not self._file.exists():
            return self._changes
        told = json.loads(self._file.read_text(encoding="utf-8"))
        return [
            ModeChange(moref, entered, datetime.fromisoformat(at)) for moref, entered, at in told
        ]

    def _write(self, changes: list[ModeChange]) -> None:
        self._changes = changes
        if self._file:
            # Whoever reads meanwhile finds all of the old ones, or all of the new.
            unfinished = self._file.with_suffix(".new")
            told = [(each.moref, each.entered, each.at.isoformat()) for each in changes]
            unfinished.write_text(json.dumps(told), encoding="utf-8")
            unfinished.replace(self._file)
