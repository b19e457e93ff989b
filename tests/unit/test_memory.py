"""adapters.memory: the newest event of each host."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.memory import EventMemory
from functions.events import HostEvent, HostRef
from functions.ports import Resource, ResourceState

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
HOST = HostRef("host-1001", "esx01.lab.local", "vcenter.lab.local")
EVENT = HostEvent("EnteredMaintenanceModeEvent", HOST, 7, NOW, "1")
NEWER = replace(
    EVENT, name="ExitMaintenanceModeEvent", key=9, created=NOW + timedelta(seconds=1), event_id="2"
)
OLDER = replace(EVENT, key=5, created=NOW - timedelta(hours=1), event_id="3")


@pytest.fixture
def memory() -> EventMemory:
    return EventMemory(lambda: NOW)


def test_the_newest_event_of_a_host_is_known(memory: EventMemory) -> None:
    assert memory.newest(EVENT) is EVENT
    assert memory.newest(NEWER) is NEWER
    assert memory.newest(EVENT) is NEWER
    assert memory.newest(OLDER) is NEWER


def test_a_repeated_event_is_not_older_than_itself(memory: EventMemory) -> None:
    memory.newest(EVENT)
    replayed = replace(EVENT, event_id="drawn anew")
    assert memory.newest(replayed) is replayed


@pytest.mark.parametrize(
    "other",
    [
        replace(HOST, moref="host-1002"),
        replace(HOST, vcenter="another.lab.local"),
        replace(HOST, moref="", name="esx02.lab.local"),
    ],
)
def test_hosts_do_not_overtake_each_other(other: HostRef, memory: EventMemory) -> None:
    memory.newest(NEWER)
    event = replace(EVENT, host=other)
    assert memory.newest(event) is event


def test_a_renamed_host_is_still_the_same(memory: EventMemory) -> None:
    memory.newest(NEWER)
    assert memory.newest(replace(EVENT, host=replace(HOST, name="renamed"))) is NEWER


def test_without_a_moref_the_name_tells_in_any_case(memory: EventMemory) -> None:
    newer = replace(NEWER, host=replace(HOST, moref=""))
    memory.newest(newer)
    event = replace(EVENT, host=HostRef("", "ESX01.lab.local", HOST.vcenter))
    assert memory.newest(event) is newer


def test_an_event_from_the_future_does_not_make_all_others_old(memory: EventMemory) -> None:
    forged = replace(EVENT, created=NOW + timedelta(days=365), key=2**31 - 1)
    assert memory.newest(forged) is forged
    assert memory.newest(NEWER) is NEWER


def test_clocks_may_differ_by_minutes() -> None:
    memory = EventMemory(lambda: NOW - timedelta(minutes=4))
    memory.newest(NEWER)
    assert memory.newest(EVENT) is NEWER


def test_an_event_that_does_not_tell_when_is_never_older(memory: EventMemory) -> None:
    memory.newest(NEWER)
    unknown = replace(EVENT, created=None, key=None)
    assert memory.newest(unknown) is unknown


def test_threads_agree_about_the_newest(memory: EventMemory) -> None:
    events = [replace(EVENT, key=n, created=NOW - timedelta(seconds=900 - n)) for n in range(800)]
    _at_once([lambda each=each: memory.newest(each) for each in reversed(events)])  # type: ignore[misc]
    assert memory.newest(events[0]) is events[-1]


def _at_once(calls: list[Callable[[], object]]) -> None:
    def run(start: int) -> None:
        barrier.wait()
        for call in calls[start::8]:
            call()

    barrier = threading.Barrier(8)
    threads = [threading.Thread(target=run, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


RESOURCE = Resource("id", HOST, ResourceState.TIMED, HOST.moref)


def test_what_this_process_has_started_is_known_as_long_as_it_matters(memory: EventMemory) -> None:
    assert not memory.has_started(RESOURCE, NOW)
    memory.started(RESOURCE, NOW)
    assert memory.has_started(RESOURCE, NOW)
    assert not memory.has_started(RESOURCE, NOW + timedelta(minutes=1))
    assert not memory.has_started(replace(RESOURCE, identifier="another"), NOW)


def test_what_was_noticed_is_noticed_once(memory: EventMemory) -> None:
    assert [memory.noticed(what) for what in ("a", "b", "a")] == [False, False, True]
