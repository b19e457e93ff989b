import pytest

from adapters.outgoing.cache import TimedCache
from simulator import SettableClock


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(start=0)


@pytest.fixture
def cache(clock: SettableClock) -> TimedCache[str, int]:
    return TimedCache(seconds=60, size=3, clock=clock.now)


def test_what_was_put_is_remembered_until_its_time_is_over(
    cache: TimedCache[str, int], clock: SettableClock
) -> None:
    cache.put("a", 1)
    clock.advance(59)
    assert cache.get("a") == 1
    clock.advance(1)
    assert cache.get("a") is None


def test_putting_again_begins_anew(cache: TimedCache[str, int], clock: SettableClock) -> None:
    cache.put("a", 1)
    clock.advance(59)
    cache.put("a", 2)
    clock.advance(59)
    assert cache.get("a") == 2


def test_what_was_dropped_is_forgotten(cache: TimedCache[str, int]) -> None:
    cache.put("a", 1)
    cache.drop("a")
    cache.drop("never known")
    assert cache.get("a") is None


def test_what_is_empty_is_remembered_all_the_same(clock: SettableClock) -> None:
    cache: TimedCache[str, list[int]] = TimedCache(60, clock=clock.now)
    cache.put("a", [])
    assert cache.get("a") == []


def test_the_oldest_makes_room(cache: TimedCache[str, int]) -> None:
    for number, key in enumerate("abcd"):
        cache.put(key, number)
    assert [cache.get(key) for key in "abcd"] == [None, 1, 2, 3]


def test_what_was_put_again_is_not_the_oldest(cache: TimedCache[str, int]) -> None:
    for key in "abcad":
        cache.put(key, 0)
    assert [cache.get(key) for key in "abcd"] == [0, None, 0, 0]
