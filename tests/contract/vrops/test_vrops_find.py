"""Which host is meant, tried on the fake and on every way a server may look hosts up."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import product
from typing import Any

import pytest

from simulator import Switches
from tests.contract.vrops.claims import Finding, Reading
from tests.contract.vrops.worlds import BuiltWorld, FakeWorld, simulated

# Identifiers are of use only where the adapter instance says which vCenter it is.
_IDENTIFIERS: list[dict[str, Any]] = [
    {"adapters_expose_vcid": False},
    {"identifiers_lookup": "refused"},
    *(
        {"identifiers_lookup": lookup, "vcid_upper_case": upper_case}
        for lookup, upper_case in product(("supported", "ignored"), (False, True))
    ),
]
_LOOKUPS: list[dict[str, Any]] = [
    {"name_matching": matching, **identifiers}
    for matching, identifiers in product(("contains", "case-sensitive", "exact"), _IDENTIFIERS)
]
_OTHERS: list[dict[str, Any]] = [
    {"max_page_size": 2},
    {"max_page_size": 1, "adapters_expose_vcid": False},
    {"max_page_size": 2, "identifiers_lookup": "ignored"},
    {"missing_identifier": 500},
    {"extra_states": 2},
    {"extra_states": 2, "extra_states_flip": True},
]


def _named(switches: dict[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in switches.items())


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(lambda: nullcontext(FakeWorld()), id="fake"),
        *(
            pytest.param(partial(simulated, Switches(**switches)), id=_named(switches))
            for switches in [*_LOOKUPS, *_OTHERS]
        ),
    ],
)
def shared_world(request: pytest.FixtureRequest) -> Iterator[BuiltWorld]:
    opened: AbstractContextManager[BuiltWorld] = request.param()
    with opened as world:
        yield world


class TestFinding(Finding):
    """See claims."""


class TestReading(Reading):
    """See claims."""
