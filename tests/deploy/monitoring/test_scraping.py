"""Where Prometheus finds us: the components of the overlays, and the jobs without an operator."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.config.settings import Settings
from lab.processes import ROOT
from tests.deploy.knative import manifests
from tests.deploy.knative.manifests import KNATIVE, MIRRORS, Manifest, of_kind
from tests.deploy.knative.schemas import TEXT, TEXTS, problems
from tests.deploy.knative.schemas import _closed as closed
from tests.deploy.knative.schemas import _list as listed
from tests.deploy.monitoring.rules import MONITORING, RULES, promtool
from tests.deploy.standalone.deployments import KUBERNETES
from tests.documents import blocks, broken_links, commands, crowded_lines
from tests.promtool import needs_promtool

README = MONITORING / "README.md"
needs_kustomize = pytest.mark.skipif(manifests.tool() is None, reason="needs kubectl or kustomize")
# Written down from the operator's API reference, with what is used here.
_ENDPOINT = closed({"port": TEXT, "path": TEXT, "interval": TEXT}, "port", "path")
POD_MONITOR = closed(
    {
        "apiVersion": {"const": "monitoring.coreos.com/v1"},
        "kind": {"const": "PodMonitor"},
        "metadata": closed({"name": TEXT, "namespace": TEXT, "labels": TEXTS}, "name", "namespace"),
        "spec": closed(
            {
                "selector": closed({"matchLabels": TEXTS}, "matchLabels"),
                "podMetricsEndpoints": listed(_ENDPOINT),
            },
            *("selector", "podMetricsEndpoints"),
        ),
    },
    *("apiVersion", "kind", "metadata", "spec"),
)
OVERLAYS = [
    *(KNATIVE / "overlays" / name for name in MIRRORS),
    KUBERNETES / "overlays" / "watch",
]


def run(command: str, folder: Path) -> str:
    """Run a command of the README in a folder that looks like the project."""
    done = subprocess.run(
        command, shell=True, cwd=folder, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of all that is deployed, for commands that change it."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    return tmp_path


@pytest.fixture(scope="module", params=OVERLAYS, ids=lambda path: path.name)
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Manifest], list[Manifest]]:
    """What an overlay creates, and what it does with the line that the README adds to it."""
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "deploy", project / "deploy")
    line, _ = blocks(README, "sh")[0].splitlines()
    where = request.param.relative_to(ROOT)
    run(line.replace("deploy/knative/overlays/veba-0.8-vcenter", str(where)), project)
    return manifests.build(str(request.param)), manifests.build(str(project / where))


@needs_kustomize
def test_the_component_adds_a_podmonitor_and_a_setting_and_the_name_of_a_port(
    built: tuple[list[Manifest], list[Manifest]],
) -> None:
    plain, found = built
    assert len(found) == len(plain) + 1
    (settings,) = of_kind(found, "ConfigMap").values()
    (before,) = of_kind(plain, "ConfigMap").values()
    assert settings["data"] == {**before["data"], "METRICS": "true"}
    assert {*settings["data"]} <= {*Settings.variables()}
    added = {each["kind"] for each in found} - {each["kind"] for each in plain}
    assert added == {"PodMonitor"}


@needs_kustomize
def test_the_podmonitor_finds_the_pods_and_their_port(
    built: tuple[list[Manifest], list[Manifest]],
) -> None:
    _, found = built
    (monitor,) = of_kind(found, "PodMonitor").values()
    assert problems(POD_MONITOR, monitor) == []
    assert monitor["metadata"]["labels"]["app.kubernetes.io/part-of"] == "maintenance-mirror"
    (runner,) = [
        each
        for each in found
        if each["kind"] in ("Service", "Deployment")
        and each["metadata"]["name"] == "maintenance-mirror"
    ]
    assert monitor["metadata"]["namespace"] == runner["metadata"]["namespace"]
    labels = monitor["spec"]["selector"]["matchLabels"]
    (port,) = runner["spec"]["template"]["spec"]["containers"][0]["ports"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    if runner["kind"] == "Deployment":
        assert labels.items() <= runner["spec"]["template"]["metadata"]["labels"].items()
        assert endpoint["port"] == port["name"]
    else:
        # Both are Knative's own words: its label, and its name for the function's only port.
        assert labels == {"serving.knative.dev/service": "maintenance-mirror"}
        assert (endpoint["port"], port) == ("user-port", {"containerPort": 8080})


def test_every_command_is_run_by_a_test_or_says_what_it_needs() -> None:
    where = Path(__file__).read_text(encoding="utf-8")
    assert len(commands(README)) == 6
    assert 'blocks(README, "sh")[0]' in where
    assert 'blocks(README, "sh")[1:3]' in where


def test_links_lead_somewhere_and_lines_are_sentences() -> None:
    assert broken_links(README) == []
    assert crowded_lines(README) == []
    lines = README.read_text(encoding="utf-8").splitlines()
    named = {line.split("`")[1] for line in lines if line.startswith("| `")}
    assert named == {each.name for each in MONITORING.iterdir()} - {README.name}


@needs_promtool
def test_the_commands_make_rules_that_lead_to_ones_own_runbook(project: Path) -> None:
    written = project / RULES.relative_to(ROOT)
    said = "".join(run(each, project) for each in blocks(README, "sh")[1:3])
    assert "SUCCESS" in said
    manifest = yaml.safe_load((written.parent / "prometheusrule.yaml").read_text("utf-8"))
    assert manifest["spec"] == yaml.safe_load(written.read_text("utf-8"))
    leading = {
        rule["annotations"]["runbook_url"].split("#")[0]
        for group in manifest["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert leading == {"https://git.example.com/maintenance-mirror/blob/main/docs/runbook.md"}


@needs_promtool
def test_promtool_takes_the_configuration(tmp_path: Path) -> None:
    # Debian's Prometheus is built without Kubernetes.
    shutil.copy(RULES, tmp_path)
    path = tmp_path / "prometheus.yaml"
    path.write_text(yaml.safe_dump(without_kubernetes()), encoding="utf-8")
    promtool("check", "config", "--syntax-only", path)


def without_kubernetes() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((MONITORING / "prometheus.yaml").read_text("utf-8"))
    for job in config["scrape_configs"]:
        job.pop("kubernetes_sd_configs", None)
    return config
