"""What every VCenter promises, tried with the fake, and with the client and a real vSphere API."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import pytest

from functions.errors import HostGoneError
from functions.events import HostRef
from functions.ports import VCenter, VCenterHost
from tests.fakes import FakeVCenter
from tests.vcenters import connected, needs_go, vcsim

UUID = "26d526ac-2f5e-4b06-91a5-28621778372c"
HOSTS = [HostRef(f"host-{n}", f"esx{n:02}.lab.local", "vcenter.lab.local") for n in (1, 2, 10)]


class Person(Protocol):
    """Whoever puts hosts into maintenance mode, and removes them."""

    def enter(self, moref: str) -> None:
        """Put a host into it."""
        ...

    def leave(self, moref: str) -> None:
        """Take it out again."""
        ...

    def remove(self, moref: str) -> None:
        """Remove it from its vCenter."""
        ...


@dataclass
class World:
    """A VCenter, and the truth to compare it with."""

    vcenter: VCenter
    person: Person
    hosts: list[HostRef]
    address: str
    uuid: str


class Claims:
    """Claims about hosts that are in no maintenance mode, unless somebody puts them there."""

    def test_it_knows_who_it_is(self, world: World) -> None:
        assert (world.vcenter.address, world.vcenter.instance_uuid) == (world.address, world.uuid)

    def test_a_host_is_in_the_mode_it_was_put_into(self, world: World) -> None:
        moref = world.hosts[0].moref
        modes = [world.vcenter.in_maintenance_mode(moref)]
        for act in (world.person.enter, world.person.leave):
            act(moref)
            modes.append(world.vcenter.in_maintenance_mode(moref))
        assert modes == [False, True, False]

    def test_the_mode_of_a_host_is_not_that_of_another(self, world: World) -> None:
        world.person.enter(world.hosts[1].moref)
        modes = [world.vcenter.in_maintenance_mode(host.moref) for host in world.hosts]
        assert modes == [False, True, False]

    @pytest.mark.parametrize(
        "moref",
        [
            "",
            " ",
            "host-987654321",
            "host-1\n",
            "host-\N{SUPERSCRIPT ONE}",
            "<host/>",
            "h" * 10_000,
        ],
    )
    def test_a_host_that_there_is_not_is_not_found(self, world: World, moref: str) -> None:
        with pytest.raises(HostGoneError):
            world.vcenter.in_maintenance_mode(moref)

    def test_a_name_is_no_moref(self, world: World) -> None:
        with pytest.raises(HostGoneError):
            world.vcenter.in_maintenance_mode(world.hosts[0].name)

    @pytest.mark.parametrize("entered", [True, False])
    def test_a_host_that_was_removed_is_gone(self, world: World, entered: bool) -> None:
        removed, *others = world.hosts
        if entered:
            world.person.enter(removed.moref)
        world.person.remove(removed.moref)
        with pytest.raises(HostGoneError, match=removed.moref):
            world.vcenter.in_maintenance_mode(removed.moref)
        assert {each.host for each in world.vcenter.hosts()} == {*others}
        assert [world.vcenter.in_maintenance_mode(host.moref) for host in others] == [False, False]

    def test_all_hosts_are_listed_with_their_modes(self, world: World) -> None:
        world.person.enter(world.hosts[2].moref)
        listed = sorted(world.vcenter.hosts(), key=lambda each: each.host.moref)
        expected = [VCenterHost(host, host == world.hosts[2]) for host in world.hosts]
        assert listed == sorted(expected, key=lambda each: each.host.moref)


class TestTheFake(Claims):
    @pytest.fixture
    def world(self) -> World:
        fake = FakeVCenter(HOSTS, uuid=UUID)
        return World(fake, fake, HOSTS, "vcenter.lab.local", UUID)


@needs_go
class TestTheClient(Claims):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with vcsim(hosts=3) as real, connected(real) as client:
            yield World(client, real, real.hosts, real.address, real.uuid)
