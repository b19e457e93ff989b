"""OpenFaaS: ``handle(event, context)`` of the python3-http template, one call per CloudEvent.

VEBA's router posts a structured CloudEvent as JSON without any Content-Type; the template passes
the body on as bytes, and makes an HTTP reply of the dict that is returned. The cron-connector
posts nothing at all, and (in its Community Edition) only to functions of its own topic, which is
why there is a handler ``reconcile`` for it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from adapters import bootstrap, envelopes, responses
from adapters.envelopes import Received
from adapters.settings import Limits
from functions.errors import MaintenanceError
from functions.outcomes import Outcome

Handler = Callable[[Any, Any], dict[str, Any]]
Reading = Callable[[Any, Limits], Received]


def __getattr__(target: str) -> Handler:
    """Build a target's handler when the function's folder imports it, once, at start."""
    scheduled = target == "reconcile"
    dispatch = bootstrap.start("handle" if scheduled else target)
    globals()[target] = handler = _handler(dispatch, _timed if scheduled else _posted)
    return handler


def _handler(dispatch: bootstrap.Dispatch, read: Reading) -> Handler:
    def handle(event: Any, context: Any) -> dict[str, Any]:
        try:
            outcome = dispatch(partial(read, event))
        except MaintenanceError as error:
            return _refusal(error)
        return _reply(outcome)

    return handle


def _posted(event: Any, limits: Limits) -> Received:
    return envelopes.from_structured(_bytes(event.body), limits)


def _timed(event: Any, limits: Limits) -> Received:
    return envelopes.from_timer("openfaas/cron-connector")


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
