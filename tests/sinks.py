"""A sink for outcomes: a real server on 127.0.0.1 that takes, hangs or answers anything."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cloudevents.http import CloudEvent, from_http


@dataclass
class Request:
    """What has arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> CloudEvent:
        """The CloudEvent, as the SDK reads it."""
        return from_http(self.headers, self.body)

    @property
    def data(self) -> Any:
        """The event's data."""
        return self.event.get_data()


@dataclass
class Sink:
    """Answers with ``status``, ``headers`` and ``body``, once ``gate`` is open.

    The status is that of the moment in which a request arrives: whoever waits for one may set
    another for the next.
    """

    url: str = ""
    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    gate: threading.Event = field(default_factory=threading.Event)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def kinds(self) -> list[str]:
        """The last part of each event's type."""
        return [each.headers["ce-type"].rpartition(".")[2] for each in self.requests]

    def wait(self, seconds: float = 30.0) -> None:
        """Wait until one more has arrived; fails if none does."""
        assert self.arrived.acquire(timeout=seconds)


@contextmanager
def running_sink(context: ssl.SSLContext | None = None) -> Iterator[Sink]:
    """Run one; with a ``context``, over TLS."""
    sink = Sink()
    sink.gate.set()
    server = _Server(("127.0.0.1", 0), _handler(sink))
    server.sink = sink
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "https" if context else "http"
    sink.url = f"{scheme}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield sink
    finally:
        sink.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    sink: Sink

    def process_request(self, request: Any, client_address: Any) -> None:
        self.sink.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


def _handler(sink: Sink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = sink.status
            sink.requests.append(Request(self.path, headers, body))
            sink.arrived.release()
            sink.gate.wait(30)
            if status == 0:  # It hangs up.
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in sink.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(sink.body)))
            self.end_headers()
            self.wfile.write(sink.body)

        do_GET = do_POST

        def log_message(self, *told: Any) -> None:
            pass

    return Handler
