"""Sends events to a function as a processor does, and again after a failure."""

import math
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from urllib3 import HTTPConnectionPool, Retry

from bench.events import HttpMessage

# As brokers do: after a 5xx and a broken connection, with the pause that is asked for, or a second.
_UNTIL_TAKEN: Final = Retry(
    None, allowed_methods=None, status_forcelist=range(500, 600), backoff_factor=1, backoff_max=1
)


class Reply(NamedTuple):
    """When an event was ``sent``, in seconds since 1970, and after how many seconds it was taken.

    ``ended`` is by ``time.perf_counter``, ``refusals`` how often it was sent in vain before.
    """

    sent: float
    seconds: float
    ended: float
    refusals: int


def send(
    port: int,
    *lanes: Iterable[HttpMessage],
    at_once: int = 0,
    until_taken: bool = False,
    seconds: float = math.inf,
) -> list[Reply]:
    """Send the messages of each lane one after the other, all lanes at once, for some seconds.

    At most ``at_once`` are under way at a time. With ``until_taken`` they are sent again if need
    be, each time on a connection of its own, and those that wait for that are not under way.
    Raises OSError for an answer that is not 2xx, and after which nothing is sent again.
    """
    size, ends = at_once or len(lanes), time.perf_counter() + seconds
    # A minute is more than any event may take, since each has a deadline.
    connections = HTTPConnectionPool("127.0.0.1", port, timeout=60, maxsize=size, block=True)

    def drive(lane: Iterable[HttpMessage]) -> list[Reply]:
        replies = []
        for message in lane:
            reply = _sent(connections, message, until_taken)
            if reply.ended > ends:
                break
            replies.append(reply)
        return replies

    with connections, ThreadPoolExecutor(len(lanes)) as threads:
        return [reply for replies in threads.map(drive, lanes) for reply in replies]


def _sent(connections: HTTPConnectionPool, message: HttpMessage, until_taken: bool) -> Reply:
    headers = {**message.headers, "Connection": "close" if until_taken else "keep-alive"}
    retries = _UNTIL_TAKEN if until_taken else False
    sent, started = time.time(), time.perf_counter()
    answer = connections.urlopen("POST", "/", message.body, headers, retries=retries)
    ended = time.perf_counter()
    if not 200 <= answer.status < 300:
        raise OSError(f"an event was answered with {answer.status}")
    return Reply(sent, ended - started, ended, len(answer.retries.history) if answer.retries else 0)
