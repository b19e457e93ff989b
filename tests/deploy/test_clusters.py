"""The API server of the tests: it is strict, it ends, and its parts are of one release."""

import re
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from lab.processes import ROOT
from tests.deploy import clusters
from tests.deploy.clusters import SOURCES, VERSION, Cluster, RefusedError


@pytest.mark.cluster
def test_a_field_that_nobody_knows_is_refused(cluster: Cluster) -> None:
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}
    cluster.apply({**settings, "data": {"known": "1"}})
    with pytest.raises(RefusedError, match="misspelt"):
        cluster.apply({**settings, "misspelt": {}})
    assert cluster.stored(settings)["data"] == {"known": "1"}


@pytest.mark.cluster
def test_it_ends_with_all_that_it_started(tmp_path: Path) -> None:
    with clusters.running(tmp_path):
        programs = {Path(each).name for each in running(tmp_path)}
        assert programs == {"etcd", f"kube-apiserver-{VERSION}"}
    assert running(tmp_path) == []


def running(folder: Path) -> list[str]:
    """Return the programs that run with files in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            found += words[:1] if str(folder) in " ".join(words[1:]) else []
    return found


def test_its_modules_are_of_one_release() -> None:
    text = (SOURCES / "go.mod").read_text("utf-8")
    assert set(re.findall(r" => \S+ v0\.(\S+)", text)) == {VERSION.removeprefix("1.")}


def test_ci_looks_for_the_version_that_is_built() -> None:
    [asked] = re.findall(r"^    (sed .*go\.mod)$", (ROOT / ".ci" / "run").read_text("utf-8"), re.M)
    said = subprocess.run(["sh", "-c", asked], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert said.stdout.strip() == VERSION
