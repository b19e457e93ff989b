"""An outage that is longer than a sender's tries: what the senders of events have measured."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adapters import bootstrap, knative, openfaas
from adapters.outgoing import hold as holds
from adapters.outgoing.breaker import CircuitBreaker
from adapters.outgoing.hold import Hold
from adapters.vrops import client
from lab import vcsim
from lab.events import HTTP_FORMATS, EventData, HttpMessage
from lab.processes import Function, function
from lab.senders import KNATIVE, OPENFAAS, Patience, Status, deliver, post
from simulator import Host, Simulator
from tests.deploy.openfaas.stack import WATCHDOG, environment, lay_out, serving
from tests.messages import latest, parse, request

HOST = "esx01.lab.local"
# Everything takes a tenth of its time: tries, deadline, pauses of hold and breaker.
SCALE = 0.1
SENDER = Path(__file__).with_name("sender")
needs_go = pytest.mark.skipif(not vcsim.available(), reason="needs go")


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    closers: list[Callable[[], None]] = []
    monkeypatch.setattr(bootstrap, "atexit", SimpleNamespace(register=closers.append))
    with Simulator([Host(HOST, "host-1001", "vcenter.lab.local")]) as running:
        yield running
        running.clear_faults()
        for close in closers:
            close()


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CircuitBreaker", partial(CircuitBreaker, pause=5 * SCALE))
    monkeypatch.setattr(bootstrap, "Hold", partial(Hold, pause=SCALE))
    monkeypatch.setattr(holds, "_ATTEMPT_SECONDS", 0.5 * SCALE)


@dataclass
class Outage:
    """vRealize Operations answers 503 until somebody has tried for the third time.

    That is 24 seconds after the first try, if each is held for 12.
    """

    simulator: Simulator
    send: Callable[[], Status]
    tries: int = 0
    timers: list[threading.Timer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.simulator.fault(status=503, count=1_000_000)

    def __call__(self) -> Status:
        self.tries += 1
        if self.tries == 3:
            self.timers.append(threading.Timer(6 * SCALE, self.simulator.clear_faults))
            self.timers[-1].start()
        return self.send()


def event(name: str) -> HttpMessage:
    return parse(latest(HTTP_FORMATS[name](EventData()).request()))


def environ(simulator: Simulator, **more: str) -> dict[str, str]:
    return {
        "VROPS_URL": simulator.url,
        "VROPS_USERNAME": simulator.username,
        "VROPS_PASSWORD": simulator.password,
        "VROPS_CA_FILE": str(simulator.ca_file),
        "EVENT_DEADLINE_SECONDS": str(12 * SCALE),
        **more,
    }


def by_openfaas(simulator: Simulator, **more: str) -> Callable[[], Status]:
    handle = openfaas.handler(
        bootstrap.start(openfaas.TARGETS, "handle", environ(simulator, **more))
    )
    body = event("router-openfaas").body
    return lambda: int(handle(SimpleNamespace(body=body), None)["statusCode"])


def by_knative(simulator: Simulator, **more: str) -> Callable[[], Status]:
    started = bootstrap.start(knative.TARGETS, "handle", environ(simulator, **more))
    view: Any = knative.view("handle", started)
    message = event("router-binary")
    return lambda: int(view(request(message)).status_code)


@pytest.mark.usefixtures("_hasty")
@pytest.mark.parametrize(
    ("connect", "more", "patience", "done"),
    [
        (by_openfaas, {}, OPENFAAS, 200),
        (by_knative, {"HOLD_EVENTS": "true"}, KNATIVE, 204),
    ],
)
def test_an_event_outlives_an_outage_of_which_its_sender_knows_nothing(
    connect: Callable[..., Callable[[], Status]],
    more: dict[str, str],
    patience: Patience,
    done: int,
    simulator: Simulator,
) -> None:
    answers = deliver(Outage(simulator, connect(simulator, **more)), patience, SCALE)
    assert answers[:2] == [503, 503]
    assert answers[-1] == done
    assert simulator.state(HOST) == "MAINTAINED_MANUAL"
    # While it is away, each event asks a few times, and the breaker spares it the rest.
    assert len([call for call in simulator.calls if call.status == 503]) < 20


@pytest.mark.usefixtures("_hasty")
@pytest.mark.parametrize(
    ("connect", "more", "patience"),
    [
        (by_openfaas, {"HOLD_EVENTS": "false"}, OPENFAAS),
        # A broker goes on for more than an hour, and is told at once.
        (by_knative, {}, KNATIVE),
    ],
)
def test_without_a_hold_it_is_lost(
    connect: Callable[..., Callable[[], Status]],
    more: dict[str, str],
    patience: Patience,
    simulator: Simulator,
) -> None:
    outage = Outage(simulator, connect(simulator, **more))
    assert deliver(outage, patience, SCALE) == [503] * 4
    for timer in outage.timers:
        timer.join()
    assert simulator.state(HOST) == "STARTED"


@pytest.mark.parametrize(
    ("status", "to_openfaas", "to_knative"),
    [(200, 1, 1), (500, 4, 1), (429, 4, 4), (404, 1, 4), (422, 1, 1), (501, 1, 1), (None, 4, 4)],
)
def test_senders_try_as_often_as_the_real_ones(
    status: Status, to_openfaas: int, to_knative: int
) -> None:
    for patience, tries in ((OPENFAAS, to_openfaas), (KNATIVE, to_knative)):
        assert len(deliver(lambda: status, patience, scale=0)) == tries


@pytest.fixture
def direct(simulator: Simulator, tmp_path: Path) -> Iterator[Function]:
    """Knative's function, to which a router posts without a broker."""
    settings = {"HOLD_EVENTS": "true", "EVENT_DEADLINE_SECONDS": "6"}
    with function(tmp_path / "log", simulator, **settings) as running:
        yield running


@pytest.mark.exhaustive
@needs_go
def test_the_sdk_that_routers_use_delivers_through_an_outage(
    direct: Function, simulator: Simulator
) -> None:
    simulator.fault(status=503, count=1_000_000)
    with subprocess.Popen(
        [_sender(), direct.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as sender:
        assert sender.stdin
        json.dump(json.loads(event("router-openfaas").body), sender.stdin)
        sender.stdin.close()
        direct.said("OperationsUnavailableError")
        simulator.clear_faults()
        assert sender.stdout
        said = json.loads(sender.stdout.read())
    assert said["delivered"]
    assert said["failed"][0] == 503
    assert simulator.state(HOST) == "MAINTAINED_MANUAL"


def _sender() -> Path:
    try:
        return vcsim.built(SENDER)
    except vcsim.NotBuiltError as error:
        pytest.skip(f"the sender cannot be built: {error}")


def _openfaas(simulator: Simulator, folder: Path) -> Any:
    for name, text in (("username", simulator.username), ("password", simulator.password)):
        (folder / f"vrops-{name}").write_text(text, encoding="utf-8")
    (folder / "vrops-ca").write_bytes(simulator.ca_file.read_bytes())
    lay_out("maintenance-mirror", folder / "home")
    found = environment("maintenance-mirror", folder / "home", folder)
    return serving(folder / "home", {**found, "VROPS_URL": simulator.url}, WATCHDOG)


def _knative(simulator: Simulator, folder: Path) -> Any:
    return function(folder / "log", simulator, HOLD_EVENTS="true", MAINTENANCE_LEASE_MINUTES="90")


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("start", "name", "patience"),
    [(_openfaas, "router-openfaas", OPENFAAS), (_knative, "router-binary", KNATIVE)],
)
def test_half_a_minute_in_real_time(
    start: Callable[..., Any],
    name: str,
    patience: Patience,
    simulator: Simulator,
    tmp_path: Path,
) -> None:
    simulator.fault(status=503, count=1_000_000)
    with start(simulator, tmp_path) as running:
        over = threading.Timer(30, simulator.clear_faults)
        over.start()
        answers = deliver(lambda: post(running.url, event(name), patience), patience)
        over.join()
    assert answers[-1] in (200, 204)
    assert set(answers[:-1]) == {503}
    assert simulator.state(HOST) == "MAINTAINED"
