"""What the deployments without VEBA hold: units, variables, and what a pod runs."""

import shlex
from pathlib import Path

from lab.processes import ROOT
from tests.deploy.knative import manifests
from tests.deploy.knative.manifests import Manifest, of_kind
from tests.documents import blocks

STANDALONE = ROOT / "deploy" / "standalone"
README = STANDALONE / "README.md"
KUBERNETES = STANDALONE / "kubernetes"
UNITS = STANDALONE / "systemd"
SETTINGS = STANDALONE / "settings.env"
# Where the units and the container look for what is set.
CONFIGURED = "/etc/maintenance-mirror"
OVERLAYS = ("watch", "sweep")
# Blocks of the page that test_machine.py follows: which one of which section.
INSTALL, DOCTOR, START = ("systemd", 0), ("systemd", 1), ("systemd", 2)
FILES, SWEEP, REMOVE = ("A container", 1), ("Sweeping only", 2), ("Remove", 1)
FOLLOWED = (INSTALL, DOCTOR, START, FILES, SWEEP, REMOVE)
Unit = dict[str, dict[str, list[str]]]


def scripts(title: str) -> list[str]:
    """Return the blocks of commands of a section of the page."""
    return blocks(README, "sh", title)


def build(overlay: str) -> list[Manifest]:
    """Return the objects that applying an overlay would create."""
    # As a whole path, which is not looked for among Knative's overlays.
    return manifests.build(str(KUBERNETES / "overlays" / overlay))


def pod(overlay: str) -> Manifest:
    """Return the template of what an overlay runs."""
    (runner,) = [each for each in build(overlay) if each["kind"] in ("Deployment", "CronJob")]
    spec: Manifest = runner["spec"]
    found: Manifest = (spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec)["template"]
    return found


def container(overlay: str) -> Manifest:
    """Return the one container of that."""
    only: Manifest
    (only,) = pod(overlay)["spec"]["containers"]
    return only


def variables(overlay: str) -> dict[str, str]:
    """Return the environment that it gets, in Kubernetes' order."""
    (source,) = container(overlay)["envFrom"]
    settings = of_kind(build(overlay), "ConfigMap")[source["configMapRef"]["name"]]["data"]
    own = {each["name"]: each["value"] for each in container(overlay)["env"]}
    return {**settings, **own}


def unit(name: str) -> Unit:
    """Return the sections of a unit, and all values of each key in them."""
    sections: Unit = {}
    for line in (UNITS / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            section.setdefault(key, []).append(value)
    return sections


def podman_run() -> list[str]:
    """Return the words of the page's `podman run`."""
    lines = "".join(scripts("A container")).splitlines()
    (line,) = [line for line in lines if line.startswith("podman run ")]
    return shlex.split(line)


def env_file(path: Path) -> dict[str, str]:
    """Return what a file of variables holds, as systemd, podman and Docker read it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def started_with(environ: dict[str, str], folder: Path) -> dict[str, str]:
    """Return variables whose files are there, in ``folder``, and hold something.

    CAs are left out: those of this machine will do.
    """
    found = {name: value for name, value in environ.items() if "_CA_FILE" not in name}
    for name in [each for each in found if each.endswith("_FILE")]:
        path = folder / name
        path.write_text("something\n", encoding="utf-8")
        found[name] = str(path)
    return found
