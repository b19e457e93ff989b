"""Run the measures, and write build/bench.json and docs/benchmarks.md: ``python -m bench``."""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench import outage, page, rate, runtime, sizes, start, storm, sweeps, warm
from bench.goals import goals
from bench.results import Results
from bench.world import BUILD
from lab.processes import ROOT

RESULTS: Final = ROOT / "build" / "bench.json"
DOCS: Final = ROOT / "docs"
# What was measured in a hurry is not for others to read.
QUICK_RESULTS: Final = BUILD / "quick.json"


@dataclass(frozen=True)
class Plan:
    """How much is measured: rounds of each measure, and how large they are."""

    rounds: int
    chunks: int
    seconds: float
    sweeps: tuple[int, ...]
    outages: tuple[float, ...]

    def steps(self) -> dict[str, Callable[[Results], None]]:
        """Return the measures by their names, in their order."""
        return {
            "one event": partial(warm.measure, rounds=self.rounds, chunks=self.chunks),
            "events per second": partial(rate.measure, rounds=self.rounds, seconds=self.seconds),
            "storm": partial(storm.measure, rounds=self.rounds),
            "start": partial(start.measure, rounds=self.rounds),
            "sizes": sizes.measure,
            "Lambda's runtime": partial(runtime.measure, rounds=self.rounds, archive=sizes.ZIP),
            "sweeps": partial(sweeps.measure, rounds=self.rounds, sizes=self.sweeps),
            "outage": partial(outage.measure, outages=self.outages),
        }


FULL: Final = Plan(7, 5, 3.0, (100, 1000, 10_000), (60.0, 10.0, 10.0, 10.0, 10.0))
QUICK: Final = Plan(1, 1, 0.5, (100, 1000), (4.0,))


def main() -> None:
    """Measure, or only write the page anew from the last results."""
    options = _options()
    BUILD.mkdir(parents=True, exist_ok=True)
    file, folder = (QUICK_RESULTS, BUILD) if options.quick else (RESULTS, DOCS)
    if options.page:
        results = Results.from_json(json.loads(file.read_text(encoding="utf-8")))
    else:
        results = _measured(QUICK if options.quick else FULL, quick=options.quick)
        file.write_text(json.dumps(results.as_json(), indent=1), encoding="utf-8")
    page.write(results, folder)
    _tell(results)
    print(f"{file.relative_to(ROOT)}, {folder.relative_to(ROOT)}/benchmarks.md")


def _measured(plan: Plan, *, quick: bool) -> Results:
    results, started = Results(_about(quick)), time.perf_counter()
    for name, measure in plan.steps().items():
        begun = time.perf_counter()
        print(f"{name:<20}", end="", flush=True)
        measure(results)
        print(f"{time.perf_counter() - begun:6.1f} s", flush=True)
    results.about["seconds"] = round(time.perf_counter() - started)
    return results


def _about(quick: bool) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{_processor()}, {platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "quick": quick,
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else "processor unknown"


def _tell(results: Results) -> None:
    for goal in goals(results):
        verdict = "met" if goal.met else f"missed by {goal.missed_by}"
        print(f"{verdict:<15} {goal.what}: {goal.value:.4g} of {goal.limit:.4g} {goal.unit}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute, into build/bench instead")
    parser.add_argument("--page", action="store_true", help="write the page of the last results")
    if sys.platform != "linux":
        parser.error("measuring needs Linux")
    return parser.parse_args()


if __name__ == "__main__":
    main()
