"""What `kubectl apply -k` would create, checked against what Kubernetes takes."""

from pathlib import Path

import pytest

from adapters.config.settings import Settings
from tests.deploy.knative import manifests
from tests.deploy.knative.manifests import Manifest, of_kind
from tests.deploy.knative.schemas import problems
from tests.deploy.standalone.deployments import (
    KUBERNETES,
    OVERLAYS,
    SETTINGS,
    build,
    container,
    env_file,
    pod,
    started_with,
    variables,
)
from tests.deploy.standalone.schemas import KINDS

pytestmark = pytest.mark.skipif(manifests.tool() is None, reason="needs kubectl or kustomize")
every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)
PART_OF = "app.kubernetes.io/part-of"


def mistakes(manifest: Manifest) -> list[str]:
    return problems(KINDS[manifest["kind"]], manifest)


@every_overlay
def test_every_object_is_one_that_kubernetes_knows(overlay: str) -> None:
    objects = build(overlay)
    assert {each["metadata"]["name"]: mistakes(each) for each in objects if mistakes(each)} == {}
    assert sorted(each["kind"] for each in objects) == sorted(
        ["ConfigMap", "Namespace", {"watch": "Deployment", "sweep": "CronJob"}[overlay]]
    )


@every_overlay
def test_a_misspelt_field_would_be_noticed(overlay: str) -> None:
    *_, runner = build(overlay)
    assert mistakes(runner | {"spec": {**runner["spec"], "replica": 1}})


@every_overlay
def test_removing_the_namespace_leaves_nothing_behind(overlay: str) -> None:
    (namespace,) = of_kind(build(overlay), "Namespace")
    for each in build(overlay):
        assert each["metadata"]["labels"][PART_OF] == "maintenance-mirror"
        assert each["kind"] == "Namespace" or each["metadata"]["namespace"] == namespace
    # What is applied first is what the overlay has, too.
    (alone,) = manifests.read(KUBERNETES / "shared" / "namespace.yaml")
    assert alone in build(overlay)


def test_the_deployment_finds_its_pod_and_no_job() -> None:
    (deployment,) = of_kind(build("watch"), "Deployment").values()
    wanted = deployment["spec"]["selector"]["matchLabels"].items()
    assert wanted <= pod("watch")["metadata"]["labels"].items()
    assert not wanted <= pod("sweep")["metadata"]["labels"].items()


@every_overlay
def test_the_container_may_do_as_little_as_on_knative(overlay: str) -> None:
    (service,) = [
        each
        for each in manifests.build("veba-0.8-vcenter")
        if each["metadata"]["name"] == "maintenance-mirror" and each["kind"] == "Service"
    ]
    (theirs,) = service["spec"]["template"]["spec"]["containers"]
    for field in ("image", "securityContext", "resources", "volumeMounts"):
        assert container(overlay)[field] == theirs[field]
    assert pod(overlay)["spec"]["volumes"] == service["spec"]["template"]["spec"]["volumes"]
    assert pod(overlay)["spec"]["automountServiceAccountToken"] is False
    assert pod(overlay)["spec"]["enableServiceLinks"] is False


def test_the_namespace_holds_it_to_that() -> None:
    (namespace,) = of_kind(build("watch"), "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_both_overlays_run_the_same_but_for_how_long() -> None:
    watch, sweep = container("watch"), container("sweep")
    assert watch["command"] == ["python", "-m", "adapters.watch"]
    assert sweep["command"] == [*watch["command"], "--once"]
    only_watched = {"command", "env", "ports", "readinessProbe", "livenessProbe"}
    assert {name for name in watch if watch[name] != sweep.get(name)} == only_watched
    assert {**variables("sweep"), "HEALTH_ADDRESS": "0.0.0.0:8080"} == variables("watch")
    rest = [{**pod(each)["spec"], "containers": [], "restartPolicy": ""} for each in OVERLAYS]
    assert rest[0] == rest[1]


def test_the_probes_ask_where_it_listens() -> None:
    port = int(variables("watch")["HEALTH_ADDRESS"].rpartition(":")[2])
    assert container("watch")["ports"] == [{"containerPort": port}]
    asked = {"readinessProbe": "/readyz", "livenessProbe": "/healthz"}
    for probe, path in asked.items():
        assert container("watch")[probe]["httpGet"] == {"path": path, "port": port}


@every_overlay
def test_it_starts_with_what_it_is_given(overlay: str, tmp_path: Path) -> None:
    known = Settings.variables()
    assert {name for name in variables(overlay) if name not in known} == set()
    found = Settings.from_environ(started_with(variables(overlay), tmp_path))
    assert found.vrops.url == "https://vrops.example.com"
    assert [each.url for each in found.vcenters] == ["https://vcenter.example.com"]
    assert found.lease_minutes == 24 * 60


@every_overlay
def test_no_password_is_applied(overlay: str) -> None:
    assert of_kind(build(overlay), "Secret") == {}
    assert not {"VROPS_PASSWORD", "VCENTER_PASSWORD"} & variables(overlay).keys()


@every_overlay
def test_files_lie_where_they_are_looked_for(overlay: str) -> None:
    mounted = [each["mountPath"] for each in container(overlay)["volumeMounts"]]
    files = [value for name, value in variables(overlay).items() if name.endswith("_FILE")]
    assert {str(Path(path).parent) for path in files} == set(mounted)


def test_a_sweep_is_over_before_the_next_one_is_due(tmp_path: Path) -> None:
    (timer,) = of_kind(build("sweep"), "CronJob").values()
    found = Settings.from_environ(started_with(variables("sweep"), tmp_path))
    interval = 60 * (found.interval_minutes or 0)
    assert timer["spec"]["schedule"] == f"*/{found.interval_minutes} * * * *"
    assert timer["spec"]["concurrencyPolicy"] == "Forbid"
    job = timer["spec"]["jobTemplate"]["spec"]
    assert found.sweep_seconds < job["activeDeadlineSeconds"]
    assert timer["spec"]["startingDeadlineSeconds"] + job["activeDeadlineSeconds"] <= interval
    # Each attempt would try a wrong password once more.
    assert job["backoffLimit"] == 0
    assert job["template"]["spec"]["restartPolicy"] == "Never"


def test_what_is_set_is_what_the_units_are_set_to() -> None:
    # Where accounts and CAs lie, and where health is told, differs.
    here = variables("watch")
    for name, value in env_file(SETTINGS).items():
        if not name.endswith(("_USERNAME", "_CA_FILE", "HEALTH_ADDRESS")):
            assert here[name] == value
