"""The board of a process that only looks: what cannot be read stays as it was, and says why."""

from typing import Any

import pytest

from adapters.board.reader import Reader
from functions.context import Context, Policy, VCenters
from functions.errors import RequestRejectedError, VCenterUnavailableError
from tests.fakes import Clock, FakeOperations, FakeVCenter
from tests.unit.board.boards import host

FIRST, SECOND = "a.lab.local", "b.lab.local"


class Site:
    """Two vCenters with a host each, and somebody who looks at them."""

    def __init__(self) -> None:
        self.clock = Clock()
        hosts = [host(1, address=FIRST), host(2, address=SECOND)]
        self.first, self.second = (
            FakeVCenter([each], address=each.vcenter, clock=self.clock) for each in hosts
        )
        self.operations = FakeOperations(hosts, clock=self.clock)
        vcenters = VCenters({each.address: each for each in (self.first, self.second)})
        context = Context(self.operations, vcenters, policy=Policy(120), now=self.clock)
        self.reader = Reader(context, 10)

    def read(self) -> dict[str, tuple[Any, ...]]:
        self.reader.read()
        board = self.reader.board()
        modes = {row.host.vcenter: row.in_maintenance_mode for row in board.rows}
        return {
            each.vcenter: (each.at, each.problem, modes.get(each.vcenter))
            for each in board.readings
        }


def test_before_anything_was_read_it_says_so() -> None:
    board = Site().reader.board()
    assert [(each.vcenter, each.at) for each in board.readings] == [(FIRST, None), (SECOND, None)]
    assert (board.rows, board.happenings) == ((), None)


def test_what_cannot_be_read_stays_as_it_was_with_its_time_and_the_reason() -> None:
    site = Site()
    site.first.enter("host-1")
    site.second.enter("host-2")
    first = site.clock()
    assert site.read() == {FIRST: (first, "", True), SECOND: (first, "", True)}
    site.clock.advance(5)
    site.first.leave("host-1")
    site.second.failures = [VCenterUnavailableError("cannot be reached")] * 9
    now = site.clock()
    told = {FIRST: (now, "", False), SECOND: (first, "cannot be reached", True)}
    assert site.read() == told
    site.second.failures = []
    assert site.read()[SECOND] == (now, "", True)


def test_what_may_not_be_read_is_said_once_for_each_vcenter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuses(*_: object) -> None:
        raise RequestRejectedError("no privilege")

    site = Site()
    for each, number in ((site.first, 1), (site.second, 2)):
        each.enter(f"host-{number}")
        monkeypatch.setattr(each, "entered", refuses)
    for _ in range(2):
        site.read()
        assert [each for each in site.reader.board().notices if "since when" in each] == [
            f"{FIRST}: since when is not known: no privilege",
            f"{SECOND}: since when is not known: no privilege",
        ]


def test_a_bug_is_in_the_log_and_the_next_reading_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site()
    with monkeypatch.context() as broken:
        broken.setattr(site.first, "hosts", lambda: 1 / 0)
        assert site.read()[FIRST][1] == "a bug, see the log"
    assert "this is a bug" in caplog.text
    assert site.read()[FIRST][1:] == ("", False)
