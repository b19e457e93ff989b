"""The dashboard: that its queries are right, and that it fits any Grafana."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.metrics.table import METRICS, PREFIX
from tests.deploy.monitoring.rules import MONITORING, RULES, promtool
from tests.promtool import needs_promtool

DASHBOARD = json.loads((MONITORING / "grafana-dashboard.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
WIDTH = 24
# What Grafana puts in their place.
VARIABLES = {"$__rate_interval": "5m", "$job": ".*"}
# What a histogram is stored as.
STORED = {"histogram": ("_bucket", "_count", "_sum")}


def queries() -> list[str]:
    return [target["expr"] for panel in PANELS for target in panel["targets"]]


def stored() -> dict[str, tuple[str, ...]]:
    """Return the names that Prometheus keeps our metrics by, and the labels of each."""
    return {
        metric.name + suffix: metric.labels
        for metric in METRICS
        for suffix in STORED.get(metric.kind, ("",))
    }


def values(node: Any, key: str) -> Iterator[Any]:
    """Return whatever stands under a key, anywhere."""
    if isinstance(node, dict):
        yield from (node[key] for _ in range(key in node))
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    yield from chain.from_iterable(values(each, key) for each in children)


@needs_promtool
def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"query:{n}", "expr": filled(each)} for n, each in enumerate(queries())]
    path = tmp_path / "queries.yaml"
    text = yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]})
    path.write_text(text, encoding="utf-8")
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", path)


def filled(query: str) -> str:
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    assert "$" not in query
    return query


@pytest.mark.parametrize(
    "text", [*queries(), RULES.read_text(encoding="utf-8")], ids=[*queries(), "the rules"]
)
def test_every_metric_and_label_is_one_of_ours(text: str) -> None:
    used = re.findall(rf"\b(?<!:){PREFIX}\w+", text)
    assert used
    assert [each for each in used if each not in stored()] == []
    for name, selector in re.findall(rf"(?<!:)({PREFIX}\w+)\{{([^}}]*)\}}", text):
        labels = set(re.findall(r"(\w+)\s*(?:=|!)", selector))
        assert labels <= {"job", *stored()[name]}


def test_every_metric_is_told_of_by_an_alert_or_shown() -> None:
    text = " ".join([*queries(), RULES.read_text(encoding="utf-8")])
    told = {name for name in stored() if name in text}
    assert [each.name for each in METRICS if not any(t.startswith(each.name) for t in told)] == []


def test_panels_do_not_overlap_and_fill_the_width() -> None:
    taken = [
        (x, y)
        for panel in PANELS
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    height = max(y for _, y in taken) + 1
    assert sorted(taken) == [(x, y) for x in range(WIDTH) for y in range(height)]


def test_it_fits_any_grafana() -> None:
    assert "id" not in DASHBOARD
    assert {panel["id"] for panel in PANELS} == {*range(1, len(PANELS) + 1)}
    sources = [each["uid"] for each in values(DASHBOARD, "datasource")]
    assert {*sources} == {"${datasource}"}
    for panel in PANELS:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert [target["refId"] for target in panel["targets"]] == ["A", "B"][
            : len(panel["targets"])
        ]
    names = {each["name"] for each in DASHBOARD["templating"]["list"]}
    text = json.dumps(DASHBOARD)
    used = {*re.findall(r"\$\{?([a-z]\w*)", text)}
    assert used == names


def test_what_matters_most_is_in_the_first_row() -> None:
    first = [panel["title"] for panel in PANELS if panel["gridPos"]["y"] == 0]
    assert first == [
        "Hosts in maintenance",
        "Hosts that differ",
        "Hosts overdue",
        "Last good sweep",
    ]
