"""adapters.outgoing.tally: whoever counts is told of calls, and nobody else has to care."""

from collections.abc import Iterator

import pytest

from adapters.outgoing import tally
from adapters.outgoing.breaker import CircuitBreaker
from functions.errors import OperationsUnavailableError


class Notes(tally.Counter):
    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def called(self, party: tally.Party, status: str, seconds: float) -> None:
        assert seconds >= 0
        self.told.append((party, status))

    def breaker(self, party: tally.Party, service: str, *, is_open: bool) -> None:
        self.told.append((party, service, is_open))


@pytest.fixture
def notes() -> Iterator[Notes]:
    made = Notes()
    tally.listen(made)
    yield made
    tally.leave(made)


def test_a_call_is_told_once_it_is_over_whatever_became_of_it(notes: Notes) -> None:
    with tally.call("vrops") as call:
        call.status = tally.http_status(200)
        assert not notes.told
    with pytest.raises(ZeroDivisionError), tally.call("vcenter"):
        raise ZeroDivisionError
    with tally.call("vcenter", counted=False):
        pass
    assert notes.told == [("vrops", "200"), ("vcenter", "invalid")]


def test_who_has_left_is_told_no_more() -> None:
    left = Notes()
    tally.listen(left)
    tally.leave(left)
    with tally.call("vrops"):
        pass
    tally.login("vrops")
    tally.drop("outcomes")
    assert not left.told


@pytest.mark.parametrize(
    ("code", "said"), [(200, "200"), (503, "503"), (999, "invalid"), (0, "invalid")]
)
def test_only_what_is_a_status_of_http_is_told_as_one(code: int, said: str) -> None:
    assert tally.http_status(code) == said


def test_a_breaker_tells_when_it_opens_and_when_it_closes(notes: Notes) -> None:
    ticks = [0.0]
    breaker = CircuitBreaker(
        "a vCenter", OperationsUnavailableError, clock=lambda: ticks[0], party="vcenter"
    )

    def fail() -> None:
        with pytest.raises(OperationsUnavailableError), breaker.guard():
            raise OperationsUnavailableError("away")

    for _ in range(5):
        fail()
    assert notes.told == [("vcenter", "a vCenter", True)]
    ticks[0] += 10
    fail()
    ticks[0] += 10
    with breaker.guard():
        pass
    with breaker.guard():
        pass
    assert notes.told == [("vcenter", "a vCenter", True), ("vcenter", "a vCenter", False)]
