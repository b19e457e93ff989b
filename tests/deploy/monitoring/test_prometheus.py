"""A real Prometheus: it scrapes the real function, and tells of what becomes of real hosts.

A host is forgotten in a real vSphere API, the function compares it with the simulator, and nothing
stands between the two but what Prometheus reads. What rules wait for is made short; that they wait
for as long as they should is what test_rules.py tries.
"""

import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from lab.events import ping
from lab.processes import Function, free_port, function, started
from tests.deploy.monitoring.rules import PREFIX, RULES
from tests.deploy.monitoring.test_dashboard import filled, queries
from tests.deploy.monitoring.test_scraping import without_kubernetes
from tests.vcenters import Vcsim, collecting, needs_go, vcsim

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        shutil.which("prometheus") is None,
        reason="needs prometheus, of Debian's package of that name",
    ),
]

# Longer than any of this takes: it only ends what would hang.
PATIENCE_SECONDS = 60.0
PORT = "__meta_kubernetes_pod_container_port_number"
# Of a sweep that may change nothing at all.
NONE = "0"


class Prometheus:
    """A Prometheus that runs, and what it says."""

    def __init__(self, running: Function) -> None:
        self._running = running

    def ask(self, path: str, **parameters: str) -> Any:
        """Return what its API answers; fails if it refuses."""
        url = f"{self._running.url}/api/v1/{path}"
        answer = requests.get(url, params=parameters, timeout=PATIENCE_SECONDS).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def firing(self) -> dict[str, Any]:
        """Return the alerts that fire, by their names without PREFIX."""
        found = [each for each in self.ask("alerts")["alerts"] if each["state"] == "firing"]
        return {each["labels"]["alertname"].removeprefix(PREFIX): each for each in found}

    def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds; fails, with what fires, if it never does."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < ends, (self.firing(), self._running.output[-4000:])
            time.sleep(0.1)


def hurried(text: str) -> str:
    """Return rules that wait for a second where they would for minutes."""
    return re.sub(r"\bfor: \d+m$", "for: 1s", text, flags=re.MULTILINE)


@contextmanager
def prometheus(folder: Path, jobs: Sequence[dict[str, Any]]) -> Iterator[Prometheus]:
    """Run a Prometheus with our rules that looks every second."""
    every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config = {"global": every, "rule_files": ["rules.yaml"], "scrape_configs": [*jobs]}
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (folder / "rules.yaml").write_text(hurried(RULES.read_text(encoding="utf-8")), "utf-8")
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with started(command, port, folder / "log", folder=folder, answers=_is_ready) as running:
        yield Prometheus(running)


def _is_ready(url: str) -> bool:
    return requests.get(f"{url}/-/ready", timeout=PATIENCE_SECONDS).ok


def of(running: Function) -> dict[str, Any]:
    """Return the job that scrapes a function."""
    return {"job_name": "mirror", "static_configs": [{"targets": [f"127.0.0.1:{running.port}"]}]}


@contextmanager
def mirroring(folder: Path, **settings: str) -> Iterator[tuple[Vcsim, Function]]:
    with vcsim(3) as vcenter, collecting(vcenter) as operations:
        told = {**vcenter.variables, "METRICS": "true", "MAINTENANCE_LEASE_MINUTES": "60"}
        with function(folder / "function", operations, **told, **settings) as running:
            yield vcenter, running


def sweep(running: Function) -> int:
    """Let the timer ask for a sweep; returns the status of the reply."""
    return int(running.send(ping().request()).split(b" ", 2)[1])


@needs_go
def test_a_forgotten_host_fires_and_one_that_is_taken_out_resolves(tmp_path: Path) -> None:
    with mirroring(tmp_path) as (vcenter, running), prometheus(tmp_path, [of(running)]) as told:
        host, *_ = vcenter.hosts
        vcenter.enter_long_ago(host.moref)
        assert sweep(running) == 204
        told.until(lambda: "HostOverdue" in told.firing())
        alert = told.firing()["HostOverdue"]
        assert alert["labels"]["vcenter"] == vcenter.address
        assert alert["annotations"]["description"].startswith(
            f"1 of the hosts of {vcenter.address} have been in maintenance mode"
        )
        assert {*told.firing()} == {"HostOverdue"}
        vcenter.leave(host.moref)
        assert sweep(running) == 204
        told.until(lambda: not told.firing())
        assert [rule["lastError"] for rule in rules(told) if "lastError" in rule] == []
        assert {rule["health"] for rule in rules(told)} == {"ok"}


@needs_go
def test_a_refused_sweep_fires_and_so_does_a_function_that_is_gone(tmp_path: Path) -> None:
    with (
        mirroring(tmp_path, RECONCILE_MAX_CHANGES=NONE) as (vcenter, running),
        prometheus(tmp_path, [of(running)]) as told,
    ):
        assert sweep(running) == 204
        vcenter.enter(vcenter.hosts[0].moref)
        assert sweep(running) == 422
        told.until(lambda: {*told.firing()} == {"SweepRefused"})
        running.stop()
        told.until(lambda: "Absent" in told.firing())


@needs_go
def test_the_dashboard_shows_what_is_there(tmp_path: Path) -> None:
    with mirroring(tmp_path) as (vcenter, running), prometheus(tmp_path, [of(running)]) as told:
        vcenter.enter(vcenter.hosts[0].moref)
        assert sweep(running) == 204
        in_maintenance, *_ = asked = [filled(each) for each in queries()]
        told.until(lambda: told.ask("query", query=in_maintenance)["result"])
        (found,) = told.ask("query", query=in_maintenance)["result"]
        assert found["value"][1] == "1"
        # But for events of hosts, of which there were none; an increase takes two looks.
        shown = [each for each in asked if 'event!="Reconcile"' not in each]
        assert len(shown) == len(asked) - 4
        told.until(lambda: all(told.ask("query", query=each)["result"] for each in shown))


def test_the_jobs_without_an_operator_lead_to_the_right_addresses(tmp_path: Path) -> None:
    known = "__meta_kubernetes_pod_label_"
    pods = [
        {f"{known}serving_knative_dev_service": "maintenance-mirror", PORT: "8080"},
        {f"{known}serving_knative_dev_service": "maintenance-mirror", PORT: "9091"},
        {f"{known}serving_knative_dev_service": "maintenance-mirror-dead-letters", PORT: "8080"},
        {f"{known}app_kubernetes_io_component": "watch", PORT: "8080"},
        {f"{known}app_kubernetes_io_component": "sweep", PORT: "8080"},
    ]
    jobs = {each["job_name"]: each for each in without_kubernetes()["scrape_configs"]}
    jobs["maintenance-mirror"]["static_configs"] = [
        {"targets": [f"192.0.2.{n}:{each[PORT]}"], "labels": each} for n, each in enumerate(pods)
    ]
    # Nobody is asked for anything meanwhile.
    seldom = [{**job, "scrape_interval": "1h"} for job in jobs.values()]
    with prometheus(tmp_path, seldom) as told:
        told.until(lambda: len(told.ask("targets")["activeTargets"]) == 5)
        active = told.ask("targets")["activeTargets"]
    assert {each["scrapeUrl"] for each in active} == {
        "http://192.0.2.0:8080/metrics",
        "http://192.0.2.3:8080/metrics",
        "http://127.0.0.1:8080/metrics",
        "https://veba.example.com:443/function/maintenance-mirror/metrics",
        "https://veba.example.com:443/function/maintenance-mirror-reconcile/metrics",
    }


def rules(told: Prometheus) -> list[dict[str, Any]]:
    return [rule for group in told.ask("rules")["groups"] for rule in group["rules"]]
