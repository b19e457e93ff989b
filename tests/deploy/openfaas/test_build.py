"""What Docker's classic builder does: it builds the template's stage "test", which runs tox."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.deploy.eventbridge.tools import installed
from tests.deploy.openfaas.stack import STACK, function, lay_out

NAMES = ("maintenance-mirror", "maintenance-mirror-echo", "maintenance-mirror-reconcile")
# What the template itself has in the function's folder, in our words; ours is copied over it.
TEMPLATE_FILES = {
    "handler_test.py": "from .handler import handle\n\n\ndef test_handle():\n    assert handle\n",
    "tox.ini": (
        "[tox]\nenvlist = test\nskipsdist = true\n\n"
        "[testenv:test]\ndeps =\n  flask\n  pytest\n  -rrequirements.txt\ncommands =\n  pytest\n"
    ),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", NAMES)
def test_the_stage_that_runs_tox_passes(name: str, tmp_path: Path) -> None:
    # The template asks for tox==3.*.
    tox = installed("tox3", compiled=True, beside=Path(__file__).parent) / "bin" / "tox"
    home = tmp_path / "home"
    stack = STACK if name != NAMES[2] else STACK.with_name("stack-vcenter.yaml")
    (home / "function").mkdir(parents=True)
    for file, text in TEMPLATE_FILES.items():
        (home / "function" / file).write_text(text, encoding="utf-8")
    lay_out(name, home, stack)
    # Nothing of the function's environment is set while its image is built.
    environ = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")}
    result = subprocess.run(
        [tox], cwd=home / "function", env=environ, capture_output=True, encoding="utf-8"
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.exhaustive
def test_packages_are_found_by_any_user() -> None:
    # The template installs with pip --user, as the user app.
    environ = {"PYTHONUSERBASE": function(NAMES[0])["environment"]["PYTHONUSERBASE"], "HOME": "/"}
    found = subprocess.run(
        ["python3", "-c", "import site; print(site.getusersitepackages())"],
        env={**environ, "PATH": os.environ["PATH"]},
        capture_output=True,
        encoding="utf-8",
    )
    assert found.stdout.startswith("/home/app/.local/lib/python3")
