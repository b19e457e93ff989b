"""Run the function as a user would: functions-framework, in a process of its own."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from simulator import Simulator

ROOT = Path(__file__).parents[1]
TIMEOUT_SECONDS = 30.0
OURS = ("VROPS_", "VCENTER", "REQUIRE_", "RECONCILE_", "MAINTENANCE_", "LOG_", "MAX_", "FUNCTION_")


def _is_healthy(url: str) -> bool:
    return requests.get(f"{url}/healthz", timeout=TIMEOUT_SECONDS).ok


class Function:
    """A running function: where it listens, and what it has said."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self._log = log

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def said(self, *texts: str) -> str:
        """Return the first line that holds all ``texts``; a container's log may be late."""
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
        """End it as Kubernetes would; returns the exit code."""
        self.process.terminate()
        return self.process.wait(TIMEOUT_SECONDS)


def environment(simulator: Simulator | None = None, **settings: str) -> dict[str, str]:
    """Return this process's environment without its own settings, and with those given."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith((*OURS, "COV"))
    }
    if simulator is not None:
        clean |= {
            "VROPS_URL": simulator.url,
            "VROPS_USERNAME": simulator.username,
            "VROPS_PASSWORD": simulator.password,
            "VROPS_CA_FILE": str(simulator.ca_file) if simulator.tls else "",
        }
    return {**clean, "no_proxy": "127.0.0.1", **settings}


def command(target: str, port: int) -> list[str]:
    """Return the README's command for running the function."""
    tool = str(Path(sys.executable).with_name("functions-framework"))
    what = ["--source", "adapters/knative.py", "--target", target]
    return [tool, *what, "--host", "127.0.0.1", "--port", str(port)]


@contextmanager
def function(
    log: Path, simulator: Simulator | None = None, target: str = "handle", **settings: str
) -> Iterator[Function]:
    """Start the function, wait until it is healthy, and stop it at the end."""
    port = free_port()
    environ = environment(simulator, **settings)
    with started(command(target, port), port, log, environ=environ) as running:
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
    """Start whatever listens on ``port``, wait until it ``answers``, and stop it at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=output)
    running = Function(process, port, log)
    try:
        wait_until(answers, running)
        yield running
    finally:
        if process.poll() is None:
            running.stop()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: Any = listener.getsockname()[1]
    return int(port)


def wait_until_healthy(running: Function) -> None:
    """Return as soon as it is healthy; fails with its output if it never is."""
    wait_until(_is_healthy, running)


def wait_until(answers: Callable[[str], bool], running: Function) -> None:
    """Return as soon as its address ``answers``; fails with its output if it never does."""
    ends = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < ends and running.process.poll() is None:
        with contextlib.suppress(requests.ConnectionError):
            if answers(running.url):
                return
        time.sleep(0.05)
    raise AssertionError(f"the function did not start:\n{running.output}")
