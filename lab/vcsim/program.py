"""Build and run vcsim.

It is built once for each state of its sources, by Go, which fetches govmomi in the version that
go.sum pins. Other programs in Go can be built in the same way.
"""

import fcntl
import hashlib
import json
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from lab.processes import ROOT, start

SOURCES: Final = Path(__file__).parent
BUILD: Final = ROOT / "build"
_TIMEOUT_SECONDS: Final = 10.0


class NotBuiltError(Exception):
    """Go could not build it; the message is Go's."""


@dataclass(frozen=True)
class Vcsim:
    """A running one: where it is, who it is, whom it lets in, and what vouches for it.

    ``stop`` ends it before its time; ``pid`` is its process.
    """

    url: str
    uuid: str
    ca_file: Path
    username: str
    password: str = field(repr=False)
    stop: Callable[[], None] = field(repr=False)
    pid: int

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.url).port or 0

    @property
    def variables(self) -> dict[str, str]:
        """What the function has to be told to reach it."""
        return {
            "VCENTER_URL": self.url,
            "VCENTER_USERNAME": self.username,
            "VCENTER_PASSWORD": self.password,
            "VCENTER_CA_FILE": str(self.ca_file),
        }


def available() -> bool:
    """Whether there is a Go to build it with."""
    return shutil.which("go") is not None


@contextmanager
def running(
    hosts: int = 3,
    username: str = "administrator@vsphere.local",
    password: str | None = None,
    events: int = 0,
    *,
    port: int = 0,
    uuid: str = "",
    entered: Iterable[int] = (),
    left: Iterable[int] = (),
    datastores: Iterable[Iterable[int]] = (),
    machines: Iterable[int] = (),
) -> Iterator[Vcsim]:
    """Run one with so many hosts, called esx01.lab.local and so on, and stop it in the end.

    So many ``events`` tell that they entered and left maintenance mode before. By their numbers,
    hosts have ``entered`` it already, or have ``left`` it again, and there are events of that, too.

    Each of the ``datastores`` is mounted by the hosts of its numbers, and called local01 if that is
    one alone, otherwise shared01, and so on; each of the ``machines``, vm01 and so on, runs on the
    host of its number. All hosts are in one cluster.

    Without a password, it makes one up, and so it does with the instance UUID. With the ``port``
    and the ``uuid`` of one that was stopped, this is the same vCenter, restarted.

    Raises NotBuiltError if it has to be built, and cannot be.
    """
    password = password or secrets.token_urlsafe()
    flags = {"hosts": hosts, "events": events, "username": username, "password": password}
    flags |= {"port": port, "entered": _joined(entered), "left": _joined(left)}
    flags |= {"machines": _joined(machines), "datastores": ";".join(map(_joined, datastores))}
    flags |= {"uuid": uuid} if uuid else {}
    options = [f"-{name}={value}" for name, value in flags.items()]
    with (
        tempfile.TemporaryDirectory(prefix="vcsim-") as folder,
        start(
            [built(), *options],
            process_group=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        ) as process,
    ):
        try:
            said = json.loads(process.stdout.readline()) if process.stdout else {}
            ca_file = Path(folder) / "ca.pem"
            ca_file.write_text(said["certificate"], encoding="utf-8")
            stop = partial(_stop, process)
            told = (said["url"], said["uuid"], ca_file, username, password)
            yield Vcsim(*told, stop, process.pid)
        finally:
            _stop(process)


def built(
    folder: Path = SOURCES, program: Path | None = None, arguments: Sequence[str] = (".",)
) -> Path:
    """Return the program of the sources in a folder, made if there is none of them yet.

    It is kept below ``build`` for each state of the sources, unless ``program`` says where;
    ``arguments`` are those of ``go build``.

    Raises NotBuiltError if that fails.
    """
    program = program or _kept(folder)
    with _alone(program.parent):
        if not program.exists():
            _build(folder, program, arguments)
    return program


def _kept(folder: Path) -> Path:
    """Return where the program of this state of its sources is kept."""
    sources = sorted(path for path in folder.iterdir() if path.suffix in (".go", ".mod", ".sum"))
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()
    return BUILD / folder.name / f"{folder.name}-{digest[:16]}"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process build, and the others wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(folder: Path, program: Path, arguments: Sequence[str]) -> None:
    unfinished = program.with_name(f"{program.name}.new")
    go = shutil.which("go")
    if go is None:
        raise NotBuiltError("there is no Go to build it with")
    result = subprocess.run(
        [go, "build", "-trimpath", "-o", unfinished, *arguments],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
    )
    if result.returncode:
        raise NotBuiltError(result.stderr.strip()[-500:])
    unfinished.replace(program)


def _joined(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


def _stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
