"""Whom the client trusts to be its vCenter."""

import ssl
from pathlib import Path

import pytest

from functions.errors import VCenterUnavailableError
from simulator import SettableClock
from tests.certificates import Signed
from tests.contract.vcenter.interceptor import Interceptor
from tests.vcenters import Vcsim, connected


@pytest.mark.parametrize("ca_file", [None, "another"])
def test_who_is_not_trusted_is_told_nothing(
    vcenter: Vcsim, interceptor: Interceptor, ca_file: str | None
) -> None:
    another = str(vcenter.ca_file) if ca_file else None
    with (
        connected(vcenter, url=interceptor.url, ca_file=another) as vsphere,
        pytest.raises(VCenterUnavailableError, match="VCENTER_CA_FILE") as refused,
    ):
        vsphere.in_maintenance_mode("host-1")
    assert isinstance(refused.value.__cause__, ssl.SSLCertVerificationError)
    assert interceptor.calls == []


def test_a_certificate_of_another_name_is_not_trusted(
    vcenter: Vcsim, interceptor: Interceptor
) -> None:
    url = interceptor.url.replace("127.0.0.1", "localhost")
    with (
        connected(vcenter, url=url, ca_file=str(interceptor.ca_file)) as vsphere,
        pytest.raises(VCenterUnavailableError, match=r"made for 127\.0\.0\.1; let VCENTER_URL"),
    ):
        vsphere.in_maintenance_mode("host-1")
    assert interceptor.calls == []


def test_who_does_not_want_to_verify_does_not(
    vcenter: Vcsim, interceptor: Interceptor, moref: str
) -> None:
    with connected(vcenter, url=interceptor.url, ca_file=None, insecure_tls=True) as vsphere:
        assert not vsphere.in_maintenance_mode(moref)


def test_a_ca_that_was_changed_needs_no_restart(
    vcenter: Vcsim, interceptor: Interceptor, moref: str
) -> None:
    with connected(vcenter, url=interceptor.url, ca_file=str(interceptor.ca_file)) as vsphere:
        vsphere.in_maintenance_mode(moref)
        interceptor.hasty = True
        vsphere.in_maintenance_mode(moref)
        interceptor.ca_file.write_bytes(interceptor.change_authority())
        assert not vsphere.in_maintenance_mode(moref)
    assert interceptor.calls.count("Login") == 1


def test_a_ca_that_is_changed_late_needs_no_restart_either(
    vcenter: Vcsim, interceptor: Interceptor, moref: str, clock: SettableClock
) -> None:
    where = {"url": interceptor.url, "ca_file": str(interceptor.ca_file)}
    with connected(vcenter, clock=clock.now, **where) as vsphere:
        another = interceptor.change_authority()
        with pytest.raises(VCenterUnavailableError, match=r"not trusted: .*VCENTER_CA_FILE"):
            vsphere.in_maintenance_mode(moref)
        interceptor.ca_file.write_bytes(another)
        clock.advance(1)
        assert not vsphere.in_maintenance_mode(moref)


def test_a_hand_made_ca_is_trusted_unless_strictness_is_asked_for(
    vcenter: Vcsim, interceptor: Interceptor, moref: str, tmp_path: Path
) -> None:
    ca = Signed.ca(good=False)
    server = ca.issue("127.0.0.1", good=False).for_server(tmp_path / "server.pem")
    interceptor.context.load_cert_chain(server)
    interceptor.ca_file.write_bytes(ca.pem())
    url, ca_file = interceptor.url, str(interceptor.ca_file)
    with connected(vcenter, url=url, ca_file=ca_file) as vsphere:
        assert not vsphere.in_maintenance_mode(moref)
    with (
        connected(vcenter, url=url, ca_file=ca_file, strict_tls=True) as vsphere,
        pytest.raises(VCenterUnavailableError, match="TLS_STRICT"),
    ):
        vsphere.in_maintenance_mode(moref)
