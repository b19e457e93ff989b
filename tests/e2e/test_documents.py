"""What the documents show is what happens."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab.processes import ROOT
from tests.documents import blocks, broken_links, crowded_lines
from tests.vcenters import INSTEAD_OF_VCSIM, needs_go

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
# Commands of the documents, and where each of them is run.
RUN_BY = {
    "make demo": ".ci/run",
    "make test": ".ci/run",
    "python3 -m venv .venv": "tests/e2e/test_install.py",
    ".venv/bin/pip install --require-hashes -r requirements/knative.txt": (
        "tests/e2e/test_install.py"
    ),
    ".venv/bin/pip install --no-deps .": "tests/e2e/test_install.py",
    ".venv/bin/functions-framework --source adapters/knative.py --target handle": (
        "tests/e2e/test_install.py"
    ),
    "functions-framework --source adapters/knative.py --target echo": "tests/e2e/test_knative.py",
    "maintenance-mirror doctor": "tests/e2e/test_cli_document.py",
    "maintenance-mirror status": "tests/e2e/test_cli_document.py",
    "maintenance-mirror reconcile --dry-run": "tests/e2e/test_cli_document.py",
    "python -m examples.further_processor echo": "tests/e2e/test_extending.py",
    "python -m simulator": "tests/e2e/test_simulator_document.py",
    "python -m pytest examples/simulator_in_tests.py": "tests/e2e/test_simulator_document.py",
}


# Both write to build/demo.
@pytest.mark.xdist_group("demo")
@pytest.mark.parametrize(
    ("path", "which"),
    [
        pytest.param(os.environ["PATH"], "vcsim", id="vcsim", marks=needs_go),
        pytest.param("", "in memory", id="without go", marks=INSTEAD_OF_VCSIM),
    ],
)
def test_the_demo_prints_what_the_readme_shows(path: str, which: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "lab.demo"],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        encoding="utf-8",
        timeout=100,
    )
    assert result.returncode == 0, result.stderr
    shown = next(text for text in blocks(ROOT / "README.md", "text") if "simulator" in text)
    told = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", result.stdout)
    assert re.sub("vcenter .*", which, told, count=1) == re.sub("vcenter .*", which, shown, count=1)
    assert which in told.splitlines()[0]


def test_every_command_in_a_document_is_run_somewhere() -> None:
    written = "".join(text for path in DOCUMENTS for text in blocks(path, "sh"))
    commands = {line for line in written.splitlines() if not line.startswith("export ")}
    assert commands == set(RUN_BY)
    assert all((ROOT / place).exists() for place in RUN_BY.values())


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_between_documents_leads_somewhere(path: Path) -> None:
    assert broken_links(path) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_line_of_prose_is_one_sentence(path: Path) -> None:
    assert crowded_lines(path) == []
