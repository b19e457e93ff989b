"""/healthz, /readyz and /metrics over HTTP, for whoever supervises the process, and for people.

The page is there, too, if somebody wants it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from adapters.board import server
from adapters.board.server import Answer, Request, Respond
from adapters.output.listeners import Listener
from adapters.watch.health import Health


@contextmanager
def serving(
    address: tuple[str, int],
    health: Health,
    listener: Listener | None = None,
    pages: Respond | None = None,
) -> Iterator[int]:
    """Serve ``health`` at a host and a port for as long as this lasts; yields the port.

    The metrics are there, too, if ``listener`` has any, and so are ``pages``.

    Raises ConfigurationError if nobody can listen there.
    """

    def respond(request: Request) -> Answer:
        if answer := _told(request, health, listener or Listener()):
            return answer
        return pages(request) if pages else _json(404, {})

    with server.serving(address, respond, "HEALTH_ADDRESS", posts=pages is not None) as port:
        yield port


def _told(request: Request, health: Health, listener: Listener) -> Answer | None:
    answers = {"/healthz": _healthz, "/readyz": _readyz}
    if request.method != "GET":
        return None
    if answer := answers.get(request.path):
        return _json(*answer(health))
    metrics = listener.show() if request.path == "/metrics" else None
    return Answer(200, metrics.body, metrics.content_type) if metrics else None


def _json(status: int, body: dict[str, Any]) -> Answer:
    return Answer(status, json.dumps(body, indent=2).encode() + b"\n")


def _healthz(health: Health) -> tuple[int, dict[str, Any]]:
    faults = health.faults()
    return (503 if faults else 200), {"alive": not faults, "faults": faults}


def _readyz(health: Health) -> tuple[int, dict[str, Any]]:
    return (200 if health.ready else 503), health.report()
