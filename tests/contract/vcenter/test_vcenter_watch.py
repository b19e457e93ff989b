"""What vCenter tells by itself: what is asked for it, how often, and what is left behind."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyVmomi import vim

from adapters.outgoing.deadline import deadline
from adapters.vcenter import VSphere
from adapters.vcenter.updates import HostUpdates, Updates
from functions.errors import MaintenanceError, RequestRejectedError, VCenterUnavailableError
from tests.contract.vcenter.interceptor import (
    Interceptor,
    Spoil,
    fault,
    half,
    intercepted,
    once,
    page,
    rewritten,
    silence,
)
from tests.vcenters import Vcsim, connected, needs_go, vcsim

pytestmark = needs_go

LOGIN = ["vimServiceVersions.xml", "RetrieveServiceContent", "Login"]
BEGIN = ["CreateContainerView", "CreatePropertyCollector", "CreateFilter", "WaitForUpdatesEx"]
END = ["DestroyPropertyCollector", "DestroyView"]
MODE = rb"<name>runtime.inMaintenanceMode</name>"


@contextmanager
def fails(vsphere: VSphere, match: str | None = None) -> Iterator[HostUpdates]:
    """Watch until that cannot go on."""
    with pytest.raises(VCenterUnavailableError, match=match) as failed, vsphere.watch() as hosts:
        yield hosts
    assert "FAULT TEXT" not in str(failed.value)


def modes(updates: Updates) -> list[tuple[str, str, bool]]:
    return [(each.host.moref, each.host.name, each.in_maintenance_mode) for each in updates.changed]


def told(hosts: HostUpdates, enough: Callable[[list[Updates]], bool]) -> list[Updates]:
    """Wait until that is enough; vcsim tells of some things one after the other."""
    updates: list[Updates] = []
    while not enough(updates):
        assert len(updates) < 20
        updates.append(hosts.wait(5))
    return updates


def something(updates: list[Updates]) -> bool:
    return any(each.changed for each in updates)


def test_a_change_is_one_call(vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor) -> None:
    with vsphere.watch() as hosts:
        assert len(hosts) == 3
        assert interceptor.calls == [*LOGIN, *BEGIN]
        host = vcenter.hosts[1]
        vcenter.enter(host.moref)
        assert modes(hosts.wait(5)) == [(host.moref, host.name, True)]
        vcenter.leave(host.moref)
        assert modes(hosts.wait(5)) == [(host.moref, host.name, False)]
        assert interceptor.calls == [*LOGIN, *BEGIN, *["WaitForUpdatesEx"] * 2]
    assert interceptor.calls[len(LOGIN + BEGIN) + 2 :] == END


def test_a_host_is_told_of_with_the_address_of_its_vcenter(
    vsphere: VSphere, vcenter: Vcsim, moref: str
) -> None:
    with vsphere.watch() as hosts:
        vcenter.enter(moref)
        [host] = hosts.wait(5).changed
    assert host.host.vcenter == vsphere.address


def test_nothing_is_told_of_what_was_before(vsphere: VSphere, vcenter: Vcsim, moref: str) -> None:
    vcenter.enter(moref)
    with vsphere.watch() as hosts:
        assert hosts.wait(0) == Updates()


@pytest.mark.parametrize(
    ("count", "pages"), [(1, 1), (250, 3), pytest.param(10_000, 101, marks=pytest.mark.exhaustive)]
)
def test_all_hosts_are_read_in_pages(count: int, pages: int, tmp_path: Path) -> None:
    with (
        vcsim(hosts=count) as vcenter,
        intercepted(vcenter, tmp_path) as interceptor,
        connected(vcenter, url=interceptor.url, ca_file=str(interceptor.ca_file)) as vsphere,
        vsphere.watch() as hosts,
    ):
        assert len(hosts) == count
        # It may give fewer in a page than it is asked for; the last page of vcsim may be empty.
        assert interceptor.calls == [*LOGIN, *BEGIN, *["WaitForUpdatesEx"] * (pages - 1)]


@pytest.mark.exhaustive
def test_many_changes_at_once_are_all_told() -> None:
    with vcsim(hosts=130) as vcenter, connected(vcenter) as vsphere, vsphere.watch() as hosts:
        for host in vcenter.hosts:
            vcenter.enter_long_ago(host.moref)
        updates = told(hosts, lambda so_far: sum(len(each.changed) for each in so_far) >= 130)
        changed = {each.host.moref for update in updates for each in update.changed}
        assert changed == {host.moref for host in vcenter.hosts}


def test_a_page_of_changes_is_as_large_as_it_may_be(
    vsphere: VSphere, vcenter: Vcsim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.vcenter.updates._PAGE_SIZE", 1)
    with vsphere.watch() as hosts:
        assert len(hosts) == 3
        for host in vcenter.hosts:
            vcenter.enter_long_ago(host.moref)
        updates = told(hosts, lambda so_far: sum(len(each.changed) for each in so_far) >= 3)
    assert all(len(each.changed) <= 1 for each in updates)


def test_a_host_that_flaps_is_told_of_as_it_is_last(
    vsphere: VSphere, vcenter: Vcsim, moref: str
) -> None:
    with vsphere.watch() as hosts:
        for _ in range(10):
            vcenter.enter_long_ago(moref)
            vcenter.leave(moref)
        seen = [mode for _, _, mode in modes(hosts.wait(5))]
    assert seen[-1] is False


def test_a_host_that_is_removed_is_for_a_sweep(vsphere: VSphere, vcenter: Vcsim) -> None:
    with vsphere.watch() as hosts:
        vcenter.remove(vcenter.hosts[0].moref)
        assert hosts.wait(5) == Updates(other_hosts=True)
        assert len(hosts) == 2


@pytest.mark.parametrize("mode", [True, False])
def test_a_host_that_is_added_is_for_a_sweep_and_silenced_at_once(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, moref: str, mode: bool
) -> None:
    vcenter.enter(moref)
    with vsphere.watch() as hosts:
        # vcsim tells of none that is added while somebody waits.
        interceptor.spoil["WaitForUpdatesEx"] = rewritten(b">modify<", b">enter<")
        vcenter.leave(moref)
        if mode:
            vcenter.enter(moref)
        updates = told(hosts, lambda so_far: any(each.other_hosts for each in so_far))
        changed = [each for update in updates for each in modes(update)]
    assert [in_maintenance for *_, in_maintenance in changed] == [True] * mode


def test_a_new_name_is_told_with_the_next_change(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, moref: str
) -> None:
    with vsphere.watch() as hosts:
        interceptor.spoil["WaitForUpdatesEx"] = once(
            rewritten(
                MODE + rb"<op>assign</op><val.*?</val>",
                b'<name>name</name><op>assign</op><val xsi:type="xsd:string">new.lab.local</val>',
            )
        )
        vcenter.enter(moref)
        assert hosts.wait(5) == Updates()
        vcenter.leave(moref)
        assert modes(hosts.wait(5)) == [(moref, "new.lab.local", False)]


def test_a_mode_that_was_told_before_is_told_again(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, moref: str
) -> None:
    with vsphere.watch() as hosts:
        same = rewritten(MODE + rb"(.*?)>true<", MODE + rb"\1>false<")
        interceptor.spoil["WaitForUpdatesEx"] = once(same)
        for change, mode, told_again in (
            (vcenter.enter, False, {moref}),
            (vcenter.leave, False, {moref}),
            (vcenter.enter, True, set()),
        ):
            change(moref)
            updates = hosts.wait(5)
            assert [each.in_maintenance_mode for each in updates.changed] == [mode]
            assert updates.told_again == told_again


def test_nothing_is_told_when_nothing_has_happened(
    vsphere: VSphere, interceptor: Interceptor
) -> None:
    with vsphere.watch() as hosts:
        assert [hosts.wait(0) for _ in range(3)] == [Updates()] * 3
    assert interceptor.calls == [*LOGIN, *BEGIN, *["WaitForUpdatesEx"] * 3, *END]


@pytest.mark.exhaustive
def test_a_web_page_in_xml_tells_nothing(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, moref: str
) -> None:
    with vsphere.watch() as hosts:
        interceptor.spoil["WaitForUpdatesEx"] = page(200, b"<html>log in</html>", "text/xml")
        vcenter.enter(moref)
        # Whoever watches pauses after each of these; see test_watching.
        assert [hosts.wait(5) for _ in range(3)] == [Updates()] * 3
        assert len(hosts) == 3


def test_others_use_the_same_session_meanwhile(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, moref: str
) -> None:
    with vsphere.watch() as hosts:
        waiting = threading.Thread(target=hosts.wait, args=(5,))
        waiting.start()
        assert len(list(vsphere.hosts())) == 3
        vcenter.enter(moref)
        assert vsphere.in_maintenance_mode(moref)
        waiting.join(60)
    assert interceptor.calls.count("Login") == 1


def test_a_session_that_ends_is_begun_anew_by_whoever_watches_again(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor
) -> None:
    with fails(vsphere, "ended the session meanwhile") as hosts:
        vcenter.expire_sessions()
        hosts.wait(5)
    with vsphere.watch() as hosts:
        assert len(hosts) == 3
    assert interceptor.calls.count("Login") == 2


def test_a_session_that_ends_while_somebody_waits_is_noticed(
    vsphere: VSphere, vcenter: Vcsim
) -> None:
    with fails(vsphere) as hosts:
        ending = threading.Timer(0.1, vcenter.expire_sessions)
        ending.start()
        try:
            for _ in range(3):
                hosts.wait(1)
        finally:
            ending.join()


@pytest.mark.parametrize("call", BEGIN)
@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (fault("RuntimeFault"), VCenterUnavailableError),
        (fault("NoPermission"), RequestRejectedError),
        (page(200, b"<html>log in</html>"), VCenterUnavailableError),
        (page(503, b"busy"), VCenterUnavailableError),
        (silence, VCenterUnavailableError),
        (half, VCenterUnavailableError),
    ],
    ids=["fault", "permission", "page", "busy", "silence", "half"],
)
def test_who_cannot_begin_leaves_nothing_behind(
    vsphere: VSphere,
    interceptor: Interceptor,
    call: str,
    spoil: Spoil,
    error: type[MaintenanceError],
) -> None:
    interceptor.spoil[call] = spoil
    with pytest.raises(error), vsphere.watch():
        pass
    made = BEGIN.index(call)
    ended = {1: END[1:], 2: END, 3: END}.get(made, [])
    assert [each for each in interceptor.calls if each in END] == ended


@pytest.mark.parametrize("call", END)
def test_what_cannot_be_ended_keeps_nothing_else(
    vsphere: VSphere, interceptor: Interceptor, call: str
) -> None:
    interceptor.spoil[call] = fault("ManagedObjectNotFound")
    with vsphere.watch():
        pass
    assert [each for each in interceptor.calls if each in END] == END


@pytest.mark.parametrize(
    "spoil",
    [
        fault("InvalidCollectorVersion"),
        fault("RequestCanceled"),
        fault("ManagedObjectNotFound"),
        page(200, b"<html>log in</html>"),
        page(302, b"moved"),
        page(502, b"no gateway"),
        half,
        page(200, b"", "text/xml"),
    ],
)
def test_a_wait_that_fails_ends_what_was_told(
    vsphere: VSphere, interceptor: Interceptor, spoil: Spoil, vcenter: Vcsim, moref: str
) -> None:
    with fails(vsphere) as hosts:
        interceptor.spoil["WaitForUpdatesEx"] = spoil
        vcenter.enter(moref)
        hosts.wait(5)
    assert interceptor.calls[-2:] == END


@pytest.mark.parametrize(
    ("kind", "mode"), [(b"string", b"true"), (b"int", b"1"), (b"boolean", b"maybe")]
)
def test_a_mode_that_is_none_is_believed_by_nobody(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, moref: str, kind: bytes, mode: bytes
) -> None:
    with fails(vsphere) as hosts:
        new = b'xsd:%b">%b<' % (kind, mode)
        interceptor.spoil["WaitForUpdatesEx"] = rewritten(b'xsd:boolean">true<', new)
        vcenter.enter(moref)
        hosts.wait(5)


@pytest.mark.parametrize("moref", ["host 1", "host-1/../x", "h" * 81, "\N{SNOWMAN}", ""])
def test_what_is_no_moref_is_no_host(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, moref: str
) -> None:
    with vsphere.watch() as hosts:
        interceptor.spoil["WaitForUpdatesEx"] = rewritten(
            rb"(<obj [^>]*>)[^<]*<", rb"\g<1>" + moref.encode() + b"<"
        )
        vcenter.enter(vcenter.hosts[0].moref)
        assert modes(hosts.wait(5)) == []
        assert len(hosts) == 3


@pytest.mark.parametrize(
    ("reason", "ends"),
    [("NoPermission", False), ("SystemError", False), ("NotAuthenticated", True)],
)
def test_a_mode_that_is_kept_from_us_is_no_mode(
    vsphere: VSphere,
    vcenter: Vcsim,
    interceptor: Interceptor,
    moref: str,
    reason: str,
    ends: bool,
) -> None:
    missing = (
        f'<missingSet><path>runtime.inMaintenanceMode</path><fault><fault xsi:type="{reason}"/>'
        "<localizedMessage>FAULT TEXT</localizedMessage></fault></missingSet>"
    )
    found: list[Updates] = []
    try:
        with vsphere.watch() as hosts:
            interceptor.spoil["WaitForUpdatesEx"] = rewritten(
                b"<changeSet>" + MODE + b".*?</changeSet>", missing.encode()
            )
            vcenter.enter(moref)
            found.append(hosts.wait(5))
    except VCenterUnavailableError:
        assert ends
    assert found == ([] if ends else [Updates()])


def test_an_answer_that_nobody_gives_is_waited_for_as_long_as_it_may_take(
    vcenter: Vcsim, interceptor: Interceptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeouts: list[float] = []

    def within_deadline(seconds: float) -> float:
        timeouts.append(seconds)
        return 0.2

    monkeypatch.setattr("adapters.vcenter.stub._within_deadline", within_deadline)
    url, ca_file = interceptor.url, str(interceptor.ca_file)
    with (
        connected(vcenter, url=url, ca_file=ca_file, read_timeout=7.0) as vsphere,
        fails(vsphere, "does not answer in time") as hosts,
    ):
        timeouts.clear()
        interceptor.spoil["WaitForUpdatesEx"] = interceptor.stall
        hosts.wait(30)
    # Nobody waits that long for anything else, and nobody asks again.
    assert (timeouts[0], timeouts.count(37.0), max(timeouts)) == (37.0, 1, 37.0)


def test_no_wait_takes_longer_than_its_deadline(vsphere: VSphere, interceptor: Interceptor) -> None:
    with fails(vsphere, "does not answer in time") as hosts, deadline(0.2):
        interceptor.spoil["WaitForUpdatesEx"] = interceptor.stall
        hosts.wait(3600)
    assert interceptor.calls[-2:] == END


def test_a_connection_that_was_closed_meanwhile_is_no_loss(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, moref: str
) -> None:
    with vsphere.watch() as hosts:
        interceptor.hasty = True
        vcenter.enter(moref)
        assert [mode for *_, mode in modes(hosts.wait(5))] == [True]
    assert interceptor.calls.count("Login") == 1


def test_a_view_that_is_gone_ends_what_was_told(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, moref: str
) -> None:
    missing = (
        b'<missingSet><obj type="ContainerView">view</obj><fault>'
        b'<fault xsi:type="ManagedObjectNotFound"><obj type="ContainerView">view</obj></fault>'
        b"<localizedMessage>FAULT TEXT</localizedMessage></fault></missingSet>"
    )
    with fails(vsphere, "lost what it was asked about") as hosts:
        interceptor.spoil["WaitForUpdatesEx"] = rewritten(b"<objectSet>.*</objectSet>", missing)
        vcenter.enter(moref)
        hosts.wait(5)


def test_an_answer_that_was_lost_is_for_a_sweep(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, moref: str
) -> None:
    with vsphere.watch() as hosts:
        interceptor.spoil["WaitForUpdatesEx"] = once(silence)
        vcenter.enter(moref)
        assert hosts.wait(0) == Updates(other_hosts=True)
        assert hosts.wait(0) == Updates()
    assert interceptor.calls.count("Login") == 1


def test_it_is_asked_for_names_and_modes_of_hosts_and_for_nothing_else(
    vsphere: VSphere,
) -> None:
    with vsphere.watch() as hosts:
        [found] = hosts._collector.filter
        asked = [(each.type, list(each.pathSet)) for each in found.spec.propSet]
    assert asked == [(vim.HostSystem, ["name", "runtime.inMaintenanceMode"])]
