"""What the README shows is what happens, as far as it happens here."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.events import EXAMPLES
from lab.processes import ROOT, function
from simulator import Host, Simulator
from tests.deploy.knative import manifests
from tests.deploy.knative.definitions import CRDS, definitions
from tests.deploy.knative.manifests import KNATIVE, RELEASES, build, load, of_kind
from tests.documents import blocks, broken_links, commands, crowded_lines, table

README = KNATIVE / "README.md"
BUILD = f"docker build -f deploy/knative/Dockerfile -t {manifests.IMAGE} ."
SECRET = (
    "kubectl -n vmware-functions create secret generic maintenance-mirror"
    " --from-literal=username=mirror --from-file=password=password.txt"
)
CA = "kubectl -n vmware-functions create configmap maintenance-mirror-ca --from-file=ca.crt"
VCENTER_SECRET = (
    "kubectl -n vmware-functions create secret generic maintenance-mirror-vcenter"
    " --from-literal=username=mirror@vsphere.local --from-file=password=vcenter-password.txt"
)
VCENTER_CA = (
    "kubectl -n vmware-functions create configmap maintenance-mirror-vcenter-ca"
    " --from-file=ca.crt=vcenter-ca.crt"
)
RENDER = "kubectl kustomize deploy/knative/overlays/veba-0.8"
RENDER_VCENTER = f"{RENDER}-vcenter"
# Where each command is run; test_image.py builds with buildah, by the same arguments.
RUN_BY = {
    BUILD: "tests/deploy/knative/test_image.py",
    SECRET: "tests/deploy/knative/test_documents.py",
    CA: "tests/deploy/knative/test_documents.py",
    RENDER: "tests/deploy/knative/test_documents.py",
    VCENTER_SECRET: "tests/deploy/knative/test_documents.py",
    VCENTER_CA: "tests/deploy/knative/test_documents.py",
    RENDER_VCENTER: "tests/deploy/knative/test_documents.py",
}
kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")


def run(command: str, folder: Path) -> Any:
    """Run kubectl without any server, and return the object that it makes."""
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    words = [*shlex.split(command), "--dry-run=client", "-o", "json"]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, check=True)
    return json.loads(done.stdout)


def test_every_command_is_run_by_a_test_or_says_what_it_needs() -> None:
    assert set(commands(README)) == set(RUN_BY)
    assert all((ROOT / place).is_file() for place in RUN_BY.values())


def test_links_lead_somewhere_and_lines_are_sentences() -> None:
    assert broken_links(README) == []
    assert crowded_lines(README) == []


def test_every_file_it_names_is_there() -> None:
    rows = [line for line in README.read_text("utf-8").splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in row.split("|")[1].replace(",", " ").split("`")]
    files = [name for name in named if "." in name or "/" in name]
    assert len(files) == 16
    assert [name for name in files if not (KNATIVE / name).exists()] == []


def test_the_first_table_leads_to_the_overlay_of_each_release() -> None:
    _, _, *rows = table(README, "Which overlay")
    overlays = [row[-1].strip("`") for row in rows]
    assert all((KNATIVE / each).is_dir() for each in overlays)
    # Without any suffix: the page's commands put -vcenter and -echo behind it.
    assert [Path(each).name for each in overlays] == [*RELEASES]
    assert [[*{label, version} - {"nothing"}] for label, version, *_ in rows] == [
        [each] for each in RELEASES.values()
    ]


@pytest.mark.skipif(
    not CRDS.is_dir(), reason="the definitions of Knative are not beside the project"
)
@pytest.mark.parametrize("number", range(4))
def test_every_release_has_the_labels_that_tell_it(number: int) -> None:
    label, version, *_ = table(README, "Which overlay")[2 + number]
    labels = definitions([*RELEASES.values()][number])["Trigger"]["metadata"]["labels"]
    assert ("eventing.knative.dev/release" in labels) == (label != "nothing")
    assert ("app.kubernetes.io/version" in labels) == (version != "nothing")


@kubectl
@pytest.mark.parametrize(
    ("service", "volume", "to_secret", "to_ca"),
    [("VROPS", "", SECRET, CA), ("VCENTER", "vcenter-", VCENTER_SECRET, VCENTER_CA)],
)
def test_the_commands_make_what_the_function_mounts(
    service: str, volume: str, to_secret: str, to_ca: str, tmp_path: Path
) -> None:
    for name in ("password.txt", "ca.crt", "vcenter-password.txt", "vcenter-ca.crt"):
        (tmp_path / name).write_text("x\n", encoding="utf-8")
    manifest = of_kind(build("veba-0.8-vcenter"), "Service")["maintenance-mirror"]
    spec = manifest["spec"]["template"]["spec"]
    volumes = {each["name"]: each for each in spec["volumes"]}
    environment = {each["name"]: each["value"] for each in spec["containers"][0]["env"]}
    secret, authority = run(to_secret, tmp_path), run(to_ca, tmp_path)
    assert secret["metadata"]["name"] == volumes[f"{volume}account"]["secret"]["secretName"]
    files = [environment[f"{service}_{what}_FILE"] for what in ("USERNAME", "PASSWORD")]
    assert {Path(path).name for path in files} == secret["data"].keys()
    assert authority["metadata"]["name"] == volumes[f"{volume}ca"]["configMap"]["name"]
    assert authority["data"].keys() == {"ca.crt"}


@kubectl
@pytest.mark.parametrize("command", [RENDER, RENDER_VCENTER])
def test_the_commands_show_what_would_be_created(command: str) -> None:
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    words = shlex.split(command)
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, check=True)
    assert load(done.stdout.decode()) == build(Path(words[-1]).name)


@pytest.mark.skipif(manifests.tool() is None, reason="needs kubectl or kustomize")
def test_what_is_removed_by_its_label_is_all_that_is_applied() -> None:
    names = {"Service": "ksvc", "Trigger": "trigger", "PingSource": "pingsource"}
    applied = {each["kind"] for overlay in manifests.OVERLAYS for each in build(overlay)}
    assert applied == names.keys() | {"ConfigMap"}
    kinds = ",".join([*names.values(), "configmap"])
    removal = f"delete {kinds} -l app.kubernetes.io/part-of=maintenance-mirror\n"
    assert removal in README.read_text(encoding="utf-8")


@pytest.mark.skipif(manifests.tool() is None, reason="needs kubectl or kustomize")
@pytest.mark.parametrize("overlay", manifests.MIRRORS)
def test_an_upgrade_leaves_the_configmap_that_is_read_and_no_other(overlay: str) -> None:
    (path,) = re.findall(r"jsonpath='\{\.(.*)\}'", README.read_text(encoding="utf-8"))
    value: Any = of_kind(build(overlay), "Service")["maintenance-mirror"]
    for word in re.findall(r"\w+", path):
        value = value[int(word) if word.isdecimal() else word]
    assert [value] == [*of_kind(build(overlay), "ConfigMap")]


@pytest.mark.skipif(manifests.tool() is None, reason="needs kubectl or kustomize")
def test_the_logs_are_asked_of_services_that_are_there() -> None:
    text = README.read_text(encoding="utf-8")
    names = {word.split()[0] for word in text.split("serving.knative.dev/service=")[1:]}
    assert names == {
        *of_kind(build("veba-0.8"), "Service"),
        *of_kind(build("veba-0.8-echo"), "Service"),
    }


def test_the_line_it_shows_is_one_that_the_function_writes(tmp_path: Path) -> None:
    # test_timer.py compares the other one.
    shown, _ = [json.loads(text) for text in blocks(README, "json")]
    with (
        Simulator([Host(shown["host"], shown["moref"], shown["vcenter"])]) as simulator,
        function(tmp_path / "log", simulator) as running,
    ):
        running.send((EXAMPLES / "vspheresource-json-enter.http").read_bytes())
        written = json.loads(running.output.splitlines()[-1])
    varying = ("time", "duration_ms", "event_id")
    assert list(written) == list(shown)
    assert {**written, **{name: shown[name] for name in varying}} == shown
