"""adapters.watch.changes: of each host the last change, until it is in."""

import random
import threading
import time
from collections import Counter

import pytest

from adapters.watch.changes import Change, Changes
from functions.events import ENTERED
from tests.unit.watch.doubles import ADDRESS, OTHER, Seconds, event


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


@pytest.fixture
def changes(clock: Seconds) -> Changes:
    return Changes(clock, lambda: 0.0)


def taken(changes: Changes) -> list[Change]:
    """All that are due, none of them done."""
    return list(iter(lambda: changes.take(0), None))


def test_changes_come_in_the_order_in_which_they_were_seen(changes: Changes) -> None:
    for number in (3, 1, 2):
        changes.put(event(number))
    assert [each.host for each in taken(changes)] == [(ADDRESS, f"host-{n}") for n in (3, 1, 2)]


def test_of_each_host_the_last_change_counts(changes: Changes) -> None:
    for number in (1, 2, 1):
        changes.put(event(number, mode=number == 2))
    changes.put(event(1, mode=True))
    assert len(changes) == 2
    assert {each.event.name for each in taken(changes)} == {ENTERED}


def test_hosts_of_two_vcenters_that_have_one_moref_are_two_hosts(changes: Changes) -> None:
    changes.put(event(1))
    changes.put(event(1, mode=False, address=OTHER))
    assert len(taken(changes)) == 2


def test_a_host_is_in_one_hand_at_a_time(changes: Changes) -> None:
    changes.put(event(1))
    first = changes.take(0)
    changes.put(event(1, mode=False))
    assert first
    assert changes.take(0) is None
    assert len(changes) == 1
    changes.done(first)
    second = changes.take(0)
    assert second
    assert second.event == event(1, mode=False)
    changes.done(second)
    assert (changes.take(0), len(changes)) == (None, 0)


def test_what_has_failed_comes_again_after_a_growing_pause(
    changes: Changes, clock: Seconds
) -> None:
    changes.put(event(1))
    pauses = []
    for _ in range(8):
        change = changes.take(0)
        assert change
        changes.again(change)
        started = clock.now
        while not (change := changes.take(0)):
            clock.now += 0.5
        pauses.append(clock.now - started)
        changes.again(change)
        clock.now += 1000
    assert pauses == [1, 4, 16, 30, 30, 30, 30, 30]


def test_a_pause_that_is_asked_for_is_kept(changes: Changes, clock: Seconds) -> None:
    changes.put(event(1))
    change = changes.take(0)
    assert change
    changes.again(change, 45.0)
    clock.now += 44
    assert changes.take(0) is None
    clock.now += 1
    again = changes.take(0)
    assert again
    assert (again.event, again.failures) == (change.event, 1)


def test_whoever_was_away_and_is_back_lets_all_that_waits_be_due(
    changes: Changes, clock: Seconds
) -> None:
    for number in (1, 2, 3):
        changes.put(event(number))
    waiting = [changes.take(0) for _ in range(3)]
    for change in waiting[:2]:
        assert change
        changes.again(change, 60.0)
    assert changes.take(0) is None
    changes.hurry()
    clock.now += 1
    again = [changes.take(0) for _ in range(3)]
    assert [each and each.event for each in again] == [event(1), event(2), None]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_newer_change_takes_the_place_of_one_that_has_failed(
    changes: Changes, clock: Seconds, when: str
) -> None:
    changes.put(event(1))
    failed = changes.take(0)
    assert failed
    if when == "before":
        changes.put(event(1, mode=False))
    changes.again(failed, 1000.0)
    if when == "after":
        changes.put(event(1, mode=False))
    newer = changes.take(0)
    assert newer
    assert (newer.event, newer.failures) == (event(1, mode=False), 0)
    changes.done(newer)
    clock.now += 10_000
    assert (changes.take(0), len(changes)) == (None, 0)


@pytest.mark.parametrize("in_hand", [False, True])
def test_ten_thousand_changes_of_one_host_are_one(changes: Changes, in_hand: bool) -> None:
    changes.put(event(1))
    first = changes.take(0) if in_hand else None
    for number in range(10_000):
        changes.put(event(1, mode=number % 2 == 0))
    assert len(changes) == 1
    assert len(changes._queue) < 100
    if first:
        changes.done(first)
    last = changes.take(0)
    assert last
    assert last.event == event(1, mode=False)
    assert taken(changes) == []


def test_whoever_waits_is_woken_by_a_change() -> None:
    changes = Changes()
    got: list[Change | None] = []
    taker = threading.Thread(target=lambda: got.append(changes.take(60)))
    taker.start()
    changes.put(event(1))
    taker.join(60)
    assert [each and each.event for each in got] == [event(1)]


def test_whoever_waits_is_woken_when_a_host_is_free_again() -> None:
    changes = Changes()
    changes.put(event(1))
    first = changes.take(0)
    changes.put(event(1, mode=False))
    got: list[Change | None] = []
    taker = threading.Thread(target=lambda: got.append(changes.take(60)))
    taker.start()
    assert first
    changes.done(first)
    taker.join(60)
    assert [each and each.event for each in got] == [event(1, mode=False)]


def test_many_threads_lose_nothing_and_never_share_a_host() -> None:
    changes = Changes(lambda: 100 * time.monotonic(), lambda: 0.0)
    in_hand: Counter[tuple[str, str]] = Counter()
    shared: list[Change] = []
    last: dict[tuple[str, str], str] = {}
    ended = threading.Event()

    def work(luck: random.Random) -> None:
        while not ended.is_set():
            if not (change := changes.take(0.01)):
                continue
            in_hand[change.host] += 1
            if in_hand[change.host] > 1:
                shared.append(change)
            fails = luck.random() < 0.2 and not change.failures
            if not fails:
                last[change.host] = change.event.name
            in_hand[change.host] -= 1
            (changes.again if fails else changes.done)(change)

    workers = [threading.Thread(target=work, args=(random.Random(n),)) for n in range(4)]
    for worker in workers:
        worker.start()
    wanted = {}
    luck = random.Random(0)
    for _ in range(3000):
        seen = event(luck.randrange(20), mode=luck.random() < 0.5)
        changes.put(seen)
        wanted[Change(seen).host] = seen.name
    while len(changes):
        ended.wait(0.01)
    ended.set()
    for worker in workers:
        worker.join(60)
    assert (shared, last) == ([], wanted)
