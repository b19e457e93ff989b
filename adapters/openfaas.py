"""OpenFaaS: ``handle(event, context)`` of the python3-http template, one call per CloudEvent.

VEBA's router posts a structured CloudEvent as JSON without any Content-Type; the template passes
the body on as bytes, and makes an HTTP reply of the dict that is returned.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from adapters import bootstrap, envelopes, responses
from functions.errors import MaintenanceError
from functions.outcomes import Outcome

Handler = Callable[[Any, Any], dict[str, Any]]


def __getattr__(target: str) -> Handler:
    """Build a target's handler when the function's folder imports it, once, at start."""
    globals()[target] = handler = _handler(bootstrap.start(target))
    return handler


def _handler(dispatch: bootstrap.Dispatch) -> Handler:
    def handle(event: Any, context: Any) -> dict[str, Any]:
        try:
            outcome = dispatch(partial(envelopes.from_structured, _bytes(event.body)))
        except MaintenanceError as error:
            return _refusal(error)
        return _reply(outcome)

    return handle


def _bytes(body: Any) -> bytes:
    # The template passes bytes; others of its kind pass text, or nothing where there is no body.
    return body if isinstance(body, bytes) else str(body or "").encode(errors="surrogatepass")


def _reply(outcome: Outcome) -> dict[str, Any]:
    return {"statusCode": 200, "body": outcome.as_dict()}


def _refusal(error: MaintenanceError) -> dict[str, Any]:
    return {
        "statusCode": responses.status(error),
        "headers": responses.headers(error),
        "body": {"error": type(error).__name__},
    }
