"""Dockerfile, YAML and shell scripts, read by the tools for them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab.processes import ROOT

FOLDERS = ("deploy/knative", "deploy/monitoring", "deploy/openfaas", "deploy/standalone")
CHECKS = {
    "hadolint": ["deploy/knative/Dockerfile"],
    "yamllint": ["--strict", *FOLDERS, ".yamllint", ".hadolint.yaml"],
    "shellcheck": [".ci/run", ".ci/skips", "requirements/lock.sh"],
}


@pytest.mark.parametrize("name", CHECKS)
def test_there_is_nothing_to_complain_about(name: str) -> None:
    here = Path(sys.executable).parent
    tool = shutil.which(name, path=str(here)) or shutil.which(name)
    if tool is None:
        pytest.skip(f"needs {name}")
    done = subprocess.run([tool, *CHECKS[name]], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
