"""The image, built and run by Debian's tools: no daemon, no registry, nothing left running."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lab.processes import ROOT, Function, free_port, started
from simulator import Simulator
from tests.vcenters import Vcsim

TOOLS = ("buildah", "podman", "runc", "debootstrap")
IMAGE = "localhost/maintenance-mirror"
BASE = "localhost/maintenance-mirror-base"
# Made once and kept, with the project's other products: `make clean` removes it.
ROOT_FILES = ROOT / "build" / "base-image.tar"
# As official images have it; a bare tree of files has no environment.
PATH = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# A machine's own authorities and package index are a matter of the machine, not of the image.
OF_THIS_MACHINE = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf")
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096")
# No writable place but /dev/shm, no privilege at all, and the host's network for the simulator.
CONFINED = (
    *("--read-only", "--read-only-tmpfs=false", "--cap-drop", "all"),
    *("--security-opt", "no-new-privileges", "--network", "host"),
)


def missing() -> str | None:
    """Return what this machine lacks, as the reason to skip."""
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    if absent:
        return f"needs Debian's {', '.join(absent)}"
    return None if os.geteuid() == 0 else "needs root, to build an image without a daemon"


class Containers:
    """Images and containers, in a store of their own."""

    def __init__(self, store: str, state: str) -> None:
        # vfs needs no mounts, which would be in the way of removing the store.
        self._where = ["--root", store, "--runroot", state, "--storage-driver", "vfs"]

    def build(self) -> None:
        """Build the image as the README does, from a base that is made once and kept."""
        self.make_base(BASE, ROOT_FILES, PATH)
        mounts = [f"--volume={path}:{path}:ro" for path in OF_THIS_MACHINE if Path(path).exists()]
        command = ["bud", "--isolation", "chroot", "--build-arg", f"BASE={BASE}", *mounts]
        self._buildah(*command, "-f", "deploy/knative/Dockerfile", "-t", IMAGE, ".")

    def make_base(self, name: str, files: Path, change: str, *packages: str) -> None:
        """Make an image of a small Debian with Python and ``packages``; its files are kept."""
        if not files.exists():
            _make_root_files(files, packages)
        self.podman("import", "--quiet", "--change", change, str(files), name)

    def podman(self, *arguments: str) -> str:
        """Run podman in this store, and return what it printed; it must succeed."""
        run = ("--runtime", "runc", "--cgroup-manager", "cgroupfs")
        return _run("podman", *self._where, *run, *arguments)

    def command(self, *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
        """Return the command that runs the image confined, with ``arguments`` for it."""
        run = ["podman", *self._where, "--runtime", "runc", "--cgroup-manager", "cgroupfs", "run"]
        return [*run, "--rm", *LIMITS, *CONFINED, *options, IMAGE, *arguments]

    def say(self, *command: str) -> str:
        """Run another command in the image, and return what it printed; it must succeed."""
        first, *rest = command
        return _run(*self.command(*rest, options=("--entrypoint", first)))

    def inspect(self, template: str, name: str = IMAGE) -> str:
        """Return something that is known of an image, by a Go template."""
        return self.podman("inspect", "--format", template, name).strip()

    def _buildah(self, *arguments: str) -> None:
        _run("buildah", *self._where, *arguments)


@contextmanager
def containers() -> Iterator[Containers]:
    """Provide a store, and remove it with all that is in it."""
    ROOT_FILES.parent.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="images-", dir=ROOT_FILES.parent) as store,
        # podman wants a short path here, so not below the project.
        tempfile.TemporaryDirectory(prefix="mirror-", dir="/run") as state,
    ):
        yield Containers(store, state)


@contextmanager
def running(
    image: Containers, log: Path, environment: Mapping[str, str], *mounts: Path
) -> Iterator[Function]:
    """Start the image, wait until it is healthy, and stop it at the end."""
    port = free_port()
    settings = {"PORT": str(port), "HOST": "127.0.0.1", **environment}
    options = [f"--env={name}={value}" for name, value in settings.items()]
    options += [f"--volume={path}:{path}:ro" for path in mounts]
    with started(image.command(options=tuple(options)), port, log) as function:
        yield function


def account(folder: Path, service: Simulator | Vcsim, name: str) -> dict[str, str]:
    """Mount what logs in to a service, and return the variables that say where it is."""
    # As a volume of a Secret is: a file for each value, which the function may only read.
    folder.mkdir()
    folder.parent.chmod(0o755)
    (folder / "username").write_text(service.username, encoding="utf-8")
    (folder / "password").write_text(service.password, encoding="utf-8")
    (folder / "ca.crt").write_bytes(service.ca_file.read_bytes())
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)
    return {
        f"{name}_URL": service.url,
        f"{name}_USERNAME_FILE": str(folder / "username"),
        f"{name}_PASSWORD_FILE": str(folder / "password"),
        f"{name}_CA_FILE": str(folder / "ca.crt"),
    }


def _make_root_files(files: Path, packages: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory(prefix="base-", dir=files.parent) as folder:
        root, archive = f"{folder}/root", f"{folder}/root.tar"
        all_of_them = ",".join(("python3", "python3-venv", "ca-certificates", *packages))
        _run("debootstrap", "--variant=minbase", f"--include={all_of_them}", _release(), root)
        _run("tar", "--exclude=./var/cache/apt", "-C", root, "-cf", archive, ".")
        Path(archive).rename(files)


def _release() -> str:
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    # Whatever machine this is, the base is a Debian that has a Python of 3.11 or newer.
    return values["VERSION_CODENAME"] if values.get("ID") == "debian" else "bookworm"


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout
