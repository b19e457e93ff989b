"""docs/observability.md holds the metrics that there are, in the words of the code."""

import re
from functools import partial
from pathlib import Path
from typing import get_args

from adapters import knative, openfaas
from adapters.metrics import VERSION
from adapters.metrics.embedded import EVENT_UNITS, SWEEP_UNITS
from adapters.metrics.sweeps import OWNERS, RESULTS
from adapters.metrics.table import METRICS
from adapters.outgoing.tally import WORDS, Party
from functions.handlers import HANDLERS
from tests.unit.test_packaging import VERSION as PROJECT_VERSION

DOCUMENT = (Path(__file__).parents[3] / "docs" / "observability.md").read_text(encoding="utf-8")


def test_the_document_has_every_metric_and_no_other() -> None:
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("| `maintenance_mirror_")]
    assert rows == [
        f"| `{each.name}` | {each.kind} |"
        f" {''.join(f'`{name}`, ' for name in each.labels).removesuffix(', ')}".rstrip()
        + f" | {each.help} |"
        for each in METRICS
    ]


def test_the_document_has_every_metric_of_lambda_and_its_unit() -> None:
    rows = re.findall(r"^\| `([A-Z]\w+)` \| (\w+) \|", DOCUMENT, re.MULTILINE)
    assert dict(rows) == {**EVENT_UNITS, **SWEEP_UNITS}


def test_the_document_has_every_value_of_the_labels_that_have_few() -> None:
    values = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|$", DOCUMENT, re.MULTILINE))
    assert {name for each in METRICS for name in each.labels} - values.keys() == {
        "version",
        "python",
    }
    for label, expected in (
        ("event", {*HANDLERS, "other"}),
        ("status", {*WORDS, "200"}),
        ("owner", set(OWNERS)),
        ("party", set(get_args(Party))),
        ("door", doors()),
        ("result", set(RESULTS)),
    ):
        told = set(re.findall(r"`([\w.]+)`", values[label]))
        assert expected == told, label


def doors() -> set[str]:
    """What those who mirror and are scraped call themselves."""
    built = [each.build for each in (*knative.TARGETS.values(), *openfaas.TARGETS.values())]
    return {each.keywords["door"] for each in built if isinstance(each, partial)} | {"watch"}


def test_the_version_is_the_project_s() -> None:
    assert VERSION == PROJECT_VERSION


def test_names_and_units_follow_the_conventions() -> None:
    for each in METRICS:
        assert (each.kind == "counter") == each.name.endswith("_total")
        assert (each.kind == "histogram") == bool(each.buckets)
        assert re.fullmatch(r"maintenance_mirror_[a-z_]+", each.name)
        assert list(each.buckets) == sorted(each.buckets)
