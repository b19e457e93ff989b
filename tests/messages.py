"""Raw requests and what to do with them, without a network."""

import itertools
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flask
from werkzeug.test import EnvironBuilder

from adapters import knative
from adapters.config.settings import Limits
from adapters.incoming import envelopes
from adapters.incoming.envelopes import Received
from lab.events import HttpMessage

SAMPLES = Path(__file__).parents[2] / "shared" / "samples"
LIMITS = Limits()
# Long ago, an event of an unknown host would be done with.
_START = datetime.now(UTC) - timedelta(minutes=10)
_moments = (_START + timedelta(seconds=count) for count in itertools.count())


def parse(raw: bytes) -> HttpMessage:
    """Take a raw request apart."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return HttpMessage(dict(line.split(": ", 1) for line in lines), body)


def latest(raw: bytes) -> bytes:
    """Let an event be later than any before, since an older one is not applied."""
    return re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", next_moment().encode(), raw)


def next_moment() -> str:
    """Return a time, in UTC, that is later than that of any event before."""
    return next(_moments).strftime("%Y-%m-%dT%H:%M:%S")


def request(message: HttpMessage) -> flask.Request:
    """Make of a message what the server would hand to the adapter."""
    builder = EnvironBuilder(method="POST", headers=[*message.headers.items()], data=message.body)
    return flask.Request(builder.get_environ())


def read(message: HttpMessage) -> Received:
    """Read a request as the Knative adapter does."""
    return knative.received(request(message), LIMITS)


def read_file(path: Path) -> Received:
    """Read an example or a sample, whatever processor it is for."""
    content = path.read_bytes()
    if path.suffix == ".http":
        return read(parse(content))
    value: Any = json.loads(content)
    detail = value.get("detail", value)
    return envelopes.from_object(detail, LIMITS)
