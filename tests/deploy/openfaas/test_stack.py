"""The stack files, checked against what faas-cli takes, and VEBA's router and timers send."""

import re
from pathlib import Path

import pytest

from adapters.config.settings import Settings
from functions.events import RECONCILE
from functions.handlers import HANDLERS
from lab import events
from lab.processes import ROOT
from tests.deploy.knative.manifests import read
from tests.deploy.knative.schemas import ROUTER, problems
from tests.deploy.openfaas.stack import (
    COMMUNITY_STACK,
    SECRETS,
    STACK,
    VCENTER_STACK,
    function,
    stack,
)

MIRROR, ECHO, TIMED = (f"maintenance-mirror{suffix}" for suffix in ("", "-echo", "-reconcile"))
STACKS = (STACK, VCENTER_STACK)
COMMUNITY = {
    f"{MIRROR}-enter": events.ENTER.name,
    f"{MIRROR}-exit": events.EXIT.name,
    f"{MIRROR}-removed": events.REMOVED.name,
    TIMED: "cron-function",
}
FUNCTIONS = [(name, path) for path in STACKS for name in stack(path)["functions"]]
MIRRORING = [(name, path) for name, path in FUNCTIONS if name != ECHO]
# VEBA's OpenFaaS processor gives up after this, and sends the event again.
ROUTER_TIMEOUT = 15.0
# So does OpenFaaS' gateway, unless its chart is told otherwise (upstreamTimeout).
GATEWAY_TIMEOUT = 60.0
TEXT = {"type": "string", "minLength": 1}
TEXTS = {"type": "object", "additionalProperties": TEXT}
RESOURCES = {
    "type": "object",
    "properties": {"cpu": TEXT, "memory": TEXT},
    "additionalProperties": False,
}
# faas-cli's stack/schema.go, closed: it ignores what it does not know, and so hides mistakes.
SCHEMA = {
    "type": "object",
    "required": ["version", "provider", "functions"],
    "additionalProperties": False,
    "properties": {
        "version": {"const": 1.0},
        "provider": {
            "type": "object",
            "properties": {"name": {"const": "openfaas"}, "gateway": TEXT},
            "additionalProperties": False,
        },
        "configuration": {
            "type": "object",
            "properties": {
                "copy": {"type": "array", "items": TEXT},
                "templates": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"name": TEXT, "source": TEXT},
                        "additionalProperties": False,
                    },
                },
            },
            "additionalProperties": False,
        },
        "functions": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["lang", "handler", "image"],
                "additionalProperties": False,
                "properties": {
                    "lang": TEXT,
                    "handler": TEXT,
                    "image": TEXT,
                    "annotations": TEXTS,
                    "labels": TEXTS,
                    "environment": TEXTS,
                    "secrets": {"type": "array", "items": TEXT},
                    "readonly_root_filesystem": {"const": True},
                    "requests": RESOURCES,
                    "limits": RESOURCES,
                },
            },
        },
    },
}


def topics(name: str, path: Path) -> list[str]:
    """Return the subjects that the router would deliver to a function."""
    annotation: str = function(name, path)["annotations"]["topic"]
    return [topic.strip() for topic in annotation.split(",")]


def limits(name: str, path: Path) -> list[float]:
    """Return the watchdog's time-outs: to execute, to read and to write."""
    environment = function(name, path)["environment"]
    names = (f"{each}_timeout" for each in ("exec", "read", "write"))
    return [float(environment[name].removesuffix("s")) for name in names]


def settings(name: str, path: Path, folder: Path) -> Settings:
    """Return what a function reads at its start, its secrets but for the CAs being there."""
    environ = {
        key: text.replace(SECRETS, str(folder))
        for key, text in function(name, path)["environment"].items()
        if "_CA_FILE" not in key
    }
    for key, text in environ.items():
        if key.endswith("_FILE"):
            Path(text).write_text("secret\n", encoding="utf-8")
    return Settings.from_environ(environ)


def pins(path: Path) -> set[str]:
    """Return every version and hash of a lock file."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return {" ".join(line.split()) for line in text.splitlines() if re.match(r"[a-z]", line)}


@pytest.mark.parametrize("path", [*STACKS, COMMUNITY_STACK])
def test_every_field_is_one_that_faas_cli_knows(path: Path) -> None:
    assert problems(SCHEMA, stack(path)) == []


def test_one_function_gets_exactly_the_events_that_are_handled() -> None:
    ours = [events.ENTER.name, events.EXIT.name, events.REMOVED.name]
    assert {*ours, RECONCILE} == {*HANDLERS}
    for path in STACKS:
        assert topics(MIRROR, path) == ours
    assert set(ours) < set(topics(ECHO, STACK))


def test_the_community_edition_gets_one_topic_for_each_function_and_all_else_as_it_is() -> None:
    functions = stack(COMMUNITY_STACK)["functions"]
    assert {name: topics(name, COMMUNITY_STACK) for name in functions} == {
        name: [topic] for name, topic in COMMUNITY.items()
    }
    assert stack(COMMUNITY_STACK)["configuration"] == stack(VCENTER_STACK)["configuration"]
    for name in functions:
        as_ever = function(TIMED if name == TIMED else MIRROR, VCENTER_STACK)
        topic = {"topic": COMMUNITY[name]}
        annotations = {**as_ever["annotations"], **topic}
        assert function(name, COMMUNITY_STACK) == {**as_ever, "annotations": annotations}
    # Its own limit of functions in all.
    assert len(functions) <= 15


def test_the_timer_calls_a_function_of_its_own() -> None:
    timed = [
        name
        for name, path in FUNCTIONS
        # The connector compares the annotation as a whole.
        if function(name, path)["annotations"]["topic"] == "cron-function"
    ]
    assert timed == [TIMED]


@pytest.mark.parametrize("name", [MIRROR, TIMED])
def test_the_timer_comes_as_often_as_the_functions_are_told(name: str, tmp_path: Path) -> None:
    found = settings(name, VCENTER_STACK, tmp_path)
    schedule = function(TIMED, VCENTER_STACK)["annotations"]["schedule"]
    assert schedule == f"*/{found.interval_minutes} * * * *"
    # It would come at odd times if an hour did not divide by it.
    assert 60 % (found.interval_minutes or 0) == 0
    assert (found.lease_minutes or 0) >= 2 * (found.interval_minutes or 0)


def test_a_vcenter_adds_to_the_function_and_changes_nothing_else_of_it() -> None:
    plain, asking = (function(MIRROR, path) for path in STACKS)
    added = {key: value for key, value in asking["environment"].items() if "VCENTER_" in key}
    assert len(added) == 4
    interval = {"RECONCILE_INTERVAL_MINUTES": "15"}
    assert asking["environment"] == plain["environment"] | added | interval
    assert set(asking["secrets"]) > set(plain["secrets"])
    own = ("environment", "secrets", "requests")
    assert {**asking, **{key: plain[key] for key in own}} == plain


def test_paths_are_taken_from_the_projects_root_and_stay_inside() -> None:
    paths = [function(name, path)["handler"] for name, path in FUNCTIONS]
    for path in [*paths, *stack()["configuration"]["copy"]]:
        assert (ROOT / path).is_dir()
        assert (ROOT / path).resolve().is_relative_to(ROOT)
    # faas-cli keeps folders of its own there, and would leave these names out of a copy.
    assert not {"build", "template"} & {Path(path).name for path in paths}


@pytest.mark.parametrize(("name", "path"), [each for each in FUNCTIONS if each[0] != TIMED])
def test_times_are_above_the_deadline_and_below_the_routers_patience(name: str, path: Path) -> None:
    execution, *others = limits(name, path)
    assert Settings.deadline_seconds < execution < ROUTER_TIMEOUT
    assert execution <= min(others) <= ROUTER_TIMEOUT


def test_times_are_above_a_sweeps_deadline_and_below_the_gateways_patience(
    tmp_path: Path,
) -> None:
    execution, *others = limits(TIMED, VCENTER_STACK)
    assert settings(TIMED, VCENTER_STACK, tmp_path).sweep_seconds < execution < GATEWAY_TIMEOUT
    assert execution <= min(others) < GATEWAY_TIMEOUT


@pytest.mark.parametrize(("name", "path"), MIRRORING)
def test_secrets_are_files_and_every_one_is_used(name: str, path: Path) -> None:
    definition = function(name, path)
    used = {
        value.removeprefix(f"{SECRETS}/")
        for value in definition["environment"].values()
        if value.startswith(f"{SECRETS}/")
    }
    assert used == set(definition["secrets"])
    assert [key for key in definition["environment"] if key.endswith("_PASSWORD")] == []


def test_the_echo_function_is_told_no_secret() -> None:
    assert "secrets" not in function(ECHO)


@pytest.mark.parametrize(("name", "path"), MIRRORING)
def test_the_settings_are_ones_that_the_function_starts_with(
    name: str, path: Path, tmp_path: Path
) -> None:
    found = settings(name, path, tmp_path)
    assert found.lease_minutes == 24 * 60
    expected = ["https://vcenter.example.com"] if path == VCENTER_STACK else []
    assert [each.url for each in found.vcenters] == expected


@pytest.mark.parametrize(("name", "path"), FUNCTIONS)
def test_the_shared_code_is_on_the_path(name: str, path: Path) -> None:
    # python3-http keeps the handler's folder, and what is copied there, in /home/app/function.
    assert function(name, path)["environment"]["PYTHONPATH"] == "/home/app/function"
    assert function(name, path)["lang"] == "python3-http"
    assert stack(path)["configuration"]["copy"] == ["functions", "adapters"]


@pytest.mark.parametrize(("name", "path"), FUNCTIONS)
def test_health_is_the_watchdogs_and_exactly_one_is_running(name: str, path: Path) -> None:
    definition = function(name, path)
    assert definition["annotations"]["com.openfaas.health.http.path"] == "/_/health"
    # VEBA's faas-netes reads the first two of these, that of OpenFaaS Pro all, and another none.
    for kind, place in (("health", "/_/health"), ("ready", "/_/ready")):
        assert definition["annotations"][f"com.openfaas.{kind}.http.path"] == place
        assert definition["annotations"][f"com.openfaas.{kind}.http.initialDelay"] == "20s"
    assert definition["labels"]["com.openfaas.scale.min"] == "1"
    assert definition["labels"]["com.openfaas.scale.max"] == "1"


@pytest.mark.parametrize(("name", "path"), FUNCTIONS)
def test_lines_are_neither_prefixed_nor_limited_and_any_user_finds_the_packages(
    name: str, path: Path
) -> None:
    environment = function(name, path)["environment"]
    assert environment["prefix_logs"] == "false"
    assert environment["log_buffer_size"] == "-1"
    assert environment["PYTHONUSERBASE"] == "/home/app/.local"


def test_images_have_versions_and_names_of_their_own() -> None:
    images = {name: function(name, path)["image"] for name, path in FUNCTIONS}
    assert len(set(images.values())) == 3
    assert all(re.search(r"/[a-z-]+:\d+\.\d+\.\d+$", each) for each in images.values())


@pytest.mark.parametrize(("name", "path"), FUNCTIONS)
def test_dependencies_are_pinned_as_everywhere_else(name: str, path: Path) -> None:
    own = pins(ROOT / function(name, path)["handler"] / "requirements.txt")
    packages = {line.partition("==")[0] for line in own}
    assert packages >= {"requests", "defusedxml"}
    assert ("pyvmomi" in packages) == (name != ECHO)
    assert ("prometheus-client" in packages) == (name != ECHO)
    assert own <= pins(ROOT / "requirements" / "knative.txt")
    assert own <= pins(ROOT / "requirements" / "knative.txt")


@pytest.mark.parametrize(("path", "more"), [(STACK, set()), (VCENTER_STACK, {"VCENTER_URL"})])
def test_the_variables_of_the_stack_files_have_defaults(path: Path, more: set[str]) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"\$\{\w+\}", text) == []
    expected = {"OPENFAAS_URL", "IMAGE_PREFIX", "VROPS_URL"} | more
    assert set(re.findall(r"\$\{(\w+):-", text)) == expected


def test_the_event_router_replays_and_holds_no_secret() -> None:
    (router,) = read(STACK.with_name("router-config.yaml"))
    assert problems(ROUTER["openfaas"], router) == []
    vcenter = router["eventProvider"]["vcenter"]
    assert vcenter["checkpoint"] is True
    assert set(vcenter["auth"]["basicAuth"].values()) == {"REPLACE_ME"}
    openfaas = router["eventProcessor"]["openfaas"]
    # Asynchronously, the router would not learn of a failure.
    assert openfaas["async"] is False
    assert openfaas["auth"]["basicAuth"]["password"] == "REPLACE_ME"
