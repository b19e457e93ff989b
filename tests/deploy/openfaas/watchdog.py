"""Does to a function what of-watchdog does in its mode http, in our words.

It starts ``fprocess`` and passes requests on to ``upstream_url``, in chunks and without their
length. What the function writes it reads line by line: after a line that is longer than
``log_buffer_size`` it never reads again, unless that is below zero. Each line gets a prefix, unless
``prefix_logs`` is false, and a line of its own tells of each request. ``/_/health`` says 200
whatever becomes of the function. SIGTERM is passed on at once; then it is unhealthy, goes on for
``healthcheck_interval``, lets requests in flight finish, and ends. If the function ends with an
error, so does the watchdog, at once.

Source: of-watchdog's config/config.go, executor/http_runner.go, executor/logging.go and
pkg/watchdog.go, 0.9 to 0.11.
"""

import http.client
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO
from urllib.parse import urlsplit

DEFAULT_BUFFER = 64 * 1024
_WITH_CONNECTION = {"connection", "transfer-encoding", "content-length", "keep-alive"}
_write = threading.Lock()


def say(text: str) -> None:
    """Write a line of the watchdog's own."""
    emit(f"{datetime.now():%Y/%m/%d %H:%M:%S} {text}")


def emit(line: str) -> None:
    """Write a line, whole."""
    with _write:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def pass_on(name: str, pipe: IO[bytes], most: int, prefixed: bool) -> None:
    """Write what the function writes, until a line is too long."""
    limit = most if most >= 0 else -1
    while line := pipe.readline(limit):
        if 0 <= limit <= len(line) and not line.endswith(b"\n"):
            say(f"Error reading {name}: a line is too long")
            return  # The pipe stays open, and fills.
        text = line.decode(errors="replace").rstrip("\n")
        if prefixed:
            say(f"{name}: {text}")
        else:
            emit(text)


class Watchdog(ThreadingHTTPServer):
    """The server in front of a function."""

    daemon_threads = True

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", int(environ["port"])), Handler)
        self.upstream = urlsplit(environ["upstream_url"]).netloc
        self.exec_timeout = seconds(environ, "exec_timeout", 30.0)
        self.write_timeout = seconds(environ, "write_timeout", 30.0)
        self.interval = seconds(environ, "healthcheck_interval", self.write_timeout)
        self.healthy = True
        self.in_flight = 0
        self.changed = threading.Condition()
        self.function = self._fork(environ)

    def _fork(self, environ: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        command = shlex.split(environ["fprocess"])
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        most = int(environ.get("log_buffer_size", DEFAULT_BUFFER))
        prefixed = environ.get("prefix_logs", "true") == "true"
        for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
            threading.Thread(target=pass_on, args=(name, pipe, most, prefixed), daemon=True).start()
        threading.Thread(target=self._wait_for, args=(process,), daemon=True).start()
        return process

    @staticmethod
    def _wait_for(process: "subprocess.Popen[bytes]") -> None:
        if process.wait():
            say(f"Forked function has terminated: {process.returncode}")
            os._exit(1)

    def told_to_stop(self) -> None:
        """Pass the signal on at once, and end when the requests in flight are done."""
        self.function.terminate()
        self.healthy = False
        threading.Thread(target=self._leave, daemon=True).start()

    def _leave(self) -> None:
        say(f"SIGTERM: no new connections in {self.interval:g}s")
        time.sleep(self.interval)
        with self.changed:
            self.changed.wait_for(lambda: not self.in_flight, self.write_timeout)
        self.shutdown()


class Handler(BaseHTTPRequestHandler):
    """A request, passed on."""

    protocol_version = "HTTP/1.1"
    server: Watchdog

    def handle_one_call(self) -> None:
        """Answer for health, and let the function answer for everything else."""
        if self.path == "/_/health":
            self._answer(200 if self.server.healthy else 503, {}, b"")
            return
        self._count(1)
        started = time.monotonic()
        try:
            self._pass_on(started)
        finally:
            self._count(-1)

    do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = handle_one_call

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing; there is a line for each request that was passed on."""

    def _count(self, more: int) -> None:
        with self.server.changed:
            self.server.in_flight += more
            self.server.changed.notify_all()

    def _pass_on(self, started: float) -> None:
        connection = http.client.HTTPConnection(
            self.server.upstream, timeout=self.server.exec_timeout
        )
        try:
            kept = self._kept(self.headers.items())
            # A body that is an iterator is sent in chunks.
            connection.request(self.command, self.path, self._body(), kept)
            reply = connection.getresponse()
            headers, body = self._kept(reply.getheaders()), reply.read()
        except TimeoutError:
            say("Upstream HTTP killed due to exec_timeout")
            self._answer(504, {}, b"")
        except (OSError, http.client.HTTPException) as error:
            say(f"Upstream HTTP request error: {error}")
            self._answer(500, {"X-OpenFaaS-Internal": "of-watchdog"}, b"")
        else:
            self._answer(reply.status, headers, body)
            took = time.monotonic() - started
            what = f"{self.command} {self.path} - {reply.status} {reply.reason}"
            say(f"{what} - ContentLength: {len(body)}B ({took:.4f}s)")
        finally:
            connection.close()

    def _body(self) -> Iterator[bytes] | None:
        length = int(self.headers.get("Content-Length", 0))
        return iter([self.rfile.read(length)]) if length else None

    @staticmethod
    def _kept(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        return {name: value for name, value in headers if name.lower() not in _WITH_CONNECTION}

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    """Return a duration in seconds, such as of ``15s``."""
    return float(environ[name].removesuffix("s")) if name in environ else default


def main() -> None:
    """Run until SIGTERM."""
    watchdog = Watchdog(os.environ)
    signal.signal(signal.SIGTERM, lambda *_: watchdog.told_to_stop())
    with watchdog:
        watchdog.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()
