"""A door of your own: structured CloudEvents, posted to any server that speaks WSGI.

``python -m examples.further_processor`` serves it by the standard library, one event at a time;
``waitress-serve examples.further_processor:application`` is a server for more than that.
docs/extending.md explains it.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from wsgiref.simple_server import make_server

from adapters import bootstrap
from adapters.bootstrap import Target
from adapters.config.settings import Limits
from adapters.incoming import envelopes, responses
from adapters.incoming.envelopes import Received
from functions.errors import EventInterruptedError, MaintenanceError, NotACloudEventError
from functions.outcomes import Outcome

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# The targets: __getattr__ builds each of them when it is asked for.
application: "WSGIApplication"
echo: "WSGIApplication"


def posted(environ: "WSGIEnvironment", limits: Limits) -> Received:
    """Read the structured CloudEvent that was posted.

    Raises NotACloudEventError, EventTooLargeError or EventInterruptedError.
    """
    length = _length(environ)
    envelopes.check_size(length, limits)
    body = environ["wsgi.input"].read(length)
    if len(body) < length:
        raise EventInterruptedError("the event broke off before its end")
    return envelopes.from_structured(body, limits)


def _length(environ: "WSGIEnvironment") -> int:
    text = environ.get("CONTENT_LENGTH") or "0"
    if not re.fullmatch("[0-9]{1,12}", text):
        raise NotACloudEventError("the length of the event is no number")
    return int(text)


def door(answer: Callable[["WSGIEnvironment"], Outcome]) -> "WSGIApplication":
    """Return what a server calls: it replies what ``answer`` makes of an event."""

    def reply(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            answer(environ)
        except MaintenanceError as error:
            return _empty(start_response, responses.status(error), responses.headers(error))
        return _empty(start_response, 204, {})

    return reply


def _empty(
    start_response: "StartResponse", status: int, headers: Mapping[str, str]
) -> Iterable[bytes]:
    start_response(f"{status} {HTTPStatus(status).phrase}", [*headers.items()])
    return []


TARGETS: Final[Mapping[str, Target["WSGIEnvironment"]]] = {
    "application": Target(bootstrap.mirror, posted),
    "echo": Target(bootstrap.echo, posted),
}

if not TYPE_CHECKING:  # For mypy, a misspelt name would be a target, too.

    def __getattr__(name: str) -> "WSGIApplication":
        """Build a target when a server looks it up, once, at start."""
        globals()[name] = built = door(bootstrap.start(TARGETS, name))
        return built


def main(arguments: Sequence[str]) -> None:
    """Serve a target on this machine, at the port that PORT names, until somebody ends it."""
    [name] = arguments or ["application"]
    answer = bootstrap.start(TARGETS, name)
    with make_server("127.0.0.1", int(os.environ.get("PORT", "8080")), door(answer)) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
