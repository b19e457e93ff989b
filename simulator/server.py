"""The HTTP server: one thread for each connection, kept alive, and stopped at once."""

import io
import socket
import ssl
import sys
import threading
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

BACKLOG = 128
LARGEST_BODY = 8_000_000
POLL_SECONDS = 0.01
HANDSHAKE_SECONDS = 10


class Handler(WSGIRequestHandler):
    """Werkzeug's handler, except that a connection serves many requests.

    Werkzeug closes after each answer because it cannot tell whether the body was read.
    Here the body is read first, and so the next request can follow.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        """Shake hands in the connection's own thread, where a silent caller harms nobody."""
        if isinstance(self.request, ssl.SSLSocket):
            self.request.settimeout(HANDSHAKE_SECONDS)
            self.request.do_handshake()
            self.request.settimeout(None)
        super().setup()

    def run_wsgi(self) -> None:
        """Answer one request."""
        environ = self.make_environ()
        body = self._body(environ)
        if body is None:
            return
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        parts, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        self._answer(status, headers.items(), b"".join(parts))

    def version_string(self) -> str:
        """Return what the Server header says."""
        return "simulator"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: calls are recorded, and the page shows them."""

    def _body(self, environ: dict[str, Any]) -> bytes | None:
        if environ.pop("wsgi.input_terminated", False):
            return bytes(environ["wsgi.input"].read())
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            self.close_connection = True
            self.send_error(413 if length.isdecimal() else 400)
            return None
        return self.rfile.read(int(length))

    def _answer(self, status: str, headers: Any, body: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadedWSGIServer):
    """Serves an application on a socket that already listens."""

    # Threads that stop() can wait for.
    daemon_threads = False

    def __init__(
        self, listener: socket.socket, app: "WSGIApplication", context: ssl.SSLContext | None
    ) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__(host, port, app, Handler, fd=listener.fileno())
        listener.close()
        self.ssl_context = context
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(
            target=self.serve_forever, args=(POLL_SECONDS,), name="simulator"
        )

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, close every connection, and wait until the last thread is gone."""
        self.shutdown()
        with self._lock:
            for connection in self._open:
                _hang_up(connection)
        self._thread.join()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection, without its TLS handshake."""
        connection, address = super().get_request()
        if self.ssl_context:
            connection = self.ssl_context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        with self._lock:
            self.connections += 1
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about callers that go away or fail the handshake."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def listen(bind: str, port: int) -> socket.socket:
    """Return a listening socket, or raise OSError."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    return socket.create_server((bind, port), family=family, backlog=BACKLOG)


def _hang_up(connection: socket.socket) -> None:
    try:
        # Not SSLSocket.shutdown: it would take TLS off a connection that is still in use.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        return
