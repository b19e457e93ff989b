"""Knative's RabbitMQ broker without Kubernetes: a real RabbitMQ, and the program in dispatcher/.

RabbitMQ is run as a process of its own, on ports and in a folder of its own. What the program is
told comes from the overlays; what each release does differently is in ``RELEASES``.
"""

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from lab import vcsim
from lab.events import HTTP_FORMATS, EventData
from lab.processes import free_port, start
from tests.deploy.knative.manifests import Manifest, build, of_kind, tool
from tests.messages import next_moment

SOURCES: Final = Path(__file__).with_name("dispatcher")
_SERVER: Final = "/usr/lib/rabbitmq/bin/rabbitmq-server"
_TIMEOUT_SECONDS: Final = 90.0
# How many messages RabbitMQ hands out at once, whatever the parallelism (Knative 1.8 and newer).
PREFETCH: Final = 100
# VEBA's own broker, which is all that Knative 0.20 goes by (files/configs of VEBA 0.7.0).
_STOCK: Final = {"retry": 2, "backoffPolicy": "linear"}
# Before Knative 1.8, the dispatcher is never told another one.
_DEFAULT_DELAY: Final = "PT0.05S"
ENTER, EXIT = "maintenance-mirror-enter", "maintenance-mirror-exit"

needs_rabbitmq = [
    pytest.mark.skipif(not vcsim.available(), reason="needs go"),
    pytest.mark.skipif(not Path(_SERVER).exists(), reason="needs rabbitmq-server"),
    pytest.mark.skipif(tool() is None, reason="needs kubectl or kustomize"),
]


@dataclass(frozen=True)
class Release:
    """What a release of Knative does: the overlay for it, and the switches of the program."""

    overlay: str
    example: str
    ingress: tuple[str, ...] = ()
    dispatch: tuple[str, ...] = ()


_OLD = ("-queue-type=classic", "-no-rewind", "-retry-all", "-nack", "-cancelled-fails")
RELEASES: Final[Mapping[str, Release]] = {
    "0.20": Release("veba-0.7.0", "router-binary", ("-transient",), _OLD),
    "1.1": Release("veba-0.7.2", "router-binary", ("-transient", "-once"), _OLD),
    "1.8": Release("veba-0.7.5", "router-binary", (), ("-nack", "-cancelled-fails")),
    # A race decides whether a pause that SIGTERM cuts short was the last: see -cancelled-fails.
    "1.13": Release("veba-0.8", "vspheresource-json"),
}


def until(condition: Callable[[], Any], what: Callable[[], Any] = lambda: "") -> None:
    """Return as soon as ``condition`` holds; AssertionError with ``what`` if it never does."""
    ends = time.monotonic() + _TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < ends, what()
        time.sleep(0.05)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), _TIMEOUT_SECONDS).close()
    except ConnectionRefusedError:
        return False
    return True


class RabbitMQ:
    """A RabbitMQ of its own, which can be restarted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = [free_port() for _ in range(3)]
        self._running: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        """Its address."""
        return f"amqp://guest:guest@127.0.0.1:{self._ports[0]}/"

    def start(self) -> None:
        """Start it, and wait until it serves."""
        port, distribution, names = map(str, self._ports)
        environ = {
            "PATH": os.environ["PATH"],
            # Where Erlang keeps its cookie.
            "HOME": str(self._folder),
            "ERL_EPMD_PORT": names,
            "RABBITMQ_NODENAME": "mirror@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": port,
            "RABBITMQ_DIST_PORT": distribution,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_LOG_BASE": str(self._folder),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "none"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
        }
        # Erlang would leave one of these behind.
        self._run("epmd", ["epmd", "-port", names, "-address", "127.0.0.1"], environ)
        self._run("rabbitmq", [_SERVER], environ)
        log = self._folder / "rabbitmq.out"
        until(lambda: "completed with" in log.read_text(encoding="utf-8"), log.read_text)

    def stop(self) -> None:
        """End it, with all that waits kept on disk, but for what was transient."""
        while self._running:
            process = self._running.pop()
            process.terminate()
            process.wait(_TIMEOUT_SECONDS)

    def _run(self, name: str, command: list[str], environ: Mapping[str, str]) -> None:
        with (self._folder / f"{name}.out").open("wb") as output:
            process = start(
                command, folder=self._folder, env=environ, stdout=output, stderr=output,
                process_group=0,
            )  # fmt: skip
        self._running.append(process)


@contextmanager
def rabbitmq() -> Iterator[RabbitMQ]:
    """Run a RabbitMQ, and leave nothing of it behind."""
    with tempfile.TemporaryDirectory(prefix="rabbitmq-") as folder, ExitStack() as stack:
        running = RabbitMQ(Path(folder))
        stack.callback(running.stop)
        running.start()
        yield running


def program() -> Path:
    """Return the program, built if it is not there yet; raises NotBuiltError if that fails."""
    return vcsim.built(SOURCES)


class Part:
    """A part of the broker: a process, and what it has said."""

    def __init__(self, log: Path, *options: str) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = start(
                [program(), *options], stdout=output, stderr=output, process_group=0
            )

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it has done so far."""
        text = self._log.read_text(encoding="utf-8")
        complete = text[: text.rfind("\n") + 1].splitlines()
        return [json.loads(line) for line in complete if line.startswith("{")]

    def tries(self, identifier: str | None = None) -> list[int]:
        """Return what each try was answered with, 0 where it was not, of an event or of all."""
        return [
            line["status"]
            for line in self.lines
            if "try" in line and identifier in (None, line["id"])
        ]

    def outcomes(self) -> dict[str, str]:
        """Return what became of each event, by its id."""
        return {line["id"]: line["outcome"] for line in self.lines if "outcome" in line}

    def in_retry(self) -> set[str]:
        """Return the ids of those that were tried, and are not settled."""
        return {line["id"] for line in self.lines if "try" in line} - self.outcomes().keys()

    def terminate(self) -> None:
        """Tell it to end, as Kubernetes does."""
        self._process.terminate()

    def stop(self) -> None:
        """End it."""
        self.terminate()
        self._process.wait(_TIMEOUT_SECONDS)


@dataclass
class Broker:
    """A broker of a release, in front of a function.

    ``scale`` is what the pauses between tries are multiplied by, and ``changes`` are switches of
    the dispatcher that say something else than release and overlay.
    """

    rabbit: RabbitMQ
    folder: Path
    release: str
    subscriber: str
    dead_letters: str = ""
    scale: float = 1.0
    changes: tuple[str, ...] = ()
    name: str = field(default_factory=lambda: f"broker-{next_moment()}")
    parts: dict[str, Part] = field(default_factory=dict)

    def start(self) -> None:
        """Start an ingress, and dispatchers for enter and exit events."""
        self.receive()
        self.dispatch(ENTER)
        self.dispatch(EXIT)
        if self.dead_letters:
            self._dispatch("dead", "-subscriber", self.dead_letters, exchange=self._dead)

    def stop(self) -> None:
        """Stop all parts."""
        for part in self.parts.values():
            part.terminate()
        for part in self.parts.values():
            part.stop()

    @property
    def _release(self) -> Release:
        return RELEASES[self.release]

    @property
    def _dead(self) -> str:
        return f"{self.name}-dead"

    @property
    def enter(self) -> Part:
        """The dispatcher of enter events."""
        return self.parts[ENTER]

    def receive(self) -> None:
        """Start the ingress, and wait until it listens."""
        port = free_port()
        self._url = f"http://127.0.0.1:{port}/"
        self._part("ingress", "ingress", f"-listen=127.0.0.1:{port}", *self._release.ingress)
        until(partial(_listens, port))

    def dispatch(self, trigger: str) -> None:
        """Start the dispatcher of a trigger, and wait until it takes messages."""
        options = delivery(self.release, trigger, self.scale)
        dead = [f"-dead-letters={self._dead}"] if self.release != "0.20" else []
        self._dispatch(
            trigger, "-subscriber", self.subscriber, *options, *dead, *self._release.dispatch,
            *self.changes,
        )  # fmt: skip

    def _dispatch(self, name: str, *options: str, exchange: str = "") -> None:
        queue = f"-queue={self.name}-{name}"
        self._part(name, "dispatch", queue, *options, exchange=exchange)
        part = self.parts[name]
        until(lambda: any("consuming" in line for line in part.lines), lambda: part.lines)

    def _part(self, name: str, role: str, *options: str, exchange: str = "") -> None:
        where = [f"-rabbit={self.rabbit.url}", f"-exchange={exchange or self.name}"]
        log = self.folder / f"{self.name}-{name}-{len(list(self.folder.iterdir()))}"
        self.parts[name] = Part(log, role, *where, *options)

    def publish(self, host: str, name: str = "EnteredMaintenanceModeEvent", **fields: Any) -> str:
        """Send an event of a host as the release's source does; returns its id."""
        assert self.try_to_publish(host, name, **fields) == 202
        return self._id(host, name)

    def try_to_publish(
        self, host: str, name: str = "EnteredMaintenanceModeEvent", **fields: Any
    ) -> int:
        """Send an event of a host; returns the status of the answer."""
        told = {"moref": f"host-{host}", "created": f"{next_moment()}Z", **fields}
        message = HTTP_FORMATS[self._release.example](EventData(name=name, host=host, **told))
        return self.post({**message.headers, "Ce-Id": self._id(host, name)}, message.body)

    def _id(self, host: str, name: str) -> str:
        return f"{self.name}-{host}-{name}"

    def post(self, headers: Mapping[str, str], body: bytes) -> int:
        """Post something to the ingress; returns the status of its answer."""
        return requests.post(self._url, body, headers=dict(headers), timeout=30).status_code


def retries(release: str) -> int:
    """Return how often an event is tried after the first time."""
    return int(_delivery(release, ENTER)["retry"])


def _trigger(release: str, name: str) -> Manifest:
    return of_kind(build(RELEASES[release].overlay), "Trigger")[name]


def _delivery(release: str, trigger: str) -> Manifest:
    found: Manifest = _trigger(release, trigger)["spec"].get("delivery", _STOCK)
    return found


def delivery(release: str, trigger: str, scale: float) -> list[str]:
    """Return the program's switches for what a release makes of an overlay's trigger.

    Pauses between tries are multiplied by ``scale``.
    """
    manifest, told = _trigger(release, trigger), _delivery(release, trigger)
    spec = manifest["spec"]
    filters = [f"-filter={name}={value}" for name, value in spec["filter"]["attributes"].items()]
    return [
        f"-retry={told['retry']}",
        f"-policy={told['backoffPolicy']}",
        f"-delay={seconds(told.get('backoffDelay', _DEFAULT_DELAY)) * scale:f}s",
        f"-timeout={seconds(told.get('timeout', 'PT0S'))}s",
        *_at_once(manifest),
        *filters,
    ]


def _at_once(trigger: Manifest) -> list[str]:
    """Return the parallelism; RabbitMQ hands out as many as that before Knative 1.8."""
    annotations = trigger["metadata"].get("annotations", {})
    prefix = "rabbitmq.eventing.knative.dev"
    if count := annotations.get(f"{prefix}/parallelism"):
        return [f"-parallelism={count}", f"-prefetch={PREFETCH}"]
    count = annotations.get(f"{prefix}/prefetchCount", 1)
    return [f"-parallelism={count}", f"-prefetch={count}"]


def service(release: str) -> Manifest:
    """Return how the function is deployed on a release."""
    return of_kind(build(RELEASES[release].overlay), "Service")["maintenance-mirror"]


def settings(release: str) -> dict[str, str]:
    """Return the function's settings on a release, but for addresses, accounts and CAs."""
    objects = build(RELEASES[release].overlay)
    (container,) = service(release)["spec"]["template"]["spec"]["containers"]
    found = {each["name"]: each["value"] for each in container["env"]}
    for source in container["envFrom"]:
        found |= of_kind(objects, "ConfigMap")[source["configMapRef"]["name"]]["data"]
    return {name: value for name, value in found.items() if not name.startswith(("VROPS", "FUNC"))}


def concurrency(release: str) -> int:
    """Return how many requests Knative lets through to the function at once."""
    return int(service(release)["spec"]["template"]["spec"]["containerConcurrency"])


def seconds(duration: str) -> float:
    """Return the seconds of a duration such as PT30S."""
    return float(duration.removeprefix("PT").removesuffix("S"))


@contextmanager
def queue_proxy(log: Path, target: str, limit: int, *options: str) -> Iterator[tuple[str, Part]]:
    """Put queue-proxy in front of a function; yields its address, and itself."""
    port = free_port()
    part = Part(
        log, "proxy", f"-listen=127.0.0.1:{port}", f"-target={target}", f"-limit={limit}", *options
    )
    try:
        until(partial(_listens, port))
        yield f"http://127.0.0.1:{port}", part
    finally:
        part.stop()
