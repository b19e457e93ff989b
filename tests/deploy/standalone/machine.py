"""A machine with systemd, to follow a page on as a person would: a container that boots it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.processes import TIMEOUT_SECONDS
from tests.deploy.knative import image
from tests.deploy.knative.image import LIMITS, OF_THIS_MACHINE, ROOT_FILES, Containers

NAME = "localhost/maintenance-mirror-machine"
FILES = ROOT_FILES.with_name("machine.tar")
# What would change the kernel under it, which is not its own. Read as a kernel's command line.
INIT = ("/lib/systemd/systemd", "systemd.mask=systemd-sysctl.service")
# systemd confines what it starts, which takes every privilege.
PRIVILEGED = ("--privileged", "--systemd=always", "--network", "host")
PROJECT = "/project"


class Machine:
    """The machine, with the project's folder at /project, and root at its keyboard."""

    def __init__(self, containers: Containers, name: str) -> None:
        self._containers = containers
        self._name = name

    def run(self, script: str) -> str:
        """Run commands in the project's folder, and return what they print; all must succeed."""
        where = ("exec", "--workdir", PROJECT, self._name)
        return self._containers.podman(*where, "sh", "-e", "-c", script)

    def wait_until_booted(self) -> None:
        """Return as soon as it is up; raises AssertionError if it never is."""
        ends = time.monotonic() + TIMEOUT_SECONDS
        while "running" not in (state := self.run("systemctl is-system-running || true")):
            assert time.monotonic() < ends, f"{state}\n{self.run('systemctl --failed || true')}"
            time.sleep(0.2)


@contextmanager
def booted(project: Path) -> Iterator[Machine]:
    """Boot a machine with a project's folder, and remove it in the end."""
    with image.containers() as containers:
        containers.make_base(NAME, FILES, image.PATH, "systemd")
        mounts = [f"--volume={path}:{path}:ro" for path in OF_THIS_MACHINE if Path(path).exists()]
        mounts.append(f"--volume={project}:{PROJECT}")
        options = (*LIMITS, *PRIVILEGED, *mounts)
        name = containers.podman("run", "--detach", *options, NAME, *INIT).strip()
        try:
            machine = Machine(containers, name)
            machine.wait_until_booted()
            # As on any machine; only in a container systemd leaves that to others. Without, no
            # service would see its credentials.
            machine.run("mount --make-rshared /")
            yield machine
        finally:
            containers.podman("rm", "--force", "--time", "5", name)
