"""stack.yaml, checked against what faas-cli takes and VEBA's router sends."""

import re
from pathlib import Path

import pytest

from adapters.settings import Settings
from tests import formats
from tests.deploy.knative.manifests import read
from tests.deploy.knative.schemas import ROUTER, problems
from tests.deploy.openfaas.stack import SECRETS, STACK, function, stack
from tests.processes import ROOT

FUNCTIONS = ("maintenance-mirror", "maintenance-mirror-echo")
# VEBA's OpenFaaS processor gives up after this, and sends the event again.
ROUTER_PATIENCE = 15.0
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


def topics(name: str) -> list[str]:
    """Return the subjects that the router would deliver to a function."""
    annotation: str = function(name)["annotations"]["topic"]
    return [topic.strip() for topic in annotation.split(",")]


def pins(path: Path) -> set[str]:
    """Return every version and hash of a lock file."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return {" ".join(line.split()) for line in text.splitlines() if re.match(r"[a-z]", line)}


def test_every_field_is_one_that_faas_cli_knows() -> None:
    assert problems(SCHEMA, stack()) == []


def test_one_function_gets_exactly_the_two_events() -> None:
    ours = [formats.ENTER.name, formats.EXIT.name]
    assert topics("maintenance-mirror") == ours
    assert set(ours) < set(topics("maintenance-mirror-echo"))


def test_paths_are_taken_from_the_projects_root_and_stay_inside() -> None:
    paths = [function(name)["handler"] for name in FUNCTIONS] + stack()["configuration"]["copy"]
    for path in paths:
        assert (ROOT / path).is_dir()
        assert (ROOT / path).resolve().is_relative_to(ROOT)
    # faas-cli keeps folders of its own there, and would leave these names out of a copy.
    assert not {"build", "template"} & {Path(path).name for path in paths}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_times_are_above_the_deadline_and_below_the_routers_patience(name: str) -> None:
    environment = function(name)["environment"]
    limits = {
        variable: float(environment[f"{variable}_timeout"].removesuffix("s"))
        for variable in ("exec", "read", "write")
    }
    assert Settings.deadline_seconds < limits["exec"] < ROUTER_PATIENCE
    assert limits["exec"] <= min(limits["read"], limits["write"]) <= ROUTER_PATIENCE


def test_secrets_are_files_and_every_one_is_used() -> None:
    definition = function("maintenance-mirror")
    used = {
        value.removeprefix(f"{SECRETS}/")
        for value in definition["environment"].values()
        if value.startswith(f"{SECRETS}/")
    }
    assert used == set(definition["secrets"])
    assert not {"VROPS_PASSWORD", "VROPS_USERNAME"} & definition["environment"].keys()
    assert "secrets" not in function("maintenance-mirror-echo")


def test_the_settings_are_ones_that_the_function_starts_with(tmp_path: Path) -> None:
    environment = dict(function("maintenance-mirror")["environment"])
    for name in ("vrops-username", "vrops-password"):
        (tmp_path / name).write_text("secret\n", encoding="utf-8")
    environ = {key: text.replace(SECRETS, str(tmp_path)) for key, text in environment.items()}
    del environ["VROPS_CA_FILE"]
    assert Settings.from_environ(environ).lease_minutes == 24 * 60


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_shared_code_is_on_the_path(name: str) -> None:
    # python3-http keeps the handler's folder, and what is copied there, in /home/app/function.
    assert function(name)["environment"]["PYTHONPATH"] == "/home/app/function"
    assert function(name)["lang"] == "python3-http"
    assert stack()["configuration"]["copy"] == ["functions", "adapters"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_health_is_the_watchdogs_and_exactly_one_is_running(name: str) -> None:
    definition = function(name)
    assert definition["annotations"]["com.openfaas.health.http.path"] == "/_/health"
    assert definition["labels"]["com.openfaas.scale.min"] == "1"
    assert definition["labels"]["com.openfaas.scale.max"] == "1"


def test_images_have_versions_and_names_of_their_own() -> None:
    images = [function(name)["image"] for name in FUNCTIONS]
    assert len(set(images)) == len(images)
    assert all(re.search(r"/[a-z-]+:\d+\.\d+\.\d+$", each) for each in images)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_dependencies_are_pinned_as_everywhere_else(name: str) -> None:
    own = ROOT / function(name)["handler"] / "requirements.txt"
    bare = ROOT / "requirements" / "lambda.txt"
    if bare.exists():
        assert pins(own) == pins(bare)
    assert {line.partition("==")[0] for line in pins(own)} >= {"requests", "defusedxml"}
    assert pins(own) <= pins(ROOT / "requirements" / "knative.txt")


def test_the_variables_of_the_stack_file_have_defaults() -> None:
    text = STACK.read_text(encoding="utf-8")
    assert re.findall(r"\$\{\w+\}", text) == []
    assert set(re.findall(r"\$\{(\w+):-", text)) == {"OPENFAAS_URL", "IMAGE_PREFIX", "VROPS_URL"}


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
