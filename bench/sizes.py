"""How large what is deployed is, and what is in it."""

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Final

from bench.results import Results
from bench.world import BUILD
from lab.processes import ROOT

ZIP: Final = BUILD / "lambda.zip"
_BUILD_ZIP = ROOT / "deploy" / "eventbridge" / "build.py"
_LOCK = ROOT / "requirements" / "knative.txt"


def measure(results: Results) -> None:
    """Note ``zip`` (KB, packed) and ``image`` (MB, the layers that are ours), by what is in them.

    Sizes do not vary, so that there is one round.
    """
    for part, size in _zip_parts().items():
        results.add("zip", part, size / 1000)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        for part, size in _layers(Path(folder)).items():
            results.add("image", part, size / 1_000_000)


def _zip_parts() -> Counter[str]:
    _run(sys.executable, _BUILD_ZIP, "--output", ZIP)
    parts = Counter({"in all": ZIP.stat().st_size})
    with zipfile.ZipFile(ZIP) as archive:
        for entry in archive.infolist():
            parts[_part(entry.filename)] += entry.compress_size
    return parts


def _part(name: str) -> str:
    first = name.split("/")[0]
    ours = first in ("adapters", "functions", "LICENSE")
    return "ours" if ours else "licences" if first.endswith(".dist-info") else first


def _layers(folder: Path) -> Counter[str]:
    """Do as deploy/knative/Dockerfile does, without a base image."""
    packages, app = folder / "packages", folder / "app"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    exactly = ["--only-binary", ":all:", "--require-hashes", "--no-compile", "--no-deps"]
    _run(*pip, *exactly, "-r", _LOCK, "--target", packages)
    for name in ("functions", "adapters"):
        _run("cp", "-r", ROOT / name, _made(app) / name)
    _run(sys.executable, "-m", "compileall", "-q", "-f", packages, app)
    return Counter(
        {
            "packages": _content(packages),
            "packages, packed": _packed(packages),
            "ours": _content(app),
            "ours, packed": _packed(app),
        }
    )


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _content(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _packed(folder: Path) -> int:
    archive = folder.with_suffix(".tar.gz")
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, folder.name)
    return archive.stat().st_size


def _run(*command: str | Path) -> None:
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
