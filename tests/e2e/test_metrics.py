"""The metrics of the real doors, as Prometheus reads them over HTTP."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from lab.events import ENTER, EXIT, HTTP_FORMATS, NOT_OURS, EventData
from lab.processes import TIMEOUT_SECONDS, Function, NotStartedError, environment, function
from simulator import Host, Simulator
from tests.messages import latest
from tests.promtool import check_metrics, needs_promtool
from tests.vcenters import needs_go
from tests.watching import field

HOSTS = [Host("esx01.lab.local", "host-1001", "vcenter.lab.local")]
ENTERED = "EnteredMaintenanceModeEvent"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(HOSTS) as running:
        yield running


@pytest.fixture
def running(simulator: Simulator, tmp_path: Path) -> Iterator[Function]:
    with function(tmp_path / "log", simulator, METRICS="true") as started:
        yield started


def post(running: Function, event: EventData, path: str = "/") -> int:
    raw = latest(HTTP_FORMATS["router-binary"](event).request())
    reply = running.send(raw.replace(b"POST / ", f"POST {path} ".encode(), 1))
    return int(reply.split(b" ", 2)[1])


def scraped(url: str) -> str:
    reply = requests.get(f"{url}/metrics", timeout=TIMEOUT_SECONDS)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return reply.text


def value(text: str, name: str, **labels: str) -> float:
    """Return the sum of all series with these labels."""
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
    found: float = sum(
        each.value
        for each in samples
        if each.name == f"maintenance_mirror_{name}" and labels.items() <= each.labels.items()
    )
    return found


def test_a_scrape_tells_what_was_done_and_with_how_many_calls(
    running: Function, simulator: Simulator
) -> None:
    before = len(simulator.calls)
    assert [post(running, each) for each in (ENTER, EXIT, NOT_OURS)] == [204] * 3
    text = scraped(running.url)
    assert value(text, "events_total", event=ENTERED, outcome="entered") == 1
    assert value(text, "events_total", event="other", outcome="ignored") == 1
    assert value(text, "events_total") == 3
    calls = len(simulator.calls) - before
    assert value(text, "calls_total", party="vrops") == calls
    assert value(text, "call_duration_seconds_count", party="vrops", status="200") <= calls
    assert value(text, "logins_total", party="vrops") == simulator.logins == 1
    assert value(text, "build_info", door="knative") == 1
    assert "esx01" not in text
    assert "process_start_time_seconds" in text


def test_an_outage_is_told_by_calls_errors_and_the_breaker(
    running: Function, simulator: Simulator
) -> None:
    assert post(running, ENTER) == 204
    simulator.fault(status=500, count=100)
    assert [post(running, EXIT) for _ in range(6)] == [503] * 6
    text = scraped(running.url)
    assert value(text, "events_total", error="OperationsUnavailableError") == 6
    assert value(text, "breaker_open", party="vrops") == 1
    assert value(text, "call_duration_seconds_count", status="500") == 5
    health = requests.get(f"{running.url}/healthz", timeout=TIMEOUT_SECONDS).json()
    assert "vRealize Operations" in health["problem"]


def test_what_is_posted_there_is_an_event_all_the_same(running: Function) -> None:
    assert post(running, ENTER, "/metrics") == 204
    assert value(scraped(running.url), "events_total", event=ENTERED) == 1
    head = requests.head(f"{running.url}/metrics", timeout=TIMEOUT_SECONDS)
    assert (head.status_code, head.content) == (200, b"")


@needs_promtool
def test_prometheus_own_tool_finds_nothing_wrong(running: Function, simulator: Simulator) -> None:
    assert post(running, ENTER) == 204
    simulator.fault(status=500, count=100)
    assert post(running, EXIT) == 503
    assert check_metrics(scraped(running.url)) == ""


def test_one_process_of_several_would_not_tell_the_truth(
    simulator: Simulator, tmp_path: Path
) -> None:
    starting: AbstractContextManager[Function] = function(
        tmp_path / "log", simulator, METRICS="true", WORKERS="2"
    )
    with pytest.raises(NotStartedError, match="METRICS needs one process, but WORKERS"), starting:
        pass


@needs_go
@pytest.mark.timeout(300)
def test_without_veba_they_are_beside_the_health(tmp_path: Path) -> None:
    with field(tmp_path, 4) as site, site.watcher(METRICS="true") as watcher:
        [vcenter] = site.vcenters
        watcher.said("reconciled")
        vcenter.change(vcenter.hosts[0])
        site.settled()
        watcher.said('"action": "entered"')
        vcenter.stop()
        watcher.said("not watched")
        text = scraped(watcher.url)
    assert value(text, "sweeps_total", result="good") >= 1
    assert value(text, "last_good_sweep_timestamp_seconds") > 0
    assert value(text, "events_total", event=ENTERED, outcome="entered") == 1
    assert value(text, "logins_total", party="vcenter") == 1
    assert value(text, "calls_total", party="vcenter") > 0
    # What waits for changes is no call that takes 20 seconds.
    slow = value(text, "call_duration_seconds_count", status="200")
    assert value(text, "call_duration_seconds_bucket", status="200", le="10.0") == slow
    assert value(text, "build_info", door="watch") == 1
    assert vcenter.hosts[0] not in text


LAMBDA = """
import json, sys
from lab.events import ENTER, lambda_event
from adapters.eventbridge import lambda_handler
lambda_handler(lambda_event(ENTER), None)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_on_lambda_they_are_a_line_of_the_log_and_need_no_package(simulator: Simulator) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LAMBDA],
        env=environment(simulator, METRICS="true"),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    metrics, modules = [json.loads(line) for line in done.stdout.splitlines()]
    assert metrics["Event"] == ENTERED
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "MaintenanceMirror"
    # The last one releases the token, when the process ends.
    assert metrics["VropsCalls"] == len(simulator.calls) - 1
    assert "prometheus_client" not in modules
