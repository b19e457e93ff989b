"""What every VCenter promises, tried with the fake, and with the client and a real vSphere API."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from functions.errors import HostGoneError
from functions.events import HostRef
from functions.ports import VCenter, VCenterHost
from tests.fakes import FakeVCenter
from tests.vcenters import connected, needs_go, vcsim

UUID = "26d526ac-2f5e-4b06-91a5-28621778372c"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
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
    """A VCenter, and the truth to compare it with; ``now`` is the time on its clock."""

    vcenter: VCenter
    person: Person
    hosts: list[HostRef]
    address: str
    uuid: str
    now: Callable[[], datetime]


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

    def test_its_history_tells_who_entered_and_left_the_newest_first(self, world: World) -> None:
        first, second, _ = (host.moref for host in world.hosts)
        began = world.now()
        world.person.enter(first)
        world.person.enter(second)
        world.person.leave(first)
        changes = world.vcenter.mode_changes(began)
        told = [(change.moref, change.entered) for change in changes]
        assert told == [(first, False), (second, True), (first, True)]
        assert all(began <= change.at <= world.now() for change in changes)
        assert {change.at.tzinfo for change in changes} == {UTC}

    def test_its_history_of_one_host_is_not_that_of_another(self, world: World) -> None:
        first, second, third = (host.moref for host in world.hosts)
        world.person.enter(first)
        world.person.enter(second)
        for moref, told in ((first, [first]), (second, [second]), (third, [])):
            changes = world.vcenter.mode_changes(LONG_AGO, moref)
            assert [change.moref for change in changes] == told

    def test_what_was_before_is_not_told(self, world: World) -> None:
        world.person.enter(world.hosts[0].moref)
        (change,) = world.vcenter.mode_changes(LONG_AGO)
        assert list(world.vcenter.mode_changes(change.at)) == [change]
        assert list(world.vcenter.mode_changes(change.at + timedelta(microseconds=1))) == []

    @pytest.mark.parametrize("moref", ["host-987654321", "host 1", "<host/>", "h" * 10_000])
    def test_a_host_that_there_is_not_has_no_history(self, world: World, moref: str) -> None:
        world.person.enter(world.hosts[0].moref)
        assert list(world.vcenter.mode_changes(LONG_AGO, moref)) == []
        assert dict(world.vcenter.entered([moref])) == {}

    def test_who_entered_several_times_entered_the_last_time(self, world: World) -> None:
        first, second, third = (host.moref for host in world.hosts)
        for act in (world.person.enter, world.person.leave, world.person.enter):
            act(first)
        world.person.enter(second)
        newest, *_ = world.vcenter.mode_changes(LONG_AGO, first)
        entered = world.vcenter.entered([first, third])
        assert dict(entered) == {first: newest}

    def test_who_has_left_has_entered_before(self, world: World) -> None:
        first = world.hosts[0].moref
        world.person.enter(first)
        world.person.leave(first)
        _, before = world.vcenter.mode_changes(LONG_AGO, first)
        assert dict(world.vcenter.entered([first])) == {first: before}


class TestTheFake(Claims):
    @pytest.fixture
    def world(self) -> World:
        fake = FakeVCenter(HOSTS, uuid=UUID)
        return World(fake, fake, HOSTS, "vcenter.lab.local", UUID, fake.clock)


@needs_go
class TestTheClient(Claims):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with vcsim(hosts=3) as real, connected(real) as client:
            yield World(client, real, real.hosts, real.address, real.uuid, client.now)
