"""Many wait until what they wrote shows, and one looks for all of them."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from adapters.vrops.confirmations import Confirmations
from functions.errors import (
    HostNotFoundError,
    MaintenanceError,
    OperationsUnavailableError,
    RequestRejectedError,
)
from functions.events import HostRef
from functions.ports import Resource, ResourceState

COUNT = 20
RESOURCES = [
    Resource(f"id-{n}", HostRef(f"host-{n}", f"esx{n}", "vc.lab"), ResourceState.MONITORED)
    for n in range(COUNT)
]


class Shown:
    """A resolver of resources that are in maintenance once so many looks at most of them were made.

    Those in ``gone`` are not listed, and looks at several fail with an error, if there is one.
    """

    def __init__(
        self,
        after: int,
        gone: Sequence[Resource] = (),
        fails: MaintenanceError | None = None,
    ) -> None:
        self.alone: list[str] = []
        self.together: list[int] = []
        self._after = after
        self._gone = {each.identifier for each in gone}
        self._fails = fails
        self._lock = threading.Lock()

    def read(self, resource: Resource) -> ResourceState:
        with self._lock:
            self.alone.append(resource.identifier)
            if self.together and resource.identifier in self._gone:
                raise HostNotFoundError("gone")
            return self._state()

    def states(self, resources: Sequence[Resource]) -> Iterator[tuple[str, ResourceState]]:
        with self._lock:
            self.together.append(len(resources))
            if self._fails:
                raise self._fails
            for each in resources:
                if each.identifier not in self._gone:
                    yield each.identifier, self._state()

    def _state(self) -> ResourceState:
        looks = [each for each in self.together if each > COUNT // 2]
        return ResourceState.TIMED if len(looks) >= self._after else ResourceState.MONITORED


def confirmed(resolver: Any) -> list[Any]:
    """Let all wait at the same time; returns what each was told, or its error."""
    confirmations = Confirmations(resolver, 5.0)
    together = threading.Barrier(COUNT)

    def wait(resource: Resource) -> Any:
        together.wait(60)
        try:
            return confirmations.one(resource, maintained=True)
        except HostNotFoundError as error:
            return error

    with ThreadPoolExecutor(COUNT) as pool:
        return list(pool.map(wait, RESOURCES))


def test_one_looks_for_all_whose_turn_comes_soon() -> None:
    resolver = Shown(after=1)
    assert confirmed(resolver) == [True] * COUNT
    # By themselves, each would have looked twice at least.
    assert len(resolver.alone) + len(resolver.together) < 2 * COUNT


def test_who_is_gone_is_told_so_and_nobody_else() -> None:
    resolver = Shown(after=1, gone=RESOURCES[3:4])
    told = confirmed(resolver)
    assert isinstance(told.pop(3), HostNotFoundError)
    assert told == [True] * (COUNT - 1)


@pytest.mark.parametrize(
    "error", [OperationsUnavailableError("down"), RequestRejectedError("not these")]
)
def test_who_cannot_be_seen_together_is_looked_at_alone(error: MaintenanceError) -> None:
    assert confirmed(Shown(after=1, fails=error)) == [True] * COUNT


@pytest.mark.parametrize("shown", [0, 1])
def test_who_waits_alone_looks_alone_and_at_the_moments_of_ever(shown: int) -> None:
    pauses: list[float] = []
    resolver: Any = Shown(after=shown)
    confirmations = Confirmations(resolver, 5.0, pauses.append)
    assert confirmations.one(RESOURCES[0], maintained=True) == (shown == 0)
    assert pauses == ([0.0] if shown == 0 else [0.0, 0.25, 0.5, 1.0, 1.25, 2.0])
    assert resolver.alone == [RESOURCES[0].identifier] * len(pauses)
    assert resolver.together == []
