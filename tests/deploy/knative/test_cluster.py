"""What a real API server makes of the overlays, and of the page's commands, from first to last."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy import clusters
from tests.deploy.clusters import Cluster, lost
from tests.deploy.knative.appliance import KINDS, add_broker, install, make_ready
from tests.deploy.knative.manifests import IMAGE, KNATIVE, RELEASES, Manifest, load
from tests.deploy.knative.test_definitions import needs_definitions
from tests.documents import blocks

README = KNATIVE / "README.md"
STORED = f"{KINDS},configmaps,secrets"
# The overlay that the page shows; a reader takes the one of his VEBA instead.
SHOWN = "veba-0.8"
_BUILD = "docker build -f deploy/knative/Dockerfile"
_LOGS = "kubectl -n vmware-functions logs -l serving.knative.dev/service=maintenance-mirror"
# Knative names the Deployment of a revision so (serving's names.go, from 0.20 to 1.13).
_REDRIVE = (
    "kubectl -n vmware-functions exec -i deploy/$(kubectl -n vmware-functions get ksvc"
    " maintenance-mirror -o jsonpath={.status.latestReadyRevisionName})-deployment -c function"
    " -- python -m adapters.redrive"
)
# The commands that an API server is not enough for, and what they need.
NOT_RUN = {
    f"{_BUILD} -t {IMAGE} .": "Docker",
    "docker pull python:3.13-slim-bookworm": "Docker",
    f"{_BUILD} --build-arg BASE=python:3.13-slim-bookworm@sha256:DIGEST_THAT_PULL_PRINTED"
    f" -t {IMAGE} .": "Docker",
    f"docker push {IMAGE}": "a registry",
    f"pack build {IMAGE} --builder paketobuildpacks/builder-jammy-base"
    " --env BP_PIP_REQUIREMENT=requirements/knative.txt": "Docker",
    f"{_LOGS} -c function --tail=20 --follow": "a kubelet",
    f"{_LOGS}-echo -c function --tail=20 --follow": "a kubelet",
    f"{_LOGS}-dead-letters -c function --tail=-1": "a kubelet",
    f"{_LOGS}-dead-letters -c function --tail=-1 --since=24h | {_REDRIVE}": "a kubelet",
    "maintenance-mirror reconcile --dry-run": "vCenter and vRealize Operations",
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(each, marks=pytest.mark.xdist_group(each)) for each in RELEASES],
)
def veba(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def appliance(veba: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with clusters.running(tmp_path_factory.mktemp("cluster")) as running:
        install(running, RELEASES[veba])
        [create] = [line for line in commands() if "create namespace" in line]
        running.run(create)
        add_broker(running)
        yield running


@pytest.fixture
def cluster(appliance: Cluster) -> Iterator[Cluster]:
    yield appliance
    appliance.run(f"kubectl -n vmware-functions delete {STORED} --all")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the page's commands find in the project's root, to be changed at will."""
    shutil.copytree(KNATIVE, tmp_path / "deploy" / "knative")
    for name in ("password.txt", "ca.crt", "vcenter-password.txt", "vcenter-ca.crt"):
        (tmp_path / name).write_text("x\n", encoding="utf-8")
    return tmp_path


def commands(heading: str = "") -> list[str]:
    """Return the page's commands, in their order, or those below one of its headings."""
    found = [line for text in blocks(README, "sh", heading) for line in text.splitlines()]
    return [line for line in found if not line.startswith("# ")]


def follow(cluster: Cluster, folder: Path, veba: str, heading: str = "") -> None:
    """Do what the page says, with the overlays of a VEBA."""
    for line in commands(heading):
        if line not in NOT_RUN:
            printed = run(cluster, folder, line.replace(SHOWN, veba))
            assert " get ksvc," not in line or readiness(printed) == {"True"}, printed


def run(cluster: Cluster, folder: Path, line: str) -> str:
    """Run a command, play the controllers of what it applied, and return what it printed."""
    printed = cluster.run(line, folder)
    if " apply " in line:
        make_ready(cluster)
    return printed


def readiness(tables: str) -> set[str]:
    """Return what kubectl's tables say in their columns READY."""
    found = set()
    for table in tables.strip().split("\n\n"):
        head, *rows = table.splitlines()
        at = head.index("READY")
        found |= {row[at:].split()[0] for row in rows}
    return found


def apply(cluster: Cluster, folder: Path, overlay: str, validate: str = "strict") -> None:
    command = f"kubectl apply --validate={validate} -k deploy/knative/overlays/{overlay}"
    run(cluster, folder, command)


def change_settings(folder: Path) -> None:
    """Give the function one more setting, and so its ConfigMap another name."""
    path = folder / "deploy" / "knative" / "base" / "settings.env"
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text}\nSETTING_{len(text)}=1\n", encoding="utf-8")


def wanted(cluster: Cluster, folder: Path, overlay: str) -> list[Manifest]:
    """Return the objects of an overlay, with the settings as they are in the folder."""
    return load(cluster.run(f"kubectl kustomize deploy/knative/overlays/{overlay}", folder))


def names(objects: list[Manifest]) -> set[str]:
    """Return kind and name of each object that is ours."""
    found = {f"{each['kind']}/{each['metadata']['name']}" for each in objects}
    return {each for each in found if "/maintenance-mirror" in each}


def there(cluster: Cluster) -> set[str]:
    """Return kind and name of all that the cluster has of ours."""
    return names(cluster.objects(STORED))


def test_what_is_not_run_is_what_the_page_says() -> None:
    assert NOT_RUN.keys() <= set(commands())


@pytest.mark.cluster
@pytest.mark.parametrize("suffix", ["", "-vcenter", "-echo"])
def test_an_overlay_is_stored_as_it_was_sent(
    cluster: Cluster, folder: Path, veba: str, suffix: str
) -> None:
    apply(cluster, folder, f"{veba}{suffix}")
    for sent in wanted(cluster, folder, f"{veba}{suffix}"):
        assert lost(sent, cluster.stored(sent)) == []
    cluster.run(f"kubectl delete -k deploy/knative/overlays/{veba}{suffix}", folder)
    assert there(cluster) == set()


@pytest.mark.cluster
@needs_definitions
def test_the_page_knows_a_veba_by_what_its_cluster_says(cluster: Cluster, veba: str) -> None:
    asked, *_ = commands()
    head, row = cluster.run(asked).splitlines()
    release, version = head.index("RELEASE"), head.index("VERSION")
    said = [text.strip().removesuffix(".0") for text in (row[release:version], row[version:])]
    cells = f"| {' | '.join(each or 'nothing' for each in said)} |"
    [line] = [line for line in README.read_text("utf-8").splitlines() if line.startswith(cells)]
    assert f"`overlays/{veba}`" in line


@pytest.mark.cluster
def test_the_page_is_followed_without_an_error_and_leaves_nothing(
    cluster: Cluster, folder: Path, veba: str
) -> None:
    follow(cluster, folder, veba)
    assert there(cluster) == set()


@pytest.mark.cluster
def test_an_upgrade_leaves_what_its_overlay_makes_and_no_more(
    cluster: Cluster, folder: Path, veba: str
) -> None:
    older = [*RELEASES][max(0, [*RELEASES].index(veba) - 1)]
    for overlay in (older, f"{older}-vcenter"):
        # As it was when the cluster had an older Knative, which may have known other fields.
        apply(cluster, folder, overlay, validate="ignore")
        change_settings(folder)
    follow(cluster, folder, veba, "Upgrade")
    objects = wanted(cluster, folder, veba)
    assert there(cluster) == names(objects)
    for sent in objects:
        stored = cluster.stored(sent)
        assert lost(sent, stored) == []
        # A Service may have defaults.
        assert sent["kind"] == "Service" or sent.get("spec") == stored.get("spec")


@pytest.mark.cluster
def test_what_is_read_until_a_revision_is_ready_is_not_cleaned_up(
    cluster: Cluster, folder: Path, veba: str
) -> None:
    apply(cluster, folder, veba)
    change_settings(folder)
    # And no controller acts on it: the new settings may be wrong.
    cluster.run(f"kubectl apply -k deploy/knative/overlays/{veba}", folder)
    before = there(cluster)
    [cleanup] = [line for line in commands("Upgrade") if " wait " in line]
    assert not cluster.succeeds(cleanup.replace("--timeout=5m", "--timeout=1s"))
    assert there(cluster) == before


@pytest.mark.cluster
def test_what_was_applied_without_the_label_is_given_it(
    cluster: Cluster, folder: Path, veba: str
) -> None:
    overlay = f"{veba}-vcenter"
    labelled = cluster.run(f"kubectl kustomize deploy/knative/overlays/{overlay}", folder)
    older = [line for line in labelled.splitlines() if "app.kubernetes.io/part-of:" not in line]
    cluster.run("kubectl apply -f -", given="\n".join(older))
    change_settings(folder)
    apply(cluster, folder, overlay)
    follow(cluster, folder, veba, "Remove")
    # Nothing but the older ConfigMap, which CHANGELOG tells how to find.
    [left] = there(cluster)
    assert left.startswith("ConfigMap/maintenance-mirror-")
    unlabelled = "kubectl get configmap -A -l '!app.kubernetes.io/part-of' -o name"
    assert left.lower() in cluster.run(unlabelled)


@pytest.mark.cluster
def test_settings_that_were_changed_often_are_removed_all_the_same(
    cluster: Cluster, folder: Path, veba: str
) -> None:
    for overlay in (veba, f"{veba}-vcenter", veba, f"{veba}-vcenter"):
        apply(cluster, folder, overlay)
        change_settings(folder)
    follow(cluster, folder, veba, "Remove")
    assert there(cluster) == set()
