"""The image, as the Deployment and the CronJob run it: confined, between two simulated sides."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import requests

from lab.processes import TIMEOUT_SECONDS, free_port, started
from simulator import Simulator
from tests.deploy.knative import image, manifests
from tests.deploy.knative.image import Containers, account
from tests.deploy.standalone.deployments import (
    CONFIGURED,
    SETTINGS,
    container,
    podman_run,
    variables,
)
from tests.deploy.standalone.sides import agreed, prepare
from tests.vcenters import Vcsim, needs_go

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(image.missing() is not None, reason=str(image.missing())),
    pytest.mark.skipif(manifests.tool() is None, reason="needs kubectl or kustomize"),
    needs_go,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("image"),
]


def command(
    built: Containers, overlay: str, folder: Path, simulator: Simulator, vcenter: Vcsim, port: int
) -> list[str]:
    """Return what runs the container of an overlay, but for addresses, accounts and CAs."""
    settings = {
        **variables(overlay),
        **account(folder / "vrops", simulator, "VROPS"),
        **account(folder / "vcenter", vcenter, "VCENTER"),
        "HEALTH_ADDRESS": f"127.0.0.1:{port}",
    }
    first, *rest = container(overlay)["command"]
    options = [f"--env={name}={value}" for name, value in settings.items()]
    options += [f"--entrypoint={first}", f"--volume={folder}:{folder}:ro"]
    return built.command(*rest, options=tuple(options))


def test_the_deployment_mirrors_and_tells_how_it_is(
    built: Containers, vcenter: Vcsim, simulator: Simulator, tmp_path: Path
) -> None:
    host = vcenter.hosts[0]
    port = free_port()
    watch = command(built, "watch", tmp_path, simulator, vcenter, port)
    with started(watch, port, tmp_path / "log") as running:
        running.said("reconciled: ")
        vcenter.enter(host.moref)
        running.said('"action": "entered"')
        assert simulator.state(host.name) == "MAINTAINED"
        vcenter.leave(host.moref)
        running.said('"action": "exited"')
        assert simulator.state(host.name) == "STARTED"
        for probe in ("livenessProbe", "readinessProbe"):
            path = container("watch")[probe]["httpGet"]["path"]
            assert requests.get(f"{running.url}{path}", timeout=TIMEOUT_SECONDS).status_code == 200
        assert running.stop() == 0


def test_podman_runs_what_the_page_says(
    built: Containers, vcenter: Vcsim, simulator: Simulator, tmp_path: Path
) -> None:
    settings = Path(shutil.copy(SETTINGS, tmp_path))
    prepare(tmp_path, settings, vcenter, simulator)
    tmp_path.chmod(0o755)
    for password in tmp_path.glob("*-password"):
        os.chown(password, 65532, 0)
        password.chmod(0o400)
    # The simulated sides listen on this machine alone.
    at_home = f"127.0.0.1:{free_port()}"
    changed = [word.replace(CONFIGURED, str(tmp_path)) for word in podman_run()]
    _, run, *words = [word.replace("0.0.0.0:8080", at_home) for word in changed]
    settings.write_text(settings.read_text("utf-8").replace(CONFIGURED, str(tmp_path)), "utf-8")
    words[words.index(manifests.IMAGE)] = image.IMAGE
    host = vcenter.hosts[2]
    try:
        built.podman(run, *image.LIMITS, "--network", "host", *words)
        vcenter.enter(host.moref)
        assert agreed(vcenter, simulator, host.moref)
        vcenter.leave(host.moref)
        assert agreed(vcenter, simulator)
    finally:
        print(built.podman("logs", "maintenance-mirror"))
        built.podman("rm", "--force", "maintenance-mirror")


def test_the_cron_job_sweeps_once(
    built: Containers, vcenter: Vcsim, simulator: Simulator, tmp_path: Path
) -> None:
    host = vcenter.hosts[1]
    vcenter.enter(host.moref)
    sweep = command(built, "sweep", tmp_path, simulator, vcenter, free_port())
    done = subprocess.run(sweep, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]
    assert [line["action"] for line in lines if "action" in line][-1] == "reconciled"
    assert simulator.state(host.name) == "MAINTAINED"
