"""What speed is made of, as far as it can be counted; times are measured by ``bench``."""

import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from adapters import bootstrap, eventbridge, knative, openfaas
from adapters.memory import EventMemory
from functions.context import Context, VCenters
from functions.handlers import dispatch
from lab.events import ENTER, EXIT, HTTP_FORMATS, EventData, lambda_event, router_envelope
from lab.processes import ROOT, environment
from simulator import Simulator
from tests.contract.vrops.clients import VCENTER, connected, esx
from tests.fakes import FakeVCenter
from tests.messages import request

_minutes = itertools.count(1)
Send = Callable[[EventData], None]

# What has to be there for any event in JSON; functions-framework brings much more to Knative.
NEEDED = {
    *("adapters", "functions"),
    *("requests", "urllib3", "certifi", "idna", "charset_normalizer", "chardet"),
}
OPTIONAL = {
    *("apprise", "boto3", "botocore", "pyVmomi", "pyVim", "rich", "defusedxml"),
    "prometheus_client",
}
OURS_IF_CONFIGURED = {
    "adapters.board",
    "adapters.metrics",
    "adapters.vcenter",
    "adapters.config.aws_secrets",
    "adapters.notify",
    "adapters.incoming.gzip_body",
    "adapters.outcomes",
    "adapters.incoming.vsphere_xml",
}
HANDLE = {
    "knative": "import functions_framework, adapters.knative; adapters.knative.handle",
    "openfaas": """
import types, adapters.openfaas
body = json.dumps(router_envelope(ENTER))
assert adapters.openfaas.handle(types.SimpleNamespace(body=body), None)["statusCode"] == 200
""",
    "eventbridge": """
import adapters.eventbridge
adapters.eventbridge.lambda_handler(lambda_event(ENTER), None)
""",
}


def now(event_data: EventData) -> EventData:
    """Let an event be later than any before."""
    return replace(event_data, created=f"2026-03-15T10:{next(_minutes):02}:00Z", key=next(_minutes))


def _send_by_knative(environ: dict[str, str]) -> Send:
    view = knative.view("handle", bootstrap.start(knative.TARGETS, "handle", environ))

    def send(event_data: EventData) -> None:
        view(request(HTTP_FORMATS["router-binary"](event_data)))

    return send


def _send_by_openfaas(environ: dict[str, str]) -> Send:
    handle = openfaas.handler(bootstrap.start(openfaas.TARGETS, "handle", environ))

    def send(event_data: EventData) -> None:
        handle(SimpleNamespace(body=json.dumps(router_envelope(event_data))), None)

    return send


def _send_by_eventbridge(environ: dict[str, str]) -> Send:
    started = bootstrap.start(eventbridge.TARGETS, "lambda_handler", environ)
    handle = eventbridge.handler(started)

    def send(event_data: EventData) -> None:
        handle(lambda_event(event_data), None)

    return send


@pytest.fixture(params=[_send_by_knative, _send_by_openfaas, _send_by_eventbridge])
def send(
    request: pytest.FixtureRequest, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Send]:
    """Send an event through everything between a processor and the simulator."""
    closers: list[Callable[[], None]] = []
    monkeypatch.setattr(bootstrap, "atexit", SimpleNamespace(register=closers.append))
    sender: Send = request.param(environment(simulator))
    yield sender
    for close in closers:
        close()


def test_a_warm_event_costs_three_calls_and_one_that_is_so_already_one(
    send: Send, simulator: Simulator
) -> None:
    send(now(ENTER))
    for event_data, calls in ((EXIT, 3), (ENTER, 3), (ENTER, 1), (EXIT, 3)):
        simulator.clear_calls()
        send(now(event_data))
        assert len(simulator.calls) == calls
    assert (simulator.connections, simulator.logins) == (1, 1)


@dataclass
class CountingVCenter(FakeVCenter):
    """Counts the questions that are calls."""

    questions: list[str] = field(default_factory=list)

    def in_maintenance_mode(self, moref: str) -> bool:
        self.questions.append(moref)
        return super().in_maintenance_mode(moref)


def test_asking_vcenter_costs_two_questions_more(simulator: Simulator) -> None:
    uuid = simulator.resource("esx01.lab.local").vcenter.instance_uuid
    vcenter = CountingVCenter([esx(1)], VCENTER, uuid)
    with connected(simulator, uuid_of=lambda address: uuid) as vrops:
        context = Context(vrops, VCenters({VCENTER: vcenter}), EventMemory())
        for event_data, set_mode in ((ENTER, vcenter.enter), (EXIT, vcenter.leave)) * 2:
            simulator.clear_calls()
            vcenter.questions.clear()
            set_mode("host-1001")
            dispatch(router_envelope(now(event_data)), context)
        assert (len(simulator.calls), len(vcenter.questions)) == (3, 2)


@pytest.mark.parametrize("adapter", HANDLE)
def test_an_event_imports_nothing_that_is_not_configured(
    adapter: str, simulator: Simulator
) -> None:
    loaded = modules(HANDLE[adapter], simulator)
    packages = {name.partition(".")[0] for name in loaded}
    assert loaded.isdisjoint(OURS_IF_CONFIGURED)
    assert packages.isdisjoint(OPTIONAL)
    if adapter != "knative":
        assert packages <= NEEDED
        assert simulator.state("esx01.lab.local") == "MAINTAINED_MANUAL"


def test_whoever_wants_outcomes_by_http_waits_for_no_package_more(simulator: Simulator) -> None:
    # Nobody listens there, which an event need not know.
    loaded = modules(HANDLE["openfaas"], simulator, OUTCOME_SINK="http://127.0.0.1:9")
    assert "adapters.outcomes.web_sink" in loaded
    assert "adapters.outcomes.event_bus" not in loaded
    assert {name.partition(".")[0] for name in loaded} <= NEEDED


def modules(code: str, simulator: Simulator, **settings: str) -> set[str]:
    """Return what ``code`` imports, apart from the standard library and what is always there."""
    lines = [
        "import json, sys",
        "from lab.events import ENTER, lambda_event, router_envelope",
        "before = set(sys.modules)",
        code,
        "new = set(sys.modules) - before",
        "print(json.dumps([n for n in new if getattr(sys.modules[n], '__file__', None)]))",
    ]
    output = subprocess.check_output(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=ROOT,
        env=environment(simulator, **{"LOG_LEVEL": "ERROR", **settings}),
        encoding="utf-8",
    )
    found: list[str] = json.loads(output)
    # Compiled wheels bring a module whose name is a hash.
    return {
        name
        for name in found
        if name.partition(".")[0] not in sys.stdlib_module_names and not name.endswith("__mypyc")
    }
