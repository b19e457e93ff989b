"""What goes with hosts, as a vCenter tells it: which there is, its hosts, and their modes."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.vcenter import VSphere
from functions.errors import HostGoneError, RequestRejectedError, VCenterUnavailableError
from functions.events import COMPANIONS, HostRef
from functions.ports import Companion
from simulator import SettableClock
from tests.contract.vcenter.interceptor import (
    Interceptor,
    Spoil,
    fault,
    intercepted,
    once,
    rewritten,
)
from tests.vcenters import Vcsim, connected, needs_go, vcsim

pytestmark = needs_go

DATASTORE, CLUSTER, MACHINE = COMPANIONS
KINDS = (CLUSTER, DATASTORE)
READ, MORE = "RetrievePropertiesEx", "ContinueRetrievePropertiesEx"
MODE = "runtime.inMaintenanceMode"
LOGIN = ("vimServiceVersions.xml", "RetrieveServiceContent", "Login")


@pytest.fixture
def vcenter() -> Iterator[Vcsim]:
    with vcsim(datastores=[[1]], machines=[1]) as running:
        yield running


@pytest.fixture
def morefs(vcenter: Vcsim) -> list[str]:
    """All hosts, which are in one cluster."""
    return [host.moref for host in vcenter.hosts]


@pytest.fixture
def local(vcenter: Vcsim) -> HostRef:
    """A datastore of the first host alone."""
    [datastore] = [each.ref for each in vcenter.companions if each.ref.kind == DATASTORE]
    return datastore


def missing(name: str, reason: str, host: str = "") -> Spoil:
    """Let a property be missing, of this ``host`` or of the first object that has it."""
    told = f'<fault xsi:type="{reason}"/><localizedMessage>FAULT TEXT</localizedMessage>'
    before = b"(%b</obj>)" % host.encode() if host else b"()"
    return rewritten(
        b"(?s)%b<propSet><name>%b</name><val.*?</val></propSet>" % (before, name.encode()),
        rb"\1<missingSet><path>%b</path><fault>%b</fault></missingSet>"
        % (name.encode(), told.encode()),
    )


def reads(interceptor: Interceptor) -> int:
    """How many there were since the last time; nothing else was asked."""
    calls = [call for call in interceptor.calls if call not in LOGIN]
    interceptor.calls.clear()
    assert set(calls) <= {READ}
    return len(calls)


def test_it_is_known_how_each_kind_is_read() -> None:
    from adapters.vcenter.companions import _KINDS

    assert _KINDS.keys() == COMPANIONS.keys()


def test_a_host_has_its_cluster_and_its_datastores(
    vsphere: VSphere, vcenter: Vcsim, morefs: list[str], local: HostRef
) -> None:
    vcenter.enter(morefs[1])
    found = vsphere.surroundings(morefs[0], KINDS)
    assert found.modes == {morefs[0]: False, morefs[1]: True, morefs[2]: False}
    hosts = {each.ref.kind: each.hosts for each in found.companions}
    assert hosts == {CLUSTER: frozenset(morefs), DATASTORE: {morefs[0]}}
    assert [each.ref for each in found.companions if each.ref.kind == DATASTORE] == [
        replace(local, vcenter=vsphere.address)
    ]


def test_of_each_kind_those_hosts_are_told_that_it_depends_on(tmp_path: Path) -> None:
    mounts = [[1], [1, 2], [2, 3], [1, 2, 3]]
    with (
        vcsim(3, datastores=mounts, machines=[1, 1, 3]) as vcenter,
        intercepted(vcenter, tmp_path) as interceptor,
        connected(vcenter, url=interceptor.url, ca_file=str(interceptor.ca_file)) as vsphere,
    ):
        vcenter.enter(vcenter.hosts[2].moref)
        modes = {each.host.moref: each.in_maintenance_mode for each in vsphere.hosts()}
        expected = {(each.ref.kind, each.ref.name): each.hosts for each in vcenter.companions}
        assert known(vsphere.companions(COMPANIONS)) == expected
        interceptor.calls.clear()
        for host in vcenter.hosts:
            for calls in (2, 1):
                found = vsphere.surroundings(host.moref, COMPANIONS)
                own = {key: hosts for key, hosts in expected.items() if host.moref in hosts}
                assert known(found.companions) == own
                assert found.modes == modes
                assert reads(interceptor) == calls


def known(companions: Iterable[Companion]) -> dict[tuple[str, str], frozenset[str]]:
    return {(each.ref.kind, each.ref.name): each.hosts for each in companions}


@pytest.mark.parametrize(("kind", "count"), [(CLUSTER, 1), (DATASTORE, 1), (MACHINE, 1)])
def test_only_the_kinds_that_are_asked_for_are_read(
    vsphere: VSphere, morefs: list[str], local: HostRef, kind: str, count: int
) -> None:
    found = vsphere.surroundings(morefs[0], [kind])
    assert [each.ref.kind for each in found.companions] == [kind] * count


def test_a_companion_is_in_maintenance_with_the_last_of_its_hosts(
    vsphere: VSphere, vcenter: Vcsim, morefs: list[str]
) -> None:
    seen = []
    for moref in morefs:
        found = vsphere.surroundings(morefs[0], [CLUSTER])
        seen.append(found.companions[0].in_maintenance(found.modes))
        vcenter.enter(moref)
    found = vsphere.surroundings(morefs[0], [CLUSTER])
    seen.append(found.companions[0].in_maintenance(found.modes))
    assert seen == [False, False, False, True]


def test_one_call_is_enough_where_the_other_hosts_are_known(
    vsphere: VSphere, interceptor: Interceptor, morefs: list[str], clock: SettableClock
) -> None:
    def cost() -> int:
        vsphere.surroundings(morefs[0], KINDS)
        return reads(interceptor)

    assert [cost(), cost(), cost()] == [2, 1, 1]
    clock.advance(3601)
    assert [cost(), cost()] == [2, 1]


def test_one_call_is_always_enough_where_there_are_no_other_hosts(
    vsphere: VSphere, interceptor: Interceptor, morefs: list[str], local: HostRef
) -> None:
    vsphere.surroundings(morefs[0], [DATASTORE])
    assert reads(interceptor) == 1


def test_what_is_remembered_is_not_what_is_true(
    vsphere: VSphere, vcenter: Vcsim, morefs: list[str]
) -> None:
    for change in (vcenter.enter, vcenter.leave, vcenter.enter):
        change(morefs[2])
        found = vsphere.surroundings(morefs[0], [CLUSTER])
        assert found.modes[morefs[2]] is (change == vcenter.enter)


def test_other_hosts_that_are_gone_do_no_harm(
    vsphere: VSphere, vcenter: Vcsim, morefs: list[str]
) -> None:
    vsphere.surroundings(morefs[0], [CLUSTER])
    vcenter.remove(morefs[2])
    for _ in range(2):
        found = vsphere.surroundings(morefs[0], [CLUSTER])
        assert found.modes == {morefs[0]: False, morefs[1]: False}
    with pytest.raises(HostGoneError):
        vsphere.surroundings(morefs[2], [CLUSTER])


@pytest.mark.parametrize("moref", ["", "host 1", "host-987654321", "\N{SNOWMAN}", "\ud800"])
def test_a_host_that_is_not_there_is_gone(vsphere: VSphere, moref: str) -> None:
    with pytest.raises(HostGoneError) as gone:
        vsphere.surroundings(moref, KINDS)
    assert str(gone.value).isascii()


def test_something_else_that_is_gone_is_not_the_host(
    vsphere: VSphere, interceptor: Interceptor, morefs: list[str]
) -> None:
    interceptor.spoil[READ] = once(fault("ManagedObjectNotFound"))
    with pytest.raises(VCenterUnavailableError):
        vsphere.surroundings(morefs[0], KINDS)
    assert vsphere.surroundings(morefs[0], KINDS).modes


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("NoPermission", RequestRejectedError),
        ("ManagedObjectNotFound", HostGoneError),
        ("SystemError", VCenterUnavailableError),
    ],
)
def test_a_host_whose_own_mode_is_kept_from_us_is_refused(
    vsphere: VSphere,
    interceptor: Interceptor,
    morefs: list[str],
    reason: str,
    error: type[Exception],
) -> None:
    interceptor.spoil[READ] = missing(MODE, reason)
    with pytest.raises(error):
        vsphere.surroundings(morefs[0], KINDS)


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("reason", ["NoPermission", "ManagedObjectNotFound", "SystemError"])
def test_the_mode_of_another_host_that_is_kept_from_us_is_a_doubt(
    vsphere: VSphere,
    vcenter: Vcsim,
    interceptor: Interceptor,
    morefs: list[str],
    reason: str,
    warm: bool,
) -> None:
    for moref in morefs:
        vcenter.enter(moref)
    if warm:
        vsphere.surroundings(morefs[0], [CLUSTER])
    interceptor.spoil[READ] = missing(MODE, reason, morefs[1])
    interceptor.calls.clear()
    found = vsphere.surroundings(morefs[0], [CLUSTER])
    assert found.modes == {morefs[0]: True, morefs[2]: True}
    assert not found.companions[0].in_maintenance(found.modes)
    assert reads(interceptor) == (1 if warm else 2)


HOSTS_OF = [(DATASTORE, "host"), (CLUSTER, "host"), (MACHINE, "runtime.host")]


@pytest.mark.parametrize("ask", ["surroundings", "companions"])
@pytest.mark.parametrize("reason", ["NoPermission", "SystemError"])
@pytest.mark.parametrize(("kind", "name"), HOSTS_OF)
def test_a_companion_whose_hosts_are_kept_from_us_is_never_in_maintenance(
    vsphere: VSphere,
    interceptor: Interceptor,
    caplog: pytest.LogCaptureFixture,
    morefs: list[str],
    kind: str,
    name: str,
    reason: str,
    ask: str,
) -> None:
    interceptor.spoil[READ] = missing(name, reason)
    [found] = asked(vsphere, ask, morefs[0], [kind])
    assert (found.ref.kind, found.hosts) == (kind, frozenset())
    assert not found.in_maintenance(dict.fromkeys(morefs, True))
    [warning] = [record.getMessage() for record in caplog.records]
    assert repr(found.ref.moref) in warning
    assert "FAULT TEXT" not in warning


@pytest.mark.parametrize("ask", ["surroundings", "companions"])
@pytest.mark.parametrize(("kind", "name"), HOSTS_OF)
def test_a_companion_that_has_no_hosts_is_never_in_maintenance(
    vsphere: VSphere,
    interceptor: Interceptor,
    caplog: pytest.LogCaptureFixture,
    morefs: list[str],
    kind: str,
    name: str,
    ask: str,
) -> None:
    unset = b"(?s)<propSet><name>%b</name><val.*?</val></propSet>" % name.encode()
    interceptor.spoil[READ] = rewritten(unset, b"")
    [found] = asked(vsphere, ask, morefs[0], [kind])
    assert not found.in_maintenance(dict.fromkeys(morefs, True))
    assert caplog.records == []


@pytest.mark.parametrize("value", [b"5", b"host-1", b""])
@pytest.mark.parametrize(("kind", "name"), HOSTS_OF)
def test_hosts_that_make_no_sense_are_a_doubt(
    vsphere: VSphere,
    interceptor: Interceptor,
    morefs: list[str],
    kind: str,
    name: str,
    value: bytes,
) -> None:
    interceptor.spoil[READ] = rewritten(
        b"(?s)(<propSet><name>%b</name>)<val.*?</val>" % name.encode(),
        rb'\1<val xmlns:XSD="http://www.w3.org/2001/XMLSchema" xsi:type="XSD:string">%b</val>'
        % value,
    )
    [found] = vsphere.surroundings(morefs[0], [kind]).companions
    assert not found.in_maintenance(dict.fromkeys(morefs, True))


def asked(vsphere: VSphere, ask: str, moref: str, kinds: list[str]) -> list[Companion]:
    if ask == "companions":
        return list(vsphere.companions(kinds))
    return list(vsphere.surroundings(moref, kinds).companions)


@pytest.mark.parametrize("ask", ["surroundings", "companions"])
def test_a_name_that_cannot_be_shown_is_none(
    vsphere: VSphere, interceptor: Interceptor, morefs: list[str], local: HostRef, ask: str
) -> None:
    interceptor.spoil[READ] = rewritten(b">local01<", ">local01\u202e<".encode())
    [found] = asked(vsphere, ask, morefs[0], [DATASTORE])
    assert found.ref == HostRef(local.moref, "", vsphere.address, DATASTORE)


@pytest.mark.parametrize("ask", ["surroundings", "companions"])
def test_what_has_no_moref_is_left_out(
    vsphere: VSphere, interceptor: Interceptor, morefs: list[str], local: HostRef, ask: str
) -> None:
    interceptor.spoil[READ] = rewritten(b">%b<" % local.moref.encode(), b">../x y<")
    assert asked(vsphere, ask, morefs[0], [DATASTORE]) == []


def test_a_host_without_a_moref_is_not_asked_about(
    vsphere: VSphere, interceptor: Interceptor, morefs: list[str], local: HostRef
) -> None:
    first = morefs[0].encode()
    interceptor.spoil[READ] = rewritten(rb'(<key type="HostSystem">)%b<' % first, rb"\1../x y<")
    found = vsphere.surroundings(morefs[0], [DATASTORE])
    assert found.companions[0].hosts == {"../x y"}
    assert found.modes == {morefs[0]: False}
    assert reads(interceptor) == 1


def test_a_property_may_say_that_the_session_has_ended(
    vsphere: VSphere, interceptor: Interceptor, morefs: list[str], local: HostRef
) -> None:
    interceptor.spoil[READ] = once(missing("name", "NotAuthenticated"))
    assert len(vsphere.surroundings(morefs[0], KINDS).companions) == 2
    assert interceptor.calls.count("Login") == 2


def test_a_session_that_has_ended_is_renewed(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, morefs: list[str], local: HostRef
) -> None:
    for ask in (
        lambda: vsphere.surroundings(morefs[0], KINDS),
        lambda: list(vsphere.companions(KINDS)),
        lambda: vsphere.has(local),
    ):
        ask()
        vcenter.expire_sessions()
        assert ask()
    assert interceptor.calls.count("Login") == 4


@pytest.fixture
def paged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of one object, also where vCenter chooses how many there are."""
    from adapters.vcenter import inventory

    read = inventory.objects
    monkeypatch.setattr(inventory, "objects", lambda session, wanted, _=0: read(session, wanted, 1))


@pytest.mark.usefixtures("paged")
def test_answers_in_pages_are_read_to_their_end(
    vsphere: VSphere, interceptor: Interceptor, morefs: list[str], local: HostRef
) -> None:
    found = vsphere.surroundings(morefs[0], KINDS)
    assert found.modes == dict.fromkeys(morefs, False)
    assert {each.ref.kind for each in found.companions} == set(KINDS)
    assert len(list(vsphere.companions(KINDS))) == 2
    assert interceptor.calls.count(MORE) == 2 + 1 + 1


@pytest.mark.usefixtures("paged")
def test_who_stops_early_leaves_nothing_behind(
    vsphere: VSphere, interceptor: Interceptor, local: HostRef
) -> None:
    companions = vsphere.companions(KINDS)
    next(companions)
    companions.close()
    assert interceptor.calls[-2:] == ["CancelRetrievePropertiesEx", "DestroyView"]


@pytest.mark.usefixtures("paged")
@pytest.mark.parametrize("call", [READ, MORE])
def test_a_page_that_fails_leaves_nothing_behind(
    vsphere: VSphere, interceptor: Interceptor, local: HostRef, call: str
) -> None:
    interceptor.spoil[call] = fault("RuntimeFault")
    with pytest.raises(VCenterUnavailableError):
        list(vsphere.companions(KINDS))
    assert interceptor.calls[-1] == "DestroyView"


def test_all_companions_are_one_call(
    vsphere: VSphere, interceptor: Interceptor, morefs: list[str], local: HostRef
) -> None:
    found = {each.ref.kind: each.hosts for each in vsphere.companions(KINDS)}
    assert found == {CLUSTER: frozenset(morefs), DATASTORE: {morefs[0]}}
    assert interceptor.calls[-3:] == ["CreateContainerView", READ, "DestroyView"]


def test_a_thousand_companions_are_one_call(tmp_path: Path) -> None:
    with (
        vcsim(2, datastores=[[1, 2]], machines=[1] * 999) as vcenter,
        intercepted(vcenter, tmp_path) as interceptor,
        connected(vcenter, url=interceptor.url, ca_file=str(interceptor.ca_file)) as vsphere,
    ):
        found = list(vsphere.companions(COMPANIONS))
        assert len({each.ref for each in found}) == len(found) == 1001
        assert interceptor.calls == [
            *LOGIN,
            "CreateContainerView",
            READ,
            MORE,
            "DestroyView",
        ]
        # All that goes with a host is one answer, however much it is.
        vsphere.surroundings(vcenter.hosts[0].moref, COMPANIONS)
        interceptor.calls.clear()
        around = vsphere.surroundings(vcenter.hosts[0].moref, COMPANIONS)
        assert len(around.companions) == 1001
        assert reads(interceptor) == 1


def test_what_is_no_cluster_is_left_out(vsphere: VSphere, vcenter: Vcsim) -> None:
    alone = vcenter.add("alone.lab.local")
    assert [each.ref.name for each in vsphere.companions([CLUSTER])] == ["DC0_C0"]
    assert vsphere.surroundings(alone.moref, KINDS).companions == []


def test_it_is_told_whether_there_is_such_a_companion(
    vsphere: VSphere, interceptor: Interceptor, local: HostRef
) -> None:
    assert vsphere.has(local)
    assert reads(interceptor) == 1
    for moref in ("datastore-987654321", "", "../x y"):
        assert not vsphere.has(replace(local, moref=moref))


@pytest.mark.parametrize(
    ("reason", "error"),
    [("NoPermission", RequestRejectedError), ("SystemError", VCenterUnavailableError)],
)
@pytest.mark.parametrize("spoiled", ["call", "property"])
def test_a_companion_that_is_kept_from_us_may_be_there(
    vsphere: VSphere,
    interceptor: Interceptor,
    local: HostRef,
    spoiled: str,
    reason: str,
    error: type[Exception],
) -> None:
    interceptor.spoil[READ] = fault(reason) if spoiled == "call" else missing("name", reason)
    with pytest.raises(error):
        vsphere.has(local)
