"""The same claims about a real server: ``pytest tests/contract -m real [--allow-writes HOST]``.

VROPS_URL and the other variables of the function say which one. Nothing is written, unless
``--allow-writes`` names a host, as vCenter does, that may be in maintenance for some minutes.
"""

import os
import time
from collections.abc import Iterator

import pytest

from adapters.config.credentials import EnvironCredentials
from adapters.config.settings import Settings, VropsSettings
from adapters.vrops import models
from adapters.vrops.client import SuiteApi
from functions.errors import TransientError
from functions.events import HostRef
from tests.contract.vrops.claims import MONITORED, Reading, Writing
from tests.contract.vrops.worlds import RealWorld

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

HOSTS = {"adapterKind": "VMWARE", "resourceKind": "HostSystem"}


@pytest.fixture(scope="module")
def settings() -> VropsSettings:
    if not os.environ.get("VROPS_URL"):
        pytest.skip("VROPS_URL names no server")
    return Settings.from_environ(os.environ).vrops


class TestReading(Reading):
    """Claims about some host that is in no maintenance."""

    @pytest.fixture
    def world(self, settings: VropsSettings) -> Iterator[RealWorld]:
        world = RealWorld(settings, _any_host(settings))
        yield world
        world.operations.close()


class TestWriting(Writing):
    """Claims about the host that ``--allow-writes`` names."""

    @pytest.fixture
    def world(self, settings: VropsSettings, request: pytest.FixtureRequest) -> Iterator[RealWorld]:
        name = request.config.getoption("--allow-writes", None)
        if not name:
            pytest.skip("nothing is written without --allow-writes HOST")
        world = RealWorld(settings, HostRef("", name, ""))
        if world.operations.find(world.host).state.maintained:
            pytest.fail(f"{name} is in maintenance already, which is not ours to end")
        try:
            yield world
        finally:
            _end(world)
            world.operations.close()


def _end(world: RealWorld) -> None:
    """End maintenance, however often that must be tried: nobody else will."""
    for pause in (1, 2, 5, 10, 30, 0):
        try:
            world.operations.end_maintenance(world.operations.find(world.host))
            if world.seen(world.host, MONITORED) is MONITORED:
                return
        except TransientError:
            time.sleep(pause)
    pytest.exit(f"{world.host.name} IS STILL IN MAINTENANCE: end it by hand", 1)


def _any_host(settings: VropsSettings) -> HostRef:
    """Name the first host that is there and in no maintenance, as an event of it would."""
    api = SuiteApi(settings, EnvironCredentials(os.environ))
    try:
        adapters = api.get("/adapters", {"adapterKindKey": "VMWARE"})["adapterInstancesInfoDto"]
        addresses = {each.identifier: each.address for each in map(models.instance, adapters)}
        for item in api.pages("/resources", HOSTS, "resourceList"):
            host = models.candidate(item).owned_by(addresses)
            owner = host.entries[0][0] if host.entries else ""
            if owner in addresses and not host.gone and not host.state.maintained:
                return HostRef(host.moref, host.name, addresses[owner])
    finally:
        api.close()
    pytest.skip("the server has no host that is in no maintenance")
