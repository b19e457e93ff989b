"""Whom the client trusts to be its vCenter."""

import ssl

import pytest

from functions.errors import VCenterUnavailableError
from tests.contract.vcenter.interceptor import (
    Interceptor,
)
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
        pytest.raises(VCenterUnavailableError, match="VCENTER_CA_FILE"),
    ):
        vsphere.in_maintenance_mode("host-1")
    assert interceptor.calls == []


def test_who_does_not_want_to_verify_does_not(
    vcenter: Vcsim, interceptor: Interceptor, moref: str
) -> None:
    with connected(vcenter, url=interceptor.url, ca_file=None, insecure_tls=True) as vsphere:
        assert not vsphere.in_maintenance_mode(moref)
