"""What the contract tests share. Claims about a real server are made only with ``-m real``."""

import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from simulator import SettableClock, Simulator
from tests.contract.vrops.worlds import BuiltWorld

pytest.register_assert_rewrite("tests.contract.vrops.claims")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--allow-writes",
        metavar="HOST",
        help="with -m real: start and end maintenance of this host, named as vCenter does",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real: needs a real server, named by VROPS_URL")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "real" in config.option.markexpr:
        return
    real = [item for item in items if item.get_closest_marker("real")]
    config.hook.pytest_deselected(items=real)
    items[:] = [item for item in items if item not in real]


@pytest.fixture
def world(shared_world: BuiltWorld) -> Iterator[BuiltWorld]:
    """A module's world, without the maintenance that the test before has left behind."""
    yield shared_world
    shared_world.reset()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def clock() -> SettableClock:
    """A clock for a client: pauses, caches and the circuit breaker go by it."""
    return SettableClock()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses in seconds before requests are sent again, which nobody waits for."""
    pauses: list[float] = []
    stand_in = SimpleNamespace(sleep=pauses.append, time=time.time)
    monkeypatch.setattr("urllib3.util.retry.time", stand_in)
    return pauses
