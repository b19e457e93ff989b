"""What the rules tell of, and when: by Prometheus' own tool, with hours that take no time."""

import re
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from functions.errors import MaintenanceError, PermanentError, SweepRefusedError
from lab.processes import ROOT
from tests.deploy.monitoring.rules import (
    MONITORING,
    PREFIX,
    RULES,
    RUNBOOK,
    Values,
    alerts,
    firing,
    promtool,
    tried,
)
from tests.documents import table
from tests.promtool import needs_promtool

SWEEP = 15
DAY = 24 * 60
FOREVER = 10_000
VCENTER = 'vcenter="vc1"'


def named(metric: str, *labels: str) -> str:
    """Return a series of the pod a, as it is stored after a scrape."""
    target = ('job="mirror"', 'instance="a"')
    return f"maintenance_mirror_{metric}{{{','.join([*target, *labels])}}}"


def always(value: float) -> Values:
    return lambda minute: value


def steps(*pairs: tuple[int, float | None]) -> Values:
    """Return values each of which begins at a minute; there is nothing before the first."""
    return lambda minute: next((v for begins, v in reversed(pairs) if begins <= minute), None)


def during(values: Values, begins: int, ends: int) -> Values:
    """Return values that are there for some time only, as those of a pod."""
    return lambda minute: values(minute) if begins <= minute < ends else None


def good_sweeps(until: int = FOREVER, every: int = SWEEP) -> Values:
    """Return the timestamp, in seconds, of the last good sweep, of which the last is at `until`."""
    return lambda minute: 60 * (min(minute, until) // every * every) + 1


def counted(*minutes: int) -> Values:
    """Return a counter that is there from the beginning, and counts one at each of the minutes."""
    return lambda minute: sum(each <= minute for each in minutes)


def first_counted(*minutes: int) -> Values:
    """Return a counter that appears with its first count."""
    return during(counted(*minutes), min(minutes), FOREVER)


def sweeps(result: str, *minutes: int) -> dict[str, Values]:
    return {named("sweeps_total", f'result="{result}"'): counted(*minutes)}


def error(name: str, values: Values, event: str = "ExitMaintenanceModeEvent") -> dict[str, Values]:
    labels = (f'event="{event}"', 'outcome=""', f'error="{name}"')
    return {named("events_total", *labels): values}


BUILD = named("build_info", 'version="1"')
# Of the process itself, which is not ours alone.
START = BUILD.replace("maintenance_mirror_build_info", "process_start_time_seconds")
HEALTHY: Mapping[str, Values] = {
    BUILD: always(1),
    START: always(0),
    named("last_good_sweep_timestamp_seconds"): good_sweeps(),
    named("last_event_timestamp_seconds"): good_sweeps(every=30),
    named("hosts_overdue", VCENTER): always(0),
    named("hosts_differing", VCENTER): always(0),
    named("hosts_in_maintenance", VCENTER, 'owner="ours"'): always(2),
    named("hosts_in_maintenance", VCENTER, 'owner="person"'): always(1),
    **sweeps("good", *range(0, 2000, SWEEP)),
    **sweeps("failed"),
    **sweeps("refused"),
    named("outcomes_dropped_total"): always(0),
    named("notifications_dropped_total"): always(0),
    named("breaker_open", 'party="vrops"'): always(0),
    named("calls_total", 'party="vrops"'): counted(*range(0, 2000, SWEEP)),
}
EVENTS_ONLY: Mapping[str, Values] = {BUILD: always(1), START: always(0)}
# With a vCenter there is a 0 for each result.
NEVER_SWEPT = {**EVENTS_ONLY, **sweeps("good"), **sweeps("failed"), **sweeps("refused")}
NOTHING: Mapping[str, Values] = {}


def pod(name: str, begins: int, ends: int, series: Mapping[str, Values]) -> dict[str, Values]:
    """Return the series of a pod, which is there for some time only."""
    return {
        each.replace('instance="a"', f'instance="{name}"'): during(values, begins, ends)
        for each, values in series.items()
    }


def job(name: str, series: Mapping[str, Values]) -> dict[str, Values]:
    """Return the series of another job."""
    return {each.replace('"mirror"', f'"{name}"'): values for each, values in series.items()}


def with_gap(begins: int, ends: int, series: Mapping[str, Values]) -> dict[str, Values]:
    """Return series without what was to be scraped in some of the minutes."""

    def gap(values: Values) -> Values:
        return lambda minute: None if begins <= minute < ends else values(minute)

    return {name: gap(values) for name, values in series.items()}


class Case(NamedTuple):
    """What is scraped, and which alerts fire at which minutes."""

    series: Mapping[str, Values]
    expected: Mapping[int, Iterable[str]]


def case(
    base: Mapping[str, Values], changes: Mapping[str, Values], expected: Mapping[int, Iterable[str]]
) -> Case:
    return Case({**base, **changes}, expected)


LAST_GOOD = named("last_good_sweep_timestamp_seconds")
LAST_EVENT = named("last_event_timestamp_seconds")
OVERDUE = named("hosts_overdue", VCENTER)
DIFFERING = named("hosts_differing", VCENTER)
OURS = named("hosts_in_maintenance", VCENTER, 'owner="ours"')
PERSONS = named("hosts_in_maintenance", VCENTER, 'owner="person"')
BREAKER = named("breaker_open", 'party="vrops"')
CALLS = named("calls_total", 'party="vrops"')
SILENT = frozenset[str]()

CASES = {
    "nothing is wrong": case(HEALTHY, {}, {10: SILENT, 300: SILENT}),
    "events alone, without any sweep": case(EVENTS_ONLY, {}, {300: SILENT}),
    # --- nothing is heard
    "nothing was ever scraped": case(NOTHING, {}, {9: SILENT, 10: {"Absent"}}),
    "it is gone, and there is one word of it": Case(
        pod("a", 0, 60, HEALTHY), {70: SILENT, 76: {"Absent"}, 120: {"Absent", "NoGoodSweep"}}
    ),
    "it is gone for more than a day": Case(
        pod("a", 0, 60, EVENTS_ONLY), {100: {"Absent"}, DAY + 60: {"Absent"}, DAY + 80: {"Absent"}}
    ),
    "one of two is gone": Case(
        {
            **HEALTHY,
            **job("other", {k: v for k, v in HEALTHY.items() if k != BUILD}),
            **job("other", {BUILD: during(always(1), 0, 60)}),
        },
        {60: SILENT, 90: {"Absent"}},
    ),
    "a new version takes the place of the old one": Case(
        {**pod("a", 0, 62, HEALTHY), **pod("b", 61, FOREVER, HEALTHY)},
        {75: SILENT, 130: SILENT},
    ),
    "a gap of nine minutes in what is scraped": Case(
        with_gap(100, 109, HEALTHY),
        {105: SILENT, 109: SILENT, 112: SILENT, 170: SILENT, 229: SILENT},
    ),
    # --- sweeps
    "two sweeps in a row are missing": case(
        HEALTHY,
        {LAST_GOOD: lambda m: good_sweeps(60)(m) if m < 105 else good_sweeps()(m)},
        {104: SILENT, 120: SILENT},
    ),
    "sweeps are no longer asked for": case(
        HEALTHY, {LAST_GOOD: good_sweeps(60)}, {109: SILENT, 112: {"NoGoodSweep"}}
    ),
    "nobody asks the next pod for a sweep": Case(
        {**pod("a", 0, 62, HEALTHY), **pod("b", 61, FOREVER, NEVER_SWEPT)},
        {100: SILENT, 112: {"NoGoodSweep"}, DAY + 59: {"NoGoodSweep"}, DAY + 75: {"NoGoodSweep"}},
    ),
    "nobody ever asks for a sweep": Case(NEVER_SWEPT, {50: SILENT, 51: {"NoGoodSweep"}}),
    "a sweep is refused, once": case(
        HEALTHY,
        sweeps("refused", 60),
        {59: SILENT, 61: {"SweepRefused"}, 100: {"SweepRefused"}, 110: SILENT},
    ),
    "all sweeps are refused": case(
        HEALTHY,
        {LAST_GOOD: good_sweeps(45), **sweeps("refused", *range(60, 400, SWEEP))},
        {62: {"SweepRefused"}, 200: {"SweepRefused"}},
    ),
    "the first sweep of a pod is refused": Case(
        {named("sweeps_total", 'result="refused"'): first_counted(60), **EVENTS_ONLY},
        {61: {"SweepRefused"}, 104: {"SweepRefused"}, 115: {"NoGoodSweep"}},
    ),
    "one sweep fails": case(HEALTHY, sweeps("failed", 60), {61: SILENT, 106: SILENT, 150: SILENT}),
    "every other sweep fails": case(
        HEALTHY,
        sweeps("failed", *range(60, 400, 2 * SWEEP)),
        {100: SILENT, 110: {"SweepsFail"}, 390: {"SweepsFail"}},
    ),
    "one vCenter of two fails, whose last good sweep is the one that counts": case(
        HEALTHY,
        {LAST_GOOD: good_sweeps(45), **sweeps("failed", *range(60, 400, 5))},
        {90: SILENT, 97: {"NoGoodSweep"}, 390: {"NoGoodSweep"}},
    ),
    "all sweeps fail": case(
        HEALTHY,
        {LAST_GOOD: good_sweeps(45), **sweeps("failed", *range(60, 400, SWEEP))},
        {61: SILENT, 97: {"NoGoodSweep"}, 300: {"NoGoodSweep"}},
    ),
    "all sweeps fail from the first one on": case(
        NEVER_SWEPT,
        sweeps("failed", *range(0, 400, SWEEP)),
        {50: SILENT, 51: {"NoGoodSweep"}, 200: {"NoGoodSweep"}},
    ),
    # --- hosts
    "a host is overdue, until somebody looks": case(
        HEALTHY,
        {OVERDUE: steps((0, 0), (30, 1), (120, 0))},
        {49: SILENT, 50: {"HostOverdue"}, 119: {"HostOverdue"}, 121: SILENT},
    ),
    "a host is overdue for one sweep": case(
        HEALTHY, {OVERDUE: steps((0, 0), (30, 1), (45, 0))}, {46: SILENT, 51: SILENT}
    ),
    "a host is overdue, and the pod is replaced": Case(
        {
            **pod("a", 0, 62, {**HEALTHY, OVERDUE: always(1)}),
            **pod("b", 61, FOREVER, {**HEALTHY, OVERDUE: always(1)}),
        },
        {40: {"HostOverdue"}, 61: {"HostOverdue"}, 63: {"HostOverdue"}},
    ),
    "of two pods, the one that swept last knows better": Case(
        {
            **HEALTHY,
            **{OVERDUE: always(3), DIFFERING: always(3), LAST_GOOD: good_sweeps(15)},
            **pod("b", 20, FOREVER, HEALTHY),
        },
        {100: SILENT},
    ),
    "of two functions, as on OpenFaaS, one has the events and the other one the sweeps": Case(
        {
            **pod("events", 0, FOREVER, {BUILD: always(1), LAST_EVENT: HEALTHY[LAST_EVENT]}),
            **{name: values for name, values in HEALTHY.items() if name != LAST_EVENT},
            **{OVERDUE: steps((0, 0), (30, 1)), OURS: steps((0, 2), (240, 3), (270, 2))},
        },
        {49: SILENT, 51: {"HostOverdue"}, 271: {"HostOverdue"}},
    ),
    "it is scaled to zero for half an hour": Case(
        with_gap(15, 45, HEALTHY), {20: SILENT, 31: {"Absent"}, 50: SILENT}
    ),
    "a host is overdue while another vCenter cannot be compared": case(
        NEVER_SWEPT,
        {OVERDUE: always(1), **sweeps("failed", *range(0, 400, SWEEP))},
        {30: {"HostOverdue"}, 100: {"HostOverdue", "NoGoodSweep"}},
    ),
    "two sweeps in a row could not mend a difference": case(
        HEALTHY, {DIFFERING: steps((0, 0), (30, 2), (60, 0))}, {60: SILENT, 71: SILENT}
    ),
    "three sweeps in a row could not mend a difference": case(
        HEALTHY,
        {DIFFERING: steps((0, 0), (30, 2), (90, 0))},
        {69: SILENT, 70: {"HostsDiffer"}, 91: SILENT},
    ),
    "a difference that refused sweeps leave": case(
        HEALTHY,
        {
            DIFFERING: steps((0, 0), (60, 90)),
            LAST_GOOD: good_sweeps(45),
            **sweeps("refused", *range(60, 400, SWEEP)),
        },
        {62: {"SweepRefused"}, 200: {"SweepRefused"}},
    ),
    # --- events
    "no event comes, and nothing changes": case(HEALTHY, {LAST_EVENT: always(1)}, {300: SILENT}),
    "no event comes, and a person is at work in vRealize Operations": case(
        HEALTHY,
        {LAST_EVENT: always(1), PERSONS: steps((0, 1), (240, 2), (255, 1), (270, 2))},
        {300: SILENT},
    ),
    "no event comes, and one host ends by its lease": case(
        HEALTHY, {LAST_EVENT: always(1), OURS: steps((0, 2), (240, 1))}, {241: SILENT, 300: SILENT}
    ),
    "no event comes, though hosts change their mode": case(
        HEALTHY,
        {LAST_EVENT: always(1), OURS: steps((0, 2), (240, 3), (270, 2))},
        {265: SILENT, 271: {"NoEvents"}, 325: {"NoEvents"}, 335: SILENT},
    ),
    "no event ever came, though hosts change their mode": case(
        {name: values for name, values in HEALTHY.items() if name != LAST_EVENT},
        {OURS: steps((0, 2), (240, 3), (270, 2))},
        {265: SILENT, 271: {"NoEvents"}},
    ),
    "the last of some events is two hours ago": case(
        HEALTHY,
        {LAST_EVENT: always(239 * 60), OURS: steps((0, 2), (225, 3), (240, 4), (255, 5))},
        dict.fromkeys(range(240, 400, 5), SILENT),
    ),
    "the pod that had the last events was replaced": Case(
        {
            **pod("a", 0, 242, {**HEALTHY, LAST_EVENT: always(235 * 60), OURS: always(2)}),
            **pod("b", 241, FOREVER, {**HEALTHY, OURS: steps((241, 3), (255, 4), (270, 5))}),
            **pod("b", 241, FOREVER, {LAST_EVENT: steps((FOREVER, 0))}),
        },
        dict.fromkeys(range(240, 330, 5), SILENT),
    ),
    "events come, and sweeps repair what some of them missed": case(
        HEALTHY, {OURS: steps((0, 2), (240, 3), (270, 2))}, {271: SILENT}
    ),
    "an event is refused": case(
        HEALTHY,
        error("AmbiguousHostError", counted(60)),
        {59: SILENT, 61: {"EventRefused"}, 118: {"EventRefused"}, 121: SILENT, 200: SILENT},
    ),
    "the first error of its kind is the first count of its series": case(
        HEALTHY,
        error("RequestRejectedError", first_counted(60)),
        {60: {"EventRefused"}, 110: {"EventRefused"}, 121: SILENT, 400: SILENT},
    ),
    "a counter begins anew": case(
        HEALTHY,
        error("AmbiguousHostError", steps((0, 7), (200, 0), (300, 1))),
        {100: SILENT, 210: SILENT, 299: SILENT, 301: {"EventRefused"}, 361: SILENT},
    ),
    "a gap does not tell an old error anew": case(
        HEALTHY,
        error("AmbiguousHostError", steps((0, 7), (200, None), (240, 7))),
        {199: SILENT, 241: SILENT, 290: SILENT, 310: SILENT, 350: SILENT, 420: SILENT},
    ),
    "errors that pass by themselves": case(
        HEALTHY,
        error("OperationsUnavailableError", first_counted(*range(60, 90)))
        | error("HostNotFoundError", first_counted(*range(60, 90))),
        {61: SILENT, 100: SILENT},
    ),
    "a sweep that is refused is no event that is": case(
        HEALTHY,
        error("SweepRefusedError", first_counted(60), "Reconcile")
        | error("RequestRejectedError", first_counted(60), "Reconcile"),
        {61: SILENT, 100: SILENT},
    ),
    "something damaged arrives": case(
        HEALTHY,
        error("NotACloudEventError", first_counted(60), "other"),
        {61: {"EventDamaged"}, 121: SILENT},
    ),
    # --- accounts, services, those who are told
    "a password is changed, and events come in between": case(
        HEALTHY,
        error("AuthenticationError", counted(60, 60, 61, 61, 62)),
        {62: SILENT, 80: SILENT, 95: SILENT},
    ),
    "a password is wrong": case(
        HEALTHY,
        error("AuthenticationError", first_counted(*range(45, 400, SWEEP)), "Reconcile"),
        {85: SILENT, 95: {"LoginsFail"}, 300: {"LoginsFail"}},
    ),
    "vRealize Operations restarts, and a sweep is the next to call": case(
        HEALTHY, {BREAKER: steps((0, 0), (61, 1), (75, 0))}, {70: SILENT, 80: SILENT, 90: SILENT}
    ),
    "vRealize Operations is away": case(
        HEALTHY,
        {BREAKER: steps((0, 0), (61, 1), (120, 0))},
        {80: SILENT, 87: {"ServiceUnreachable"}, 119: {"ServiceUnreachable"}, 121: SILENT},
    ),
    "vRealize Operations was away when it was called last, a day ago": case(
        EVENTS_ONLY,
        {BREAKER: steps((0, 0), (60, 1)), CALLS: counted(60, 60, 60, 60, 60)},
        {70: SILENT, 90: SILENT, 300: SILENT},
    ),
    "outcomes and notifications are dropped": case(
        HEALTHY,
        {
            named("outcomes_dropped_total"): counted(60),
            named("notifications_dropped_total"): counted(200),
        },
        {62: {"NotTold"}, 121: SILENT, 202: {"NotTold"}, 261: SILENT},
    ),
}


# Some of them last for days, each minute of which promtool evaluates: half a minute in all.
@pytest.mark.exhaustive
@needs_promtool
def test_what_is_told_and_when(tmp_path: Path) -> None:
    tried({name: firing(*case) for name, case in CASES.items()}, tmp_path)


@needs_promtool
def test_what_is_told_wrongly_is_said_with_its_name(tmp_path: Path) -> None:
    series, _ = CASES["outcomes and notifications are dropped"]
    with pytest.raises(AssertionError, match="silent, though it is not"):
        tried({"silent, though it is not": firing(series, {62: ()})}, tmp_path)


def test_every_alert_is_told_in_one_of_the_cases() -> None:
    told = {
        PREFIX + each
        for case in CASES.values()
        for names in case.expected.values()
        for each in names
    }
    assert told == alerts().keys()


@needs_promtool
def test_promtool_finds_nothing_to_say() -> None:
    assert "SUCCESS" in promtool("check", "rules", "--lint-fatal", RULES)


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_what_how_urgent_and_where_to_look(name: str) -> None:
    alert = alerts()[name]
    assert name.startswith(PREFIX)
    assert alert["labels"].keys() == {"severity"}
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    told = alert["annotations"]
    assert told.keys() == {"summary", "description", "runbook_url"}
    assert told["summary"][-1] != "."
    assert told["description"][-1] == "."
    assert told["runbook_url"] == f"docs/runbook.md#{name.lower()}"


def test_each_alert_has_its_paragraph_and_each_paragraph_its_alert() -> None:
    headings = re.findall(
        rf"^### ({PREFIX}\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert headings == [*alerts()]


def test_every_error_that_no_retry_mends_is_told_of() -> None:
    matched = " ".join(rule["expr"] for rule in alerts().values())
    assert {each.__name__ for each in errors(PermanentError)} - {SweepRefusedError.__name__} == {
        name for name in re.findall(r"\w+Error", matched) if name != "AuthenticationError"
    }


def errors(base: type[MaintenanceError]) -> set[type[MaintenanceError]]:
    return {found for each in base.__subclasses__() for found in {each, *errors(each)}}


def test_the_operator_gets_the_same_rules() -> None:
    path = MONITORING / "prometheusrule.yaml"
    head, rules = path.read_text(encoding="utf-8").split("\nspec:\n")
    assert rules == textwrap.indent(RULES.read_text(encoding="utf-8"), "  ")
    manifest: dict[str, Any] = yaml.safe_load(head)
    assert (manifest["apiVersion"], manifest["kind"]) == (
        "monitoring.coreos.com/v1",
        "PrometheusRule",
    )


def test_the_page_lists_every_alert_as_it_is() -> None:
    _, _, *rows = table(ROOT / "docs" / "observability.md", "Alerts and dashboards")
    assert rows == [
        [
            f"[`{name.removeprefix(PREFIX)}`](runbook.md#{name.lower()})",
            alert["labels"]["severity"],
            alert.get("for", "at once"),
            alert["annotations"]["summary"],
        ]
        for name, alert in alerts().items()
    ]
