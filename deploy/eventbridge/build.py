"""Build ``build/lambda.zip``: one zip for arm64 and x86_64, and for every Python from 3.12 on.

``python deploy/eventbridge/build.py [--ca-file PEM]`` from anywhere; only pip and the package
index are needed. The same commit gives the same bytes on any machine with the same Python: what is
installed is pinned by hash in ``requirements/lambda.txt``, entries are sorted, and times and modes
are fixed. (zlib decides about the compressed bytes: a Python that is built with zlib-ng instead
writes a zip of the same contents, but of another SHA-256. The digest of the contents but for the
bytecode, printed last, is the same everywhere.)

Only pure Python goes in: pip is told of a platform that no compiled wheel fits. boto3 is left to
the Lambda runtime, which brings it. METADATA stays beside the licences, since it is what scanners
such as Amazon Inspector find vulnerable versions by.

Beside each module is its bytecode for the Python that builds the zip, since Lambda cannot write
``__pycache__`` beside the code, and would compile all of it anew at every cold start. That Python
should be the version that the template's ``Runtime`` names; every other one compiles, and runs all
the same. It is not checked against its source, whose time no zip keeps.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("adapters", "functions")
# The other doors; what they import is not in the zip either.
OTHERS: Final = (
    "adapters/knative.py",
    "adapters/openfaas.py",
    "adapters/redrive.py",
    "adapters/board/",
    "adapters/cli/",
    "adapters/watch/",
)
CA_FILE: Final = "ca.pem"
# As in adapters/vcenter/__init__.py, which lets pyVmomi go without them.
OTHER_PRODUCTS: Final = ("eam", "pbm", "sms", "vslm", "vsanhealth")
# What of pyVmomi nobody here imports: the types of other products, and tools.
UNUSED: Final = ("pyVim/", "vsan", *(f"pyVmomi/_typeinfo_{name}" for name in OTHER_PRODUCTS))
LARGEST: Final = 2_500_000
# The first moment that a zip can express: 1980-01-01 00:00.
_TIME: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = 0o100644
_TASK: Final = "/var/task"  # Lambda unpacks the zip there.
_PURE: Final = ("--platform", "any", "--implementation", "py", "--abi", "none")

Contents = dict[str, bytes]


def main() -> None:
    """Write the zip and say what became of it."""
    options = _options()
    contents = collect(options.requirements, options.ca_file)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write(contents, options.output)
    size = options.output.stat().st_size
    if size > LARGEST:
        sys.exit(f"{options.output} has {size} bytes, more than the {LARGEST} it should")
    print(f"{options.output}: {size} bytes, {len(contents)} files")
    print(f"sha256 of the zip       {hashlib.sha256(options.output.read_bytes()).hexdigest()}")
    print(f"sha256 of its contents  {digest(contents)}")


def collect(requirements: Path, ca_file: Path | None = None) -> Contents:
    """Return what goes into the zip, by name: our code, and what ``requirements`` pins.

    ``ca_file`` is a PEM file that becomes ``/var/task/ca.pem``. Ends the process if pip fails.
    """
    contents = {_name(path, ROOT): path.read_bytes() for path in _sources()}
    contents["LICENSE"] = (ROOT / "LICENSE").read_bytes()
    if ca_file:
        contents[CA_FILE] = ca_file.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        _install(requirements, Path(folder))
        installed = [path for path in Path(folder).rglob("*") if path.is_file()]
        names = {_name(path, Path(folder)): path for path in installed}
        contents |= {name: names[name].read_bytes() for name in names if _is_needed(name)}
    return contents | bytecode(contents)


def bytecode(contents: Contents) -> Contents:
    """Return the bytecode of all modules in ``contents``, for the Python that runs this."""
    with tempfile.TemporaryDirectory() as folder:
        for name in contents:
            if name.endswith(".py"):
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(contents[name])
        _compile(folder)
        compiled = Path(folder).rglob("*.pyc")
        return {_name(path, Path(folder)): path.read_bytes() for path in compiled}


def write(contents: Contents, output: Path) -> None:
    """Write a zip that depends on nothing but ``contents``."""
    with zipfile.ZipFile(output, "w") as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = 3  # Unix, also when built on Windows
            entry.external_attr = _MODE << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, contents[name], compresslevel=9)


def digest(contents: Contents) -> str:
    """Return one SHA-256 for all names and contents, whatever compiles and compresses them."""
    names = sorted(name for name in contents if not name.endswith(".pyc"))
    lines = [f"{hashlib.sha256(contents[name]).hexdigest()}  {name}\n" for name in names]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _sources() -> Iterator[Path]:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if not _name(path, ROOT).startswith(OTHERS):
                yield path


def _install(requirements: Path, target: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    safely = ["--require-hashes", "--no-deps", "--no-compile", "--only-binary", ":all:"]
    where = ["--target", str(target), "--requirement", str(requirements)]
    result = subprocess.run([*pip, *safely, *_PURE, *where], check=False)  # noqa: S603 - fixed
    if result.returncode:
        sys.exit("pip could not install what the zip needs: see above")


def _compile(folder: str) -> None:
    """Compile all below a folder, in order of their names, as if they were where Lambda has them.

    One process that does nothing else makes the same bytecode each time.
    """
    words = [sys.executable, "-I", "-m", "compileall", "-q", "-f"]
    how = ["--invalidation-mode", "unchecked-hash", "-s", folder, "-p", _TASK]
    result = subprocess.run([*words, *how, folder], check=False)  # noqa: S603 - fixed
    if result.returncode:
        sys.exit("what the zip needs could not be compiled: see above")


def _is_needed(name: str) -> bool:
    """Leave out commands, what nobody imports, and pip's own notes, which differ from pip to pip.

    Bytecode that came along may be any Python's.
    """
    path = PurePosixPath(name)
    if name.startswith(UNUSED):
        return False
    if path.parts[0].endswith(".dist-info"):
        return path.name == "METADATA" or "LICEN" in name.upper() or path.name == "NOTICE"
    return path.parts[0] != "bin" and path.suffix not in (".pyc", ".pyi")


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Build the zip for AWS Lambda.")
    parser.add_argument("--ca-file", type=Path, help="PEM file, becomes /var/task/ca.pem")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "lambda.zip")
    parser.add_argument(
        "--requirements", type=Path, default=ROOT / "requirements" / "lambda.txt", help="lock file"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
