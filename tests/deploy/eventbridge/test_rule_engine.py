"""AWS's own rule engine decides the template's pattern, over everything that may be on the bus."""

import json
from pathlib import Path
from typing import Any

import pytest
from moto.events.models import EventPattern

from tests.deploy.eventbridge import templates
from tests.deploy.eventbridge.forwarded import FOREIGN, FORWARDED, handled
from tests.deploy.eventbridge.tools import jars, run

RULES = Path(__file__).parent / "rules"
EVENTS: dict[str, Any] = {**FORWARDED, **FOREIGN}
# The router matches before it sends: of the event that EventBridge makes, it has the detail only.
BARE = {name: {"detail": event["detail"]} for name, event in EVENTS.items()}

# The first test may wait for Maven.
pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("rule engine")]


@pytest.fixture(scope="module")
def pattern() -> Any:
    return templates.load()["Resources"]["EventRule"]["Properties"]["EventPattern"]


@pytest.fixture(scope="module")
def let_through(pattern: Any) -> set[str]:
    """The names of the events that AWS's engine lets through; ``bare`` before those of BARE."""
    program = ("java", "-cp", f"{jars(RULES)}/*", RULES / "Decide.java")
    asked = {**EVENTS, **{f"bare {name}": event for name, event in BARE.items()}}
    lines = "\n".join(map(json.dumps, [pattern, *asked.values()]))
    answers = run(*program, said=lines).split()
    return {name for name, answer in zip(asked, answers, strict=True) if answer == "true"}


def test_what_the_router_forwards_is_let_through_if_the_function_does_something_with_it(
    let_through: set[str],
) -> None:
    assert let_through & {*FORWARDED} == {name for name in FORWARDED if handled(FORWARDED[name])}


def test_every_form_of_ours_is_let_through_and_of_what_resembles_it_what_has_its_name(
    let_through: set[str],
) -> None:
    ours = {name for name in FORWARDED if name.startswith(("router-", "cloudevent-"))}
    assert {name.split(".")[-2].rsplit("-")[-1] for name in ours} == {"enter", "exit", "removed"}
    posted = {name for name in FORWARDED if name.startswith(("eventex ", "extendedevent "))}
    named = {"impostor.http", "no-host.http", "hostless"}
    assert let_through & {*FORWARDED} == ours | posted | named


def test_nothing_else_on_the_bus_is_let_through(let_through: set[str]) -> None:
    assert let_through.isdisjoint(FOREIGN)


def test_the_routers_own_matcher_and_motos_agree(pattern: Any, let_through: set[str]) -> None:
    matcher = EventPattern.load(json.dumps(pattern))
    for name, bare in BARE.items():
        decisions = {
            "engine": name in let_through,
            "engine, bare": f"bare {name}" in let_through,
            "router": matched_by_the_router(pattern, bare),
            "moto": matcher.matches_event(EVENTS[name]),
        }
        assert len({*decisions.values()}) == 1, (name, decisions)


def matched_by_the_router(pattern: Any, event: Any) -> bool:
    """All that every release of the router knows of patterns: exact values of detail.subject."""
    return event["detail"].get("subject") in pattern["detail"]["subject"]
