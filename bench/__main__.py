"""Run the measures, and write build/bench.json and docs/benchmarks.md: ``python -m bench``."""

import argparse
import json
import os
import platform
import re
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import page, sizes, start, traffic, watching, world
from bench.results import Results
from bench.world import BUILD
from lab.processes import ROOT


def main() -> None:
    """Measure, or only write the page anew from the last results."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute, into build/bench instead")
    parser.add_argument("--page", action="store_true", help="write the page of the last results")
    options = parser.parse_args()
    if sys.platform != "linux":
        parser.error("measuring needs Linux")
    BUILD.mkdir(parents=True, exist_ok=True)
    # What was measured in a hurry is not for others to read.
    folder = BUILD if options.quick else ROOT / "docs"
    file = BUILD / "quick.json" if options.quick else ROOT / "build" / "bench.json"
    if not options.page:
        results = _measured(options.quick)
        file.write_text(json.dumps(asdict(results), indent=1), encoding="utf-8")
    results = Results(**json.loads(file.read_text(encoding="utf-8")))
    (folder / "benchmarks.md").write_text(page.render(results), encoding="utf-8")
    for goal in page.goals(results):
        print(f"{goal.verdict:<15} {goal.what}: {goal.value:.4g} of {goal.limit:.4g} {goal.unit}")
    print(f"{file.relative_to(ROOT)}, {folder.relative_to(ROOT)}/benchmarks.md")


def _measured(quick: bool) -> Results:
    results, started = Results(_about(quick)), time.perf_counter()
    for measure in (
        *(traffic.one_event, watching.watched, watching.vsphere),
        *(
            traffic.rate,
            traffic.crowd,
            traffic.profile,
            traffic.storm,
            traffic.slow_storm,
            traffic.outage,
        ),
        *(start.start, sizes.sizes, start.runtime, start.vcenters),
        *(sizes.sweeps, sizes.estate),
    ):
        print(f"{time.perf_counter() - started:6.1f} s  {measure.__name__}", flush=True)
        measure(results)
    results.about["seconds"] = round(time.perf_counter() - started)
    return results


def _about(quick: bool) -> dict[str, Any]:
    described = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*: (.*)", described, re.MULTILINE)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{model[1] if model else 'unknown'}, {platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "quick": quick,
        "rounds": 1 if quick else 7,
        "threads": world.THREADS,
        "delivery_seconds": world.DELIVERY_SECONDS,
    }


if __name__ == "__main__":
    main()
