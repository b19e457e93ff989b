"""adapters.outcomes.outbox: nobody waits, nothing grows, and what is lost is counted."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from adapters.outcomes import outbox
from adapters.outcomes.answers import Answer, Verdict
from adapters.outcomes.outbox import Outbox
from adapters.outgoing import tally
from functions.events import Envelope

LONG = 30.0  # A test that waits so long has failed.


class Sink:
    """Takes all, unless ``verdicts`` say otherwise; waits for ``gate``, once ``hanging``."""

    name = "the sink"

    def __init__(self, batch: int = 1) -> None:
        self.batch = batch
        self.sent: list[list[str]] = []
        self.verdicts: Callable[[str], Verdict] = lambda name: Verdict.TAKEN
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Semaphore(0)

    def send(self, events: Sequence[Envelope]) -> Answer:
        self.sent.append([each["id"] for each in events])
        self.reached.release()
        assert self.gate.wait(LONG)
        return Answer([self.verdicts(each["id"]) for each in events], "a reason")

    @property
    def names(self) -> list[str]:
        return [name for batch in self.sent for name in batch]


class Clock:
    """Seconds that pass when somebody says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    yield made
    made.gate.set()


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = {*threading.enumerate()}
    yield
    for each in {*threading.enumerate()} - before:
        each.join(LONG)
        assert not each.is_alive()


def events(count: int) -> list[Envelope]:
    return [{"id": str(number)} for number in range(count)]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


def test_all_is_sent_in_its_order_by_one_thread(sink: Sink) -> None:
    box = Outbox(sink)
    for event in events(100):
        box.put(event)
    box.flush(LONG)
    assert sink.names == [event["id"] for event in events(100)]
    box.close(LONG)
    assert box.dropped == 0


def test_no_thread_is_there_before_there_is_something_to_send(sink: Sink) -> None:
    box = Outbox(sink)
    box.flush(LONG)
    box.close(LONG)
    assert (box._thread, sink.sent) == (None, [])


def test_as_many_as_a_sink_takes_go_together() -> None:
    sink = Sink(batch=10)
    sink.gate.clear()
    box = Outbox(sink)
    for event in events(1):
        box.put(event)
    assert sink.reached.acquire(timeout=LONG)
    for event in events(25):
        box.put(event)
    sink.gate.set()
    box.close(LONG)
    assert [len(batch) for batch in sink.sent] == [1, 10, 10, 5]


def test_while_a_sink_hangs_a_thousand_wait_and_the_rest_is_counted(
    sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    sink.gate.clear()
    box = Outbox(sink)
    for event in events(10_000):
        box.put(event)
    assert box.dropped == 9_000
    assert warnings(caplog) == ["1 outcomes were not sent to the sink: too many are waiting"]
    assert len(sink.sent) <= 1
    sink.gate.set()
    box.close(LONG)
    assert len(sink.names) == 1_000
    assert box.dropped == 9_000
    assert warnings(caplog)[1:] == ["8999 outcomes were not sent to the sink: the process ends"]


def test_what_is_lost_is_told_now_and_then(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    box = Outbox(sink, clock)
    for _ in range(50):
        box.drop(2, "a reason")
    assert warnings(caplog) == ["2 outcomes were not sent to the sink: a reason"]
    clock.now += 600
    box.drop(1, "another one")
    assert warnings(caplog)[1:] == ["99 outcomes were not sent to the sink: another one"]


def test_who_counts_is_told_of_each_that_is_lost(sink: Sink) -> None:
    class Counting(tally.Counter):
        lost = 0

        def dropped(self, what: tally.Dropped) -> None:
            assert what == "outcomes"
            self.lost += 1

    counting = Counting()
    tally.listen(counting)
    try:
        Outbox(sink).drop(3, "a reason")
    finally:
        tally.leave(counting)
    assert counting.lost == 3


def test_what_is_refused_is_lost_and_holds_nobody_back(sink: Sink) -> None:
    sink.verdicts = lambda name: Verdict.REFUSED if name == "1" else Verdict.TAKEN
    box = Outbox(sink)
    for event in events(3):
        box.put(event)
    box.close(LONG)
    assert (sink.names, box.dropped) == (["0", "1", "2"], 1)


def test_one_who_is_away_is_given_a_pause_and_then_tried_again(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_FIRST_PAUSE_SECONDS", 0.001)
    away = iter([Verdict.AGAIN, Verdict.AGAIN])
    sink.verdicts = lambda name: next(away, Verdict.TAKEN)
    box = Outbox(sink)
    for event in events(2):
        box.put(event)
    for _ in range(4):
        assert sink.reached.acquire(timeout=LONG)
    box.close(LONG)
    assert (sink.names, box.dropped) == (["0", "0", "0", "1"], 0)


def test_after_five_tries_it_is_the_next_ones_turn(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_MAX_PAUSE_SECONDS", 0.001)
    sink.verdicts = lambda name: Verdict.AGAIN if name == "0" else Verdict.TAKEN
    box = Outbox(sink)
    for event in events(2):
        box.put(event)
    for _ in range(6):
        assert sink.reached.acquire(timeout=LONG)
    box.close(LONG)
    assert (sink.names, box.dropped) == (["0"] * 5 + ["1"], 1)


def test_of_a_batch_only_what_was_not_taken_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_FIRST_PAUSE_SECONDS", 0.001)
    sink = Sink(batch=10)
    sink.gate.clear()
    of_one = iter([Verdict.AGAIN])
    verdicts = {"1": Verdict.REFUSED}
    sink.verdicts = lambda name: (
        next(of_one, Verdict.TAKEN) if name == "2" else verdicts.get(name, Verdict.TAKEN)
    )
    box = Outbox(sink)
    for event in [{"id": "first"}, *events(4)]:
        box.put(event)
    sink.gate.set()
    for _ in range(2):
        assert sink.reached.acquire(timeout=LONG)
    while sink.names.count("2") < 2:
        assert sink.reached.acquire(timeout=LONG)
    box.close(LONG)
    assert (sorted(sink.names), box.dropped) == (["0", "1", "2", "2", "3", "first"], 1)


def test_nobody_waits_for_one_who_is_away_but_for_one_try_more(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_FIRST_PAUSE_SECONDS", 0.001)
    sink.verdicts = lambda name: Verdict.AGAIN
    box = Outbox(sink)
    for event in events(20):
        box.put(event)
        box.flush(1e9)
    assert sink.names[:2] == ["0", "0"]
    box.close(LONG)
    assert box.dropped == 20


def test_the_end_waits_for_no_pause_and_for_nobody_who_is_away(
    sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    sink.verdicts = lambda name: Verdict.AGAIN
    box = Outbox(sink, Clock())
    for event in events(20):
        box.put(event)
    assert sink.reached.acquire(timeout=LONG)
    box.close(LONG)
    # It may be one more try, with the process' last second.
    assert ({*sink.names}, len(sink.names) <= 2, box.dropped) == ({"0"}, True, 20)
    assert warnings(caplog) == ["20 outcomes were not sent to the sink: a reason"]


def test_the_end_does_not_last_longer_than_it_may(
    sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    sink.gate.clear()
    box = Outbox(sink)
    for event in events(20):
        box.put(event)
    assert sink.reached.acquire(timeout=LONG)
    box.close(0.01)
    assert box.dropped == 20
    box._warned_at = None
    box.put({"id": "late"})
    assert box.dropped == 21
    assert warnings(caplog)[-1] == "1 outcomes were not sent to the sink: the process ends"
    sink.gate.set()


def test_a_bug_in_a_sink_costs_one_event(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    def verdict(name: str) -> Verdict:
        if name == "0":
            raise ZeroDivisionError("hunter2")
        return Verdict.TAKEN

    sink.verdicts = verdict
    box = Outbox(sink)
    for event in events(2):
        box.put(event)
    box.close(LONG)
    assert (sink.names, box.dropped) == (["0", "1"], 1)
    assert warnings(caplog) == ["1 outcomes were not sent to the sink: ZeroDivisionError, a bug"]
    assert "hunter2" not in caplog.text
