"""Mirror a real event into a simulated vRealize Operations, and show what happens.

``make demo`` runs this: simulator and function as processes of their own, the events byte for byte
as VEBA's router sends them. It exits with 0 only if every state was right. ``make run`` runs it
with ``--stay``: both are left up, to look at and to send events to.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[1]
EVENTS = ROOT / "examples" / "events"
BUILD = ROOT / "build" / "demo"
CA_FILE = BUILD / "ca.pem"
PASSWORD_FILE = BUILD / "password"
HOST = "esx01.lab.local"
# A lookup by part of a name finds both of these; only one of them is meant.
HOSTS = (f"{HOST},host-1001", f"test-{HOST},host-1002", "esx02.lab.local,host-1003")
STEPS = (("router-binary-enter.http", "MAINTAINED_MANUAL"), ("router-binary-exit.http", "STARTED"))
START_SECONDS = 30.0

T = TypeVar("T")


def main() -> int:
    """Run the demonstration; returns the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    stay = "--stay" in sys.argv[1:]
    os.environ["no_proxy"] = "127.0.0.1"  # All of this stays on this machine.
    BUILD.mkdir(parents=True, exist_ok=True)
    PASSWORD_FILE.write_text("a password of the demo's own\n", encoding="utf-8")
    with (
        simulator(8443 if stay else 0) as operations,
        function(operations, 8080 if stay else 0) as url,
    ):
        return invite(operations, url) if stay else demonstrate(operations, url)


def demonstrate(operations: str, url: str) -> int:
    """Send both events, show states and calls, and say whether all was right."""
    print(f"simulator  {operations}   a stand-in for vRealize Operations, over verified TLS")
    print(f"function   {url}    functions-framework, as Knative runs it\n")
    show_states("before", states(operations))
    right = all(step(operations, url, name, wanted) for name, wanted in STEPS)
    print("All states were right." if right else "A STATE WAS WRONG.")
    return 0 if right else 1


def step(operations: str, url: str, name: str, wanted: str) -> bool:
    """Send one event; True if it changed its host, and no other."""
    earlier, known = states(operations), calls(operations)["count"]
    print(f"-> {name}\n   answered with {send(url, EVENTS / name)}")
    arrived = calls(operations)
    for call in arrived["latest"][known - arrived["count"] :]:
        print(f"   {call['method']:<6} {call['path']}  {call['status']}")
    show_states("after", states(operations))
    return states(operations) == {**earlier, HOST: wanted}


def invite(operations: str, url: str) -> int:
    """Say what to do with the two, and wait until somebody ends it."""
    print(f"Look at   {operations}/   (its certificate is signed by {CA_FILE.relative_to(ROOT)})")
    for verb in ("enter", "exit"):
        event = f"examples/events/cloudevent-{verb}.json"
        header = "Content-Type: application/cloudevents+json"
        print(f"Send      curl -i -H '{header}' --data-binary @{event} {url}/")
    print("Stop      with Ctrl-C", flush=True)
    signal.pause()
    return 0


@contextmanager
def simulator(port: int) -> Iterator[str]:
    """Run the simulator; yields its address."""
    hosts = [option for host in HOSTS for option in ("--host", host)]
    options = ["--port", str(free_port(port)), "--ca-file", str(CA_FILE), *hosts]
    options += ["--password-file", str(PASSWORD_FILE)]
    with process("simulator", [sys.executable, "-m", "simulator", *options], {}) as log:
        yield wait("simulator", log, lambda: _address(log))


@contextmanager
def function(operations: str, port: int) -> Iterator[str]:
    """Run the function as a user would; yields its address."""
    port = free_port(port)
    settings = {
        "VROPS_URL": operations,
        "VROPS_USERNAME": "admin",
        "VROPS_PASSWORD_FILE": str(PASSWORD_FILE),
        "VROPS_CA_FILE": str(CA_FILE),
    }
    command = [str(Path(sys.executable).with_name("functions-framework"))]
    command += ["--source", "adapters/knative.py", "--target", "handle"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with process("function", command, settings) as log:
        url = f"http://127.0.0.1:{port}"
        wait("function", log, lambda: _healthy(url))
        yield url


@contextmanager
def process(name: str, command: list[str], settings: dict[str, str]) -> Iterator[Path]:
    """Run ``command`` with its output in a log, and stop it by its pid afterwards."""
    log = BUILD / f"{name}.log"
    ours = {key: value for key, value in os.environ.items() if not key.startswith("VROPS_")}
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


def send(url: str, event: Path) -> str:
    """Send the raw request as it is; returns the status line of the reply."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=START_SECONDS) as connection:
        connection.sendall(event.read_bytes())
        return connection.makefile("rb").readline().decode().strip()


def states(operations: str) -> dict[str, str]:
    """Return every host's state by its name."""
    return {host["name"]: host["state"] for host in _control(operations)["hosts"]}


def calls(operations: str) -> dict[str, Any]:
    """Return how many calls arrived so far (``count``), and the ``latest`` of them."""
    return dict(_control(operations)["calls"])


def show_states(when: str, hosts: dict[str, str]) -> None:
    """Print one line for each host."""
    print(when)
    for name, state in hosts.items():
        print(f"   {name:<22} {state}")
    print()


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
