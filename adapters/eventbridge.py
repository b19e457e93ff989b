"""AWS EventBridge and Lambda: ``lambda_handler(event, context)``, the CloudEvent in ``detail``.

Lambda knows two results: a return value, which EventBridge ignores, and an exception, which is
tried again twice and then reaches the function's on-failure destination. So every error is raised.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from adapters import bootstrap
from adapters.bootstrap import Target
from adapters.config.settings import Limits
from adapters.incoming import envelopes
from adapters.incoming.envelopes import Received
from functions.outcomes import Outcome

Handler = Callable[[Any, Any], dict[str, Any]]

# The targets, as Lambda names its handlers: __getattr__ builds each when it is asked for.
lambda_handler: Handler
echo_handler: Handler


def handler(answer: Callable[[Any], Outcome]) -> Handler:
    """Return what Lambda's runtime calls: it returns what ``answer`` makes of an event."""
    return lambda event, context: answer(event).as_dict()


def detail(event: Any, limits: Limits) -> Received:
    """Read the CloudEvent in an event of EventBridge's; raises NotACloudEventError."""
    return envelopes.from_object(event.get("detail") if isinstance(event, dict) else None, limits)


TARGETS: Final[Mapping[str, Target[Any]]] = {
    "lambda_handler": Target(partial(bootstrap.mirror, door="eventbridge"), detail),
    "echo_handler": Target(bootstrap.echo, detail),
}

if not TYPE_CHECKING:  # For mypy, a misspelt name would be a target, too.

    def __getattr__(name: str) -> Handler:
        """Build a target when Lambda's runtime looks it up, at start (decision 0007)."""
        globals()[name] = built = handler(bootstrap.start(TARGETS, name))
        return built
