"""What goes out, told to whoever counts: calls, logins, breakers, and what had to be dropped.

There is one tally for the process, as there is one log, so that no client has to be handed it.
Where nobody counts, that costs a look at an empty list.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal

Party = Literal["vrops", "vcenter"]
Dropped = Literal["outcomes", "notifications"]

# How a call ended that had no HTTP status, or none that counts.
TIMEOUT: Final = "timeout"
UNREACHABLE: Final = "unreachable"
TLS: Final = "tls"
FAULT: Final = "fault"
INVALID: Final = "invalid"
WORDS: Final = (TIMEOUT, UNREACHABLE, TLS, FAULT, INVALID)


class Counter:
    """Is told of all of it, in the thread that does it; never raises. This one does not count."""

    def called(self, party: Party, status: str, seconds: float) -> None:
        """A call is over; ``status`` is one of HTTP's, or of WORDS."""

    def logged_in(self, party: Party) -> None:
        """A user name and a password were sent, whether they are taken or not."""

    def breaker(self, party: Party, service: str, *, is_open: bool) -> None:
        """The breaker of ``service``, which is one of ``party``'s, opened or closed."""

    def dropped(self, what: Dropped) -> None:
        """Something was not sent, since there was no time or no place for it."""


@dataclass
class Call:
    """One call; whoever makes it notes its ``status``."""

    status: str = INVALID


_counters: list[Counter] = []


def listen(counter: Counter) -> None:
    """Let ``counter`` be told from now on."""
    _counters.append(counter)


def leave(counter: Counter) -> None:
    """Let ``counter`` be told no more."""
    _counters.remove(counter)


@contextmanager
def call(party: Party, *, counted: bool = True) -> Iterator[Call]:
    """Count a call, and how long it takes, whatever becomes of it."""
    noted, start = Call(), time.perf_counter()
    try:
        yield noted
    finally:
        for each in _counters if counted else ():
            each.called(party, noted.status, time.perf_counter() - start)


def http_status(code: int) -> str:
    """Return HTTP's status as a text; INVALID for a number that is none, so that few exist."""
    return str(code) if code in _CODES else INVALID


def login(party: Party) -> None:
    """Count that a password is sent."""
    for each in _counters:
        each.logged_in(party)


def breaker(party: Party, service: str, *, is_open: bool) -> None:
    """Note that the breaker of ``service`` has opened or closed."""
    for each in _counters:
        each.breaker(party, service, is_open=is_open)


def drop(what: Dropped) -> None:
    """Count that something was not sent."""
    for each in _counters:
        each.dropped(what)


_CODES: Final = frozenset(int(status) for status in HTTPStatus)
