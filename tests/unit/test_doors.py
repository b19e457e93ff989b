"""The OpenFaaS and EventBridge adapters, called as their runtimes call them."""

import gzip
import json
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from adapters import bootstrap, eventbridge, knative, openfaas
from functions.errors import HostNotFoundError, InvalidEventError, NotACloudEventError
from lab.events import (
    ENTER,
    EXIT,
    HOSTLESS,
    NOT_OURS,
    REMOVED,
    EventData,
    lambda_event,
    router_envelope,
)
from simulator import Host, Simulator

HOST = "esx01.lab.local"
# An older event of an unknown host would be done with.
NOW = datetime.now(UTC).isoformat()


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with Simulator([Host(HOST, "host-1001", "vcenter.lab.local")]) as running:
        environ = {
            "VROPS_URL": running.url,
            "VROPS_USERNAME": running.username,
            "VROPS_PASSWORD": running.password,
            "VROPS_CA_FILE": str(running.ca_file),
        }
        starts = bootstrap.start
        closers: list[Callable[[], None]] = []
        monkeypatch.setattr(bootstrap, "start", partial(starts, environ=environ))
        monkeypatch.setattr(bootstrap, "atexit", SimpleNamespace(register=closers.append))
        yield running
        for close in closers:
            close()


def posted() -> openfaas.Handler:
    return openfaas.handler(bootstrap.start(openfaas.TARGETS, "handle"))


def body(event_data: EventData) -> SimpleNamespace:
    return SimpleNamespace(body=json.dumps(router_envelope(event_data)).encode())


def test_openfaas_mirrors_and_tells_the_outcome(simulator: Simulator) -> None:
    handle = posted()
    for event_data, action, state in (
        (ENTER, "entered", "MAINTAINED_MANUAL"),
        (EXIT, "exited", "STARTED"),
    ):
        reply = handle(body(event_data), None)
        assert (reply["statusCode"], reply["body"]["action"]) == (200, action)
        assert simulator.state(HOST) == state


def test_openfaas_and_lambda_release_a_host_that_is_removed(simulator: Simulator) -> None:
    handler = eventbridge.handler(bootstrap.start(eventbridge.TARGETS, "lambda_handler"))
    handle = posted()
    for act in (
        lambda: handler(lambda_event(REMOVED), None),
        lambda: handle(body(REMOVED), None)["body"],
    ):
        simulator.maintain(HOST)
        assert act()["action"] == "exited"
        assert simulator.state(HOST) == "STARTED"


@pytest.mark.parametrize(
    ("event", "status", "error"),
    [
        (SimpleNamespace(body=b""), 400, NotACloudEventError),
        (SimpleNamespace(body=None), 400, NotACloudEventError),
        (SimpleNamespace(body="text"), 400, NotACloudEventError),
        (SimpleNamespace(body=[]), 400, NotACloudEventError),
        (body(HOSTLESS), 422, InvalidEventError),
        (body(EventData(host="new", moref="host-5", created=NOW)), 503, HostNotFoundError),
    ],
)
def test_openfaas_is_told_what_to_do_about_an_error(
    event: Any, status: int, error: type[Exception], simulator: Simulator
) -> None:
    reply = posted()(event, None)
    # The router prints this, so that whoever searches its log for the host finds it.
    host = {"host": "host new (host-5) of vcenter.lab.local"} if status == 503 else {}
    assert (reply["statusCode"], reply["body"]) == (status, {"error": error.__name__, **host})
    assert ("Retry-After" in reply["headers"]) == (status == 503)


def test_openfaas_takes_an_event_that_is_packed_or_encoded_twice(simulator: Simulator) -> None:
    handle = posted()
    for event_data, state in ((ENTER, "MAINTAINED_MANUAL"), (EXIT, "STARTED")):
        message = body(event_data).body
        twice = json.dumps(message.decode())
        for packed in (gzip.compress(message), twice.encode(), twice):
            simulator.maintain(HOST) if state == "STARTED" else simulator.end_maintenance(HOST)
            assert handle(SimpleNamespace(body=packed), None)["statusCode"] == 200
            assert simulator.state(HOST) == state


def test_lambda_takes_a_detail_that_is_a_text(simulator: Simulator) -> None:
    handler = eventbridge.handler(bootstrap.start(eventbridge.TARGETS, "lambda_handler"))
    for event_data, state in ((ENTER, "MAINTAINED_MANUAL"), (EXIT, "STARTED")):
        event = lambda_event(event_data)
        handler({**event, "detail": json.dumps(event["detail"])}, None)
        assert simulator.state(HOST) == state


def test_openfaas_is_told_that_an_event_is_not_ours(simulator: Simulator) -> None:
    reply = posted()(body(NOT_OURS), None)
    assert (reply["statusCode"], reply["body"]["action"]) == (200, "ignored")


def test_lambda_mirrors_and_returns_the_outcome(simulator: Simulator) -> None:
    handler = eventbridge.handler(bootstrap.start(eventbridge.TARGETS, "lambda_handler"))
    assert handler(lambda_event(ENTER), None)["action"] == "entered"
    assert simulator.state(HOST) == "MAINTAINED_MANUAL"
    assert handler(lambda_event(EXIT), None)["action"] == "exited"
    assert simulator.state(HOST) == "STARTED"
    assert handler(lambda_event(NOT_OURS), None)["action"] == "ignored"


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({}, NotACloudEventError),
        (None, NotACloudEventError),
        ([], NotACloudEventError),
        ({"detail": "text"}, NotACloudEventError),
        (lambda_event(HOSTLESS), InvalidEventError),
        (lambda_event(EventData(host="new", moref="host-5", created=NOW)), HostNotFoundError),
    ],
)
def test_lambda_raises_so_that_the_event_is_not_lost(
    event: Any, error: type[Exception], simulator: Simulator
) -> None:
    handler = eventbridge.handler(bootstrap.start(eventbridge.TARGETS, "lambda_handler"))
    with pytest.raises(error):
        handler(event, None)


@pytest.fixture
def _signals() -> Iterator[None]:
    """Whoever asks OpenFaaS' door for a target listens to SIGTERM from then on."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_signals")
def test_every_runtime_finds_its_targets_by_name(
    simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    assert openfaas.echo(body(ENTER), None)["body"]["action"] == "echoed"
    assert eventbridge.echo_handler(lambda_event(EXIT), None)["action"] == "echoed"
    shown = capsys.readouterr().out
    assert shown.count("CloudEvent\n") == 2
    assert '"Value": "host-1001"' in shown
    assert openfaas.handle(body(ENTER), None)["statusCode"] == 200
    assert eventbridge.lambda_handler(lambda_event(EXIT), None)["action"] == "exited"
    assert simulator.state(HOST) == "STARTED"
    timed = openfaas.reconcile(SimpleNamespace(body=b""), None)["body"]
    assert (timed["action"], timed["reason"][:10]) == ("ignored", "no vCenter")
    for module, names in (
        (openfaas, ("handle", "echo", "reconcile")),
        (knative, ("handle", "echo")),
    ):
        for name in names:
            vars(module).pop(name, None)
    for name in ("lambda_handler", "echo_handler"):
        vars(eventbridge).pop(name, None)


@pytest.mark.parametrize("module", [knative, openfaas, eventbridge])
def test_a_target_that_is_not_there_is_an_attribute_that_is_not_there(module: Any) -> None:
    with pytest.raises(AttributeError, match="'enter'"):
        module.enter  # noqa: B018


def test_a_wrong_configuration_ends_the_process_in_one_line() -> None:
    with pytest.raises(SystemExit, match=r"^maintenance-mirror: wrong configuration: VROPS_URL is"):
        bootstrap.start(knative.TARGETS, "handle", {})
