"""What the tests of all deployments share: vCenter, who mirrors it, an API server, the image."""

from collections.abc import Iterator

import pytest

from simulator import Simulator
from tests.deploy import clusters
from tests.deploy.knative import image
from tests.deploy.knative.image import Containers
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


@pytest.fixture(scope="session")
def built() -> Iterator[Containers]:
    """The image, once for all that run it; they are of one xdist_group."""
    with image.containers() as containers:
        containers.build()
        yield containers
