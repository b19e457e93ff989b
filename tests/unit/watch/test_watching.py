"""adapters.watch.watching: a vCenter tells, and is watched anew whenever it stops."""

import logging
import threading
from collections.abc import Iterable

import pytest

from adapters.watch.health import Signs
from adapters.watch.sweeping import Sweeping
from adapters.watch.watching import Watching
from functions.errors import AuthenticationError, RequestRejectedError, VCenterUnavailableError
from functions.events import ENTERED, EXITED
from tests.unit.watch.doubles import (
    Ended,
    Seconds,
    Step,
    Telling,
    Told,
    World,
    seen,
    signs,
    world,
)

LOST = VCenterUnavailableError("vCenter vcenter.lab.local: it does not answer in time")


class Asked(Sweeping):
    """Counts how often somebody asks for a sweep."""

    def __init__(self, of: World) -> None:
        super().__init__(of.vcenter, of.context, of.health, of.of_vcenter, interval=900, seconds=9)
        self.times = 0

    def ask(self) -> None:
        self.times += 1


class Counted(Signs):
    """Counts the signs of life."""

    def __init__(self) -> None:
        super().__init__("watching", 60.0, Seconds())
        self.times = 0

    def show(self) -> None:
        self.times += 1


class Watched:
    """A vCenter that is watched for a while."""

    def __init__(self, *sessions: Telling | Exception) -> None:
        self.world = world()
        self.world.vcenter.sessions = [*sessions]
        self.sweeping = Asked(self.world)
        self.known = self.world.of_vcenter
        self.watching = Watching(
            self.world.vcenter,
            self.world.changes,
            self.sweeping,
            self.world.health,
            self.known,
            120.0,
            clock=self.world.clock,
        )

    def run(self, shown: Signs | None = None) -> list[float]:
        """Go on until all was told; returns the pauses."""
        ended = Ended(self.world.clock)
        self.world.vcenter.over = ended.set
        self.watching.run(shown or signs(), ended)
        return ended.waits

    def taken(self) -> list[tuple[str, str]]:
        taken = iter(lambda: self.world.changes.take(0), None)
        return [(each.event.host.moref, each.event.name) for each in taken if each]


def telling(*steps: Step, hosts: int = 2) -> Telling:
    return Telling([*steps], hosts)


def lasting(watched: Watched, seconds: float) -> Step:
    """A wait in which time passes."""

    def told() -> Told:
        watched.world.clock.now += seconds
        return Told()

    return told


def test_a_connection_asks_for_a_sweep_and_shows() -> None:
    watched = Watched(telling(hosts=7))
    watched.run()
    assert (watched.sweeping.times, watched.known.hosts) == (1, 7)
    assert watched.known.connected_since == watched.world.time()
    assert (watched.known.problem, watched.known.last_update) == ("", None)


def test_each_change_is_passed_on_as_the_event_that_it_is() -> None:
    watched = Watched(telling(Told((seen(1, True), seen(2, False)))))
    watched.run()
    assert watched.taken() == [("host-1", ENTERED), ("host-2", EXITED)]
    assert watched.known.last_update == watched.world.time()
    assert watched.sweeping.times == 1


def test_a_change_is_of_its_vcenter_and_of_now() -> None:
    watched = Watched(telling(Told((seen(1, True),))))
    watched.run()
    change = watched.world.changes.take(0)
    assert change
    assert (change.event.vcenter, change.event.created) == (
        watched.world.vcenter.address,
        watched.world.time(),
    )


@pytest.mark.parametrize("again", [True, False])
def test_what_is_told_again_is_passed_on_and_was_not_seen(again: bool) -> None:
    told_again = frozenset({"host-1"} if again else ())
    watched = Watched(telling(Told((seen(1, True),), told_again=told_again)))
    watched.run()
    change = watched.world.changes.take(0)
    assert change
    assert change.event.seen is not again


def test_hosts_that_come_or_go_are_for_a_sweep() -> None:
    watched = Watched(telling(Told(other_hosts=True), Told((seen(1, True),), other_hosts=True)))
    watched.run()
    assert watched.sweeping.times == 3
    assert watched.taken() == [("host-1", ENTERED)]


def test_an_answer_is_waited_for_within_the_time_outs_on_the_way() -> None:
    told = telling(Told())
    Watched(told).run()
    assert told.waits == [20, 20]


@pytest.mark.parametrize(
    "error", [LOST, AuthenticationError("refused"), RequestRejectedError("no privilege")]
)
def test_whatever_is_wrong_it_is_watched_anew(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(error, telling(error))
    watched.known.swept = True
    watched.run()
    assert (watched.known.connected_since, watched.known.swept) == (None, False)
    assert (watched.world.vcenter.begun, watched.world.vcenter.left) == (2, 1)
    lines = [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]
    assert len(lines) == 2
    assert all(f"not watched: {error}; again in" in line for line in lines)


def test_a_bug_is_told_of_and_it_is_watched_anew(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(telling(KeyError("MESSAGE")), telling())
    watched.run()
    assert watched.sweeping.times == 2
    assert "this is a bug" in caplog.text


def test_a_lost_connection_is_no_longer_ready_and_the_next_one_is_swept_first() -> None:
    watched = Watched(telling(), telling())
    watched.run()
    watched.known.swept = True
    assert watched.known.ready
    watched.run()
    assert watched.known.connected_since
    assert not watched.known.ready


def test_who_tells_nothing_while_sweeps_find_changes_is_watched_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def found() -> Told:
        watched.known.untold = 3
        return Told()

    watched = Watched(telling(found, Told()), telling())
    watched.run()
    assert watched.sweeping.times == 2
    assert (watched.known.untold, watched.known.problem) == (0, "")
    [warning] = _warnings(caplog.records)
    assert "a sweep has changed 3 hosts" in warning


def test_pauses_grow_and_stay_below_a_minute_and_a_half() -> None:
    pauses = Watched(*[LOST] * 20).run()
    assert len(pauses) == 20
    assert all(each <= 1.5 * 2**n for n, each in enumerate(pauses))
    assert all(60 <= each <= 90 for each in pauses[6:])


def test_a_vcenter_that_ends_each_session_soon_is_not_logged_in_to_without_end() -> None:
    watched = Watched(*[telling(Told((seen(1, True),)), LOST) for _ in range(50)])
    pauses = watched.run()
    assert (watched.world.vcenter.begun, len(pauses)) == (50, 50)
    assert all(60 <= each <= 90 for each in pauses[6:])


def test_a_connection_that_has_lasted_begins_with_short_pauses_again() -> None:
    watched = Watched(*[LOST] * 8)
    watched.world.vcenter.sessions += [telling(lasting(watched, 300.0), LOST), telling()]
    pauses = watched.run()
    assert pauses[7] >= 60
    assert pauses[8] <= 1.5


def test_who_answers_at_once_that_there_is_nothing_is_not_asked_without_a_pause() -> None:
    assert Watched(telling(*[Told()] * 100)).run() == [1.0] * 100


def test_who_waits_before_saying_that_there_is_nothing_is_asked_at_once() -> None:
    watched = Watched()
    watched.world.vcenter.sessions = [telling(*[lasting(watched, 30.0)] * 5)]
    assert watched.run() == []


def test_who_has_much_to_tell_is_asked_at_once() -> None:
    watched = Watched(telling(*[Told((seen(1, True),))] * 5))
    assert watched.run() == []


def test_each_wait_and_each_attempt_is_a_sign_of_life() -> None:
    shown = Counted()
    Watched(LOST, LOST, telling(Told(), LOST), telling(Told())).run(shown)
    attempts, waits = 4, 4
    assert shown.times == attempts + waits


def test_it_ends_at_once_while_it_pauses(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(*[LOST] * 9)
    ended = threading.Event()
    thread = threading.Thread(target=watched.watching.run, args=(signs(), ended))
    thread.start()
    ended.set()
    thread.join(60)
    assert not thread.is_alive()


def test_what_breaks_because_it_ends_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    ended = threading.Event()

    def closed() -> Told:
        ended.set()
        raise LOST

    watched.world.vcenter.sessions = [telling(closed)]
    watched.watching.run(signs(), ended)
    assert _warnings(caplog.records) == []
    assert watched.world.vcenter.left == 1


def _warnings(records: Iterable[logging.LogRecord]) -> list[str]:
    return [each.getMessage() for each in records if each.levelno >= logging.WARNING]
