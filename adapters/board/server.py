"""HTTP for probes and for people: small answers, and limits on whoever asks."""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from functions.errors import ConfigurationError

_TIMEOUT_SECONDS: Final = 5.0
# A probe or a person asks now and then; who holds more must not use up the process's files.
_MAX_CONNECTIONS: Final = 32
# Nobody has anything longer to say than a token.
_MAX_BODY_BYTES: Final = 4096


@dataclass(frozen=True)
class Request:
    """What somebody asks for; ``headers`` may be read in any case. HEAD is told as GET."""

    method: str
    path: str
    query: str
    headers: Message
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What they are told."""

    status: int
    content: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Respond = Callable[[Request], Answer]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Connections that wait to be accepted, which takes no time.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._open: dict[Any, None] = {}
        self._opening = threading.Lock()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # Without asking DNS, which may take long, for a name that nobody needs.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "", int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection; if there are too many, the oldest one has had its time."""
        with self._opening:
            self._open[request] = None
            if len(self._open) > _MAX_CONNECTIONS:
                oldest = next(iter(self._open))
                del self._open[oldest]
                with suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def close_request(self, request: Any) -> None:
        """Let go of a connection."""
        with self._opening:
            self._open.pop(request, None)
        super().close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: who asks may hang up at any time, and the log has lines of JSON only."""


@contextmanager
def serving(
    address: tuple[str, int], respond: Respond, called: str, *, posts: bool = False
) -> Iterator[int]:
    """Serve at a host and a port for as long as this lasts; yields the port.

    ``called`` is the variable, or the option, that names the address. GET and HEAD are answered,
    and POST if ``posts``.
    Raises ConfigurationError if nobody can listen there.
    """
    try:
        server = _Server(address, _posting(respond) if posts else _handler(respond))
    except OSError as error:
        reason = error.strerror or error
        raise ConfigurationError(f"{called}: cannot listen there: {reason}") from None
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    timeout = _TIMEOUT_SECONDS
    server_version, sys_version = "maintenance-mirror", ""
    respond: Respond

    def do_GET(self) -> None:
        self.answer("GET")

    do_HEAD = do_GET

    def answer(self, method: str, body: bytes = b"") -> None:
        path, _, query = self.path.partition("?")
        answer = self.respond(Request(method, path, query, self.headers, body))
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)

    def log_message(self, *told: Any) -> None:
        """Say nothing: a probe comes every few seconds."""


class _PostingHandler(_Handler):
    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MAX_BODY_BYTES:
            self.send_error(411 if not length.isdecimal() else 413)
            return
        self.answer("POST", self.rfile.read(int(length)))


def _handler(respond: Respond) -> type[_Handler]:
    return type("Handler", (_Handler,), {"respond": staticmethod(respond)})


def _posting(respond: Respond) -> type[_Handler]:
    return type("Handler", (_PostingHandler,), {"respond": staticmethod(respond)})
