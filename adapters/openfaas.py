"""OpenFaaS: ``handle(event, context)`` of the python3-http template, one call per CloudEvent.

VEBA's router posts a structured CloudEvent as JSON without any Content-Type; the template passes
the body on as bytes, and makes an HTTP reply of the dict that is returned. The cron-connector
posts nothing at all, and (in its Community Edition) only to functions of its own topic, which is
why there is a handler ``reconcile`` for it.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from adapters import bootstrap
from adapters.bootstrap import Look, Target
from adapters.config.settings import Limits
from adapters.incoming import envelopes, responses
from adapters.incoming.drain import Drain
from adapters.incoming.envelopes import Received
from adapters.output.listeners import Shown
from functions.errors import MaintenanceError
from functions.outcomes import Outcome

Handler = Callable[[Any, Any], dict[str, Any]]

# The targets: __getattr__ builds each of them when it is asked for.
handle: Handler
echo: Handler
reconcile: Handler

_drain: Final = Drain()


def handler(answer: Callable[[Any], Outcome], look: Look = bootstrap.nothing_else) -> Handler:
    """Return what the template calls: it replies what ``answer`` makes of an event.

    What is asked for by GET is no event, if ``look`` knows its path.
    """

    def reply(event: Any, context: Any) -> dict[str, Any]:
        asked = getattr(event, "method", "POST") in ("GET", "HEAD")
        if asked and (shown := look(event.path)):
            return _shown(shown)
        with _drain.event():
            try:
                return _reply(answer(event))
            except MaintenanceError as error:
                return _refusal(error)

    return reply


def posted(event: Any, limits: Limits) -> Received:
    """Read the structured CloudEvent that the router posts.

    Raises NotACloudEventError, or ShuttingDownError when the process was told to stop.
    """
    _drain.check()
    return envelopes.from_structured(_bytes(event.body), limits)


def timed(event: Any, limits: Limits) -> Received:
    """Take anything for the time to compare all hosts: the cron-connector sends no event.

    Raises ShuttingDownError when the process was told to stop.
    """
    _drain.check()
    return envelopes.from_timer("openfaas/cron-connector")


def _shown(shown: Shown) -> dict[str, Any]:
    headers = {"Content-Type": shown.content_type}
    return {"statusCode": 200, "headers": headers, "body": shown.body.decode()}


def _bytes(body: Any) -> bytes:
    # The template passes bytes; others of its kind pass text, or nothing where there is no body.
    return body if isinstance(body, bytes) else str(body or "").encode(errors="surrogatepass")


def _reply(outcome: Outcome) -> dict[str, Any]:
    return {"statusCode": 200, "body": outcome.as_dict()}


def _refusal(error: MaintenanceError) -> dict[str, Any]:
    return {
        "statusCode": responses.status(error),
        "headers": responses.headers(error),
        "body": {"error": type(error).__name__, **_host(error)},
    }


def _host(error: MaintenanceError) -> dict[str, str]:
    # The router prints the body of a refusal, and nothing else of it.
    return {"host": str(error.event.host)} if error.event else {}


TARGETS: Final[Mapping[str, Target[Any]]] = {
    # The router gives up after three seconds, but waits for an answer (decision 0018).
    "handle": Target(partial(bootstrap.mirror, door="openfaas", holds=True), posted),
    "echo": Target(bootstrap.echo, posted),
    "reconcile": Target(partial(bootstrap.mirror, door="openfaas"), timed),
}

if not TYPE_CHECKING:  # For mypy, a misspelt name would be a target, too.

    def __getattr__(name: str) -> Handler:
        """Build a target when the function's folder imports it, at start (decision 0007).

        From then on SIGTERM ends the process after the events in flight (decision 0018).
        """
        started = bootstrap.start(TARGETS, name)
        globals()[name] = built = handler(started, started.look)
        _drain.install()
        return built
