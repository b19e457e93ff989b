"""What whoever counts is told of the calls of vRealize Operations, by how they end."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from adapters.outgoing import tally
from functions.errors import MaintenanceError
from lab.processes import free_port
from simulator import Simulator
from tests.contract.vrops.clients import connected, esx


class Notes(tally.Counter):
    def __init__(self) -> None:
        self.statuses: list[str] = []
        self.logins = 0

    def called(self, party: tally.Party, status: str, seconds: float) -> None:
        assert party == "vrops"
        self.statuses.append(status)

    def logged_in(self, party: tally.Party) -> None:
        assert party == "vrops"
        self.logins += 1


@pytest.fixture
def notes() -> Iterator[Notes]:
    made = Notes()
    tally.listen(made)
    yield made
    tally.leave(made)


def find(simulator: Simulator, **changes: Any) -> None:
    with connected(simulator, **changes) as vrops, suppress(MaintenanceError):
        vrops.find(esx(1))


def test_every_call_and_every_login_is_counted(simulator: Simulator, notes: Notes) -> None:
    find(simulator)
    assert notes.statuses == ["200"] * len(simulator.calls)
    assert notes.logins == simulator.logins == 1


def test_a_login_that_is_refused_counts_too(simulator: Simulator, notes: Notes) -> None:
    find(simulator, password="wrong")
    assert notes.logins == 1
    assert notes.statuses == [str(simulator.calls[0].status)]


def test_an_answer_counts_by_its_status_and_once_with_what_is_tried_again(
    simulator: Simulator, notes: Notes
) -> None:
    simulator.fault(status=503, count=100, path="/resources")
    find(simulator)
    assert notes.statuses.count("503") == 1


def test_who_does_not_answer_in_time_is_told_as_that(simulator: Simulator, notes: Notes) -> None:
    simulator.fault(delay=5.0, path="/acquire")
    find(simulator, read_timeout=0.1)
    assert notes.statuses == ["timeout"]


def test_who_is_not_there_is_told_as_that(simulator: Simulator, notes: Notes) -> None:
    find(simulator, url=f"https://127.0.0.1:{free_port()}")
    assert notes.statuses == ["unreachable"]


def test_a_certificate_that_is_refused_is_told_as_that(simulator: Simulator, notes: Notes) -> None:
    find(simulator, ca_file=None)
    assert notes.statuses == ["tls"]
