"""adapters.watch.pauses: they grow, and differ."""

import itertools

import pytest

from adapters.watch.pauses import pause


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 1), (1, 2), (4, 16), (5, 30), (16, 30), (10**9, 30)]
)
def test_pauses_double_up_to_the_most(failures: int, seconds: float) -> None:
    assert pause(failures, 1, 30, lambda: 0.0) == seconds


def test_what_fails_together_does_not_come_back_together() -> None:
    assert [pause(3, 1, 30, spread) for spread in (lambda: 0.0, lambda: 0.5)] == [8, 10]
    many = {pause(3, 1, 30) for _ in range(100)}
    assert len(many) > 90
    assert all(8 <= each <= 12 for each in many)


def test_an_hour_of_failures_is_no_more_than_a_hundred_attempts() -> None:
    pauses = (pause(failures, 1, 60, lambda: 0.0) for failures in itertools.count())
    attempts = itertools.takewhile(lambda passed: passed < 3600, itertools.accumulate(pauses))
    assert len(list(attempts)) < 100
