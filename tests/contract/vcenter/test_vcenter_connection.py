"""A vCenter that cannot be reached, stalls, or breaks off; and the way there."""

import math
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from adapters.outgoing.deadline import deadline
from adapters.vcenter import VSphere
from functions.errors import HostGoneError, VCenterUnavailableError
from simulator import SettableClock
from tests.contract.vcenter.interceptor import (
    Interceptor,
    fault,
    intercepted,
    once,
    page,
    silence,
)
from tests.vcenters import Vcsim, connected, vcsim


def test_a_call_whose_answer_is_lost_is_sent_once_more(
    vsphere: VSphere, interceptor: Interceptor, moref: str
) -> None:
    interceptor.spoil["RetrievePropertiesEx"] = once(silence)
    assert not vsphere.in_maintenance_mode(moref)
    assert interceptor.calls.count("RetrievePropertiesEx") == 2


def test_connections_that_were_closed_meanwhile_are_replaced(
    vsphere: VSphere, interceptor: Interceptor, moref: str
) -> None:
    vsphere.in_maintenance_mode(moref)
    interceptor.hasty = True
    assert [vsphere.in_maintenance_mode(moref) for _ in range(5)] == [False] * 5
    assert interceptor.calls.count("Login") == 1


@pytest.mark.parametrize("call", ["RetrieveServiceContent", "Login", "RetrievePropertiesEx"])
def test_a_vcenter_that_stalls_is_given_up_within_the_deadline(
    vsphere: VSphere, interceptor: Interceptor, moref: str, call: str
) -> None:
    interceptor.spoil[call] = interceptor.stall
    with deadline(0.5):
        with pytest.raises(VCenterUnavailableError, match="in time"):
            vsphere.in_maintenance_mode(moref)
        asked = list(interceptor.calls)
        with pytest.raises(VCenterUnavailableError, match="deadline"):
            vsphere.in_maintenance_mode(moref)
    assert interceptor.calls == asked


@pytest.mark.parametrize("seconds", [0.2, math.inf])
def test_a_connection_that_was_kept_is_given_up_in_time_too(
    vcenter: Vcsim, interceptor: Interceptor, moref: str, seconds: float
) -> None:
    # Who waited as long as for a connection would get the answer in the end.
    settings: dict[str, Any] = {
        "connect_timeout": 100.0,
        "read_timeout": 0.2 if seconds > 1 else 100.0,
    }
    settings |= {"url": interceptor.url, "ca_file": str(interceptor.ca_file)}
    with connected(vcenter, **settings) as vsphere:
        assert not vsphere.in_maintenance_mode(moref)
        interceptor.spoil["RetrievePropertiesEx"] = interceptor.stall
        with deadline(seconds), pytest.raises(VCenterUnavailableError, match="in time"):
            vsphere.in_maintenance_mode(moref)


def test_who_accepts_a_connection_and_says_nothing_is_given_up(vcenter: Vcsim) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        with (
            connected(vcenter, url=url, connect_timeout=0.2) as vsphere,
            pytest.raises(VCenterUnavailableError, match="in time"),
        ):
            vsphere.in_maintenance_mode("host-1")


def test_nobody_is_called_when_no_time_is_left(
    vsphere: VSphere, interceptor: Interceptor, moref: str
) -> None:
    with deadline(0), pytest.raises(VCenterUnavailableError, match="deadline"):
        vsphere.in_maintenance_mode(moref)
    assert interceptor.calls == []


def test_a_vcenter_that_is_down_cannot_be_reached() -> None:
    with vcsim() as vcenter, connected(vcenter) as vsphere:
        assert not vsphere.in_maintenance_mode(vcenter.hosts[0].moref)
        vcenter.stop()
        for _ in range(2):
            with pytest.raises(VCenterUnavailableError, match="cannot be reached"):
                vsphere.in_maintenance_mode("host-1")


def test_a_name_that_nobody_has_cannot_be_reached(vcenter: Vcsim) -> None:
    with (
        connected(vcenter, url="https://vcenter.invalid") as vsphere,
        pytest.raises(VCenterUnavailableError, match=r"vcenter\.invalid: it cannot be reached"),
    ):
        vsphere.in_maintenance_mode("host-1")


@pytest.mark.parametrize("path", ["", "/", "/sdk", "/sdk/"])
def test_the_path_of_the_api_may_be_left_out(vcenter: Vcsim, path: str) -> None:
    url = vcenter.url.removesuffix("/sdk") + path
    with connected(vcenter, url=url) as vsphere:
        assert (vsphere.address, vsphere.instance_uuid) == (vcenter.address, vcenter.uuid)


def test_an_ipv6_address_will_do(vcenter: Vcsim, tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 here")
    with (
        intercepted(vcenter, tmp_path, "::1") as interceptor,
        connected(vcenter, url=interceptor.url, ca_file=str(interceptor.ca_file)) as vsphere,
    ):
        assert vsphere.instance_uuid == vcenter.uuid
        assert vsphere.address.startswith("[::1]:")


def test_after_five_failures_nobody_is_called_for_a_while(
    clock: SettableClock, vsphere: VSphere, interceptor: Interceptor, moref: str
) -> None:
    assert not vsphere.in_maintenance_mode(moref)
    interceptor.spoil["RetrievePropertiesEx"] = page(503, b"busy")
    for _ in range(20):
        with pytest.raises(VCenterUnavailableError):
            vsphere.in_maintenance_mode(moref)
    assert interceptor.calls.count("RetrievePropertiesEx") == 6
    interceptor.spoil.clear()
    clock.advance(5)
    assert not vsphere.in_maintenance_mode(moref)


@pytest.mark.parametrize("name", ["ManagedObjectNotFound", "NoPermission", "RuntimeFault"])
def test_who_answers_with_faults_can_be_reached(
    vsphere: VSphere, interceptor: Interceptor, moref: str, name: str
) -> None:
    interceptor.spoil["RetrievePropertiesEx"] = fault(name)
    for _ in range(20):
        with pytest.raises(Exception, match="vCenter"):
            vsphere.in_maintenance_mode(moref)
    assert interceptor.calls.count("RetrievePropertiesEx") == 20


def test_a_storm_of_hosts_that_there_are_not_keeps_nobody_from_asking(
    vsphere: VSphere, moref: str
) -> None:
    for number in range(20):
        with pytest.raises(HostGoneError):
            vsphere.in_maintenance_mode(f"host-9999{number}")
    assert not vsphere.in_maintenance_mode(moref)


def test_a_proxy_of_the_environment_is_used_and_is_told_who_asks(
    vcenter: Vcsim, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tunnel() as (port, heads):
        monkeypatch.setenv("https_proxy", f"http://user:p%40ss@127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "")
        with connected(vcenter) as vsphere:
            assert vsphere.instance_uuid == vcenter.uuid
    head = heads[0].splitlines()
    assert head[0].startswith(f"CONNECT {vcenter.address} ")
    assert "Proxy-Authorization: Basic dXNlcjpwQHNz" in head


def test_no_proxy_is_used_where_the_environment_says_so(
    vcenter: Vcsim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with connected(vcenter) as vsphere:
        assert vsphere.instance_uuid == vcenter.uuid


@contextmanager
def tunnel() -> Iterator[tuple[int, list[str]]]:
    """A proxy that connects to wherever it is told; yields its port, and what it is asked."""
    heads: list[str] = []

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            head = b""
            while b"\r\n\r\n" not in head:
                head += self.request.recv(65536)
            heads.append(head.decode())
            host, port = head.split()[1].decode().split(":")
            with socket.create_connection((host, int(port))) as there:
                self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=_pump, args=(there, self.request))
                back.start()
                _pump(self.request, there)
                back.join()

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield listener.server_address[1], heads
        finally:
            listener.shutdown()
            thread.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
