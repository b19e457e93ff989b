"""What a real API server makes of the overlays, and of the page's commands for Kubernetes."""

from pathlib import Path

import pytest

from lab.processes import ROOT
from tests.deploy.clusters import Cluster, RefusedError, lost
from tests.deploy.standalone.deployments import OVERLAYS, build, pod, scripts

NAMESPACE = "maintenance-mirror"
SECTIONS = ("Kubernetes", "Sweeping only", "Remove")
# What the first words of a command need that an API server is not enough for.
NOT_RUN = {
    "docker build": "Docker",
    "kubectl -n maintenance-mirror rollout": "a controller",
    "kubectl -n maintenance-mirror wait": "a controller",
    "kubectl -n maintenance-mirror logs": "a kubelet",
    "kubectl -n maintenance-mirror port-forward": "a kubelet",
    "curl": "the port that is forwarded",
    "kubectl delete namespace": "a controller, which empties it first",
}
pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("standalone cluster")]


def commands() -> list[str]:
    """Return the page's commands for Kubernetes, in their order."""
    texts = [text for section in SECTIONS for text in scripts(section)]
    lines = [line for text in texts for line in text.splitlines()]
    return [line for line in lines if "kubectl" in line or line.startswith(tuple(NOT_RUN))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the page's commands find in the project's root."""
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    for name in ("vrops-password", "vcenter-password", "vrops-ca.crt", "vcenter-ca.crt"):
        (tmp_path / name).write_text("x\n", encoding="utf-8")
    return tmp_path


def test_the_page_is_followed_without_an_error(cluster: Cluster, folder: Path) -> None:
    tried = [line for line in commands() if not line.startswith(tuple(NOT_RUN))]
    assert len(tried) == 10
    for line in tried:
        cluster.run(line, folder)
    for overlay in OVERLAYS:
        for sent in build(overlay):
            assert lost(sent, cluster.stored(sent)) == []
    found = cluster.objects("all,configmaps,secrets,serviceaccounts")
    ours = [each for each in found if each["metadata"].get("namespace") == NAMESPACE]
    kinds = {each["kind"] for each in ours}
    assert kinds == {"ConfigMap", "CronJob", "Deployment", "Job", "Secret"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_its_pod_is_let_in_where_only_the_restricted_are(cluster: Cluster, overlay: str) -> None:
    namespace, *_ = build(overlay)
    assert namespace["kind"] == "Namespace"
    cluster.apply(namespace)
    template = pod(overlay)
    about = {"name": overlay, "namespace": NAMESPACE, "labels": template["metadata"]["labels"]}
    told = {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": template["spec"]}
    cluster.apply(told)
    [container] = template["spec"]["containers"]
    too_much = {**container, "securityContext": {}}
    spoilt = {**told, "spec": {**template["spec"], "containers": [too_much]}}
    with pytest.raises(RefusedError, match="violates PodSecurity"):
        cluster.apply({**spoilt, "metadata": {**about, "name": "spoilt"}})
