"""What the tests of the vCenter client share: a vcsim, what stands before it, and a clock."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from adapters.outgoing.breaker import CircuitBreaker
from adapters.outgoing.login import Authenticator
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
def vsphere(vcenter: Vcsim, interceptor: Interceptor) -> Iterator[VSphere]:
    """A client whose calls are counted."""
    with connected(vcenter, url=interceptor.url, ca_file=str(interceptor.ca_file)) as client:
        yield client


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SettableClock:
    """The client's clock: pauses and the circuit breaker go by it."""
    clock = SettableClock()
    for kind in (Authenticator, CircuitBreaker):
        stand_in = partial(kind, clock=clock.now)
        monkeypatch.setattr(f"adapters.vcenter.session.{kind.__name__}", stand_in)
    return clock
