"""Every order in which threads can handle events whose calls are grouped."""

import pytest

from tests.group_commits import SCENARIOS, Found, explored

# All that runs is the core and its grouping, and takes some seconds.
pytestmark = pytest.mark.once

LARGEST = "both events, writes too"
MISTAKE = "given the answer of a call under way"


@pytest.mark.parametrize(
    ("name", "orders"),
    [
        pytest.param("both events of a host", 1_000, marks=pytest.mark.exhaustive),
        pytest.param("both events, and one of another host", 2_500, marks=pytest.mark.exhaustive),
        pytest.param(LARGEST, 25_000, marks=[pytest.mark.exhaustive, pytest.mark.timeout(900)]),
    ],
)
def test_both_sides_agree_whatever_the_order(name: str, orders: int) -> None:
    found = explored(SCENARIOS[name])
    assert not found.wrong
    assert found.orders >= orders
    assert found.together == 2


def test_who_is_given_the_answer_of_a_call_under_way_is_caught() -> None:
    assert explored(SCENARIOS[MISTAKE]) == Found(186, wrong=1, together=1)
