"""Mirror events into a simulated vRealize Operations, lose one, forge one, and show what happens.

``make demo`` runs this: simulator, vCenter and function as processes of their own, and the events
as VEBA's router sends them. It exits with 0 only if every state was right. ``make run`` runs it
with ``--stay``: simulator and function are left up, to look at and to send events to.
"""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from examples import vcenters
from examples.vcenters import VCenter

ROOT = Path(__file__).parents[1]
EVENTS = ROOT / "examples" / "events"
BUILD = ROOT / "build" / "demo"
CA_FILE = BUILD / "ca.pem"
PASSWORD_FILE = BUILD / "password"
HOSTS = ["esx01.lab.local", "esx02.lab.local"]
HOST, OTHER = HOSTS
# A lookup by a part of its name finds this one, too; it is never meant.
NEIGHBOUR = f"test-{HOST}"
ENTER, EXIT = "router-binary-enter.http", "router-binary-exit.http"
TIMER = "knative-ping.http"
START_SECONDS = 30.0
# Variables of the demonstrator's own function, which have nothing to do with this.
OURS = ("VROPS_", "VCENTER", "REQUIRE_", "RECONCILE_", "MAINTENANCE_", "LOG_", "FUNCTION_")

T = TypeVar("T")


class Step(NamedTuple):
    """What happens to ``host`` in vCenter, what is sent of it, and the state that is right then."""

    title: str
    host: str
    in_maintenance_mode: bool
    event: str | None
    state: str


STEPS = (
    Step(f"{HOST} enters maintenance mode", HOST, True, ENTER, "MAINTAINED"),
    Step("it leaves again", HOST, False, EXIT, "STARTED"),
    Step("it enters once more", HOST, True, ENTER, "MAINTAINED"),
    Step("it leaves, but the exit event is lost", HOST, False, None, "MAINTAINED"),
    Step("the timer asks for a sweep", HOST, False, TIMER, "STARTED"),
    Step(f"somebody forges an enter event of {OTHER}", OTHER, False, ENTER, "STARTED"),
)


def main() -> int:
    """Run the demonstration; returns the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    os.environ["no_proxy"] = "127.0.0.1"  # All of this stays on this machine.
    BUILD.mkdir(parents=True, exist_ok=True)
    PASSWORD_FILE.write_text("a password of the demo's own\n", encoding="utf-8")
    return stay() if "--stay" in sys.argv[1:] else demonstrate()


def demonstrate() -> int:
    """Take every step, and say whether all was right."""
    with (
        vcenters.running(BUILD, HOSTS) as vcenter,
        simulator(0, vcenter.uuid, vcenter.morefs) as operations,
        function(operations, 0, vcenter.source, vcenter.settings) as url,
    ):
        print(vcenter.what)
        print(f"simulator  {operations}   a stand-in for vRealize Operations, over TLS")
        print(f"function   {url}    functions-framework, as Knative runs it\n")
        show_states(states(operations))
        right = all(
            take(step, number, vcenter, operations, url) for number, step in enumerate(STEPS, 1)
        )
    print("All states were right." if right else "A STATE WAS WRONG.")
    return 0 if right else 1


def take(step: Step, number: int, vcenter: VCenter, operations: str, url: str) -> bool:
    """Let it happen, and show what becomes of it; True if no other host was touched."""
    earlier, known = states(operations), calls(operations)["count"]
    print(f"{number}. {step.title}")
    vcenter.set_mode(step.host, in_maintenance_mode=step.in_maintenance_mode)
    if step.event:
        event = of_now(EVENTS / step.event, vcenter.morefs[step.host], step.host)
        print(f"   {step.event} is answered with {send(url, event)}")
    arrived = calls(operations)
    for call in arrived["latest"][known - arrived["count"] :] if step.event else ():
        print(f"   {call['method']:<6} {_without_ids(call['path'])}  {call['status']}")
    show_states(states(operations))
    return states(operations) == {**earlier, step.host: step.state}


def stay() -> int:
    """Leave the two up, say what to do with them, and wait until somebody ends it."""
    morefs = {HOST: "host-1001", OTHER: "host-1002"}
    with (
        simulator(8443, vcenters.UUID, morefs) as operations,
        function(operations, 8080, "adapters/knative.py", {}) as url,
    ):
        print(f"Look at   {operations}/   (its CA is {CA_FILE.relative_to(ROOT)})")
        for verb in ("enter", "exit"):
            command = f".venv/bin/maintenance-mirror send {verb} {HOST}"
            which = f"--moref {morefs[HOST]} --vcenter {vcenters.ADDRESS}"
            print(f"Send      {command} {which} --to {url}")
        print("Stop      with Ctrl-C", flush=True)
        signal.pause()
    return 0


@contextmanager
def simulator(port: int, uuid: str, morefs: Mapping[str, str]) -> Iterator[str]:
    """Run the simulator with one vCenter and another one's neighbour; yields its address."""
    known = vcenters.ADDRESS
    hosts = [f"{name},{moref},{known}" for name, moref in morefs.items()]
    options = ["--port", str(free_port(port)), "--ca-file", str(CA_FILE)]
    options += ["--password-file", str(PASSWORD_FILE), "--vcenter", f"{known},{known},{uuid}"]
    for host in [*hosts, f"{NEIGHBOUR},host-1001,another.lab.local"]:
        options += ["--host", host]
    with process("simulator", [sys.executable, "-m", "simulator", *options], {}) as log:
        yield wait("simulator", log, lambda: _address(log))


@contextmanager
def function(operations: str, port: int, source: str, vcenter: Mapping[str, str]) -> Iterator[str]:
    """Run the function as a user would; yields its address."""
    port = free_port(port)
    settings = {
        "VROPS_URL": operations,
        "VROPS_USERNAME": "admin",
        "VROPS_PASSWORD_FILE": str(PASSWORD_FILE),
        "VROPS_CA_FILE": str(CA_FILE),
        "MAINTENANCE_LEASE_MINUTES": "120",
        **vcenter,
    }
    command = [str(Path(sys.executable).with_name("functions-framework"))]
    command += ["--source", source, "--target", "handle"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with process("function", command, settings) as log:
        url = f"http://127.0.0.1:{port}"
        wait("function", log, lambda: _healthy(url))
        yield url


@contextmanager
def process(name: str, command: list[str], settings: dict[str, str]) -> Iterator[Path]:
    """Run ``command`` with its output in a log, and stop it by its pid afterwards."""
    log = BUILD / f"{name}.log"
    ours = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
    with log.open("wb") as output:
        child = subprocess.Popen(
            command, cwd=ROOT, env={**ours, **settings}, stdout=output, stderr=output
        )
    try:
        yield log
    finally:
        child.terminate()
        child.wait(timeout=START_SECONDS)


def wait(name: str, log: Path, look: Callable[[], T | None]) -> T:
    """Look until there is something; ends the program with the log if nothing comes."""
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends:
        if found := look():
            return found
        time.sleep(0.05)
    sys.exit(f"the {name} did not start:\n{log.read_text(encoding='utf-8')}")


def free_port(wanted: int) -> int:
    """Return ``wanted`` if nobody has it, else a port that nobody has."""
    for port in (wanted, 0):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(listener.getsockname()[1])
    sys.exit("no port is free")


def of_now(event: Path, moref: str, name: str) -> bytes:
    """Return the raw request of a file, as if it were sent now and about this host."""
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
    raw = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", moment, event.read_bytes())
    head, _, body = raw.partition(b"\r\n\r\n")
    body = body.replace(b"host-1001", moref.encode()).replace(HOST.encode(), name.encode())
    head = re.sub(rb"(?<=Content-Length: )\d+", str(len(body)).encode(), head)
    return head + b"\r\n\r\n" + body


def send(url: str, event: bytes) -> str:
    """Send a raw request; returns the status line of the reply."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=START_SECONDS) as connection:
        connection.sendall(event)
        return connection.makefile("rb").readline().decode().strip()


def states(operations: str) -> dict[str, str]:
    """Return every host's state by its name."""
    return {host["name"]: host["state"] for host in _control(operations)["hosts"]}


def calls(operations: str) -> dict[str, Any]:
    """Return how many calls arrived so far (``count``), and the ``latest`` of them."""
    return dict(_control(operations)["calls"])


def show_states(hosts: dict[str, str]) -> None:
    """Print every host and its state, in a line."""
    print("   " + "   ".join(f"{name} {state}" for name, state in hosts.items()) + "\n", flush=True)


def _without_ids(path: str) -> str:
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", path)


def _stop(number: int, frame: object) -> None:
    # Once is enough: an impatient second Ctrl-C must not leave the two processes behind.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(0 if "--stay" in sys.argv[1:] else 128 + number)


def _control(operations: str) -> Any:
    trust = ssl.create_default_context(cafile=CA_FILE)
    with urllib.request.urlopen(f"{operations}/_simulator/state", context=trust) as reply:
        return json.load(reply)


def _address(log: Path) -> str | None:
    found = re.search(r"https://[\w.]+:\d+", log.read_text(encoding="utf-8"))
    return found[0] if found else None


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz") as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
