"""adapters.incoming.drain: what happens to events when the process is told to stop."""

import signal
import threading

import pytest

from adapters.incoming.drain import Drain
from functions.errors import ShuttingDownError


class World:
    """The process of a drain: who was signalled, and whether it was ended by force."""

    def __init__(self, seconds: float = 30.0) -> None:
        self.signalled = threading.Event()
        self.ended = threading.Event()
        self.slept: list[float] = []
        self.drain = Drain(seconds, self.signalled.set, self.ended.set, self.slept.append)


def test_without_an_event_it_ends_at_once() -> None:
    world = World()
    world.drain.check()
    world.drain.stop()
    assert world.signalled.wait(30)
    with pytest.raises(SystemExit) as exit_:
        world.drain.stop()
    assert exit_.value.code == 0


def test_an_event_in_flight_is_waited_for_and_a_new_one_refused() -> None:
    world = World()
    with world.drain.event():
        world.drain.stop()
        with world.drain.event(), pytest.raises(ShuttingDownError):
            world.drain.check()
        # A second signal changes nothing while there is one in flight.
        world.drain.stop()
        assert not world.signalled.wait(0.2)
    assert world.signalled.wait(30)


def test_what_takes_too_long_is_given_up() -> None:
    world = World(seconds=0.01)
    with world.drain.event():
        world.drain.stop()
        assert world.signalled.wait(30)
        assert world.ended.wait(30)
    # The reply has time to be sent, and all of it ends before Kubernetes kills.
    assert max(world.slept) <= 25


def test_only_the_main_thread_listens() -> None:
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=World().drain.install)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
