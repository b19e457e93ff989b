"""The package: one version everywhere, and nothing in it that does not belong there."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
VERSION = PYPROJECT["project"]["version"]
# How the version is written where nothing can read pyproject.toml: as an image's tag and label.
WRITTEN = re.compile(r"(?:maintenance-mirror[a-z-]*:|newTag: |ARG VERSION=)(\d[\w.]*)")


def test_the_newest_release_of_the_changelog_is_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased, (version, day) = re.findall(r"^## \[(.+?)\](?: - (\S+))?$", text, re.MULTILINE)[:2]
    assert unreleased == ("Unreleased", "")
    assert version == VERSION
    assert date.fromisoformat(day)


def test_every_image_has_the_version_as_its_tag() -> None:
    files = [path for path in (ROOT / "deploy").rglob("*") if path.is_file()]
    written = {
        (path.relative_to(ROOT).as_posix(), version)
        for path in files
        for version in WRITTEN.findall(path.read_text(encoding="utf-8", errors="replace"))
    }
    stale = sorted(path for path, version in written if version != VERSION)
    assert stale == [], f"another version than {VERSION} in {', '.join(stale)}"
    assert {Path(path).name for path, _ in written} >= {
        *("Dockerfile", "README.md", "kustomization.yaml", "compose.yaml"),
        *("stack.yaml", "stack-vcenter.yaml"),
    }


def test_no_index_takes_the_package() -> None:
    assert "Private :: Do Not Upload" in PYPROJECT["project"]["classifiers"]


def test_a_release_is_built_by_what_an_installation_is_built_by() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    assert extras["build"] == PYPROJECT["build-system"]["requires"]


def test_make_run_adds_to_what_make_demo_has_installed() -> None:
    demo, notify = (pins(ROOT / "requirements" / f"{name}.txt") for name in ("demo", "notify"))
    assert {name: notify[name] for name in demo.keys() & notify.keys()} == {
        name: version for name, version in demo.items() if name in notify
    }
    assert "apprise" in notify.keys() - demo.keys()


def pins(lock: Path) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(found)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what ``make dist`` builds."""
    pytest.importorskip("hatchling", reason="needs hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert result.returncode == 0, result.stderr
    return folder


def test_the_wheel_holds_the_two_packages_and_nothing_else(dist: Path) -> None:
    with zipfile.ZipFile(dist / f"maintenance_mirror-{VERSION}-py3-none-any.whl") as wheel:
        names = wheel.namelist()
    ours = {name for name in names if name.startswith(("functions/", "adapters/"))}
    rest = {name.removeprefix(f"maintenance_mirror-{VERSION}.dist-info/") for name in names} - ours
    assert rest == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    assert ours == sources()


def test_the_source_distribution_holds_what_the_wheel_is_made_of(dist: Path) -> None:
    top = f"maintenance_mirror-{VERSION}"
    with tarfile.open(dist / f"{top}.tar.gz") as archive:
        names = {name.removeprefix(f"{top}/") for name in archive.getnames()}
    rest = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "PKG-INFO", ".gitignore"}
    assert names - {top} == sources() | rest


def sources() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for package in PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
