"""What every OperationsManager promises: the claims, written once; test_*.py says where."""

from dataclasses import replace

import pytest

from functions.errors import AmbiguousHostError, HostNotFoundError
from functions.events import HostRef
from functions.ports import ResourceState
from tests.contract.vrops.inventory import UNKNOWN, A, B, C, known
from tests.contract.vrops.worlds import BuiltWorld, World

MONITORED = ResourceState.MONITORED
TIMED = ResourceState.TIMED
OPEN_ENDED = ResourceState.OPEN_ENDED


class Reading:
    """Claims about a host that is there; nothing is written."""

    def test_a_host_is_found_with_the_state_it_is_in(self, world: World) -> None:
        found = world.operations.find(world.host)
        assert (found.host, found.state) == (world.host, MONITORED)

    def test_a_host_stays_the_same_resource(self, world: World) -> None:
        first, second = world.operations.find(world.host), world.operations.find(world.host)
        assert first == second

    def test_a_host_is_found_by_its_name_alone_in_any_case(self, world: World) -> None:
        found = world.operations.find(world.host)
        for name in (world.host.name.upper(), world.host.name.lower()):
            by_name = world.operations.find(HostRef("", name, world.host.vcenter))
            assert by_name.identifier == found.identifier

    def test_a_part_of_a_name_is_no_name(self, world: World) -> None:
        with pytest.raises(HostNotFoundError):
            world.operations.find(HostRef("", world.host.name[:-1], world.host.vcenter))

    def test_a_host_that_nobody_knows_is_not_found_yet(self, world: World) -> None:
        with pytest.raises(HostNotFoundError):
            world.operations.find(HostRef("host-987654321", "nobody.invalid", world.host.vcenter))


class Writing:
    """Claims about maintenance of one host; whoever runs them ends it afterwards."""

    def test_maintenance_without_minutes_is_open_ended(self, world: World) -> None:
        self.start(world, None)
        assert world.seen(world.host, OPEN_ENDED) is OPEN_ENDED

    def test_maintenance_with_minutes_is_timed(self, world: World) -> None:
        self.start(world, 30)
        assert world.seen(world.host, TIMED) is TIMED

    @pytest.mark.parametrize("minutes", [None, 30])
    def test_maintenance_can_be_started_again(self, world: World, minutes: int | None) -> None:
        self.start(world, minutes)
        self.start(world, minutes)
        expected = TIMED if minutes else OPEN_ENDED
        assert world.seen(world.host, expected) is expected

    @pytest.mark.parametrize("minutes", [None, 30])
    def test_any_maintenance_can_be_ended(self, world: World, minutes: int | None) -> None:
        self.start(world, minutes)
        self.end(world)
        assert world.seen(world.host, MONITORED) is MONITORED

    def test_maintenance_that_never_began_can_be_ended(self, world: World) -> None:
        self.end(world)
        assert world.seen(world.host, MONITORED) is MONITORED

    def test_maintenance_can_be_ended_twice(self, world: World) -> None:
        self.start(world, None)
        self.end(world)
        self.end(world)
        assert world.seen(world.host, MONITORED) is MONITORED

    @staticmethod
    def start(world: World, minutes: int | None) -> bool:
        return world.operations.start_maintenance(world.operations.find(world.host), minutes)

    @staticmethod
    def end(world: World) -> bool:
        return world.operations.end_maintenance(world.operations.find(world.host))


class Confirming(Writing):
    """Claims about servers that show a change within seconds."""

    def test_a_change_that_shows_was_seen(self, world: World) -> None:
        assert self.start(world, 30)
        assert world.operations.find(world.host).state is TIMED
        assert self.start(world, None)
        assert self.end(world)
        assert world.operations.find(world.host).state is MONITORED
        assert self.end(world)


class Finding:
    """Claims about which of many hosts is meant: that one, and no other one, is silenced."""

    @pytest.mark.parametrize(
        ("event", "meant"),
        [
            (HostRef("host-1", "esx1", A), known("esx1", "host-1", A)),
            (HostRef("", "esx1", A), known("esx1", "host-1", A)),
            (HostRef("host-10", "esx10", A), known("esx10", "host-10", A)),
            (HostRef("", "esx10", A), known("esx10", "host-10", A)),
        ],
    )
    def test_a_name_that_is_part_of_another_one_is_not_mistaken(
        self, world: BuiltWorld, event: HostRef, meant: HostRef
    ) -> None:
        assert self.silenced(world, event) == {meant}

    @pytest.mark.parametrize("name", ["ESX-CASE", "esx-case", "ESX-Case"])
    @pytest.mark.parametrize("moref", ["host-2", ""])
    def test_the_case_of_a_name_does_not_matter(
        self, world: BuiltWorld, name: str, moref: str
    ) -> None:
        assert self.silenced(world, HostRef(moref, name, A)) == {known("ESX-Case", "host-2", A)}

    @pytest.mark.parametrize("name", ["lonely", "LONELY", "Lonely"])
    def test_the_case_of_a_name_does_not_matter_in_an_unknown_vcenter_either(
        self, world: BuiltWorld, name: str
    ) -> None:
        event = HostRef("host-17", name, UNKNOWN)
        assert self.silenced(world, event) == {known("Lonely", "host-17", C)}

    @pytest.mark.parametrize(
        "host", [known("moref-in-a", "host-3", A), known("moref-in-b", "host-3", B)]
    )
    @pytest.mark.parametrize("named", [True, False])
    def test_equal_morefs_in_two_vcenters_are_two_hosts(
        self, world: BuiltWorld, host: HostRef, named: bool
    ) -> None:
        event = host if named else replace(host, name="")
        assert self.silenced(world, event) == {host}

    @pytest.mark.parametrize(
        "host", [known("name-in-both", "host-4", A), known("name-in-both", "host-5", B)]
    )
    @pytest.mark.parametrize("with_moref", [True, False])
    def test_equal_names_in_two_vcenters_are_two_hosts(
        self, world: BuiltWorld, host: HostRef, with_moref: bool
    ) -> None:
        event = host if with_moref else replace(host, moref="")
        assert self.silenced(world, event) == {host}

    @pytest.mark.parametrize("vcenter", [A, B])
    def test_equal_names_and_morefs_in_two_vcenters_are_two_hosts(
        self, world: BuiltWorld, vcenter: str
    ) -> None:
        host = known("all-in-both", "host-6", vcenter)
        assert self.silenced(world, host) == {host}

    @pytest.mark.parametrize(
        ("name", "moref"),
        [("stale-first", "host-8"), ("stale-last", "host-9"), ("quiet-first", "host-14")],
    )
    @pytest.mark.parametrize("with_moref", [True, False])
    def test_a_stale_twin_never_wins(
        self, world: BuiltWorld, name: str, moref: str, with_moref: bool
    ) -> None:
        event = HostRef(moref if with_moref else "", name, A)
        assert self.silenced(world, event) == {known(name, moref, A)}

    @pytest.mark.parametrize("moref", ["host-12", ""])
    def test_a_host_that_has_left_its_vcenter_is_not_found(
        self, world: BuiltWorld, moref: str
    ) -> None:
        self.refused(world, HostRef(moref, "stale-only", A), HostNotFoundError)

    def test_a_renamed_host_is_found_by_its_moref(self, world: BuiltWorld) -> None:
        event = HostRef("host-15", "new-name", A)
        assert self.silenced(world, event) == {known("old-name", "host-15", A)}

    def test_a_host_whose_name_another_one_bears_by_now_is_found_by_its_moref(
        self, world: BuiltWorld
    ) -> None:
        event = HostRef("host-15", "esx1", A)
        assert self.silenced(world, event) == {known("old-name", "host-15", A)}

    def test_a_host_without_a_name_is_found_by_its_moref(self, world: BuiltWorld) -> None:
        assert self.silenced(world, HostRef("host-1", "", A)) == {known("esx1", "host-1", A)}

    def test_a_host_that_sends_no_data_is_found_where_it_is_the_only_one(
        self, world: BuiltWorld
    ) -> None:
        event = HostRef("", "quiet", A)
        assert self.silenced(world, event) == {known("quiet", "host-20", A)}

    def test_a_name_does_not_stand_for_another_moref(self, world: BuiltWorld) -> None:
        self.refused(world, HostRef("host-987654321", "esx1", A), HostNotFoundError)

    @pytest.mark.parametrize("name", ["only-in-b", "another-name", ""])
    def test_a_moref_of_another_vcenter_is_another_host(self, world: BuiltWorld, name: str) -> None:
        self.refused(world, HostRef("host-16", name, A), HostNotFoundError)

    def test_a_name_in_another_vcenter_is_another_host(self, world: BuiltWorld) -> None:
        self.refused(world, HostRef("", "only-in-b", A), HostNotFoundError)

    @pytest.mark.parametrize("moref", ["host-17", ""])
    def test_a_unique_name_is_enough_in_an_unknown_vcenter(
        self, world: BuiltWorld, moref: str
    ) -> None:
        event = HostRef(moref, "Lonely", UNKNOWN)
        assert self.silenced(world, event) == {known("Lonely", "host-17", C)}

    def test_a_unique_name_with_another_moref_is_another_host(self, world: BuiltWorld) -> None:
        self.refused(world, HostRef("host-987654321", "Lonely", UNKNOWN), HostNotFoundError)

    def test_a_moref_alone_means_nothing_in_an_unknown_vcenter(self, world: BuiltWorld) -> None:
        self.refused(world, HostRef("host-17", "", UNKNOWN), HostNotFoundError)

    @pytest.mark.parametrize(
        ("name", "moref"),
        [("name-in-both", ""), ("all-in-both", ""), ("all-in-both", "host-6"), ("half-quiet", "")],
    )
    def test_of_two_live_hosts_that_fit_none_is_touched(
        self, world: BuiltWorld, name: str, moref: str
    ) -> None:
        self.refused(world, HostRef(moref, name, UNKNOWN), AmbiguousHostError)

    def test_of_two_live_hosts_that_fit_none_is_released_either(self, world: BuiltWorld) -> None:
        world.put(known("name-in-both", "host-4", A), OPEN_ENDED)
        with pytest.raises(AmbiguousHostError):
            world.operations.find(HostRef("", "name-in-both", UNKNOWN))

    def test_ending_releases_the_host_that_is_meant_and_no_other(self, world: BuiltWorld) -> None:
        here, there = known("all-in-both", "host-6", A), known("all-in-both", "host-6", B)
        world.put(here, OPEN_ENDED)
        world.put(there, OPEN_ENDED)
        assert world.operations.end_maintenance(world.operations.find(here))
        assert world.maintained() == {there}

    def test_the_state_is_read_as_it_is_now(self, world: BuiltWorld) -> None:
        event, host = HostRef("host-15", "new-name", A), known("old-name", "host-15", A)
        for state in (MONITORED, OPEN_ENDED, TIMED, MONITORED):
            world.put(host, state)
            assert world.operations.find(event).state is state

    def silenced(self, world: BuiltWorld, event: HostRef) -> set[HostRef]:
        """Start maintenance for an event's host, and see which hosts are in maintenance then."""
        assert world.operations.start_maintenance(world.operations.find(event), None)
        return world.maintained()

    def refused(self, world: BuiltWorld, event: HostRef, error: type[Exception]) -> None:
        with pytest.raises(error):
            self.silenced(world, event)
        assert world.maintained() == set()
