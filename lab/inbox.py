"""Where a laboratory's notifications and outcomes arrive, to be shown in words.

It stands in for the chat of ``NOTIFY_URLS``, and for the program behind ``OUTCOME_SINK``.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from adapters.board.server import Answer, Request, serving

_NOTIFICATIONS: Final = "/notifications"
_OUTCOMES: Final = "/outcomes"


@contextmanager
def receiving(file: Path, show: Callable[[str], None]) -> Iterator[Mapping[str, str]]:
    """Write what arrives to ``file``, and ``show`` it, from other threads.

    Yields the variables of whoever is to send it here.
    """
    file.write_text("", encoding="utf-8")

    def receive(request: Request) -> Answer:
        told = _in_words(request)
        with file.open("a", encoding="utf-8") as written:
            written.write(f"{told}\n")
        show(told)
        return Answer(204, b"")

    with serving(("127.0.0.1", 0), receive, "the inbox", posts=True) as port:
        address = f"127.0.0.1:{port}"
        yield {
            "NOTIFY_URLS": f"json://{address}{_NOTIFICATIONS}",
            "OUTCOME_SINK": f"http://{address}{_OUTCOMES}",
        }


def _in_words(request: Request) -> str:
    """Return what arrived, each line marked as such: it stands among the laboratory's own."""
    data = json.loads(request.body)
    if request.path == _NOTIFICATIONS:
        words = f"notification: {data['title']}\n{data['message']}"
    else:
        words = _outcome(str(request.headers["ce-type"]), data)
    return "\n".join(f"| {_printable(line)}".rstrip() for line in words.splitlines())


def _outcome(type: str, data: Mapping[str, Any]) -> str:
    about = data["host"] or data["moref"] or "no host"
    what = f"outcome: {about} {type.rpartition('.')[2]}"
    return f"{what}: {data['reason']}" if data["reason"] else what


def _printable(line: str) -> str:
    # An event may bring any name, and a terminal obeys some signs.
    return "".join(each if each.isprintable() else "?" for each in line)
