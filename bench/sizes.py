"""How large what is deployed is, and how a sweep grows with what it sweeps."""

import math
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

from bench import contestants, world
from bench.results import Results, Turn
from bench.world import BUILD
from lab.operations import Operations
from lab.processes import ROOT

ZIP: Final = BUILD / "lambda.zip"
# Of one vCenter, and of an estate.
MANY: Final = 10_000
HOSTS: Final = 100_000
VCENTERS: Final = 40
_OURS: Final = ("adapters", "functions", "LICENSE")


def sizes(results: Results) -> None:
    """Note ``zip`` (KB, packed) and ``image`` (MB, the layers that are ours), by what is in them.

    Sizes do not vary, so that there is one round; the image's packages take long to install.
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
    if results.about["quick"]:
        results.skipped["the image"] = "its packages take a while to install."
        return
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
    ``sweep_calls_beyond`` are those that are more than there have to be. With as many hosts, there
    is a listing of all by http.client, which nothing is done with.
    """
    turns: dict[str, Turn] = {}
    with ExitStack() as stack:
        for hosts in (100, 1000) if results.about["quick"] else (100, 1000, MANY):
            unchanged = stack.enter_context(world.simulator(hosts))
            turns[f"{hosts:,} hosts, 0 wrong"] = partial(_right, unchanged, "ours", hosts, 0)
            turns[f"{hosts:,} hosts, {hosts // 10:,} wrong"] = partial(_wrong, hosts, hosts // 10)
            turns[f"{hosts:,} hosts, only listed"] = partial(_listing, unchanged, hosts)
        results.take_turns(turns, 5)


def estate(results: Results) -> None:
    """Note what ``sweeps`` does where there are many vCenters, and all hosts are right.

    ``sweep_peak`` (MB) is all memory that the process ever had.
    """
    hosts = HOSTS // 10 if results.about["quick"] else HOSTS
    what = f"{hosts:,} hosts in {VCENTERS} vCenters"
    dealt_out = (contestants.dealt(number) for number in range(VCENTERS))
    named = (("--vcenter", f"{address},{address},{uuid}") for address, uuid in dealt_out)
    with world.simulator(hosts, *chain.from_iterable(named)) as operations:
        turns: dict[str, Turn] = {
            f"{what}, 0 wrong": partial(_right, operations, "estate", hosts, VCENTERS),
            f"{what}, only listed": partial(_listing, operations, hosts),
        }
        for _ in range(results.rounds(3)):  # What fills caches are others' rounds before.
            for name, turn in turns.items():
                results.add(name, **turn())


def _right(operations: Operations, sweeper: str, hosts: int, number: int) -> dict[str, float]:
    """Let ``sweeper`` sweep, whom the ``number`` tells more than how many hosts there are."""
    before = operations.calls()["count"]
    swept = world.alone(operations, "sweep", sweeper, hosts, number)["sweep"]
    calls = operations.calls()["count"] - before
    # The login, the adapter instances, and one for each page of a thousand; nothing is written.
    least = 2 + math.ceil(hosts / (number or 1) / 1000) * (number or 1)
    return {**_noted(swept), "sweep_calls": calls, "sweep_calls_beyond": calls - least}


def _wrong(hosts: int, wrong: int) -> dict[str, float]:
    with world.simulator(hosts) as operations:
        swept = world.alone(operations, "sweep", "ours", hosts, wrong)["sweep"]
        calls = operations.calls()["count"]
        if len(world.maintained(operations)) != wrong:
            raise OSError("a sweep did not start maintenance where it should")
    return {**_noted(swept), "sweep_calls": calls}


def _noted(swept: Sequence[float]) -> dict[str, float]:
    return dict(zip(("sweep", "sweep_memory", "sweep_peak"), swept, strict=True))


def _listing(operations: Operations, hosts: int) -> dict[str, float]:
    return world.alone(operations, "sweep", "listing", hosts)
