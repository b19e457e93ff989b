import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import Host, SettableClock, Switches, VCenter
from simulator.inventory import Inventory, Window


def test_a_vcenter_that_only_a_host_names_exists() -> None:
    inventory = Inventory(SettableClock())
    inventory.add_host(Host("esx01", vcenter="b"))
    assert [each.name for each in inventory.vcenters()] == ["b"]


def test_hosts_without_a_moref_never_share_one() -> None:
    inventory = Inventory(SettableClock())
    inventory.add_host(Host("esx01", "host-1002"))
    morefs = [inventory.add_host(Host(f"esx{number}")).moref for number in range(3)]
    assert len({"host-1002", *morefs}) == 4


def test_a_host_that_comes_back_is_the_same_resource() -> None:
    inventory = Inventory(SettableClock())
    before = inventory.add_host(Host("esx01", "host-29"))
    inventory.remove_host("esx01")
    after = inventory.add_host(Host("esx01", "host-29"))
    assert (after.id, after.state, len(inventory.resources())) == (before.id, "STARTED", 1)


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\0b"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        Host(name)
    with pytest.raises(ValueError, match="is no name"):
        VCenter(name)


def test_a_switch_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="header_schemes must be one of"):
        Switches(header_schemes=("Digest",))


WINDOWS = st.none() | st.builds(Window, st.none() | st.floats(0, 100))


@given(st.lists(st.tuples(st.floats(0, 10), WINDOWS)), st.floats(0, 50))
def test_what_is_visible_is_the_last_change_older_than_the_delay(
    changes: list[tuple[float, Window | None]], wait: float
) -> None:
    clock = SettableClock(0)
    inventory = Inventory(clock, visible_delay=5)
    id = inventory.add_host(Host("esx01")).id
    visible = None
    for pause, window in changes:
        clock.advance(pause)
        inventory.maintain([id], window) if window else inventory.end_maintenance([id])
    clock.advance(wait)
    at = 0.0
    for pause, window in changes:
        at += pause
        visible = window if at + 5 <= clock.now() else visible
    expected = visible.state if visible and visible.is_open(clock.now()) else "STARTED"
    assert inventory.by_id(id).state == expected
