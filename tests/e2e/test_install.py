"""A fresh install, with the commands of the README."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from lab.events import EXAMPLES
from lab.processes import ROOT, TIMEOUT_SECONDS, environment, free_port
from simulator import Host, Simulator
from tests.messages import parse

# One installation for all tests, however many processes run them.
pytestmark = pytest.mark.xdist_group("install")
LEFT_OUT = shutil.ignore_patterns(".*", "build", "__pycache__", "tests", "docs", "simulator")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project alone, installed as its README says."""
    copy = tmp_path_factory.mktemp("checkout") / "project"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    block = re.search(
        r"```sh\n(python3 -m venv.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S
    )
    assert block
    commands = block[1].splitlines()
    for command in commands[:3]:
        run(command.replace("python3", sys.executable), copy)
    yield copy
    shutil.rmtree(copy)


def run(command: str, folder: Path) -> str:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    result = subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=environ,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_function_runs_from_the_checkout_and_mirrors(checkout: Path) -> None:
    port = free_port()
    with Simulator([Host("esx01.lab.local", "host-1001", "vcenter.lab.local")]) as simulator:
        environ = environment(simulator, HOST="127.0.0.1", PORT=str(port), LOG_LEVEL="INFO")
        command = ".venv/bin/functions-framework --source adapters/knative.py --target handle"
        with subprocess.Popen(command.split(), cwd=checkout, env=environ) as process:
            try:
                message = parse((EXAMPLES / "router-binary-enter.http").read_bytes())
                session = requests.Session()
                retries = requests.adapters.Retry(connect=20, backoff_factor=0.1)
                session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
                url = f"http://127.0.0.1:{port}/"
                reply = session.post(url, message.body, headers=message.headers, timeout=30)
                assert reply.status_code == 204
                assert simulator.state("esx01.lab.local") == "MAINTAINED_MANUAL"
            finally:
                session.close()
                process.terminate()
                process.wait(TIMEOUT_SECONDS)


def test_what_is_installed_is_what_is_deployed_and_no_more(checkout: Path) -> None:
    listed = json.loads(run(".venv/bin/python -m pip list --format json", checkout))
    names = {package["name"].lower() for package in listed}
    deployed = {"maintenance-mirror", "requests", "defusedxml", "functions-framework", "pyvmomi"}
    assert deployed <= names
    assert names.isdisjoint({"boto3", "rich", "trustme", "pytest", "hypothesis"})


@pytest.mark.parametrize("module", ["openfaas", "eventbridge"])
def test_the_other_processors_need_neither_flask_nor_the_sdk(module: str, checkout: Path) -> None:
    code = shlex.quote(f"import sys, adapters.{module}; print(*sys.modules)")
    loaded = set(run(f".venv/bin/python -c {code}", checkout).split())
    assert loaded.isdisjoint({"flask", "cloudevents", "functions_framework", "boto3", "pyVmomi"})
    assert "adapters.vrops" in loaded
