"""docs/extending.md: its blocks are parts of the examples, and each example runs."""

import runpy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from werkzeug.test import Client

from adapters import bootstrap, knative
from adapters.clients import Clients
from adapters.config.settings import Settings
from adapters.output import log
from examples import further_event, further_processor
from functions import handlers
from functions.context import VCenters
from functions.events import HostRef
from lab.events import ENTER, EXIT, HOSTLESS, HTTP_FORMATS, NOT_OURS, EventData, HttpMessage
from lab.processes import ROOT, environment
from simulator import Host, Simulator, VCenter
from tests.documents import blocks
from tests.fakes import FakeVCenter
from tests.messages import request

PAGE = ROOT / "docs" / "extending.md"
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
[SERVE] = blocks(PAGE, "sh")
HOST = HostRef("host-1001", "esx01.lab.local", "vcenter.lab.local")
CONNECTED = EventData(name="HostConnectedEvent", message="Connected to esx01.lab.local in Lab")
# What examples/own_vcenter.py says it is.
UUID = "5a1d9f0e-7c52-4d0b-9a5c-0e6f3c1b2a4d"
STRUCTURED = HTTP_FORMATS["router-structured"]


@pytest.fixture
def operations() -> Iterator[Simulator]:
    collected = VCenter(HOST.vcenter, HOST.vcenter, UUID)
    with Simulator([Host(HOST.name, HOST.moref, HOST.vcenter)], [collected]) as running:
        yield running


@pytest.fixture
def at_exit(operations: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitStack]:
    """What is done when a process ends, done while there still is a simulator."""
    with ExitStack() as stack:
        monkeypatch.setattr(bootstrap, "atexit", SimpleNamespace(register=stack.callback))
        yield stack


@pytest.mark.parametrize("block", blocks(PAGE, "python"), ids=lambda text: text.splitlines()[0])
def test_a_block_of_the_page_is_a_part_of_an_example(block: str) -> None:
    assert [path for path in EXAMPLES if block in path.read_text(encoding="utf-8")]


@pytest.fixture
def with_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {**handlers.HANDLERS, **further_event.ROWS}
    monkeypatch.setattr(handlers, "HANDLERS", rows)


@pytest.fixture
def vcenter() -> FakeVCenter:
    return FakeVCenter([HOST], uuid=UUID)


@pytest.fixture
def handle(
    operations: Simulator, vcenter: FakeVCenter, with_the_row: None, at_exit: ExitStack
) -> knative.View:
    """The function on Knative, with a vCenter in memory."""
    environ = environment(operations)
    settings = Settings.from_environ(environ)
    clients = Clients(settings, environ)
    at_exit.callback(clients.close)
    context = clients.context(log.SweepLog())
    context = replace(context, vcenters=VCenters({vcenter.address: vcenter}))
    dispatch = bootstrap.MirrorDispatch(settings, context)
    return knative.view("handle", bootstrap.answering(dispatch, knative.received))


@pytest.mark.parametrize("form", HTTP_FORMATS)
def test_a_further_event_is_understood_in_every_format(
    form: str, handle: knative.View, operations: Simulator, vcenter: FakeVCenter
) -> None:
    for change, state in ((vcenter.enter, "MAINTAINED_MANUAL"), (vcenter.leave, "STARTED")):
        change(HOST.moref)
        assert handle(request(HTTP_FORMATS[form](CONNECTED))).status_code == 204
        assert operations.state(HOST.name) == state


@pytest.mark.parametrize("changes", [{"event_class": "eventex"}, {"vcenter": "another.lab.local"}])
def test_a_further_event_that_proves_nothing_changes_nothing(
    changes: dict[str, Any], handle: knative.View, operations: Simulator, vcenter: FakeVCenter
) -> None:
    vcenter.enter(HOST.moref)
    assert handle(request(STRUCTURED(replace(CONNECTED, **changes)))).status_code == 204
    assert operations.state(HOST.name) == "STARTED"


@contextmanager
def served(command: str, operations: Simulator | None = None) -> Iterator[tuple[str, Any]]:
    """Run the further processor; yields its address, and the process."""
    words = [sys.executable, *command.split()[1:]]
    environ = environment(operations, PORT="0", LOG_FORMAT="json")
    process = subprocess.Popen(words, cwd=ROOT, env=environ, stdout=-1, stderr=-1, encoding="utf-8")
    try:
        assert process.stdout
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.communicate()


def posted(url: str, message: HttpMessage) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, message.body, headers=message.headers, timeout=30)


def test_a_further_processor_mirrors(operations: Simulator) -> None:
    with served(SERVE.removesuffix(" echo\n"), operations) as (url, _):
        for event_data, state in ((ENTER, "MAINTAINED_MANUAL"), (EXIT, "STARTED")):
            reply = posted(url, STRUCTURED(event_data))
            assert (reply.status_code, reply.content) == (204, b"")
            assert operations.state(HOST.name) == state


UNKNOWN = replace(ENTER, host="new", moref="host-5", created=datetime.now(UTC).isoformat())


@pytest.mark.parametrize(
    ("body", "length", "status", "retry_after"),
    [
        (STRUCTURED(NOT_OURS).body, None, 204, None),
        (STRUCTURED(HOSTLESS).body, None, 422, None),
        (STRUCTURED(UNKNOWN).body, None, 503, "60"),
        (STRUCTURED(replace(UNKNOWN, created=ENTER.created)).body, None, 204, None),
        (STRUCTURED(ENTER).body, "99999", 413, None),
        (STRUCTURED(ENTER).body, "4000", 503, "1"),
        (STRUCTURED(ENTER).body, "many", 400, None),
        (STRUCTURED(ENTER).body, "-1", 400, None),
        (b"", "", 400, None),
        (b"no event", None, 400, None),
    ],
    # A body holds the time of now, which is another one in every process that collects tests.
    ids=lambda value: "body" if isinstance(value, bytes) else None,
)
def test_its_replies_are_those_of_the_others(
    body: bytes,
    length: str | None,
    status: int,
    retry_after: str | None,
    operations: Simulator,
    at_exit: ExitStack,
) -> None:
    environ = environment(operations, MAX_BODY_BYTES="4096")
    answer = bootstrap.start(further_processor.TARGETS, "application", environ)
    client = Client(further_processor.door(answer))
    told = {} if length is None else {"CONTENT_LENGTH": length}
    reply = client.post(data=body, environ_overrides=told)
    assert (reply.status_code, reply.headers.get("Retry-After")) == (status, retry_after)
    assert reply.data == b""


def test_the_command_shows_events_without_any_configuration() -> None:
    with served(SERVE) as (url, process):
        assert posted(url, STRUCTURED(ENTER)).status_code == 204
        assert '"subject": "EnteredMaintenanceModeEvent"' in process.stdout.readline()


def test_a_source_of_the_truth_of_ones_own_decides(
    operations: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "inventory.csv"
    for name, value in environment(operations, INVENTORY=str(table)).items():
        monkeypatch.setenv(name, value)
    handle = runpy.run_path(str(ROOT / "examples" / "own_vcenter.py"))["handle"]
    truth = [("yes", "MAINTAINED_MANUAL"), ("no", "STARTED"), ("yes", "MAINTAINED_MANUAL")]
    for event_data, (mode, state) in zip((ENTER, ENTER, EXIT), truth, strict=True):
        row = f"{HOST.moref},{HOST.name},{mode},{datetime.now(UTC).isoformat()}"
        table.write_text(f"moref,name,maintenance,changed\n{row}\n", encoding="utf-8")
        assert handle(request(STRUCTURED(event_data))).status_code == 204
        assert operations.state(HOST.name) == state
    table.unlink()
    assert handle(request(STRUCTURED(EXIT))).status_code == 503
    assert operations.state(HOST.name) == "MAINTAINED_MANUAL"
