"""AWS EventBridge and Lambda: ``lambda_handler(event, context)``, the CloudEvent in ``detail``.

Lambda knows two results: a return value, which EventBridge ignores, and an exception, which is
tried again twice and then reaches the function's on-failure destination. So every error is raised.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from adapters import bootstrap, envelopes

Handler = Callable[[Any, Any], dict[str, Any]]

# Lambda names its handlers by module and attribute: these are ours, and the targets behind them.
_TARGETS = {"lambda_handler": "handle", "echo_handler": "echo"}


def __getattr__(name: str) -> Handler:
    """Build a handler when the Lambda runtime looks it up, once, at start."""
    if name not in _TARGETS:
        raise AttributeError(f"no handler {name!r} here, only {', '.join(_TARGETS)}")
    globals()[name] = handler = _handler(bootstrap.start(_TARGETS[name]))
    return handler


def _handler(dispatch: bootstrap.Dispatch) -> Handler:
    def handle(event: Any, context: Any) -> dict[str, Any]:
        detail = event.get("detail") if isinstance(event, dict) else None
        return dispatch(partial(envelopes.from_object, detail)).as_dict()

    return handle
