"""Tools that cannot share an environment with the tests, each in one of its own.

aws-sam-cli holds back click and boto3, and the Lambda runtime may hold nothing but what Lambda's
does: a package that the zip lacks must be missing. ``sam.in`` and ``runtime.in`` name the tools,
the ``.txt`` files beside them pin everything by hash. AWS's rule engine is in Java, and pinned by
``rules/pom.xml``.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import emulator
from lab.processes import ROOT

HERE = Path(__file__).parent


def installed(name: str, *, compiled: bool, beside: Path = HERE) -> Path:
    """Return the folder of an environment with what ``name``.txt pins, made if need be.

    That file is in the folder ``beside``.

    Skips the test, with pip's last words, if it cannot be made.
    """
    lock = beside / f"{name}.txt"
    folder = emulator.environment_of(name)
    with _to_be_made(folder, lock) as outdated:
        if outdated:
            venv.create(folder, clear=True)
            _install(folder, lock, compiled)
    return folder


def jars(project: Path) -> Path:
    """Return a folder with the jars that the pom.xml in ``project`` pins, fetched if need be.

    Skips the test where Java or Maven are missing, or Maven cannot fetch them, with its last words.
    """
    for tool in ("javac", "mvn"):
        if not shutil.which(tool):
            pytest.skip(f"AWS's rule engine needs {tool}")
    folder = ROOT / "build" / "tools" / project.name
    with _to_be_made(folder, project / "pom.xml") as outdated:
        if outdated:
            _fetch(project, folder)
    return folder


def emulator_of(sam: Path) -> Path:
    """Return AWS's emulator, made executable; skips the test where it does not run."""
    found = emulator.emulator_of(sam)
    if sys.platform != "linux" or not found:
        pytest.skip("the Lambda emulator runs on Linux only")
    found.chmod(0o755)
    return found


def build(*options: str | Path) -> str:
    """Run build.py as a user does."""
    result = subprocess.run(
        [sys.executable, ROOT / "deploy" / "eventbridge" / "build.py", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    if "No matching distribution" in result.stderr or "NewConnectionError" in result.stderr:
        pytest.skip(f"the package index cannot be reached: {result.stderr[-300:]}")
    assert result.returncode == 0, result.stderr
    return result.stdout


def run(
    *command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None, said: str = ""
) -> str:
    """Return what a command says once it was ``said`` something, or fail with it."""
    result = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        input=said,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@contextmanager
def _to_be_made(folder: Path, source: Path) -> Iterator[bool]:
    """Say whether a folder was not made from ``source`` yet, and note at the end that it was.

    One test process makes it, and the others wait.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    stamp, wanted = folder / "made-from", hashlib.sha256(source.read_bytes()).hexdigest()
    with folder.with_name(f"{folder.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted
        stamp.write_text(wanted, encoding="utf-8")


def _fetch(project: Path, folder: Path) -> None:
    """Let Maven put the jars into a folder; it checks them, and keeps them in ~/.m2, too."""
    maven = ["mvn", "--quiet", "--batch-mode", "--strict-checksums", "--file", str(project)]
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    shutil.rmtree(folder, ignore_errors=True)
    result = subprocess.run([*maven, *goal], capture_output=True, text=True, encoding="utf-8")
    if result.returncode:
        pytest.skip(f"mvn could not fetch AWS's rule engine: {result.stdout.strip()[-300:]}")


def _install(folder: Path, lock: Path, compiled: bool) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install"]
    quietly = ["--quiet", "--disable-pip-version-check", "--retries", "1"]
    # The lock is complete, so that there is nothing for pip to look for.
    pinned = ["--require-hashes", "--no-deps", "--requirement", str(lock)]
    bytecode = [] if compiled else ["--no-compile"]
    result = subprocess.run(
        [*pip, *quietly, *bytecode, *pinned], capture_output=True, text=True, encoding="utf-8"
    )
    if result.returncode:
        pytest.skip(f"{lock.name} could not be installed: {result.stderr.strip()[-300:]}")
