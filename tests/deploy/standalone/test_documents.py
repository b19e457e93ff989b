"""What the page shows is what happens, as far as it happens here."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.processes import ROOT, Function, environment, free_port, started
from simulator import Simulator
from tests.deploy.knative import manifests
from tests.deploy.standalone.deployments import (
    FOLLOWED,
    OVERLAYS,
    README,
    STANDALONE,
    UNITS,
    build,
    container,
    pod,
    scripts,
    variables,
)
from tests.documents import blocks, broken_links, commands, crowded_lines
from tests.vcenters import Vcsim, needs_go

HERE = "tests/deploy/standalone/test_documents.py"
# Followed there as they stand, with systemd and as root.
ON_A_MACHINE = "tests/deploy/standalone/test_machine.py"
BUILD = f"docker build -f deploy/knative/Dockerfile -t {manifests.IMAGE} ."
RENDER = [f"kubectl kustomize deploy/standalone/kubernetes/overlays/{name}" for name in OVERLAYS]
CREATE = scripts("Kubernetes")[2].splitlines()
# Built with buildah there, by the same arguments.
RUN_BY = {BUILD: "tests/deploy/knative/test_image.py", **dict.fromkeys([*RENDER, *CREATE], HERE)}
RUN_BY |= {line: ON_A_MACHINE for t, n in FOLLOWED for line in scripts(t)[n].splitlines()}
kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")


def run(command: str, folder: Path, *options: str) -> str:
    """Run kubectl without any server."""
    done = subprocess.run(
        [*shlex.split(command), *options],
        cwd=folder,
        env={**os.environ, "KUBECONFIG": os.devnull},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout


def created(command: str, folder: Path) -> Any:
    return json.loads(run(command, folder, "--dry-run=client", "-o", "json"))


def test_every_command_is_run_by_a_test_or_says_what_it_needs() -> None:
    assert set(commands(README)) <= RUN_BY.keys()
    assert all((ROOT / place).is_file() for place in RUN_BY.values())


def test_links_lead_somewhere_and_lines_are_sentences() -> None:
    assert broken_links(README) == []
    assert crowded_lines(README) == []


def test_every_file_it_names_is_there() -> None:
    _, _, table = README.read_text(encoding="utf-8").partition("| Folder or file |")
    rows = table.partition("\n\n")[0].splitlines()[2:]
    named = [name for row in rows for name in row.split("|")[1].split("`")[1::2]]
    assert [name for name in named if not (STANDALONE / name).exists()] == []
    units = {f"systemd/{each.name}" for each in UNITS.iterdir()}
    assert units <= set(named)


def test_the_units_that_it_installs_are_those_that_it_removes() -> None:
    (line,) = [line for line in commands(README) if line.startswith("rm /etc/systemd/system/")]
    removed = {Path(word).name for word in line.split()[1:]}
    assert removed == {each.name for each in UNITS.iterdir()}


@kubectl
def test_the_commands_make_what_the_pod_mounts(tmp_path: Path) -> None:
    for name in ("vrops-password", "vcenter-password", "vrops-ca.crt", "vcenter-ca.crt"):
        (tmp_path / name).write_text("x\n", encoding="utf-8")
    made = [created(command, tmp_path) for command in CREATE]
    names = {each["metadata"]["name"]: each["data"].keys() for each in made}
    mounts = {each["name"]: each["mountPath"] for each in container("watch")["volumeMounts"]}
    files = [value for name, value in variables("watch").items() if name.endswith("_FILE")]
    for volume in pod("watch")["spec"]["volumes"]:
        source = volume.get("secret", {}).get("secretName") or volume["configMap"]["name"]
        folder = mounts[volume["name"]]
        assert {path for path in files if str(Path(path).parent) == folder} == {
            f"{folder}/{key}" for key in names[source]
        }
    (namespace,) = {each["metadata"]["namespace"] for each in made}
    assert namespace in [each["metadata"]["name"] for each in build("watch")]


@kubectl
@pytest.mark.parametrize("command", RENDER)
def test_the_commands_show_what_would_be_created(command: str) -> None:
    overlay = command.rpartition("/")[2]
    assert manifests.load(run(command, ROOT)) == build(overlay)


@pytest.mark.skipif(manifests.tool() is None, reason="needs kubectl or kustomize")
def test_what_is_asked_of_kubernetes_is_there() -> None:
    objects = [each for overlay in OVERLAYS for each in build(overlay)]
    kinds = {each["kind"].lower(): each["metadata"]["name"] for each in objects}
    text = README.read_text(encoding="utf-8")
    for kind in ("deployment", "cronjob"):
        assert f"{kind}/{kinds[kind]}" in text
    assert f"kubectl delete namespace {kinds['namespace']}" in text


@pytest.fixture
def watching(vcenter: Vcsim, simulator: Simulator, tmp_path: Path) -> Iterator[Function]:
    """The process, set up as the page says."""
    port = free_port()
    told = {
        **vcenter.variables,
        "HEALTH_ADDRESS": f"127.0.0.1:{port}",
        "MAINTENANCE_LEASE_MINUTES": variables("watch")["MAINTENANCE_LEASE_MINUTES"],
    }
    command = [sys.executable, "-m", "adapters.watch"]
    environ = environment(simulator, **told)
    with started(command, port, tmp_path / "log", environ=environ) as running:
        yield running


@needs_go
@pytest.mark.xdist_group("vcsim")
def test_the_line_it_shows_is_one_that_is_written(watching: Function, vcenter: Vcsim) -> None:
    (shown,) = [json.loads(text) for text in blocks(README, "json")]
    watching.said("reconciled: ")
    host = next(each for each in vcenter.hosts if each.name == shown["host"])
    vcenter.enter(host.moref)
    line = watching.said('"action": "entered"').replace(vcenter.address, shown["vcenter"])
    written = json.loads(line)
    assert list(written) == list(shown)
    assert {**written, **{name: shown[name] for name in ("time", "duration_ms")}} == shown
