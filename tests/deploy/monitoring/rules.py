"""The rules of deploy/monitoring, and what Prometheus' own tool says of them."""

import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from lab.processes import ROOT

MONITORING = ROOT / "deploy" / "monitoring"
RULES = MONITORING / "rules.yaml"
RUNBOOK = ROOT / "docs" / "runbook.md"
PREFIX = "MaintenanceMirror"
# What a series has at a minute, counted from the beginning; None is nothing.
Values = Callable[[int], float | None]


def alerts() -> dict[str, dict[str, Any]]:
    """Return the alerts by their names."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def promtool(*words: str | Path) -> str:
    """Run promtool and return what it says; fails where it finds something wrong."""
    done = subprocess.run(["promtool", *words], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def firing(series: Mapping[str, Values], expected: Mapping[int, Iterable[str]]) -> dict[str, Any]:
    """Return the test of promtool's that checks which alerts fire, without PREFIX, and when.

    That is told by minutes from the beginning. ``series`` are scraped every minute, and rules
    evaluated as often.
    """
    minutes = range(max(expected) + 1)
    return {
        "interval": "1m",
        "input_series": [
            {"series": name, "values": " ".join(map(_text, map(values, minutes)))}
            for name, values in series.items()
        ],
        "promql_expr_test": [
            {
                "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{minute}m",
                "exp_samples": [
                    {"labels": f'{{alertname="{PREFIX}{name}"}}', "value": 1}
                    for name in sorted(names)
                ],
            }
            for minute, names in expected.items()
        ],
    }


def tried(tests: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    """Run all of these by one promtool, which takes longer to begin than for any of them.

    What it says of one that fails begins with its name.
    """
    for name, test in tests.items():
        whole = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}
        (folder / name).write_text(yaml.safe_dump(whole), encoding="utf-8")
    promtool("test", "rules", *(folder / name for name in tests))


def _text(value: float | None) -> str:
    return "_" if value is None else f"{value:g}"
