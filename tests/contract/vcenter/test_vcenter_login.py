"""Sessions and passwords: renewed when ended, and never tried until an account is locked."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.config.credentials import EnvironCredentials
from adapters.config.settings import VCenterSettings
from adapters.vcenter import VSphere
from adapters.vcenter.stub import Stub
from functions.errors import AuthenticationError, RequestRejectedError, VCenterUnavailableError
from simulator import SettableClock
from tests.contract.vcenter.interceptor import (
    Interceptor,
    Spoil,
    fault,
    half,
    missing_mode,
    once,
    page,
    rewritten,
    silence,
)
from tests.vcenters import Vcsim, connected, needs_go, vcsim

pytestmark = needs_go

THREADS = 16
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def test_all_threads_share_one_session(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor
) -> None:
    morefs = [host.moref for host in vcenter.hosts] * 40
    vcenter.enter(vcenter.hosts[1].moref)
    with ThreadPoolExecutor(THREADS) as pool:
        modes = list(pool.map(vsphere.in_maintenance_mode, morefs))
    assert modes == [False, True, False] * 40
    assert interceptor.calls.count("Login") == 1
    assert len(vcenter.sessions()) == 1


def test_threads_whose_session_ends_begin_one_more(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, moref: str
) -> None:
    vsphere.in_maintenance_mode(moref)
    vcenter.expire_sessions()
    with ThreadPoolExecutor(THREADS) as pool:
        modes = list(pool.map(vsphere.in_maintenance_mode, [moref] * 100))
    assert modes == [False] * 100
    assert interceptor.calls.count("Login") == 2
    assert len(vcenter.sessions()) == 1


@pytest.mark.parametrize("question", ["mode", "hosts", "time", "history", "entered"])
def test_a_session_that_has_ended_is_begun_once_more(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, moref: str, question: str
) -> None:
    morefs = iter([moref, "host-987654321"])  # Another one, since an answer is remembered.
    questions: dict[str, Callable[[], object]] = {
        "mode": lambda: vsphere.in_maintenance_mode(moref),
        "hosts": lambda: [each.host.moref for each in vsphere.hosts()],
        "time": lambda: vsphere.now().tzinfo,
        "history": lambda: vsphere.mode_changes(LONG_AGO),
        "entered": lambda: vsphere.entered([next(morefs)]),
    }
    ask = questions[question]
    before = ask()
    vcenter.expire_sessions()
    assert ask() == before
    assert interceptor.calls.count("Login") == 2


@pytest.mark.parametrize("spoil", [fault("NotAuthenticated"), missing_mode("NotAuthenticated")])
def test_a_session_that_has_ended_is_recognised_in_either_way_of_saying_so(
    vsphere: VSphere, interceptor: Interceptor, moref: str, spoil: Spoil
) -> None:
    interceptor.spoil["RetrievePropertiesEx"] = once(spoil)
    assert not vsphere.in_maintenance_mode(moref)
    assert interceptor.calls.count("Login") == 2


def test_a_session_that_ends_between_two_pages_ends_the_sweep(
    vsphere: VSphere, vcenter: Vcsim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.vcenter.inventory._PAGE_SIZE", 1)
    hosts = vsphere.hosts()
    next(hosts)
    vcenter.expire_sessions()
    with pytest.raises(VCenterUnavailableError, match="ended the session"):
        list(hosts)
    assert len(list(vsphere.hosts())) == len(vcenter.hosts)


def test_a_session_that_ends_within_a_page_ends_the_sweep(
    vsphere: VSphere, interceptor: Interceptor
) -> None:
    interceptor.spoil["RetrievePropertiesEx"] = missing_mode("NotAuthenticated")
    with pytest.raises(VCenterUnavailableError, match="ended the session"):
        list(vsphere.hosts())


def test_a_vcenter_that_ends_every_session_is_given_a_rest(
    vsphere: VSphere, interceptor: Interceptor, moref: str
) -> None:
    interceptor.spoil["RetrievePropertiesEx"] = fault("NotAuthenticated")
    for _ in range(5):
        with pytest.raises(AuthenticationError):
            vsphere.in_maintenance_mode(moref)
    assert interceptor.calls.count("Login") == 3


def test_a_wrong_password_is_tried_once_for_twenty_events(
    clock: SettableClock, vcenter: Vcsim, interceptor: Interceptor, moref: str
) -> None:
    ca_file = str(interceptor.ca_file)
    with connected(vcenter, "wrong", clock.now, url=interceptor.url, ca_file=ca_file) as vsphere:
        for _ in range(20):
            with pytest.raises(AuthenticationError) as refusal:
                vsphere.in_maintenance_mode(moref)
            assert refusal.value.retry_after == 90
        assert interceptor.calls.count("Login") == 1
        clock.advance(90)
        with pytest.raises(AuthenticationError):
            vsphere.in_maintenance_mode(moref)
    assert interceptor.calls.count("Login") == 2


def test_a_password_that_was_rotated_costs_one_refused_login(
    vcenter: Vcsim, interceptor: Interceptor, tmp_path: Path, moref: str
) -> None:
    file = tmp_path / "password"
    file.write_text("the old one", encoding="utf-8")
    environ = {"VCENTER_USERNAME": vcenter.username, "VCENTER_PASSWORD_FILE": str(file)}
    credentials = EnvironCredentials(environ, "VCENTER")
    settings = VCenterSettings(interceptor.url, ca_file=str(interceptor.ca_file))
    vsphere = VSphere(settings, credentials)
    file.write_text(f"{vcenter.password}\n", encoding="utf-8")
    assert not vsphere.in_maintenance_mode(moref)
    vsphere.close()
    assert interceptor.calls.count("Login") == 2


@pytest.mark.parametrize("spoil", [silence, half, page(503, b"busy"), fault("RuntimeFault")])
def test_a_password_is_not_sent_twice_where_something_else_failed(
    vsphere: VSphere, interceptor: Interceptor, moref: str, spoil: Spoil
) -> None:
    interceptor.spoil["Login"] = spoil
    with pytest.raises(VCenterUnavailableError):
        vsphere.in_maintenance_mode(moref)
    assert interceptor.calls.count("Login") == 1


def test_a_password_of_unusual_characters_arrives_as_it_is() -> None:
    password = "<&>\"' \t\u00fc\U0001f511]]>"
    with vcsim(password=password) as vcenter, connected(vcenter) as vsphere:
        assert vsphere.instance_uuid == vcenter.uuid


def test_a_password_that_cannot_be_sent_counts_as_refused(
    clock: SettableClock, vcenter: Vcsim, moref: str
) -> None:
    with connected(vcenter, "\ud800", clock.now) as vsphere:
        for _ in range(3):
            with pytest.raises(AuthenticationError):
                vsphere.in_maintenance_mode(moref)
    assert vcenter.sessions() == []


def test_an_account_without_a_role_is_told_which_one_it_needs(
    vsphere: VSphere, interceptor: Interceptor, moref: str
) -> None:
    interceptor.spoil["Login"] = fault("NoPermission")
    with pytest.raises(RequestRejectedError, match="Read-only"):
        vsphere.in_maintenance_mode(moref)


@pytest.mark.parametrize("spoil", [fault("NoPermission"), missing_mode("NoPermission")])
def test_a_host_that_may_not_be_read_is_no_host_out_of_maintenance(
    vsphere: VSphere, interceptor: Interceptor, moref: str, spoil: Spoil
) -> None:
    interceptor.spoil["RetrievePropertiesEx"] = spoil
    with pytest.raises(RequestRejectedError, match="Read-only"):
        vsphere.in_maintenance_mode(moref)


@pytest.mark.parametrize(
    "spoil",
    [
        rewritten(b"VirtualCenter", b"HostAgent"),
        rewritten(b"<instanceUuid>.*</instanceUuid>", b""),
        page(200, b"<html></html>"),
        page(200, b"<html></html>", "text/xml"),
    ],
)
def test_who_is_no_vcenter_is_sent_no_password(
    vsphere: VSphere, interceptor: Interceptor, moref: str, spoil: Spoil
) -> None:
    interceptor.spoil["RetrieveServiceContent"] = spoil
    with pytest.raises(VCenterUnavailableError, match="is its URL right"):
        vsphere.in_maintenance_mode(moref)
    assert "Login" not in interceptor.calls


def test_another_vcenter_behind_the_same_address_is_asked_nothing(
    vsphere: VSphere, vcenter: Vcsim, interceptor: Interceptor, moref: str
) -> None:
    vsphere.in_maintenance_mode(moref)
    vcenter.expire_sessions()
    other = rewritten(b"(?<=<instanceUuid>)[^<]*", b"another")
    interceptor.spoil["RetrieveServiceContent"] = other
    for _ in range(2):
        with pytest.raises(VCenterUnavailableError, match="another vCenter than before"):
            vsphere.in_maintenance_mode(moref)
    assert interceptor.calls.count("Login") == 1
    interceptor.spoil.clear()
    assert not vsphere.in_maintenance_mode(moref)


def test_closing_logs_out(vcenter: Vcsim, moref: str) -> None:
    with connected(vcenter) as vsphere:
        vsphere.in_maintenance_mode(moref)
        assert len(vcenter.sessions()) == 1
        vsphere.close()
        assert vcenter.sessions() == []


def test_closing_what_was_never_used_calls_nobody(
    vsphere: VSphere, interceptor: Interceptor
) -> None:
    vsphere.close()
    assert interceptor.calls == []


def test_what_was_closed_can_be_used_again(vcenter: Vcsim, moref: str) -> None:
    with connected(vcenter) as vsphere:
        for _ in range(2):
            assert not vsphere.in_maintenance_mode(moref)
            vsphere.close()
    assert vcenter.sessions() == []


def test_a_connection_that_is_in_use_is_closed_as_soon_as_it_is_not(
    vcenter: Vcsim, interceptor: Interceptor, moref: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubs, close = [], Stub.close

    def noted(stub: Stub) -> None:
        stubs.append(stub)
        close(stub)

    monkeypatch.setattr(Stub, "close", noted)
    settings: dict[str, Any] = {"url": interceptor.url, "ca_file": str(interceptor.ca_file)}
    with connected(vcenter, **settings) as vsphere, ThreadPoolExecutor(1) as pool:
        vsphere.in_maintenance_mode(moref)
        interceptor.spoil["CurrentTime"] = interceptor.stall
        asking = pool.submit(vsphere.now)
        interceptor.stalled.wait(60)
        vsphere.close()
        interceptor.released.set()
        assert asking.result()
    assert [stub.pool for stub in stubs] == [[]]


@pytest.mark.parametrize("trouble", ["fault", "silence", "stall"])
def test_closing_never_fails(
    vsphere: VSphere,
    interceptor: Interceptor,
    monkeypatch: pytest.MonkeyPatch,
    moref: str,
    trouble: str,
) -> None:
    monkeypatch.setattr("adapters.vcenter.session._LOGOUT_SECONDS", 0.2)
    vsphere.in_maintenance_mode(moref)
    spoils = {"fault": fault("NotAuthenticated"), "silence": silence, "stall": interceptor.stall}
    interceptor.spoil["Logout"] = spoils[trouble]
    vsphere.close()
    assert "Logout" in interceptor.calls
