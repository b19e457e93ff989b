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

from bench import world
from bench.results import Results, Turn
from bench.world import BUILD
from lab.processes import ROOT

ZIP: Final = BUILD / "lambda.zip"
_OURS: Final = ("adapters", "functions", "LICENSE")


def sizes(results: Results) -> None:
    """Note ``zip`` (KB, packed) and ``image`` (MB, the layers that are ours), by what is in them.

    Sizes do not vary, so that there is one round.
    """
    _run(ROOT / "deploy/eventbridge/build.py", "--output", ZIP)
    parts = Counter({"in all": ZIP.stat().st_size})
    with zipfile.ZipFile(ZIP) as contents:
        for entry in contents.infolist():
            name = entry.filename.split("/")[0]
            part = "licences" if name.endswith(".dist-info") else name
            parts["ours" if name in _OURS else part] += entry.compress_size
    for part, size in parts.items():
        results.add(part, zip=size / 1000)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        for layer in _layers(Path(folder)):
            content = sum(path.stat().st_size for path in layer.rglob("*") if path.is_file())
            packed = Path(shutil.make_archive(str(layer), "gztar", layer)).stat().st_size
            results.add(layer.name, image=content / 1_000_000)
            results.add(f"{layer.name}, packed", image=packed / 1_000_000)


def _layers(folder: Path) -> list[Path]:
    """Do as deploy/knative/Dockerfile does, without a base image."""
    packages, ours = folder / "packages", folder / "ours"
    exactly = ["--only-binary", ":all:", "--require-hashes", "--no-compile", "--no-deps"]
    lock: list[str | Path] = ["-r", ROOT / "requirements" / "knative.txt", "--target", packages]
    _run("-m", "pip", "--disable-pip-version-check", "install", "--quiet", *exactly, *lock)
    for name in ("functions", "adapters"):
        left_out = shutil.ignore_patterns("cli", "__pycache__")
        shutil.copytree(ROOT / name, ours / name, ignore=left_out)
    _run("-m", "compileall", "-q", "-f", packages, ours)
    return [packages, ours]


def _run(*words: str | Path) -> None:
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def sweeps(results: Results) -> None:
    """Note ``sweep`` (seconds), ``sweep_calls`` and ``sweep_memory`` (MB more than before).

    All hosts are right, or a tenth of them is in maintenance mode and monitored; of the former,
    ``sweep_calls_beyond`` are those that are more than there have to be.
    """
    turns: dict[str, Turn] = {}
    for hosts in (100, 1000) if results.about["quick"] else (100, 1000, 10_000):
        for wrong in (0, hosts // 10):
            turns[f"{hosts:,} hosts, {wrong:,} wrong"] = partial(_sweep, hosts, wrong)
    results.take_turns(turns)


def _sweep(hosts: int, wrong: int) -> dict[str, float]:
    with world.simulator(hosts) as operations:
        seconds, megabytes = world.alone(operations, "sweep", "ours", hosts, wrong)["sweep"]
        calls = operations.calls()["count"]
        if len(world.maintained(operations)) != wrong:
            raise OSError("a sweep did not start maintenance where it should")
    # The login, the adapter instances, and one for each page of a thousand.
    beyond = {} if wrong else {"sweep_calls_beyond": calls - 2 - math.ceil(hosts / 1000)}
    return {"sweep": seconds, "sweep_memory": megabytes, "sweep_calls": calls, **beyond}
