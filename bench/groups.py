"""The least with groups: what has to be done for many events at once, and nothing around it.

A function for functions-framework that reads each event, and does a look, a write and a look with
http.client on one connection; all events that arrive meanwhile go together the next time, as many
as one URL can name. It knows all hosts from the start, sees that what was written shows, and logs a
line; it does not ask whether an event is forged, late or repeated, and nothing may fail.
"""

import json
import queue
import sys
import threading
from functools import cache
from typing import Final, NamedTuple

import functions_framework
from flask import Request, Response

from bench.contestants import Least

# As many ids as fit into one URL, which is what ours names.
_MOST: Final = 83
_METHODS: Final = {"EnteredMaintenanceModeEvent": "PUT", "ExitMaintenanceModeEvent": "DELETE"}


class _Waiting(NamedTuple):
    """Who waits for one host to be written, by PUT or by DELETE."""

    host: str
    method: str
    done: threading.Event


@functions_framework.http
def handle(request: Request) -> Response:
    """Answer 204 to an event when it is written, and shows."""
    method = _METHODS[request.headers["Ce-Subject"]]
    host = json.loads(request.get_data())["Host"]["Name"]
    waiting = _Waiting(host, method, threading.Event())
    _queue().put(waiting)
    waiting.done.wait()
    sys.stdout.write(json.dumps({"host": host, "method": method}) + "\n")
    return Response(status=204)


@cache
def _queue() -> "queue.SimpleQueue[_Waiting]":
    """Start the one thread that calls, at the first event: gunicorn's worker is a fork."""
    waiting: queue.SimpleQueue[_Waiting] = queue.SimpleQueue()
    threading.Thread(target=_serve, args=(waiting,), daemon=True).start()
    return waiting


def _serve(waiting: "queue.SimpleQueue[_Waiting]") -> None:
    least = Least()
    while True:
        group = [waiting.get()]
        while len(group) < _MOST and not waiting.empty():
            group.append(waiting.get())
        least.mirror_all({each.host: each.method for each in group})
        for each in group:
            each.done.set()
