"""The processes of a measurement.

Everything that is compared runs in processes of its own, so that nobody shares an interpreter
with the simulator.
"""

import http.client
import json
import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast
from urllib.parse import urlsplit

from bench.lab import BASE, CALL_SECONDS, VCENTER, VCENTER_UUID
from lab import processes
from lab.processes import ROOT, Function, command, free_port, started

BUILD: Final = ROOT / "build" / "bench"
_BATCH: Final = 80


class Operations:
    """A running simulator of vRealize Operations."""

    def __init__(self, url: str, ca_file: Path) -> None:
        self._address = urlsplit(url)
        self._context = ssl.create_default_context(cafile=ca_file)
        self.settings = {
            "VROPS_URL": url,
            "VROPS_USERNAME": "admin",
            "VROPS_PASSWORD": "simulated",
            "VROPS_CA_FILE": str(ca_file),
        }

    def maintained(self) -> set[str]:
        """Return the names of the hosts that are in maintenance."""
        return {host["name"] for host in self._state()["hosts"] if host["state"] != "STARTED"}

    def count(self) -> int:
        """Return how many calls the Suite API has had."""
        return int(self._state()["calls"]["count"])

    def writes(self) -> list[float]:
        """Return when writes among the last 30 calls had landed, in seconds since 1970."""
        latest = self._state()["calls"]["latest"]
        return [
            call["at"] + call["seconds"] for call in latest if call["path"].endswith("/maintained")
        ]

    def break_down(self) -> None:
        """Answer 503 from now on."""
        self._call("POST", "/_simulator/faults", {"status": 503, "count": 1_000_000})

    def mend(self) -> None:
        """Answer as usual again."""
        self._call("DELETE", "/_simulator/faults", {})

    def end_all_maintenance(self) -> None:
        """Let all hosts be monitored."""
        maintained = [host["id"] for host in self._state()["hosts"] if host["state"] != "STARTED"]
        body = {"username": "admin", "password": "simulated"}
        token = self._call("POST", f"{BASE}/auth/token/acquire", body)["token"]
        for start in range(0, len(maintained), _BATCH):
            query = "&".join(f"id={each}" for each in maintained[start : start + _BATCH])
            self._call("DELETE", f"{BASE}/resources/maintained?{query}", token=token)

    def _state(self) -> Any:
        return self._call("GET", "/_simulator/state")

    def _call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        host, port = str(self._address.hostname), self._address.port
        connection = http.client.HTTPSConnection(host, port, context=self._context)
        headers = {"Accept": "application/json", "Authorization": f"vRealizeOpsToken {token}"}
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        reply = connection.getresponse()
        read = reply.read()
        connection.close()
        if not 200 <= reply.status < 300:
            raise OSError(f"the simulator answered {method} {path} with {reply.status}")
        return json.loads(read) if read else None


class Worker:
    """A contestant that is no server: ``bench.inside`` in a process of its own."""

    def __init__(self, to: IO[str], answers: IO[str]) -> None:
        self._to = to
        self._answers = answers

    def ask(self, **job: Any) -> Any:
        """Let it do a job, and return what came of it."""
        self._to.write(json.dumps(job) + "\n")
        self._to.flush()
        answer = self._answers.readline()
        if not answer:
            raise OSError("a worker ended: see build/bench")
        return json.loads(answer)


@contextmanager
def simulator(hosts: int, delay: float = CALL_SECONDS) -> Iterator[Operations]:
    """Run a simulator whose every call takes ``delay`` seconds longer."""
    ca_file = BUILD / f"ca-{free_port()}.pem"
    options = ["--port", "0", "--hosts", str(hosts), "--call-delay", str(delay)]
    options += ["--vcenter", f"{VCENTER},{VCENTER},{VCENTER_UUID}", "--ca-file", str(ca_file)]
    with _running([sys.executable, "-m", "simulator", *options], "simulator") as (_, output):
        greeting = "".join(output.readline() for _ in range(4))
        found = re.search(r"https://[\w.]+:\d+", greeting)
        if not found:
            raise OSError("the simulator did not start: see build/bench")
        yield Operations(found[0], ca_file)
    ca_file.unlink()


@contextmanager
def function(operations: Operations) -> Iterator[Function]:
    """Run our function as Knative does, until it is healthy."""
    port = free_port()
    environ = environment(**operations.settings)
    with started(command("handle", port), port, BUILD / "function.log", environ=environ) as ours:
        yield ours


@contextmanager
def platform() -> Iterator[Function]:
    """Run the function that does nothing."""
    port = free_port()
    log = BUILD / "platform.log"
    with started(nothing(port), port, log, environ=environment(), answers=_accepts) as running:
        yield running


@contextmanager
def peer(operations: Operations) -> Iterator[Function]:
    """Run the peer."""
    port = free_port()
    environ = environment(**operations.settings, PORT=str(port))
    with started(PEER, port, BUILD / "peer.log", environ=environ, answers=_accepts) as running:
        yield running


@contextmanager
def worker(role: str, operations: Operations) -> Iterator[Worker]:
    """Run a contestant that is no server; its roles are in ``bench.inside``."""
    arguments = [sys.executable, "-m", "bench.inside", role]
    with _running(arguments, role, **operations.settings) as pipes:
        yield Worker(*pipes)


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment, with these settings of ours and with bytecode.

    The images are made with bytecode, and imports take three times as long without.
    """
    environ = processes.environment(None, **settings)
    return {key: value for key, value in environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def nothing(port: int) -> list[str]:
    """Return the command that runs the function that does nothing."""
    ours = command("handle", port)
    return [part.replace("adapters/knative.py", "bench/nothing.py") for part in ours]


PEER: Final = (sys.executable, "-m", "bench.peer")


@contextmanager
def _running(
    arguments: Sequence[str], name: str, **settings: str
) -> Iterator[tuple[IO[str], IO[str]]]:
    """Run a program, and stop it at the end; yields its stdin and its stdout."""
    with (BUILD / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            arguments,
            cwd=ROOT,
            env=environment(**settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            encoding="utf-8",
        )
    with process:
        try:
            yield cast(IO[str], process.stdin), cast(IO[str], process.stdout)
        finally:
            process.terminate()


def _accepts(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            return bool(reply.status)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
