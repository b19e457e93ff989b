"""A vCenter in memory, and one that two processes share by a file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from functions.errors import HostGoneError
from functions.events import COMPANIONS, HostRef
from lab.memory import MemoryVCenter, companions_of


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


def test_a_host_is_surrounded_by_what_goes_with_it_and_the_modes_that_decide() -> None:
    vcenter = MemoryVCenter("vc", "uuid", 2, companions=companions_of("vc", 2))
    vcenter.in_maintenance = {"host-1002"}
    around = vcenter.surroundings("host-1002", {"Datastore"})
    found = {each.ref.name: each.in_maintenance(around.modes) for each in around.companions}
    assert (found, around.modes["host-1001"]) == ({"local02": True, "shared03": False}, False)
    assert vcenter.surroundings("host-1002", ()).modes == {"host-1002": True}
    with pytest.raises(HostGoneError):
        vcenter.surroundings("host-9", COMPANIONS)


def test_companions_of_the_kinds_asked_for_are_told() -> None:
    vcenter = MemoryVCenter("vc", "uuid", 2, companions=companions_of("vc", 2))
    assert [each.ref.name for each in vcenter.companions({"VirtualMachine"})] == ["vm01"]
    assert len([*vcenter.companions(COMPANIONS)]) == 5
    assert vcenter.has(HostRef("datastore-1", "local01", "vc", "Datastore"))
    assert not vcenter.has(HostRef("datastore-1", "local01", "vc", "VirtualMachine"))
    assert not vcenter.has(HostRef("datastore-9", "local01", "vc", "Datastore"))
