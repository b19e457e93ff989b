"""Real processes send what became of hosts, and end within their time whatever the sink does."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.outcomes.web_sink import binary
from adapters.watch import program
from lab.events import EXAMPLES, ping
from lab.processes import environment, function
from simulator import Host, Simulator, VCenter
from tests.messages import latest
from tests.sinks import Sink, running_sink
from tests.unit.outcomes.test_messages import made, told
from tests.vcenters import needs_go, vcsim

HOST = Host("esx01.lab.local", "host-1001", "vcenter.lab.local")
OVERRIDES = json.dumps({"extensions": {"cluster": "lab"}})
ENTER, EXIT = ((EXAMPLES / f"router-binary-{name}.http").read_bytes() for name in ("enter", "exit"))


@pytest.fixture
def sink() -> Any:
    with running_sink() as running:
        yield running


def test_a_function_that_is_bound_to_a_sink_sends_there_and_ends_when_told(
    sink: Sink, tmp_path: Path
) -> None:
    sink.status = 503
    bound = {"K_SINK": f"{sink.url}/vmware-functions/default", "K_CE_OVERRIDES": OVERRIDES}
    with (
        Simulator([HOST]) as simulator,
        function(tmp_path / "log", simulator, **bound) as running,
    ):
        assert running.send(latest(ENTER)).startswith(b"HTTP/1.1 204")
        sink.wait()
        sink.status = 202
        assert running.send(latest(EXIT)).startswith(b"HTTP/1.1 204")
    # It was told to end while it gave the sink a pause, or just after.
    first, *others = sink.requests
    assert [each.headers["ce-id"] for each in others].count(first.headers["ce-id"]) == 1
    assert sink.kinds[-2:] == ["silenced", "monitored"]
    assert first.path == "/vmware-functions/default"
    assert {each.headers["ce-cluster"] for each in sink.requests} == {"lab"}
    assert "Traceback" not in running.output


def test_a_sink_that_hangs_does_not_keep_a_function_from_its_end(
    sink: Sink, tmp_path: Path
) -> None:
    sink.gate.clear()
    with (
        Simulator([HOST]) as simulator,
        function(tmp_path / "log", simulator, OUTCOME_SINK=sink.url) as running,
    ):
        assert running.send(latest(ENTER)).startswith(b"HTTP/1.1 204")
        sink.wait()
    lines = [json.loads(line) for line in running.output.splitlines()]
    lost = [each for each in lines if "were not sent" in each["message"]]
    assert [each["level"] for each in lost] == ["WARNING"]
    assert lost[0]["message"] == f"1 outcomes were not sent to {sink.url}: the process ends"


def test_a_function_takes_no_outcome_for_work(sink: Sink, tmp_path: Path) -> None:
    headers, body = binary(made(told()))
    with (
        Simulator([HOST]) as simulator,
        function(tmp_path / "log", simulator, OUTCOME_SINK=sink.url) as running,
    ):
        for message in (ping().request(), _post(headers, body)):
            assert running.send(message).startswith(b"HTTP/1.1 204")
        assert simulator.calls == []
    assert sink.requests == []
    lines = [json.loads(line) for line in running.output.splitlines()]
    assert [each["event"] for each in lines if "event" in each] == ["Reconcile"]


def _post(headers: dict[str, str], body: bytes) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    first = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    return f"{first}{head}\r\n".encode() + body


@needs_go
@pytest.mark.xdist_group("vcsim")
def test_a_sweep_tells_of_each_host_that_it_changed_before_the_process_ends(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    with vcsim(5) as vcenter:
        known = [Host(each.name, each.moref, "vc") for each in vcenter.hosts]
        with Simulator(known, [VCenter("vc", vcenter.address, vcenter.uuid)]) as simulator:
            entered, persons, *_ = vcenter.hosts
            vcenter.enter(entered.moref)
            simulator.maintain(persons.name)
            settings = {**vcenter.variables, "OUTCOME_SINK": sink.url}
            assert program.run(environment(simulator, **settings), once=True) == program.OK
    told_of = {each.data["host"]: each for each in sink.requests}
    assert sorted(sink.kinds) == ["left", "silenced"]
    assert told_of[entered.name].data["found_by"] == "sweep"
    assert told_of[entered.name].data["until"] is not None
    assert told_of[persons.name].data["needs_attention"]
