"""What the tests of all deployments share: a vCenter, and who mirrors it."""

from collections.abc import Iterator

import pytest

from simulator import Simulator
from tests.vcenters import Vcsim, collecting, vcsim


@pytest.fixture(scope="module")
def vcenter() -> Iterator[Vcsim]:
    with vcsim(3) as running:
        yield running


@pytest.fixture(scope="module")
def simulator(vcenter: Vcsim) -> Iterator[Simulator]:
    with collecting(vcenter) as running:
        yield running
