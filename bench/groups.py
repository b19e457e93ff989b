"""The least with groups: what has to be done for many events at once, and nothing around it.

A function for functions-framework that does what ours does with the same packages: it reads each
event by the CloudEvents SDK, looks at its host, writes what the event says, sees that this shows,
and logs a line. One thread makes the calls, by requests on one connection: whatever waits by then
goes together, as much as one URL can name. It knows all hosts from the start; it does not ask
whether an event is forged, late or repeated, and nothing may fail.
"""

import gc
import json
import logging
import os
import queue
import threading
from functools import cache
from typing import Any, Final, NamedTuple

import functions_framework
import requests
from cloudevents.http import from_http
from flask import Request, Response

from adapters import bootstrap
from bench.contestants import Least

# As many ids as fit into one URL, which is what ours names.
_MOST: Final = 83
_METHODS: Final = {"EnteredMaintenanceModeEvent": "PUT", "ExitMaintenanceModeEvent": "DELETE"}
_API: Final = f"{os.environ['VROPS_URL']}/suite-api/api"

# As ours does.
gc.set_threshold(bootstrap.OBJECTS_BETWEEN_COLLECTIONS)
logging.basicConfig(format="%(message)s", level=logging.INFO)


class _Waiting(NamedTuple):
    """Who waits until one host is looked at; before that it is written, if there is a method."""

    host: str
    method: str
    done: threading.Event


class _ByRequests(Least):
    """The same calls, by requests."""

    def __init__(self) -> None:
        self._session = requests.Session()
        # Otherwise the environment is looked through for each call.
        self._session.trust_env = False
        self._session.verify = os.environ["VROPS_CA_FILE"]
        super().__init__()

    def _call(self, method: str, path: str, body: str | None = None) -> Any:
        answer = self._session.request(method, f"{_API}{path}", data=body, headers=self._headers)
        answer.raise_for_status()
        return answer.json() if answer.content else None


@functions_framework.http
def handle(request: Request) -> Response:
    """Answer 204 to an event when it is written, and shows."""
    event = from_http(request.headers, request.get_data())
    host, method = event.data["Host"]["Name"], _METHODS[event["subject"]]
    # What is to be written depends on what was seen, so that these are two steps.
    for step in ("", method):
        waiting = _Waiting(host, step, threading.Event())
        _queue().put(waiting)
        waiting.done.wait()
    logging.info(json.dumps({"host": host, "method": method}))
    return Response(status=204)


@cache
def _queue() -> "queue.SimpleQueue[_Waiting]":
    """Start the one thread that calls, at the first event: gunicorn's worker is a fork."""
    waiting: queue.SimpleQueue[_Waiting] = queue.SimpleQueue()
    threading.Thread(target=_serve, args=(waiting,), daemon=True).start()
    return waiting


def _serve(waiting: "queue.SimpleQueue[_Waiting]") -> None:
    least = _ByRequests()
    while True:
        group = [waiting.get()]
        while len(group) < _MOST and not waiting.empty():
            group.append(waiting.get())
        least.mirror_all({each.host: each.method for each in group})
        for each in group:
            each.done.set()
