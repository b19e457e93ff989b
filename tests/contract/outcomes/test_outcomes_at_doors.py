"""Outcomes at every door: they are sent beside the work, and are never work themselves."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from adapters import bootstrap, eventbridge, knative, listening, openfaas
from adapters.outcomes import web_sink
from adapters.outcomes.messages import MEANINGS, Told, message
from adapters.outcomes.web_sink import binary
from functions.errors import MaintenanceError
from functions.events import Envelope, HostRef
from lab.events import ENTER, EXIT, HOSTLESS, IMPOSTOR, EventData, HttpMessage, router_envelope
from lab.processes import environment
from simulator import Simulator
from tests.contract.test_doors import now
from tests.messages import request
from tests.sinks import Sink, running_sink
from tests.unit.outcomes.test_messages import EVENT, NOW

HOST = "esx01.lab.local"
Post = Callable[[HttpMessage], Any]
Ending = list[Callable[[], None]]


@pytest.fixture
def sink() -> Iterator[Sink]:
    with running_sink() as running:
        yield running


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ending]:
    """What the process does at its end, in the order in which atexit does it."""
    closers: Ending = []
    monkeypatch.setattr(bootstrap, "atexit", SimpleNamespace(register=closers.append))
    yield closers
    for close in reversed(closers):
        close()


def by_knative(environ: Mapping[str, str], target: str = "handle") -> Post:
    view = knative.view(target, bootstrap.start(knative.TARGETS, target, environ))

    def post(message: HttpMessage) -> Any:
        reply = view(request(message))
        return reply.status_code, reply.get_data(), {*reply.headers.keys()}

    return post


def by_openfaas(environ: Mapping[str, str], target: str = "handle") -> Post:
    handle = openfaas.handler(bootstrap.start(openfaas.TARGETS, target, environ))
    return lambda message: handle(
        SimpleNamespace(body=message.body, headers=dict(message.headers)), None
    )


def by_eventbridge(environ: Mapping[str, str], target: str = "lambda_handler") -> Post:
    handle = eventbridge.handler(bootstrap.start(eventbridge.TARGETS, target, environ))

    def post(message: HttpMessage) -> Any:
        try:
            return handle({"detail": json.loads(message.body)}, None)
        except MaintenanceError as error:
            return type(error).__name__

    return post


DOORS = [by_knative, by_openfaas, by_eventbridge]


def structured(envelope: Envelope) -> HttpMessage:
    headers = {"Content-Type": "application/cloudevents+json"}
    return HttpMessage(headers, json.dumps(dict(envelope)).encode())


def of(event_data: EventData) -> HttpMessage:
    return structured(router_envelope(now(event_data)))


EVENTS = (ENTER, EXIT, ENTER, HOSTLESS, IMPOSTOR, EXIT)


@pytest.mark.parametrize("door", DOORS)
def test_what_became_of_each_event_is_sent(
    door: Any, simulator: Simulator, sink: Sink, ending: Ending
) -> None:
    post = door(environment(simulator, OUTCOME_SINK=sink.url, MAINTENANCE_LEASE_MINUTES="60"))
    for event_data in EVENTS:
        post(of(event_data))
    ending.pop(0)()
    kinds = ["silenced", "monitored", "silenced", "refused", "ignored", "monitored"]
    assert sink.kinds == kinds
    data = sink.requests[0].data
    assert (data["host"], data["moref"], data["action"]) == (HOST, "host-1001", "entered")
    assert data["event"]["name"] == "EnteredMaintenanceModeEvent"
    assert data["until"] is not None


@pytest.mark.parametrize("door", DOORS)
def test_a_sink_that_hangs_changes_no_call_and_no_reply(
    door: Any,
    simulator: Simulator,
    sink: Sink,
    ending: Ending,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "_FLUSH_SECONDS", 0.01)
    # However slow the machine is, the first is not given up meanwhile.
    monkeypatch.setattr(web_sink, "_TIMEOUTS", (30.0, 30.0))
    sink.gate.clear()
    moments = [of(each) for each in EVENTS * 2]
    seen = []
    for number, settings in enumerate(({}, {"OUTCOME_SINK": sink.url})):
        simulator.clear_calls()
        post = door(environment(simulator, **settings))
        replies = [post(each) for each in moments[number * 6 : number * 6 + 6]]
        calls = [(each.method, each.path) for each in simulator.calls]
        seen.append((replies, calls))
    sink.wait()
    assert len(sink.requests) == 1
    assert seen[0] == seen[1]
    sink.gate.set()


def outcomes() -> list[Envelope]:
    host = HostRef("host-1001", HOST, "vcenter.lab.local")
    told = [Told(action, host, "", True, event=EVENT) for action in MEANINGS]
    return [message(each, "maintenance-mirror/vrops.lab", {}, NOW) for each in told]


def forged() -> list[Envelope]:
    """Events of vCenter's, and a timer's, that call themselves outcomes."""
    kind = "maintenance-mirror.outcome.silenced"
    timer = {"specversion": "1.0", "source": "timer", "id": "1", "data": {}}
    return [
        {**router_envelope(ENTER), "type": kind},
        {**router_envelope(HOSTLESS), "type": kind},
        {**router_envelope(ENTER), "type": "maintenance-mirror.outcome."},
        {**timer, "type": kind},
    ]


def posted(envelope: Envelope) -> list[HttpMessage]:
    with_type = {"datacontenttype": "application/json", **envelope}
    headers, body = binary(with_type)
    return [structured(envelope), as_servers_write(headers, body)]


def as_servers_write(headers: Mapping[str, str], body: bytes) -> HttpMessage:
    return HttpMessage({name.title(): value for name, value in headers.items()}, body)


@pytest.mark.parametrize(
    ("door", "target", "modes"),
    [
        (by_knative, "handle", 2),
        (by_openfaas, "handle", 1),
        (by_openfaas, "reconcile", 2),
        (by_eventbridge, "lambda_handler", 1),
    ],
)
@pytest.mark.parametrize("envelope", [*outcomes(), *forged()])
def test_an_outcome_that_comes_back_is_no_work_and_makes_no_other(
    door: Any,
    target: str,
    modes: int,
    envelope: Envelope,
    simulator: Simulator,
    sink: Sink,
    ending: Ending,
    capsys: pytest.CaptureFixture[str],
) -> None:
    post = door(environment(simulator, OUTCOME_SINK=sink.url), target)
    for each in posted(envelope)[:modes]:
        reply = post(each)
        if door is by_knative:
            assert reply[:2] == (204, b"")
            assert not any(name.lower().startswith("ce-") for name in reply[2])
        else:
            told = reply.get("body", reply)
            assert (told["action"], told["host"]) == ("ignored", "")
    ending.pop(0)()
    assert (sink.requests, simulator.calls) == ([], [])
    assert capsys.readouterr().err == ""


def test_an_outcome_that_comes_back_is_told_at_debug(
    simulator: Simulator, ending: Ending, capsys: pytest.CaptureFixture[str]
) -> None:
    post = by_knative(environment(simulator, LOG_LEVEL="DEBUG"))
    post(structured(outcomes()[0]))
    (line,) = [json.loads(each) for each in capsys.readouterr().err.splitlines()]
    assert (line["level"], line["action"]) == ("DEBUG", "ignored")
    logging.getLogger().setLevel(logging.WARNING)


def test_an_outcome_that_a_broker_gave_up_is_written_down_and_nothing_else(
    sink: Sink, capsys: pytest.CaptureFixture[str]
) -> None:
    post = by_knative(environment(OUTCOME_SINK=sink.url), "dead_letters")
    assert post(structured(outcomes()[0]))[:2] == (204, b"")
    assert sink.requests == []
    assert '"action": "given up"' in capsys.readouterr().err


def test_all_that_comes_back_to_where_it_came_from_ends_there(
    simulator: Simulator, sink: Sink, ending: Ending
) -> None:
    post = by_knative(environment(simulator, OUTCOME_SINK=sink.url))
    for event_data in EVENTS:
        post(of(event_data))
    while len(sink.requests) < len(EVENTS):
        sink.wait()
    for each in list(sink.requests):
        post(as_servers_write(each.headers, each.body))
    ending.pop(0)()
    assert len(sink.requests) == len(EVENTS)


def test_lambda_has_sent_when_it_answers(
    simulator: Simulator, sink: Sink, ending: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", sink.url)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    monkeypatch.setattr(listening, "_FLUSH_SECONDS", 30.0)
    sink.status, sink.body = 200, b'{"FailedEntryCount": 0, "Entries": [{}]}'
    post = by_eventbridge(environment(simulator, OUTCOME_EVENT_BUS="told"))
    for count, event_data in enumerate(EVENTS, 1):
        post(of(event_data))
        assert len(sink.requests) == count


def test_lambda_waits_for_nobody_who_is_away(
    simulator: Simulator, ending: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "_FLUSH_SECONDS", 1e9)
    with running_sink() as gone:
        url = gone.url
    post = by_eventbridge(environment(simulator, OUTCOME_SINK=url))
    for event_data in EVENTS:
        assert post(of(event_data))


@pytest.mark.parametrize("status", [0, 400, 500])
@pytest.mark.parametrize("door", DOORS)
def test_no_sink_fails_an_event(
    door: Any, status: int, simulator: Simulator, sink: Sink, ending: Ending
) -> None:
    sink.status = status
    post = door(environment(simulator, OUTCOME_SINK=sink.url))
    for event_data, state in ((ENTER, "MAINTAINED_MANUAL"), (EXIT, "STARTED")) * 2:
        post(of(event_data))
        assert simulator.state(HOST) == state
