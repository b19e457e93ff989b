"""What kustomize makes of the overlays, and YAML as plain values."""

import copy
import functools
import os
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import yaml

from lab.processes import ROOT

KNATIVE = ROOT / "deploy" / "knative"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IMAGE = f"registry.example.com/maintenance-mirror:{PROJECT['version']}"
Manifest = dict[str, Any]
# The release of Knative that each VEBA brings.
RELEASES = {"veba-0.7.0": "0.20", "veba-0.7.2": "1.1", "veba-0.7.5": "1.8", "veba-0.8": "1.13"}
VERIFYING = tuple(f"{name}-vcenter" for name in RELEASES)
ECHOING = tuple(f"{name}-echo" for name in RELEASES)
MIRRORS = (*RELEASES, *VERIFYING)
OVERLAYS = (*MIRRORS, *ECHOING)


def veba(overlay: str) -> str:
    """Return the VEBA that an overlay is for, which is also the plain overlay's name."""
    return overlay.removesuffix("-vcenter").removesuffix("-echo")


def release(overlay: str) -> str:
    """Return the release of Knative that an overlay is for."""
    return RELEASES[veba(overlay)]


def tool() -> list[str] | None:
    """Return the command that builds a kustomization here, if there is one."""
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    return ["kubectl", "kustomize"] if shutil.which("kubectl") else None


@functools.cache
def _built(overlay: str) -> list[Manifest]:
    return kustomized(KNATIVE / "overlays" / overlay)


def kustomized(folder: Path) -> list[Manifest]:
    """Return the objects that applying a folder would create."""
    command = tool()
    assert command is not None
    where = [str(folder)]
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    done = subprocess.run(
        [*command, *where], capture_output=True, encoding="utf-8", check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return load(done.stdout)


def build(overlay: str) -> list[Manifest]:
    """Return the objects that applying an overlay would create."""
    return copy.deepcopy(_built(overlay))


def load(text: str) -> list[Manifest]:
    """Return the objects of a YAML text."""
    return [each for each in yaml.safe_load_all(text) if each]


def read(path: Path) -> list[Manifest]:
    """Return the objects of a YAML file."""
    return load(path.read_text(encoding="utf-8"))


def of_kind(objects: list[Manifest], kind: str) -> dict[str, Manifest]:
    """Return the objects of one kind by their names."""
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}
