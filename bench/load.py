"""Events, each later than the one before, and sent as a Knative broker does: again if need be."""

import itertools
import math
import selectors
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from urllib3 import HTTPConnectionPool, Retry, connection_from_url

from lab.events import HTTP_FORMATS, NOT_OURS, EventData

# Does all that an event needs, and returns the action that was taken.
SendEvent = Callable[[EventData], str]

_START: Final = datetime.now(UTC) - timedelta(hours=1)
# Older events than the last one of a host would not be applied.
_numbers: Final = itertools.count(1)
# As brokers do: after a 5xx and a broken connection, with the pause that is asked for, or a second.
_UNTIL_TAKEN: Final = Retry(
    None, allowed_methods=None, status_forcelist=range(500, 600), backoff_factor=1, backoff_max=1
)


def event(host: int, *, entered: bool) -> EventData:
    """Return the next event, about the ``host``-th of the hosts that a simulator makes up."""
    number = next(_numbers)
    return EventData(
        name="EnteredMaintenanceModeEvent" if entered else "ExitMaintenanceModeEvent",
        host=f"esx{host:02}.lab.local",
        moref=f"host-{1000 + host}",
        key=number,
        created=f"{_START + timedelta(milliseconds=number):%Y-%m-%dT%H:%M:%S.%fZ}",
    )


def in_turn(host: int, count: int | None = None) -> Iterator[EventData]:
    """Enter and leave maintenance mode in turn, ``count`` times or for ever."""
    modes = itertools.islice(itertools.cycle((True, False)), count)
    return (event(host, entered=entered) for entered in modes)


def milliseconds(mirror: SendEvent, events: Iterable[EventData]) -> list[float]:
    """Return how long each event takes; raises OSError for one of ours that is not mirrored."""
    times = []
    for each in events:
        started = time.perf_counter()
        action = mirror(each)
        times.append(1000 * (time.perf_counter() - started))
        if action not in ("entered", "exited") and each != NOT_OURS:
            raise OSError(f"{each.name} was answered with {action}")
    return times


class Reply(NamedTuple):
    """When an event was sent, and taken, and how often it was sent in vain before."""

    sent: float  # in seconds since 1970
    seconds: float
    ended: float  # by time.perf_counter
    refusals: int


def send(
    url: str,
    *lanes: Iterable[EventData],
    at_once: int = 0,
    seconds: float = math.inf,
    patience: float = 60.0,
) -> list[Reply]:
    """Send the events of each lane one after the other, all lanes at once, for some seconds.

    What is under way when those are over counts. With ``at_once`` events are sent again until they
    are taken, each time on a connection of its own, and at most so many are under way at a time;
    those that wait are not. Raises OSError for any other answer that is not 2xx, and for none
    within ``patience`` seconds: a minute is more than an event may take that is handled at once.
    """
    size, ends = at_once or len(lanes), time.perf_counter() + seconds
    connections = connection_from_url(url, timeout=patience, maxsize=size, block=True)

    def drive(lane: Iterable[EventData]) -> list[Reply]:
        replies = []
        for each in lane:
            replies.append(_sent(connections, each, bool(at_once)))
            if replies[-1].ended > ends:
                break
        return replies

    with connections, ThreadPoolExecutor(len(lanes)) as threads:
        return [reply for replies in threads.map(drive, lanes) for reply in replies]


def flood(url: str, events: Iterable[EventData], patience: float = 60.0) -> list[Reply]:
    """Send all events before the first answer is read, each on a connection of its own.

    Threads would need so long for that, that they are spread over seconds. Raises what ``send``
    does; and as there, events are sent again after a 5xx.
    """
    replies: list[Reply] = []
    with selectors.DefaultSelector() as selector, ExitStack() as connections:
        for event in events:
            connection = connections.enter_context(closing(_connection(url, patience)))
            message = HTTP_FORMATS["router-binary"](event)
            sent, started = time.time(), time.perf_counter()
            connection.request("POST", "/", message.body, dict(message.headers))
            waiting = _Waiting(event, connection, sent, started)
            selector.register(connection.sock, selectors.EVENT_READ, waiting)
        while selector.get_map():
            answered = selector.select(patience)
            if not answered:
                raise OSError(f"no answer within {patience:g} s")
            for key, _ in answered:
                selector.unregister(key.fileobj)
                replies.append(_taken(url, key.data))
    return replies


class _Waiting(NamedTuple):
    """An event that was sent, and the connection that its answer will come on."""

    event: EventData
    connection: HTTPConnection
    sent: float
    started: float


def _connection(url: str, patience: float) -> HTTPConnection:
    address = urlsplit(url)
    return HTTPConnection(str(address.hostname), address.port, timeout=patience)


def _taken(url: str, waiting: _Waiting) -> Reply:
    answer = waiting.connection.getresponse()
    answer.read()
    ended, refusals = time.perf_counter(), 0
    if answer.status >= 500:
        [again] = send(url, [waiting.event], at_once=1)
        ended, refusals = again.ended, again.refusals + 1
    else:
        _check(answer.status)
    return Reply(waiting.sent, ended - waiting.started, ended, refusals)


def _sent(connections: HTTPConnectionPool, event: EventData, until_taken: bool) -> Reply:
    message = HTTP_FORMATS["router-binary"](event)
    headers = {**message.headers, "Connection": "close" if until_taken else "keep-alive"}
    retries = _UNTIL_TAKEN if until_taken else False
    sent, started = time.time(), time.perf_counter()
    answer = connections.urlopen("POST", "/", message.body, headers, retries=retries)
    ended = time.perf_counter()
    _check(answer.status)
    return Reply(sent, ended - started, ended, len(answer.retries.history) if answer.retries else 0)


def _check(status: int) -> None:
    if not 200 <= status < 300:
        raise OSError(f"an event was answered with {status}")
