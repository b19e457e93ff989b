"""How large what is deployed is, and how a sweep grows with what it sweeps."""

import math
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Final

from bench import contestants, world
from bench.results import Results, take_turns
from bench.world import BUILD, ROOT

ZIP: Final = BUILD / "lambda.zip"


def sizes(results: Results) -> None:
    """Note ``zip`` (KB, packed) and ``image`` (MB, the layers that are ours), by what is in them.

    Sizes do not vary, so that there is one round.
    """
    _run(sys.executable, ROOT / "deploy/eventbridge/build.py", "--output", ZIP)
    results.add("in all", zip=ZIP.stat().st_size / 1000)
    for part, size in _parts(ZIP).items():
        results.add(part, zip=size / 1000)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        for layer in _layers(Path(folder)):
            content = sum(path.stat().st_size for path in layer.rglob("*") if path.is_file())
            packed = Path(shutil.make_archive(str(layer), "gztar", layer)).stat().st_size
            results.add(layer.name, image=content / 1_000_000)
            results.add(f"{layer.name}, packed", image=packed / 1_000_000)


def _parts(archive: Path) -> Counter[str]:
    parts: Counter[str] = Counter()
    with zipfile.ZipFile(archive) as contents:
        for entry in contents.infolist():
            parts[_part(entry.filename.split("/")[0])] += entry.compress_size
    return parts


def _part(name: str) -> str:
    ours = name in ("adapters", "functions", "LICENSE")
    return "ours" if ours else "licences" if name.endswith(".dist-info") else name


def _layers(folder: Path) -> list[Path]:
    """Do as deploy/knative/Dockerfile does, without a base image."""
    packages, ours = folder / "packages", folder / "ours"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    exactly = ["--only-binary", ":all:", "--require-hashes", "--no-compile", "--no-deps"]
    lock = ROOT / "requirements" / "knative.txt"
    _run(*pip, *exactly, "-r", lock, "--target", packages)
    for name in ("functions", "adapters"):
        left_out = shutil.ignore_patterns("cli", "__pycache__")
        shutil.copytree(ROOT / name, ours / name, ignore=left_out)
    _run(sys.executable, "-m", "compileall", "-q", "-f", packages, ours)
    return [packages, ours]


def _run(*command: str | Path) -> None:
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def sweeps(results: Results, rounds: int, sizes: tuple[int, ...]) -> None:
    """Note ``sweep`` (seconds), ``sweep_calls`` and ``sweep_memory`` (MB more than before).

    All hosts are right, or a tenth of them is in maintenance mode and monitored; of the former,
    ``sweep_calls_beyond`` are those that are more than there have to be.
    """
    counts = [(hosts, wrong) for hosts in sizes for wrong in (0, hosts // 10)]
    take_turns(results, rounds, {_name(*each): partial(_sweep, *each) for each in counts})
    for hosts in sizes:
        calls = max(results.values["sweep_calls"][_name(hosts, 0)])
        # The login, the adapter instances, and one for each page of a thousand.
        beyond = calls - 2 - math.ceil(hosts / 1000)
        results.add("a sweep where all are right", sweep_calls_beyond=beyond)


def _name(hosts: int, wrong: int) -> str:
    return f"{hosts:,} hosts, {wrong:,} wrong"


def _sweep(hosts: int, wrong: int) -> dict[str, float]:
    morefs = {f"host-{1001 + n * hosts // wrong}" for n in range(wrong)}
    with (
        world.simulator(hosts) as operations,
        world.alone(contestants.WithVCenter, hosts, **operations.settings()) as ours,
    ):
        return {**ours.sweep(morefs), "sweep_calls": operations.count()}
