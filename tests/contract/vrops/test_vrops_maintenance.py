"""Starting and ending maintenance, tried on the fake and on every way a server may answer."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import product

import pytest

from simulator import Switches
from tests.contract.vrops.claims import Confirming
from tests.contract.vrops.worlds import BuiltWorld, FakeWorld, simulated

_SWITCHES = [
    Switches(
        extra_states=extra,
        extra_states_flip=flip,
        delete_when_not_maintained=delete,
        visible_delay=delay,
    )
    for (extra, flip), delete, delay in product(
        ((0, False), (2, False), (2, True)), (200, 404, 500), (0.0, 3.0)
    )
]


def _named(switches: Switches) -> str:
    flip = "-flip" if switches.extra_states_flip else ""
    return (
        f"extra={switches.extra_states}{flip}"
        f",delete={switches.delete_when_not_maintained},delay={switches.visible_delay:g}"
    )


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(lambda: nullcontext(FakeWorld()), id="fake"),
        *(pytest.param(partial(simulated, each), id=_named(each)) for each in _SWITCHES),
    ],
)
def shared_world(request: pytest.FixtureRequest) -> Iterator[BuiltWorld]:
    opened: AbstractContextManager[BuiltWorld] = request.param()
    with opened as world:
        yield world


class TestConfirming(Confirming):
    """See claims."""
