"""send: where the event is sent, byte for byte, and what the reply means."""

import json
import socket
import ssl
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any, Final
from urllib.parse import urlsplit

from adapters.outgoing.certificates import Names, tls_fault

_TIMEOUT_SECONDS: Final = 60.0
_MAX_REPLY_BYTES: Final = 64 * 1024
_MEANINGS: Final = {
    200: "handled",
    202: "accepted, and handled later: the log of the function will tell",
    204: "mirrored, or ignored for a reason: the log of the function tells which",
    400: "not understood as a CloudEvent",
    404: "no function is at that address",
    405: "no function is at that address",
    413: "larger than the function accepts (MAX_BODY_BYTES)",
    422: "refused, and trying again cannot help: an ERROR line in its log says why",
    503: "not now: its log says why, and an event processor would try again",
}
_OPTIONS: Final = Names(url="--to", ca_file="--ca-file")
_NO_ANSWER_OF_OURS: Final = "not what this function answers; is --to right?"


@dataclass(frozen=True)
class Target:
    """Where a function listens."""

    host: str
    port: int
    path: str
    tls: bool

    @classmethod
    def of(cls, url: str) -> "Target":
        """Read ``http[s]://host[:port][/path]``; raises ValueError for anything else."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not _is_visible(url):
            raise ValueError("it is not of the form http[s]://host[:port][/path]")
        if parts.username is not None:
            raise ValueError("a password would be seen on this command line; leave it out")
        tls = parts.scheme == "https"
        path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        return cls(parts.hostname, parts.port or (443 if tls else 80), path, tls)

    @property
    def authority(self) -> str:
        """What the header Host holds."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port in (80, 443) else f"{host}:{self.port}"


@dataclass(frozen=True)
class Reply:
    """What a function answered."""

    status: int
    phrase: str
    body: bytes

    @property
    def done(self) -> bool:
        """Whether the event was taken."""
        return 200 <= self.status < 300 and not self._has_failed

    @property
    def meaning(self) -> str:
        """What it means, in a sentence."""
        fallback = "it failed" if self.status >= 500 else _NO_ANSWER_OF_OURS
        meaning = "failed" if self._has_failed else _MEANINGS.get(self.status, fallback)
        names = ("action", "host", "reason", "error", "errorType")
        told = [str(self._told[name]) for name in names if self._told.get(name)]
        return ": ".join([meaning, *told])

    @property
    def _has_failed(self) -> bool:
        # Lambda answers 200 to what has raised an error, too.
        return "errorType" in self._told

    @property
    def _told(self) -> Mapping[str, Any]:
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


def deliver(raw: bytes, target: Target, context: ssl.SSLContext) -> Reply:
    """Send a request as it is, and return the reply, at most 64 KB of it.

    Raises OSError or HTTPException if there is none.
    """
    address = (target.host, target.port)
    with socket.create_connection(address, _TIMEOUT_SECONDS) as plain:
        connection = (
            context.wrap_socket(plain, server_hostname=target.host) if target.tls else plain
        )
        with closing(connection):
            connection.sendall(raw)
            response = HTTPResponse(connection, method="POST")
            response.begin()
            return Reply(response.status, response.reason, response.read(_MAX_REPLY_BYTES))


def why_not(error: OSError | HTTPException) -> str:
    """Say in words why there was no reply."""
    if isinstance(error, ssl.SSLError):
        return str(tls_fault(error, _OPTIONS, shown={}))
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if isinstance(error, OSError):
        return error.strerror or "the exchange broke off"
    return "it does not speak HTTP"


def _is_visible(url: str) -> bool:
    return url.isascii() and url.isprintable() and " " not in url
