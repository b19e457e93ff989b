"""What the tests of the vCenter client share: a vcsim, what stands before it, and a clock."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.vcenter import VSphere
from simulator import SettableClock
from tests.contract.vcenter.interceptor import Interceptor, intercepted
from tests.vcenters import Vcsim, connected, vcsim


@pytest.fixture
def vcenter() -> Iterator[Vcsim]:
    with vcsim() as running:
        yield running


@pytest.fixture
def interceptor(vcenter: Vcsim, tmp_path: Path) -> Iterator[Interceptor]:
    with intercepted(vcenter, tmp_path) as listening:
        yield listening


@pytest.fixture
def vsphere(vcenter: Vcsim, interceptor: Interceptor, clock: SettableClock) -> Iterator[VSphere]:
    """A client whose calls are counted, and which goes by ``clock``."""
    where = {"url": interceptor.url, "ca_file": str(interceptor.ca_file)}
    with connected(vcenter, clock=clock.now, **where) as client:
        yield client


@pytest.fixture
def moref(vcenter: Vcsim) -> str:
    """A host of it."""
    return vcenter.hosts[0].moref
