"""What the client asks a vCenter, and how often."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.outgoing import grouping
from adapters.vcenter import VSphere
from functions.errors import HostGoneError, VCenterUnavailableError
from functions.events import REMOVED
from lab import events
from tests.contract.vcenter.interceptor import (
    Interceptor,
    fault,
    intercepted,
    missing_mode,
    once,
    rewritten,
)
from tests.vcenters import Vcsim, connected, needs_go, vcsim

pytestmark = needs_go

LOGIN = ["vimServiceVersions.xml", "RetrieveServiceContent", "Login"]


def test_nobody_is_called_before_there_is_something_to_ask(
    vsphere: VSphere, interceptor: Interceptor
) -> None:
    assert vsphere.address == interceptor.url.removeprefix("https://").removesuffix("/sdk")
    assert interceptor.calls == []


def test_a_mode_is_one_call(vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor) -> None:
    for host in vcenter.hosts:
        vsphere.in_maintenance_mode(host.moref)
    assert interceptor.calls == [*LOGIN, *3 * ["RetrievePropertiesEx"]]


@pytest.mark.parametrize("name", ["ManagedObjectNotFound", "InvalidArgument"])
def test_who_fails_all_that_are_asked_for_together_leaves_them_to_be_asked_for_alone(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, name: str
) -> None:
    morefs = [each.moref for each in vcenter.hosts]
    interceptor.spoil["RetrievePropertiesEx"] = once(fault(name))
    assert vsphere._modes_together(morefs) == {}
    assert vsphere._modes_together(morefs) == dict.fromkeys(morefs, False)


def test_modes_that_are_asked_for_while_a_call_is_under_way_are_one_call(
    vsphere: VSphere,
    vcenter: Vcsim,
    interceptor: Interceptor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grouping, "_PATIENCE_SECONDS", 60.0)
    [first, second, third] = vcenter.hosts
    vcenter.enter(second.moref)
    vsphere.in_maintenance_mode(first.moref)
    interceptor.spoil["RetrievePropertiesEx"] = interceptor.stall
    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(vsphere.in_maintenance_mode, first.moref)]
        assert interceptor.stalled.wait(60)
        waiting = [first.moref, second.moref, third.moref, "host-987654"]
        asked += [pool.submit(vsphere.in_maintenance_mode, each) for each in waiting]
        while len(vsphere._modes._waiting) < len(waiting):
            time.sleep(0.002)
        interceptor.released.set()
        assert [each.result() for each in asked[:-1]] == [False, False, True, False]
        assert isinstance(asked[-1].exception(), HostGoneError)
    # The first one, all that waited, and the one that is gone by itself.
    assert interceptor.calls.count("RetrievePropertiesEx") == 4


@pytest.mark.parametrize("moref", ["", "host 1", "host-1/../../", "\N{SNOWMAN}", "\ud800"])
def test_nobody_is_asked_about_what_is_no_moref(
    vsphere: VSphere, interceptor: Interceptor, moref: str
) -> None:
    with pytest.raises(HostGoneError) as not_found:
        vsphere.in_maintenance_mode(moref)
    assert str(not_found.value).isascii()
    assert "RetrievePropertiesEx" not in interceptor.calls


def test_the_instance_uuid_comes_with_the_login_and_is_remembered(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor
) -> None:
    assert vsphere.instance_uuid == vcenter.uuid
    vcenter.expire_sessions()
    assert vsphere.instance_uuid == vcenter.uuid
    assert interceptor.calls == LOGIN


@pytest.mark.parametrize(
    ("count", "pages"),
    [
        (1, 1),
        (1000, 1),
        (1001, 2),
        (2500, 3),
        pytest.param(10_000, 10, marks=pytest.mark.exhaustive),
    ],
)
def test_a_thousand_hosts_are_one_call(count: int, pages: int, tmp_path: Path) -> None:
    with (
        vcsim(hosts=count) as vcenter,
        intercepted(vcenter, tmp_path) as interceptor,
        connected(vcenter, url=interceptor.url, ca_file=str(interceptor.ca_file)) as vsphere,
    ):
        morefs = {each.host.moref for each in vsphere.hosts()}
        assert morefs == {host.moref for host in vcenter.hosts}
        assert len(morefs) == count
    reading = ["RetrievePropertiesEx", *["ContinueRetrievePropertiesEx"] * (pages - 1)]
    sweep = ["CreateContainerView", *reading, "DestroyView"]
    assert interceptor.calls == [*LOGIN, *sweep, "Logout"]


@pytest.fixture
def paged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of one host."""
    monkeypatch.setattr("adapters.vcenter.inventory._PAGE_SIZE", 1)


@pytest.mark.usefixtures("paged")
def test_hosts_arrive_page_by_page(vsphere: VSphere, interceptor: Interceptor) -> None:
    hosts = vsphere.hosts()
    next(hosts)
    assert "ContinueRetrievePropertiesEx" not in interceptor.calls
    next(hosts)
    assert interceptor.calls.count("ContinueRetrievePropertiesEx") == 1
    hosts.close()


@pytest.mark.usefixtures("paged")
def test_who_stops_early_leaves_nothing_behind(vsphere: VSphere, interceptor: Interceptor) -> None:
    hosts = vsphere.hosts()
    next(hosts)
    hosts.close()
    assert interceptor.calls[-2:] == ["CancelRetrievePropertiesEx", "DestroyView"]


@pytest.mark.usefixtures("paged")
@pytest.mark.parametrize("call", ["RetrievePropertiesEx", "ContinueRetrievePropertiesEx"])
def test_a_page_that_fails_leaves_nothing_behind(
    vsphere: VSphere, interceptor: Interceptor, call: str
) -> None:
    interceptor.spoil[call] = fault("RuntimeFault")
    with pytest.raises(VCenterUnavailableError):
        list(vsphere.hosts())
    assert interceptor.calls[-1] == "DestroyView"


@pytest.mark.parametrize("reason", ["NoPermission", "ManagedObjectNotFound", "SystemError"])
def test_a_host_whose_mode_is_kept_from_us_is_left_out_and_named(
    vsphere: VSphere,
    vcenter: Vcsim,
    interceptor: Interceptor,
    caplog: pytest.LogCaptureFixture,
    reason: str,
) -> None:
    interceptor.spoil["RetrievePropertiesEx"] = missing_mode(reason)
    listed = {each.host.moref for each in vsphere.hosts()}
    [left_out] = {host.moref for host in vcenter.hosts} - listed
    [warning] = [record.getMessage() for record in caplog.records]
    assert len(listed) == len(vcenter.hosts) - 1
    assert repr(left_out) in warning


def test_a_name_that_cannot_be_shown_is_none(vsphere: VSphere, interceptor: Interceptor) -> None:
    name = "esx01.lab.local\u202e".encode()
    interceptor.spoil["RetrievePropertiesEx"] = rewritten(rb"esx01\.lab\.local", name)
    names = sorted(each.host.name for each in vsphere.hosts())
    assert names == ["", "esx02.lab.local", "esx03.lab.local"]


def test_a_host_that_is_added_anew_is_another_one(vsphere: VSphere, vcenter: Vcsim) -> None:
    before = vcenter.hosts[0]
    vcenter.enter(before.moref)
    vcenter.remove(before.moref)
    after = vcenter.add(before.name)
    assert after.moref not in {before.moref, *(host.moref for host in vcenter.hosts[:-1])}
    assert not vsphere.in_maintenance_mode(after.moref)
    with pytest.raises(HostGoneError):
        vsphere.in_maintenance_mode(before.moref)
    assert {each.host for each in vsphere.hosts()} == {
        replace(host, vcenter=vsphere.address) for host in vcenter.hosts
    }


def test_the_event_of_a_removal_still_says_which_host_it_was(vcenter: Vcsim) -> None:
    removed = vcenter.hosts[0]
    vcenter.remove(removed.moref)
    [event] = vcenter.posted(REMOVED)
    assert (event.host.host._GetMoId(), event.host.name) == (removed.moref, removed.name)
    # What the examples hold, but for the name of the datacenter.
    assert event.fullFormattedMessage == events.REMOVED.message.replace(
        "Lab", event.datacenter.name
    )


def test_the_time_is_that_of_vcenters_clock(vsphere: VSphere, interceptor: Interceptor) -> None:
    moment = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    interceptor.spoil["CurrentTime"] = rewritten(
        rb"<returnval>.*</returnval>", b"<returnval>2030-01-02T04:04:05+01:00</returnval>"
    )
    assert (vsphere.now(), vsphere.now().tzinfo) == (moment, UTC)
