"""Run the measures, and write build/bench.json and docs/benchmarks.md: ``python -m bench``."""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench import sizes, start, traffic
from bench.page import goals, render
from bench.results import Results
from bench.world import BUILD, ROOT

Measures = dict[str, Callable[[Results], None]]


def _measures(*, quick: bool) -> Measures:
    rounds, count, seconds = (1, 6, 0.5) if quick else (7, 30, 3.0)
    hosts = (100, 1000) if quick else (100, 1000, 10_000)
    outages = (4.0,) if quick else (60.0, 10.0, 10.0, 10.0, 10.0)
    return {
        "one event": partial(traffic.one_event, rounds=rounds, count=count),
        "events per second": partial(traffic.rate, rounds=rounds, seconds=seconds),
        "storm": partial(traffic.storm, rounds=rounds),
        "start": partial(start.start, rounds=rounds),
        "sizes": sizes.sizes,
        "Lambda's runtime": partial(start.runtime, rounds=rounds, archive=sizes.ZIP),
        "sweeps": partial(sizes.sweeps, rounds=rounds, sizes=hosts),
        "outage": partial(traffic.outage, outages=outages),
    }


def main() -> None:
    """Measure, or only write the page anew from the last results."""
    options = _options()
    BUILD.mkdir(parents=True, exist_ok=True)
    # What was measured in a hurry is not for others to read.
    folder = BUILD if options.quick else ROOT / "docs"
    file = BUILD / "quick.json" if options.quick else ROOT / "build" / "bench.json"
    if not options.page:
        results = _measured(_measures(quick=options.quick), _about(options.quick))
        file.write_text(json.dumps(asdict(results), indent=1), encoding="utf-8")
    results = Results(**json.loads(file.read_text(encoding="utf-8")))
    (folder / "benchmarks.md").write_text(render(results), encoding="utf-8")
    for goal in goals(results):
        print(f"{goal.verdict:<15} {goal.what}: {goal.value:.4g} of {goal.limit:.4g} {goal.unit}")
    print(f"{file.relative_to(ROOT)}, {folder.relative_to(ROOT)}/benchmarks.md")


def _measured(measures: Measures, about: dict[str, Any]) -> Results:
    results, started = Results(about), time.perf_counter()
    for name, measure in measures.items():
        begun = time.perf_counter()
        print(f"{name:<20}", end="", flush=True)
        measure(results)
        print(f"{time.perf_counter() - begun:6.1f} s", flush=True)
    about["seconds"] = round(time.perf_counter() - started)
    return results


def _about(quick: bool) -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = models[0] if models else "processor unknown"
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{processor}, {platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "quick": quick,
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute, into build/bench instead")
    parser.add_argument("--page", action="store_true", help="write the page of the last results")
    if sys.platform != "linux":
        parser.error("measuring needs Linux")
    return parser.parse_args()


if __name__ == "__main__":
    main()
