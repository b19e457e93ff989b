"""The file that hands the variables of a laboratory to a shell."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lab import variables

TOLD = {
    "VROPS_URL": "https://127.0.0.1:8443",
    "VROPS_PASSWORD": "it's $HOME `id` \"#\\ a=b",
    "VCENTER_CA_FILE": "/a folder/ca.pem",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file, where there was one that everybody could read."""
    path = tmp_path / "env"
    path.touch(0o644)
    variables.write(path, TOLD)
    return path


def test_nobody_else_may_read_it(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600


def test_it_can_be_read_again(file: Path) -> None:
    assert variables.read(file) == TOLD


def test_a_shell_takes_over_what_it_says_and_forgets_its_own(file: Path) -> None:
    own = {"VROPS_USERNAME": "me", "VROPS_URL": "https://real", "EVENT_DEADLINE_SECONDS": "1"}
    tell = f'"{sys.executable}" -c "import json, os; print(json.dumps(dict(os.environ)))"'
    said = subprocess.check_output(
        ["/bin/sh", "-euc", f'. "{file}"; {tell}'], env={**own, "KEPT": "1"}, encoding="utf-8"
    )
    seen = json.loads(said)
    assert {name: seen.get(name) for name in TOLD} == TOLD
    assert seen["KEPT"] == "1"
    assert seen.keys().isdisjoint({"VROPS_USERNAME", "EVENT_DEADLINE_SECONDS"})
