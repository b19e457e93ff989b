"""A vCenter in memory, and one that two processes share by a file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from functions.errors import HostGoneError
from lab.memory import MemoryVCenter


def test_a_vcenter_in_memory_knows_its_hosts() -> None:
    vcenter = MemoryVCenter("vc", "uuid", 2)
    vcenter.in_maintenance = {"host-1002"}
    assert vcenter.in_maintenance_mode("host-1002")
    found = [(each.host.name, each.in_maintenance_mode) for each in vcenter.hosts()]
    assert found == [("esx01.lab.local", False), ("esx02.lab.local", True)]


def test_a_vcenter_in_a_file_is_the_same_for_all(tmp_path: Path) -> None:
    first, second = (MemoryVCenter("vc", "uuid", 2, file=tmp_path / "file") for _ in range(2))
    first.in_maintenance = {"host-1002"}
    assert second.in_maintenance_mode("host-1002")
    assert [*second.entered(["host-1001", "host-1002"])] == ["host-1002"]
    first.in_maintenance = set()
    assert [each.in_maintenance_mode for each in second.hosts()] == [False, False]
    changes = second.mode_changes(datetime.now(UTC) - timedelta(minutes=1), "host-1002")
    assert [each.entered for each in changes] == [False]
    assert second.mode_changes(datetime.now(UTC) + timedelta(minutes=1)) == []
    assert second.entered(["host-1001", "host-1002"]) == {}


def test_a_host_that_is_not_there_is_not_found() -> None:
    with pytest.raises(HostGoneError, match="host-9"):
        MemoryVCenter("vc", "uuid", 2).in_maintenance_mode("host-9")
