"""Raw requests and what to do with them, without a network."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import flask
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from adapters import bootstrap, envelopes, knative
from adapters.envelopes import Received
from adapters.settings import Limits
from tests.formats import EXAMPLES, Wire

SAMPLES = Path(__file__).parents[2] / "shared" / "samples"
LIMITS = Limits()


def parse(request: bytes) -> Wire:
    """Take a raw request apart."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return Wire(dict(line.split(": ", 1) for line in lines), body)


def read(wire: Wire) -> Received:
    """Read a request as the Knative adapter does."""
    builder = EnvironBuilder(method="POST", headers=[*wire.headers.items()], data=wire.body)
    return knative._received(flask.Request(builder.get_environ()), LIMITS)


def read_file(path: Path) -> Received:
    """Read an example or a sample, whatever processor it is for."""
    content = path.read_bytes()
    if path.suffix == ".http":
        return read(parse(content))
    value: Any = json.loads(content)
    detail = value.get("detail", value)
    return envelopes.from_object(detail, LIMITS)


def client(dispatch: bootstrap.Dispatch) -> FlaskClient:
    """Serve ``dispatch`` by the Knative adapter's own view, in this process."""
    app = flask.Flask("test")
    view = knative._view("handle", dispatch)
    methods = ["GET", "HEAD", "POST", "PUT", "DELETE"]
    app.add_url_rule(
        "/<path:path>", "any", lambda path: view(flask.request), defaults=None, methods=methods
    )
    app.add_url_rule("/", "root", lambda: view(flask.request), methods=methods)
    return app.test_client()


def post(to: FlaskClient, wire: Wire) -> Any:
    """Send a request to such a client."""
    return to.post("/", headers=list(wire.headers.items()), data=wire.body)


def examples(*patterns: str) -> Iterable[Path]:
    """Return the example files that match."""
    return sorted(path for pattern in patterns for path in EXAMPLES.glob(pattern))
