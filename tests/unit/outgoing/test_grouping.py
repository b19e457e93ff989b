"""What is asked for while a call is under way goes as one call, and each gets what is theirs."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from adapters.outgoing import grouping
from adapters.outgoing.deadline import deadline, remaining
from adapters.outgoing.grouping import Grouping, halved
from functions.errors import OperationsUnavailableError, RequestRejectedError

SECONDS = 30.0


class Calls:
    """A service whose calls end when the test lets them; ``begun`` are those that were made.

    ``times`` are those of ``time.monotonic`` when they began.
    """

    def __init__(self, size: int = 100) -> None:
        self.begun: list[tuple[str, ...]] = []
        self.times: list[float] = []
        self.threads: list[threading.Thread] = []
        self.fails: dict[tuple[str, ...], BaseException] = {}
        self.unknown: set[str] = set()
        self._ends: dict[int, threading.Event] = {}
        self._changed = threading.Condition()
        self.grouping = Grouping(self.one, self.many, size, OperationsUnavailableError)
        self.pool = ThreadPoolExecutor(20)
        self.waiting = 0

    def one(self, item: str) -> str:
        self._call((item,))
        return f"{item} alone"

    def many(self, items: Sequence[str]) -> Mapping[str, str]:
        self._call(tuple(items))
        return {each: f"{each} of {len(items)}" for each in items if each not in self.unknown}

    def ask(self, item: str, seconds: float = SECONDS) -> "Future[str]":
        """Ask in a thread of its own, and return when the question is under way, or in line."""
        begun, waiting = len(self.begun), len(self.grouping._waiting)

        def asked() -> str:
            with deadline(seconds):
                return self.grouping.call(item)

        future = self.pool.submit(asked)
        until(
            lambda: (
                future.done() or (len(self.begun), len(self.grouping._waiting)) != (begun, waiting)
            )
        )
        return future

    def end(self, number: int) -> None:
        """Let a call end, once it has begun."""
        self.began(number + 1)
        self._end(number).set()

    def end_all(self) -> None:
        """Let all calls end, those that are still to begin, too."""
        for number in range(100):
            self._end(number).set()

    def began(self, count: int) -> None:
        """Wait until so many calls have begun."""
        until(lambda: len(self.begun) >= count)

    def _call(self, items: tuple[str, ...]) -> None:
        with self._changed:
            number = len(self.begun)
            self.times.append(time.monotonic())
            self.begun.append(items)
            self.threads.append(threading.current_thread())
        assert self._end(number).wait(SECONDS)
        if error := self.fails.get(items):
            raise error

    def _end(self, number: int) -> threading.Event:
        with self._changed:
            return self._ends.setdefault(number, threading.Event())


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; a hang is a failure."""
    pause = threading.Event()
    for _ in range(int(SECONDS / 0.002)):
        if holds():
            return
        pause.wait(0.002)
    pytest.fail("it never came to that")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    monkeypatch.setattr(grouping, "_PATIENCE_SECONDS", SECONDS)
    made = Calls()
    yield made
    made.end_all()
    made.pool.shutdown()


def test_who_is_alone_makes_their_own_call_in_their_own_thread(calls: Calls) -> None:
    calls.end_all()
    assert [calls.grouping.call(each) for each in "aba"] == ["a alone", "b alone", "a alone"]
    assert calls.begun == [("a",), ("b",), ("a",)]
    assert set(calls.threads) == {threading.current_thread()}


def test_what_comes_while_a_call_is_under_way_goes_as_one(calls: Calls) -> None:
    answers = [calls.ask(each) for each in "abcd"]
    assert calls.begun == [("a",)]
    calls.end_all()
    assert [each.result() for each in answers] == ["a alone", "b of 3", "c of 3", "d of 3"]
    assert calls.begun == [("a",), ("b", "c", "d")]


def test_nobody_is_answered_by_a_call_that_was_under_way_before(calls: Calls) -> None:
    answers = [calls.ask(each) for each in "aa"]
    calls.end(0)
    calls.began(2)
    answers.append(calls.ask("a"))
    calls.end_all()
    assert [each.result() for each in answers] == ["a alone"] * 3
    assert calls.begun == [("a",), ("a",), ("a",)]


@pytest.fixture
def crowded(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Two are a crowd, and a call for them has begun."""
    monkeypatch.setattr(grouping, "_CROWD", 2)
    monkeypatch.setattr(grouping, "_DISTANCE_SECONDS", 0.5)
    for each in "abc":
        calls.ask(each)
    calls.end(0)
    calls.began(2)
    return calls


def test_after_a_call_for_a_crowd_the_next_one_keeps_its_distance(crowded: Calls) -> None:
    earliest = crowded.grouping._next_at
    answers = [crowded.ask(each) for each in "de"]
    crowded.end(1)
    answers += [crowded.ask("f")]
    crowded.end_all()
    assert [each.result() for each in answers] == ["d of 3", "e of 3", "f of 3"]
    assert crowded.begun == [("a",), ("b", "c"), ("d", "e", "f")]
    assert crowded.times[2] >= earliest > crowded.times[0] + 0.5


def test_after_a_call_for_a_few_the_next_one_begins_at_once(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "_DISTANCE_SECONDS", 10 * SECONDS)
    answers = [calls.ask(each) for each in "abcdefgh"]
    calls.end(0)
    calls.began(2)
    answers.append(calls.ask("i"))
    calls.end_all()
    assert [each.result() for each in answers][-1] == "i alone"
    assert [len(each) for each in calls.begun] == [1, 7, 1]


def test_who_comes_when_a_crowd_is_gone_is_not_delayed(
    crowded: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowded.grouping, "_next_at", time.monotonic() + 10 * SECONDS)
    crowded.end_all()
    until(lambda: crowded.grouping._under_way is None)
    assert crowded.grouping.call("d") == "d alone"


def test_who_leaves_while_a_distance_is_kept_leaves_that_to_others(crowded: Calls) -> None:
    earliest = crowded.grouping._next_at
    leaving, staying = crowded.ask("d", 0.1), crowded.ask("e")
    crowded.end_all()
    assert isinstance(leaving.exception(), OperationsUnavailableError)
    assert staying.result() == "e alone"
    assert crowded.times[2] >= earliest


def test_the_same_is_asked_for_once(calls: Calls) -> None:
    answers = [calls.ask(each) for each in "abcbc"]
    calls.end_all()
    assert [each.result() for each in answers] == ["a alone", *["b of 2", "c of 2"] * 2]


def test_no_more_go_at_once_than_a_call_can_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "_PATIENCE_SECONDS", SECONDS)
    calls = Calls(size=3)
    answers = [calls.ask(each) for each in "abcdefg"]
    calls.end_all()
    assert len({each.result() for each in answers}) == 7
    assert calls.begun == [("a",), ("b", "c", "d"), ("e", "f", "g")]
    calls.pool.shutdown()


def test_each_weighs_what_it_weighs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "_PATIENCE_SECONDS", SECONDS)
    calls = Calls()
    calls.grouping = Grouping(calls.one, calls.many, 4, OperationsUnavailableError, len)
    answers = [calls.ask(each) for each in ("a", "bb", "cc", "ddddd", "e")]
    calls.end_all()
    assert [each.result() for each in answers][3:] == ["ddddd alone", "e alone"]
    assert calls.begun == [("a",), ("bb", "cc"), ("ddddd",), ("e",)]
    calls.pool.shutdown()


def test_who_has_no_answer_makes_a_call_of_their_own(calls: Calls) -> None:
    calls.unknown = {"c"}
    answers = [calls.ask(each) for each in "abcd"]
    calls.end_all()
    assert [each.result() for each in answers] == ["a alone", "b of 3", "c alone", "d of 3"]


def test_an_outage_is_everybodys_and_each_has_an_error_of_their_own(calls: Calls) -> None:
    calls.fails[("b", "c", "d")] = OperationsUnavailableError("down", 7.0, lasting=True)
    answers = [calls.ask(each) for each in "abcd"]
    calls.end_all()
    errors = [each.exception() for each in answers[1:]]
    assert [str(each) for each in errors] == ["down"] * 3
    assert {
        (e.retry_after, e.lasting) for e in errors if isinstance(e, OperationsUnavailableError)
    } == {(7.0, True)}
    assert len({id(each) for each in errors}) == 3
    assert len({id(each.__traceback__) for each in errors if each}) == 3


def test_what_is_refused_as_a_whole_is_asked_for_one_by_one(calls: Calls) -> None:
    calls.fails[("b", "c", "d")] = RequestRejectedError("too many at once")
    answers = [calls.ask(each) for each in "abcd"]
    calls.end_all()
    assert [each.result() for each in answers] == [f"{each} alone" for each in "abcd"]


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), SystemExit(1), KeyboardInterrupt()])
def test_what_ends_the_leader_harms_nobody_else(calls: Calls, error: BaseException) -> None:
    calls.fails[("b", "c", "d")] = error
    answers = [calls.ask(each) for each in "abcd"]
    calls.end_all()
    caught = [each.exception() for each in answers]
    assert caught.count(error) == 1
    alone = [f"{each} alone" for each in "abcd"]
    results = [a.result() for a, failed in zip(answers, caught, strict=True) if not failed]
    assert len(results) == 3
    assert set(results) < set(alone)
    assert calls.grouping.call("e") == "e alone"


def test_an_error_of_the_first_is_its_own(calls: Calls) -> None:
    calls.fails[("a",)] = RequestRejectedError("not you")
    answers = [calls.ask(each) for each in "ab"]
    calls.end_all()
    assert answers[0].exception() is calls.fails[("a",)]
    assert answers[1].result() == "b alone"


def test_nobody_waits_beyond_their_own_deadline(calls: Calls) -> None:
    answers = [calls.ask("a"), calls.ask("b", 0.01), calls.ask("c")]
    assert isinstance(answers[1].exception(SECONDS), OperationsUnavailableError)
    calls.end_all()
    assert [answers[0].result(), answers[2].result()] == ["a alone", "c alone"]
    assert calls.begun == [("a",), ("c",)]


def test_a_member_of_a_call_that_is_under_way_does_not_wait_longer_either(calls: Calls) -> None:
    answers = [calls.ask("a"), calls.ask("b", 0.2), calls.ask("c")]
    calls.end(0)
    calls.began(2)
    assert isinstance(answers[1].exception(SECONDS), OperationsUnavailableError)
    calls.end_all()
    assert answers[2].result() == "c of 2"


def test_what_nobody_waits_for_any_more_is_not_among_what_is_awaited(calls: Calls) -> None:
    awaited: list[Sequence[str]] = []

    def many(items: Sequence[str]) -> Mapping[str, str]:
        answers = calls.many(items)
        awaited.append(calls.grouping.awaited(items))
        return answers

    calls.grouping = Grouping(calls.one, many, 100, OperationsUnavailableError)
    answers = [calls.ask("a"), calls.ask("b", 0.2), calls.ask("c"), calls.ask("d")]
    calls.end(0)
    assert isinstance(answers[1].exception(SECONDS), OperationsUnavailableError)
    calls.end_all()
    assert [each.result() for each in answers[2:]] == ["c of 3", "d of 3"]
    assert awaited == [["c", "d"]]


def test_who_has_the_most_time_leads_and_cuts_nobody(
    calls: Calls,
) -> None:
    left: list[float] = []

    def many(items: Sequence[str]) -> Mapping[str, str]:
        left.append(remaining())
        return calls.many(items)

    calls.grouping = Grouping(calls.one, many, 100, OperationsUnavailableError)
    answers = [calls.ask("a"), calls.ask("b", 20), calls.ask("c", 500), calls.ask("d", 50)]
    calls.end_all()
    assert [each.result() for each in answers[1:]] == ["b of 3", "c of 3", "d of 3"]
    assert 450 < left[0] <= 500


def test_a_call_that_got_stuck_is_overtaken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "_PATIENCE_SECONDS", 0.01)
    calls = Calls()
    stuck = calls.ask("a")
    answers = [calls.ask(each) for each in "bc"]
    calls.began(2)
    for number in range(1, 10):
        calls._end(number).set()
    assert {each.result(SECONDS)[0] for each in answers} == {"b", "c"}
    assert not stuck.done()
    calls.end_all()
    assert stuck.result() == "a alone"
    calls.pool.shutdown()


class Interrupted(grouping._Member[str, str]):
    """One who would have the most time, but is interrupted just when it is woken to lead."""

    def __init__(self, item: str) -> None:
        super().__init__(item)
        self.ends += 1000
        wait = self.woken.wait

        def interrupted(timeout: float) -> bool:
            wait(SECONDS)
            raise KeyboardInterrupt

        self.woken.wait = interrupted  # type: ignore[assignment, method-assign]


def test_who_stops_waiting_when_it_was_to_lead_leaves_that_to_others(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [calls.ask("a")]
    with monkeypatch.context() as patched:
        patched.setattr(grouping, "_Member", Interrupted)
        answers.append(calls.ask("b"))
    answers += [calls.ask(each) for each in "cd"]
    calls.end_all()
    assert isinstance(answers.pop(1).exception(), KeyboardInterrupt)
    assert [each.result() for each in answers] == ["a alone", "c of 2", "d of 2"]


def test_who_has_left_by_then_is_not_put_back_in_line(calls: Calls) -> None:
    first = calls.ask("a")
    leader, other = (grouping._Member[str, str](each) for each in "bc")
    calls.grouping._waiting += [leader, other]
    calls.end_all()
    assert first.result() == "a alone"
    assert calls.grouping._under_way is leader
    calls.grouping._leave(other)
    calls.grouping._leave(leader)
    assert calls.grouping._under_way is None
    assert calls.grouping.call("d") == "d alone"


class Refusing:
    """Answers all of them, unless one that is ``bad`` is among them; down after so many calls."""

    def __init__(self, bad: str, up: int = 100) -> None:
        self.bad = bad
        self.up = up
        self.calls: list[str] = []

    def __call__(self, items: Sequence[str]) -> Mapping[str, str] | None:
        if len(self.calls) == self.up:
            raise OperationsUnavailableError("down")
        self.calls.append("".join(items))
        refused = set(items) & set(self.bad)
        return None if refused else {each: each.upper() for each in items}


def test_what_is_refused_is_halved_until_few_are_left() -> None:
    refusing = Refusing("k")
    answers = halved("abcdefghijklmnop", refusing)
    assert refusing.calls == ["abcdefghijklmnop", "abcdefgh", "ijklmnop", "ijkl", "mnop"]
    assert answers == {each: each.upper() for each in "abcdefghmnop"}


def test_an_outage_between_halves_leaves_what_is_done_and_one_at_once_is_raised() -> None:
    assert halved("abcdefgh", Refusing("h", up=2)) == {each: each.upper() for each in "abcd"}
    with pytest.raises(OperationsUnavailableError):
        halved("abcdefgh", Refusing("h", up=0))
