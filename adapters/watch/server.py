"""/healthz and /readyz over HTTP, for whoever supervises the process, and for people."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from adapters.watch.health import Health
from functions.errors import ConfigurationError

_TIMEOUT_SECONDS: Final = 5.0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Asked for by a probe or a person now and then; whoever opens more has to wait.
    request_queue_size = 16


@contextmanager
def serving(address: tuple[str, int], health: Health) -> Iterator[int]:
    """Serve ``health`` at a host and a port for as long as this lasts; yields the port.

    Raises ConfigurationError if nobody can listen there.
    """
    try:
        server = _Server(address, _handler(health))
    except OSError as error:
        reason = error.strerror or error
        raise ConfigurationError(f"HEALTH_ADDRESS: cannot listen there: {reason}") from None
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _TIMEOUT_SECONDS
        server_version, sys_version = "maintenance-mirror", ""

        def do_GET(self) -> None:
            answers = {"/healthz": _healthz, "/readyz": _readyz}
            answer = answers.get(self.path.partition("?")[0])
            status, body = answer(health) if answer else (404, {})
            self._reply(status, body)

        do_HEAD = do_GET

        def _reply(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body, indent=2).encode() + b"\n"
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *told: Any) -> None:
            """Say nothing: a probe comes every few seconds."""

    return Handler


def _healthz(health: Health) -> tuple[int, dict[str, Any]]:
    faults = health.faults()
    return (503 if faults else 200), {"alive": not faults, "faults": faults}


def _readyz(health: Health) -> tuple[int, dict[str, Any]]:
    return (200 if health.ready else 503), health.report()
