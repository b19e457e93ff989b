"""Which Pythons the tests are tried on, and what may be skipped on the way."""

import re
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
NO_SUCH = "skipped because could not find python interpreter with spec(s): py314"


def factors() -> list[str]:
    """The versions that tox has an environment for, oldest first."""
    tox = RawConfigParser()
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    [minors] = re.findall(r"py3\{([\d,]+)\}", tox["tox"]["env_list"])
    assert f"testenv:py3{{{minors}}}" in tox
    return [f"3.{minor}" for minor in minors.split(",")]


def make(*arguments: str) -> str:
    """What make would do."""
    command = ["make", "--dry-run", "--always-make", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    ).stdout


def skips(folder: Path, line: str) -> tuple[int, str]:
    log = folder / "log"
    log.write_text(f"before\n{line}\nafter\n", encoding="utf-8")
    done = subprocess.run([ROOT / ".ci" / "skips", log], capture_output=True, encoding="utf-8")
    return done.returncode, done.stdout


def test_tox_knows_every_python_from_the_oldest_to_the_newest_of_lambda() -> None:
    text = (ROOT / "deploy" / "eventbridge" / "template.yaml").read_text(encoding="utf-8")
    [allowed] = re.findall(r"AllowedValues: (\[python3.*\])", text)
    of_lambda = [each.removeprefix("python") for each in yaml.safe_load(allowed)]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    [oldest] = re.findall(r'requires-python = ">=(.*)"', project)
    assert factors() == [oldest, *of_lambda]


def test_a_python_that_is_not_there_is_skipped() -> None:
    assert "\nskip_missing_interpreters = true\n" in (ROOT / "tox.ini").read_text(encoding="utf-8")


def test_the_python_that_runs_all_tests_runs_none_of_them_twice() -> None:
    assert "tox run --skip-env $(" in make("test")
    assert "tox run -e py313\n" in make("test", "TOXARGS=-e py313")


def test_the_oldest_python_and_that_of_the_image_have_to_be_there_and_are_never_skipped() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    [asked] = re.findall(r"\$\{PYTHONS:-(.*)\}; do$", script, re.MULTILINE)
    text = (ROOT / "deploy" / "knative" / "Dockerfile").read_text(encoding="utf-8")
    assert asked.split() == [factors()[0], *re.findall(r"python:(3\.\d+)-", text)]
    assert "--notest --skip-missing-interpreters false" in script


@pytest.mark.parametrize(
    "line",
    [
        "SKIPPED [2] tests/unit/test_examples.py:1: the sample events are not beside the project",
        "SKIPPED [1] tests/deploy/knative/test_kustomize.py:9: needs kubectl",
        "SKIPPED [1] tests/unit/outgoing/test_tls.py:94: there is no Python 3.14 here",
        f"py314: {NO_SUCH}",
        "4091 passed, 2 skipped",
    ],
)
def test_what_may_be_missing_is_no_fault(line: str, tmp_path: Path) -> None:
    assert skips(tmp_path, line) == (0, "")


@pytest.mark.parametrize(
    "line",
    [
        "SKIPPED [1] tests/contract/test_x.py:1: needs Go",
        f"tests: {NO_SUCH}",
        "py313: skipped because platform linux does not match darwin",
    ],
)
def test_what_should_have_run_is_named(line: str, tmp_path: Path) -> None:
    assert skips(tmp_path, line) == (1, f"{line}\n")
