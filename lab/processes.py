"""Run programs as a user would, each in a process of its own: the one place that starts them.

They do not inherit what happens to be set in the shell of whoever runs this, and they can be
interrupted.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import requests

from lab import variables
from simulator import Simulator

ROOT: Final = Path(__file__).parents[1]
TIMEOUT_SECONDS: Final = 30.0
SOURCE: Final = "adapters/knative.py"
WATCHER: Final = "adapters.watch"
COMMAND_LINE: Final = "adapters.cli"


class NotStartedError(AssertionError):
    """A program ended, or did not answer; the message holds what it said."""


def _is_healthy(url: str) -> bool:
    return requests.get(f"{url}/healthz", timeout=TIMEOUT_SECONDS).ok


class Function:
    """A running function, or a watcher of vCenters: where it listens, and what it has said."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self._log = log

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """All that it has said so far."""
        return self._log.read_text(encoding="utf-8")

    def said(self, *texts: str) -> str:
        """Return the first line that holds all ``texts``; a container's log may be late.

        Raises AssertionError if there is none within 30 seconds.
        """
        ends = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < ends:
            for line in self.output.splitlines():
                if all(text in line for text in texts):
                    return line
            time.sleep(0.05)
        raise AssertionError(f"no line with {texts} in:\n{self.output}")

    def send(self, request: bytes) -> bytes:
        """Send raw bytes and return the whole reply, up to the end of its headers and body."""
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT_SECONDS) as connection:
            connection.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def stop(self) -> int:
        """End it as Kubernetes would: politely, and after a while by force; returns its code."""
        self.process.terminate()
        try:
            return self.process.wait(TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End it at once, so that it can finish nothing; returns its code."""
        self.process.kill()
        return self.process.wait()


def environment(simulator: Simulator | None = None, **settings: str) -> dict[str, str]:
    """Return this process's environment without its own settings, and with those given."""
    clean = variables.without_ours(os.environ)
    # What measures the coverage of this process would measure that of the program, too.
    clean = {name: value for name, value in clean.items() if not name.startswith("COV")}
    if simulator is not None:
        clean |= {
            "VROPS_URL": simulator.url,
            "VROPS_USERNAME": simulator.username,
            "VROPS_PASSWORD": simulator.password,
            "VROPS_CA_FILE": str(simulator.ca_file) if simulator.tls else "",
        }
    return {**clean, "no_proxy": "127.0.0.1", **settings}


def command(target: str, port: int, source: str = SOURCE) -> list[str]:
    """Return the README's command for running the function."""
    tool = str(Path(sys.executable).with_name("functions-framework"))
    what = ["--source", source, "--target", target]
    return [tool, *what, "--host", "127.0.0.1", "--port", str(port)]


@contextmanager
def function(
    log: Path,
    simulator: Simulator | None = None,
    target: str = "handle",
    source: str = SOURCE,
    **settings: str,
) -> Iterator[Function]:
    """Start the function, wait until it is healthy, and stop it at the end."""
    port = free_port()
    environ = environment(simulator, **settings)
    with started(command(target, port, source), port, log, environ=environ) as running:
        yield running


@contextmanager
def watcher(
    log: Path, simulator: Simulator | None = None, module: str = WATCHER, **settings: str
) -> Iterator[Function]:
    """Start the door that watches vCenters, wait until it is healthy, and stop it at the end."""
    port = free_port()
    environ = environment(simulator, **{**settings, "HEALTH_ADDRESS": f"127.0.0.1:{port}"})
    words = [sys.executable, "-m", module]
    with started(words, port, log, environ=environ) as running:
        yield running


@contextmanager
def started(
    command: Sequence[str],
    port: int,
    log: Path,
    *,
    folder: Path = ROOT,
    environ: Mapping[str, str] | None = None,
    answers: Callable[[str], bool] = _is_healthy,
) -> Iterator[Function]:
    """Start whatever listens on ``port``, wait until it ``answers``, and stop it at the end.

    Raises NotStartedError if it does not answer.
    """
    with log.open("wb") as output:
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
        # Ctrl-C in a terminal is for whoever started it, who then stops it in peace: gunicorn may
        # take half a minute to end where both of its processes hear it, too.
        process = start(command, folder=folder, env=environ, process_group=0, **streams)
    running = Function(process, port, log)
    try:
        wait_until(answers, running)
        yield running
    finally:
        if process.poll() is None:
            running.stop()


def start(
    command: Sequence[str | Path], *, folder: Path = ROOT, **options: Any
) -> "subprocess.Popen[Any]":
    """Start a program that Ctrl-C ends; ``options`` are those of subprocess.Popen."""
    with _interruptible():
        return subprocess.Popen(command, cwd=folder, **options)


def free_port(wanted: int = 0) -> int:
    """Return ``wanted`` if nobody listens there, else a port that is free."""
    for port in (wanted, 0):
        with socket.socket() as listener, contextlib.suppress(OSError):
            # A port that was used a moment ago is free, too.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            return int(listener.getsockname()[1])
    raise OSError("no port is free")


def wait_until_healthy(running: Function) -> None:
    """Return as soon as it is healthy; raises NotStartedError if it never is."""
    wait_until(_is_healthy, running)


def wait_until(answers: Callable[[str], bool], running: Function) -> None:
    """Return as soon as its address ``answers``; raises NotStartedError if it never does."""
    ends = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < ends and running.process.poll() is None:
        with contextlib.suppress(requests.ConnectionError):
            if answers(running.url):
                return
        time.sleep(0.05)
    raise NotStartedError(f"this did not start: {running.process.args!r}\n{running.output}")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let programs that are started meanwhile hear SIGINT.

    A shell without job control starts what it runs in the background with SIGINT ignored, and a
    program inherits that, but no handler. Only the main thread may set one.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if not ignored or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
