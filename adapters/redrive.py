"""Send dead letters again: ``python -m adapters.redrive [URL] < LOG``.

``LOG`` is what the target ``dead_letters`` has written, among anything else. Of each host, the
newest event in it is sent to the function at ``URL``, or else to the one in whose container this
runs. Id, time and data are what they were.

To send one twice is harmless. A function that has a vCenter takes it for a hint (decision 0012).
One that has none does nothing about an exit or a removal of a host that is monitored, or of which
it remembers a newer event. If it remembers none, a host that is under work again will alert, which
is no silence; but an enter event would silence a host that may be back by now, so it is sent only
if that is asked for.

There is no circle: the log is read to its end before anything is sent, and what the function does
not take is told here, since no broker is on the way that could give it up once more.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, BinaryIO, Final
from urllib.parse import SplitResult, urlsplit

from adapters.config.settings import Limits
from adapters.incoming.envelopes import from_object
from functions.errors import InvalidEventError, NotACloudEventError
from functions.events import ENTERED, EXITED, REMOVED, HostEvent, classify, host_event
from functions.outcomes import Done

_ACTION: Final[Done] = "given up"
_SENT: Final = (ENTERED, EXITED, REMOVED)
# The function ends an event within 12 seconds, unless it is told otherwise.
_TIMEOUT_SECONDS: Final = 60.0
# More than the longest line that the log writes of a dead letter.
_MAX_LINE_BYTES: Final = 512 * 1024
_LIMITS: Final = Limits(max_depth=200)
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_HEADERS: Final = {"Content-Type": "application/cloudevents+json", "User-Agent": "redrive"}


@dataclass(frozen=True)
class Letter:
    """An event that can be sent again: as it was read, and as it is sent."""

    event: HostEvent
    cloudevent: Mapping[str, Any]

    def __str__(self) -> str:
        created = self.event.created
        at = f" at {created.isoformat()}" if created else ""
        return _shown(f"{self.event.name} of {self.event.host}{at}")


@dataclass
class Letters:
    """What a log holds: the newest letter of each host, and how many could not be read."""

    newest: dict[tuple[str, str], Letter] = field(default_factory=dict)
    damaged: int = 0
    not_kept: int = 0
    others: int = 0

    def add(self, letter: Letter) -> None:
        """Keep ``letter``, unless a newer one of the host is known."""
        host = letter.event.host
        key = (host.vcenter, host.moref or host.name.casefold())
        known = self.newest.get(key)
        if known is None or not letter.event.is_older_than(known.event):
            self.newest[key] = letter

    @property
    def in_order(self) -> list[Letter]:
        """All of them, the oldest first."""
        return sorted(self.newest.values(), key=lambda letter: letter.event.created or _LONG_AGO)

    @property
    def unreadable(self) -> list[str]:
        """What a person has to look at in the log, in words."""
        counts = {
            "dead letters whose line is cut or damaged": self.damaged,
            "dead letters that were not kept whole, which their line says": self.not_kept,
        }
        return [f"{what}: {count}" for what, count in counts.items() if count]


class NoReplyError(Exception):
    """Nobody answers there; the text says why."""


def main(arguments: list[str] | None = None) -> int:
    """Send what standard input holds; returns 0 if all of it was taken, and else 1.

    Wrong use ends the process with 2.
    """
    asked = _arguments(arguments)
    letters = read(sys.stdin.buffer)
    problems = letters.unreadable
    if not letters.newest:
        problems.append("there is no dead letter of a host in the log that could be sent")
    if letters.others:
        print(f"dead letters that are no maintenance event of a host, left out: {letters.others}")
    problems += _deliver(letters.in_order, asked)
    for problem in problems:
        print(f"redrive: {problem}", file=sys.stderr)
    return 1 if problems else 0


def read(log: BinaryIO) -> Letters:
    """Read all of a log: what can be sent again, and how much of it cannot."""
    letters = Letters()
    for line in _lines(log):
        if b'"error_code"' in line or b'"cloudevent"' in line:
            _read_line(line, letters)
    return letters


def _read_line(line: bytes, letters: Letters) -> None:
    told = _json_in(line)
    if told is None:
        letters.damaged += 1
    elif told.get("action") != _ACTION:
        return
    elif "cloudevent" in told:
        _read_event(told["cloudevent"], letters)
    elif told.get("event") in _SENT:
        letters.not_kept += 1


def _read_event(cloudevent: Any, letters: Letters) -> None:
    try:
        envelope = from_object(cloudevent, _LIMITS).envelope
        kind = classify(envelope)
        if kind is None or not kind.genuine or kind.name not in _SENT:
            letters.others += 1
        else:
            letters.add(Letter(host_event(envelope, kind.name), cloudevent))
    except (NotACloudEventError, InvalidEventError):
        letters.others += 1


def _lines(log: BinaryIO) -> Iterator[bytes]:
    """Return the lines of a log; of one that is too long, the beginning alone.

    What follows in it would be read as a line of its own, and whoever wrote it might know that.
    """
    while line := log.readline(_MAX_LINE_BYTES):
        yield line
        while line and not line.endswith(b"\n"):
            line = log.readline(_MAX_LINE_BYTES)


def _json_in(line: bytes) -> dict[str, Any] | None:
    """Return the object that a line ends with: kubectl's --prefix, or a time, stands before it."""
    try:
        value = json.loads(line[line.index(b"{") :])
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _deliver(letters: list[Letter], asked: argparse.Namespace) -> list[str]:
    """Send the letters one by one, until nobody answers; returns what went wrong, in words."""
    problems: list[str] = []
    for letter in letters:
        try:
            answer, is_taken = _answer(letter, asked)
        except NoReplyError as error:
            return [*problems, f"no reply from {asked.url.geturl()}: {error}; nothing more is sent"]
        print(f"{letter}: {answer}", flush=True)
        if not is_taken:
            problems = ["not all were taken; the log of the function says why"]
    return problems


def _answer(letter: Letter, asked: argparse.Namespace) -> tuple[str, bool]:
    """Send one, unless that is not wanted; returns what to say of it, and whether it is well."""
    if letter.event.name == ENTERED and not asked.enter:
        return "not sent: it would silence the host; --enter sends it", True
    if asked.dry_run:
        return "would be sent", True
    status, reason = _post(asked.url, letter.cloudevent)
    return _shown(f"HTTP {status} {reason}"), 200 <= status < 300


def _post(url: SplitResult, cloudevent: Mapping[str, Any]) -> tuple[int, str]:
    """Send an event in structured mode, and return the reply's status and reason.

    No proxy is used, and no redirect followed. Raises NoReplyError if there is no reply.
    """
    kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("POST", url.path or "/", json.dumps(cloudevent), _HEADERS)
        reply = connection.getresponse()
        return reply.status, reply.reason
    except TimeoutError:
        raise NoReplyError("it does not answer in time") from None
    except OSError as error:
        raise NoReplyError(error.strerror or "the exchange broke off") from None
    except HTTPException:
        raise NoReplyError("it does not speak HTTP") from None
    finally:
        connection.close()


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    about = "Send the newest dead letter of each host again; reads the log from standard input."
    parser = argparse.ArgumentParser(prog="redrive", description=about)
    here = f"http://127.0.0.1:{os.environ.get('PORT') or 8080}"
    where = "where the function listens; unless given, in this container"
    parser.add_argument("url", nargs="?", metavar="URL", type=_url, default=here, help=where)
    dry = "show what would be sent, and send nothing"
    parser.add_argument("--dry-run", action="store_true", help=dry)
    enter = "send enter events, too: a function without a vCenter then silences their hosts"
    parser.add_argument("--enter", action="store_true", help=enter)
    return parser.parse_args(arguments)


def _url(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        is_complete = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        is_complete = False
    if not is_complete or not text.isascii() or not text.isprintable() or " " in text:
        raise argparse.ArgumentTypeError("it is not of the form http[s]://host[:port][/path]")
    if url.username is not None or url.query or url.fragment:
        raise argparse.ArgumentTypeError("it holds more than http[s]://host[:port][/path]")
    return url


def _shown(text: str) -> str:
    """Return ``text`` as ASCII in one line, so that no event can play tricks on a terminal."""
    return text.encode("unicode_escape").decode("ascii")


if __name__ == "__main__":
    sys.exit(main())
