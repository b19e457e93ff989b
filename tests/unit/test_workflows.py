"""The workflows, and what else lies in .github: what they may do, and what they run."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
# An action is named by the whole commit, which nobody can move, and says which release that is.
PINNED = re.compile(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+$")
OURS = re.compile(r"uses: \./\.github/workflows/\w+\.yml$")
# What a job may do besides reading the repository.
ALLOWED = {
    ("release", "image"): {"packages": "write", "id-token": "write"},
    ("release", "release"): {"contents": "write", "id-token": "write"},
}
every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    # YAML 1.1 takes "on" for a truth.
    return yaml.safe_load(path.read_text("utf-8").replace("\non:\n", '\n"on":\n'))


def jobs() -> Iterator[tuple[str, str, Any]]:
    for path in WORKFLOWS:
        for name, job in read(path)["jobs"].items():
            yield path.stem, name, job


def step(job: str, name: str) -> Any:
    steps = read(ROOT / ".github" / "workflows" / "release.yml")["jobs"][job]["steps"]
    return next(each for each in steps if each.get("name", "").startswith(name))


def run(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a step as the runner does, in a folder that has our pyproject.toml and CHANGELOG."""
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, folder)
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    environ = {"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(folder / "output"), **variables}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, encoding="utf-8")


@every_workflow
def test_a_workflow_may_do_nothing_and_runs_once_at_a_time(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {}
    assert "github.ref" in workflow["concurrency"]["group"]


def test_a_job_may_do_what_it_needs_and_no_more() -> None:
    for workflow, name, job in jobs():
        allowed = {"contents": "read"} | ALLOWED.get((workflow, name), {})
        assert job["permissions"] == allowed, (workflow, name)


@every_workflow
def test_every_action_is_pinned_by_its_commit(path: Path) -> None:
    used = [line for line in path.read_text("utf-8").splitlines() if "uses:" in line]
    assert [line for line in used if not PINNED.search(line) and not OURS.search(line)] == []


def test_no_checkout_leaves_a_token_behind() -> None:
    steps = [step for _, _, job in jobs() for step in job.get("steps", ())]
    checkouts = [step for step in steps if "actions/checkout" in step.get("uses", "")]
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)
    assert len(checkouts) == 5


def test_a_change_is_checked_by_what_checks_it_here_on_the_oldest_and_the_newest_python() -> None:
    [(_, _, job)] = [each for each in jobs() if each[0] == "ci"]
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    [oldest, newest] = job["strategy"]["matrix"]["python"]
    assert oldest == "3.11"
    assert f"python:{newest}-" in (ROOT / "deploy" / "knative" / "Dockerfile").read_text("utf-8")


def test_only_a_tag_makes_a_release() -> None:
    release = read(ROOT / ".github" / "workflows" / "release.yml")
    assert release["on"] == {"push": {"tags": ["v*"]}}


def test_nothing_is_built_before_it_is_tested_or_published_before_it_is_built() -> None:
    needs = {name: job.get("needs") for workflow, name, job in jobs() if workflow == "release"}
    assert needs == {
        "check": None,
        "test": "check",
        "packages": ["check", "test"],
        "image": ["check", "test"],
        "release": ["check", "packages", "image"],
    }


def test_a_tag_that_is_the_version_makes_a_release(tmp_path: Path) -> None:
    done = run(step("check", "The tag is")["run"], tmp_path, GITHUB_REF_NAME=f"v{VERSION}")
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "output").read_text("utf-8") == f"version={VERSION}\n"


@pytest.mark.parametrize("tag", [f"v{VERSION}0", f"v{VERSION}-rc1", VERSION, "v9", "version"])
def test_another_tag_makes_none(tag: str, tmp_path: Path) -> None:
    done = run(step("check", "The tag is")["run"], tmp_path, GITHUB_REF_NAME=tag)
    assert done.returncode == 1
    assert done.stdout == f"::error::the tag is {tag}, the version in pyproject.toml {VERSION}\n"


def test_the_image_is_called_as_the_repository_in_small_letters(tmp_path: Path) -> None:
    script = step("check", "The image has")["run"]
    given = {"IMAGE_REGISTRY": "registry.example.com", "GITHUB_REPOSITORY": "Team/Mirror"}
    assert run(script, tmp_path, **given).returncode == 0
    assert (tmp_path / "output").read_text("utf-8") == "image=registry.example.com/team/mirror\n"


def test_without_a_registry_nothing_is_released(tmp_path: Path) -> None:
    done = run(step("check", "The image has")["run"], tmp_path, IMAGE_REGISTRY="")
    assert done.returncode == 1
    assert "IMAGE_REGISTRY" in done.stdout


def test_the_notes_of_a_release_are_its_part_of_the_changelog(tmp_path: Path) -> None:
    script = step("release", "Write the notes")["run"]
    run(script, tmp_path, VERSION=VERSION, IMAGE="example.com/mirror:1", DIGEST="sha256:0")
    notes = (tmp_path / "notes.md").read_text("utf-8")
    [told] = re.findall(
        rf"^## \[{re.escape(VERSION)}\] - \S+\n(.*?)(?=^## |\Z)",
        (ROOT / "CHANGELOG.md").read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert notes.strip() == f"{told.strip()}\nThe image is example.com/mirror:1@sha256:0."


def test_the_image_is_pushed_with_what_is_in_it_and_how_it_was_made_and_signed_by_digest() -> None:
    steps = read(ROOT / ".github" / "workflows" / "release.yml")["jobs"]["image"]["steps"]
    [build] = [each["with"] for each in steps if each.get("id") == "build"]
    assert (build["sbom"], build["provenance"], build["push"]) == (True, "mode=max", True)
    assert (ROOT / build["file"]).exists()
    assert step("image", "Sign")["env"]["IMAGE"].endswith("@${{ steps.build.outputs.digest }}")


def test_actionlint_has_nothing_to_complain_about() -> None:
    tool = shutil.which("actionlint")
    if tool is None:
        pytest.skip("needs actionlint")
    # It has shellcheck read the scripts, where it finds it.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [tool, "-no-color", *map(str, WORKFLOWS)],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_yamllint_has_nothing_to_complain_about() -> None:
    tool = shutil.which("yamllint", path=str(Path(sys.executable).parent)) or "yamllint"
    command = [tool, "--strict", ".github", ".pre-commit-config.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout) == (0, "")


def test_every_form_says_where_a_vulnerability_goes() -> None:
    forms = [read(path) for path in FORMS if path.stem != "config"]
    assert all("SECURITY.md" in form["body"][0]["attributes"]["value"] for form in forms)
    assert len(forms) == 2


def test_a_report_of_a_mistake_has_what_is_needed_to_find_it() -> None:
    [form] = [read(path) for path in FORMS if path.stem == "bug"]
    asked = {part["id"]: part for part in form["body"] if "id" in part}
    needed = {name for name, part in asked.items() if part.get("validations", {}).get("required")}
    assert needed == {"what", "doctor", "log", "processor", "veba", "version"}
    assert "maintenance-mirror doctor" in asked["doctor"]["attributes"]["description"]


def test_updates_are_looked_for_where_there_is_something_to_update() -> None:
    updates = read(ROOT / ".github" / "dependabot.yml")["updates"]
    folders = {each["package-ecosystem"]: ROOT / each["directory"].strip("/") for each in updates}
    modules = {ROOT / each["directory"].strip("/") for each in updates if "go" in each["groups"]}
    assert (folders["pip"] / "pyproject.toml").exists()
    ours = {path.parent for path in (*ROOT.glob("lab/**/go.mod"), *ROOT.glob("tests/**/go.mod"))}
    assert ours == modules
    assert (folders["docker"] / "Dockerfile").exists()
    assert (folders["maven"] / "pom.xml").exists()
    assert (folders["github-actions"] / ".github" / "workflows").is_dir()


def test_hooks_run_what_the_project_has_and_nothing_from_elsewhere() -> None:
    config = read(ROOT / ".pre-commit-config.yaml")
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    tox = (ROOT / "tox.ini").read_text("utf-8")
    for hook in config["repos"][0]["hooks"]:
        [name] = re.findall(r'^make test TOXARGS="-e (\w+)"$', hook["entry"])
        assert f"[testenv:{name}]\n" in tox
