"""Sends events to a function as a processor does, and again after a failure."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

# More than any event may take, since each has a deadline.
_TIMEOUT_SECONDS: Final = 60.0
# Between two deliveries, where the function does not ask for another pause.
_PAUSE_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Reply:
    """How a request was answered; ``sent`` is in seconds since 1970, ``seconds`` is the wait."""

    status: int
    retry_after: float
    sent: float
    seconds: float


@dataclass(frozen=True)
class Delivery:
    """How an event was delivered: after how many refusals, how long it took, and when it was over.

    ``ended`` is on the clock of ``time.perf_counter``.
    """

    refusals: int
    seconds: float
    ended: float


class Connection:
    """A connection to a function, made anew whenever the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        """Connect with the first request."""
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close."""
        self._close()

    async def send(self, request: bytes) -> Reply:
        """Send one request and read all of its answer; raises TimeoutError after a minute."""
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return await self._exchange(request)

    async def _exchange(self, request: bytes) -> Reply:
        sent, started = time.time(), time.perf_counter()
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        status, headers = _parsed(await reader.readuntil(b"\r\n\r\n"))
        await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            self._close()
        seconds = time.perf_counter() - started
        return Reply(status, float(headers.get("retry-after", "0")), sent, seconds)

    def _close(self) -> None:
        if self._streams:
            self._streams[1].close()
        self._streams = None


def one_at_a_time(port: int, requests: Iterable[bytes]) -> list[Reply]:
    """Send requests one after the other, on one connection as far as the server keeps it."""

    async def run() -> list[Reply]:
        async with Connection(port) as connection:
            return [await connection.send(request) for request in requests]

    return asyncio.run(run())


def for_a_while(port: int, lanes: Iterable[Iterable[bytes]], seconds: float) -> int:
    """Send the requests of each lane one after the other, all lanes at once.

    Returns how many were answered with 204 within ``seconds``; another answer is an OSError.
    """
    ends = time.perf_counter() + seconds

    async def drive(lane: Iterable[bytes]) -> int:
        count = 0
        async with Connection(port) as connection:
            for request in lane:
                reply = await connection.send(request)
                if time.perf_counter() > ends:
                    break
                if reply.status != 204:
                    raise OSError(f"an event was answered with {reply.status}")
                count += 1
        return count

    async def run() -> int:
        return sum(await asyncio.gather(*map(drive, lanes)))

    return asyncio.run(run())


def deliver(port: int, requests: Iterable[bytes], at_once: int) -> list[Delivery]:
    """Deliver each request until it is answered with 2xx, with the pauses that are asked for.

    At most ``at_once`` are under way at a time; those that wait are not. Sent again is what brokers
    send again: after a 5xx and a broken connection; another answer is an OSError.
    """

    async def run() -> list[Delivery]:
        places = asyncio.Semaphore(at_once)
        return await asyncio.gather(*(_delivered(port, each, places) for each in requests))

    return asyncio.run(run())


async def _delivered(port: int, request: bytes, places: asyncio.Semaphore) -> Delivery:
    started, refusals = time.perf_counter(), 0
    while (pause := await _tried(port, request, places)) is not None:
        refusals += 1
        await asyncio.sleep(pause)
    ended = time.perf_counter()
    return Delivery(refusals, ended - started, ended)


async def _tried(port: int, request: bytes, places: asyncio.Semaphore) -> float | None:
    """Return the seconds to wait before the next try, or None if there need be none."""
    try:
        async with places, Connection(port) as connection:
            reply = await connection.send(request)
    except (ConnectionError, asyncio.IncompleteReadError):
        return _PAUSE_SECONDS
    if 200 <= reply.status < 300:
        return None
    if reply.status < 500:
        raise OSError(f"an event was answered with {reply.status}")
    return reply.retry_after or _PAUSE_SECONDS


def _parsed(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip().lower() for name, _, value in pairs}
    protocol, status = first.split()[:2]
    if protocol == "HTTP/1.0":
        headers["connection"] = "close"
    return int(status), headers
