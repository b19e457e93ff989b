"""What the tests of all deployments share: a vCenter, who mirrors it, and an API server."""

from collections.abc import Iterator

import pytest

from simulator import Simulator
from tests.deploy import clusters
from tests.vcenters import Vcsim, collecting, vcsim


@pytest.fixture(scope="module")
def vcenter() -> Iterator[Vcsim]:
    with vcsim(3) as running:
        yield running


@pytest.fixture(scope="module")
def simulator(vcenter: Vcsim) -> Iterator[Simulator]:
    with collecting(vcenter) as running:
        yield running


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clusters.Cluster]:
    with clusters.running(tmp_path_factory.mktemp("cluster")) as running:
        yield running
