"""Knative and functions-framework: one HTTP request per CloudEvent.

Run it with ``functions-framework --source adapters/knative.py --target handle``, or ``echo``, or
``dead_letters`` for what a broker has given up.
The ``http`` signature and an empty 204 are on purpose: the ``cloud_event`` signature always
answers with the body ``OK``, which Knative brokers take for a failed delivery and send again
(decision 0002).
"""

import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

import functions_framework
from cloudevents.exceptions import GenericException
from cloudevents.http import from_http
from flask import Request, Response

from adapters import bootstrap
from adapters.bootstrap import Look, Target
from adapters.config.settings import Limits
from adapters.incoming import envelopes, responses
from adapters.incoming.envelopes import Received
from adapters.output.listeners import Shown
from functions.errors import EventInterruptedError, MaintenanceError, NotACloudEventError
from functions.outcomes import Outcome

View = Callable[[Request], Response]
_CHUNK: Final = 64 * 1024

# The targets: __getattr__ builds each of them when it is asked for.
handle: View
echo: View
dead_letters: View


def view(
    name: str, answer: Callable[[Request], Outcome], look: Look = bootstrap.nothing_else
) -> View:
    """Return the view ``name``, which replies what ``answer`` makes of an event.

    Whatever its path is, what is posted is an event; what is shown to others, ``look`` knows.
    functions-framework is told of it.
    """

    def reply(request: Request) -> Response:
        if request.method != "POST":
            return _shown(look(request.path))
        try:
            answer(request)
        except MaintenanceError as error:
            return _empty(responses.status(error), responses.headers(error))
        return _empty(204)

    reply.__name__ = name
    functions_framework.http(reply)
    return reply


def received(request: Request, limits: Limits) -> Received:
    """Read the CloudEvent of a request, in binary or structured mode.

    Raises NotACloudEventError, EventTooLargeError or EventInterruptedError.
    """
    body = _body(request, limits)
    content_type = request.headers.get("Content-Type", "")
    structured = content_type.lower().startswith("application/cloudevents")
    if structured or "Ce-Specversion" not in request.headers:
        return envelopes.from_structured(body, limits)
    return envelopes.from_binary(_attributes(request), content_type, body, limits)


def _attributes(request: Request) -> dict[str, str]:
    try:
        event = from_http(request.headers, b"null", data_unmarshaller=lambda _: None)
    except (GenericException, AttributeError, TypeError, ValueError):
        raise NotACloudEventError("the ce- headers are not those of a CloudEvent") from None
    # The SDK makes up the attributes that are missing, such as a time: keep what was sent.
    return {name: value for name, value in event.get_attributes().items() if _sent(request, name)}


def _sent(request: Request, name: str) -> bool:
    return f"ce-{name}" in request.headers


def _body(request: Request, limits: Limits) -> bytes:
    try:
        body = _read(request, limits.max_body_bytes)
    except Exception:  # Every server has errors of its own for a body that breaks off.
        # functions-framework reads the rest before it answers, and would fall over it, too.
        request.stream = io.BytesIO()
        raise EventInterruptedError("the event broke off before its end") from None
    envelopes.check_size(len(body), limits)
    return body


def _read(request: Request, most: int) -> bytes:
    body: bytes = request.stream.read(most + 1)
    if len(body) > most:
        # functions-framework would read the rest into memory before it answers.
        while request.stream.read(_CHUNK):
            pass
    elif len(body) < (request.content_length or 0):
        raise EOFError
    return body


def _shown(shown: Shown | None) -> Response:
    if shown is None:
        return _empty(405)
    return Response(shown.body, content_type=shown.content_type)


def _empty(status: int, headers: dict[str, str] | None = None) -> Response:
    response = Response(status=status, headers=headers)
    del response.headers["Content-Type"]
    return response


TARGETS: Final[Mapping[str, Target[Request]]] = {
    "handle": Target(partial(bootstrap.mirror, door="knative"), received),
    "echo": Target(bootstrap.echo, received),
    "dead_letters": Target(bootstrap.dead_letters, received),
}

if not TYPE_CHECKING:  # For mypy, a misspelt name would be a target, too.

    def __getattr__(name: str) -> View:
        """Build a target when functions-framework asks for it by name, once, at start.

        So a wrong configuration stops the process before it is ready, and ``echo`` needs none
        (decision 0007).
        """
        started = bootstrap.start(TARGETS, name)
        globals()[name] = built = view(name, started, started.look)
        return built
