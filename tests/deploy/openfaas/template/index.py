"""Stands in for index.py of OpenFaaS' template python3-http: the same contract, in our words.

The template copies a handler's folder to ``function/`` beside this file, calls ``handle(event,
context)`` for every path and every method, and serves with waitress as it comes. Its event carries
the body as bytes; of a reply that is a dict it takes statusCode, body and headers.
"""

import os
from typing import Any

from flask import Flask, jsonify, request
from function import handler  # type: ignore[import-not-found]
from waitress import serve  # type: ignore[import-untyped]

METHODS = ["GET", "PUT", "POST", "PATCH", "DELETE"]
app = Flask(__name__)


class Event:
    """A request, as a handler sees it."""

    def __init__(self) -> None:
        self.body = request.get_data()
        self.headers = request.headers
        self.method = request.method
        self.query = request.args
        self.path = request.path


class Context:
    """Where the function runs; the template tells no more."""

    def __init__(self) -> None:
        self.hostname = os.getenv("HOSTNAME", "localhost")


def reply(returned: Any) -> Any:
    """Make a reply of what a handler returned."""
    if returned is None:
        return "", 200
    if not isinstance(returned, dict):
        return returned
    body = returned.get("body", "")
    shown = jsonify(body) if isinstance(body, dict) else str(body)
    return shown, returned.get("statusCode", 200), list(dict(returned.get("headers", {})).items())


@app.route("/", defaults={"path": ""}, methods=METHODS)
@app.route("/<path:path>", methods=METHODS)
def call(path: str) -> Any:
    """Call the handler, whatever was asked for."""
    return reply(handler.handle(Event(), Context()))


if __name__ == "__main__":
    # The template listens on port 5000; here the port is free, and only this machine is served.
    serve(app, host="127.0.0.1", port=int(os.environ["UPSTREAM_PORT"]))
