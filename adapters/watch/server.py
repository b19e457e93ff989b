"""/healthz, /readyz and /metrics over HTTP, for whoever supervises the process, and for people."""

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from adapters.output.listeners import Listener, Shown
from adapters.watch.health import Health
from functions.errors import ConfigurationError

_TIMEOUT_SECONDS: Final = 5.0
# A probe or a person asks now and then; who holds more must not use up the process's files.
_MAX_CONNECTIONS: Final = 32


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
    address: tuple[str, int], health: Health, listener: Listener | None = None
) -> Iterator[int]:
    """Serve ``health`` at a host and a port for as long as this lasts; yields the port.

    The metrics are there, too, if ``listener`` has any.

    Raises ConfigurationError if nobody can listen there.
    """
    try:
        server = _Server(address, _handler(health, listener or Listener()))
    except OSError as error:
        reason = error.strerror or error
        raise ConfigurationError(f"HEALTH_ADDRESS: cannot listen there: {reason}") from None
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _handler(health: Health, listener: Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _TIMEOUT_SECONDS
        server_version, sys_version = "maintenance-mirror", ""

        def do_GET(self) -> None:
            answers = {"/healthz": _healthz, "/readyz": _readyz}
            path = self.path.partition("?")[0]
            answer = answers.get(path)
            status, body = answer(health) if answer else (404, {})
            metrics = listener.show() if path == "/metrics" else None
            self._reply(*(200, metrics) if metrics else (status, _json(body)))

        do_HEAD = do_GET

        def _reply(self, status: int, shown: Shown) -> None:
            self.send_response(status)
            self.send_header("Content-Type", shown.content_type)
            self.send_header("Content-Length", str(len(shown.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(shown.body)

        def log_message(self, *told: Any) -> None:
            """Say nothing: a probe comes every few seconds."""

    return Handler


def _json(body: dict[str, Any]) -> Shown:
    return Shown("application/json", json.dumps(body, indent=2).encode() + b"\n")


def _healthz(health: Health) -> tuple[int, dict[str, Any]]:
    faults = health.faults()
    return (503 if faults else 200), {"alive": not faults, "faults": faults}


def _readyz(health: Health) -> tuple[int, dict[str, Any]]:
    return (200 if health.ready else 503), health.report()
