"""compose.yaml and the command of podman: that it is known, and that both say the same."""

from pathlib import Path
from typing import Any

import yaml

from adapters.config.settings import Settings
from tests.deploy.knative import manifests
from tests.deploy.knative.schemas import problems
from tests.deploy.standalone.deployments import (
    CONFIGURED,
    SETTINGS,
    STANDALONE,
    env_file,
    podman_run,
    scripts,
    started_with,
)
from tests.deploy.standalone.schemas import COMPOSE


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(
        (STANDALONE / "compose.yaml").read_text(encoding="utf-8")
    )
    return found


def service() -> dict[str, Any]:
    found: dict[str, Any] = compose()["services"]["watch"]
    return found


def given(option: str) -> list[str]:
    """Return the values that an option has there."""
    words = podman_run()
    return [words[at + 1] for at, word in enumerate(words) if word == option]


def test_compose_knows_every_field() -> None:
    assert problems(COMPOSE, compose()) == []
    assert problems(COMPOSE, {**compose(), "services": {"watch": {**service(), "cap_drops": []}}})


def test_it_runs_what_kubernetes_runs() -> None:
    assert service()["image"] == manifests.IMAGE
    assert service()["entrypoint"] == ["python", "-m", "adapters.watch"]


def test_it_may_do_as_little_as_it_can() -> None:
    assert service()["read_only"] is True
    assert service()["cap_drop"] == ["ALL"]
    assert service()["security_opt"] == ["no-new-privileges:true"]
    assert service()["restart"] == "always"


def test_it_starts_with_what_it_is_given(tmp_path: Path) -> None:
    told = env_file(SETTINGS) | service()["environment"]
    assert told.keys() <= Settings.variables()
    found = Settings.from_environ(started_with(told, tmp_path))
    assert found.vcenters
    assert found.lease_minutes == 24 * 60


def test_files_lie_where_they_are_looked_for() -> None:
    assert service()["volumes"] == [f"{CONFIGURED}:{CONFIGURED}:ro,Z"]
    told = env_file(SETTINGS) | service()["environment"]
    files = [Path(value) for name, value in told.items() if name.endswith("_FILE")]
    assert {str(each.parent) for each in files} == {CONFIGURED}
    # What the page lets a person install there.
    installed = "".join(scripts("A container")).split()
    assert [each for each in files if each.name not in installed] == []


def test_its_health_is_asked_where_it_is_told() -> None:
    _, port = service()["environment"]["HEALTH_ADDRESS"].split(":")
    assert service()["ports"] == [f"127.0.0.1:{port}:{port}"]
    kind, python, option, program = service()["healthcheck"]["test"]
    assert (kind, python, option) == ("CMD", "python", "-c")
    assert f'HTTPConnection("127.0.0.1", {port}, ' in program
    compile(program, "healthcheck", "exec")


def test_podman_is_told_the_same() -> None:
    *_, image, module, name = podman_run()
    (entrypoint,) = given("--entrypoint")
    assert image == service()["image"]
    assert [entrypoint, module, name] == service()["entrypoint"]
    assert given("--env") == [f"{key}={value}" for key, value in service()["environment"].items()]
    assert given("--env-file") == [service()["env_file"]]
    assert given("--publish") == service()["ports"]
    assert given("--volume") == service()["volumes"]
    assert given("--name") == [service()["container_name"]]
    assert given("--memory") == [service()["mem_limit"]]
    assert given("--restart") == [service()["restart"]]
    assert given("--cap-drop") == ["all"]
    assert given("--security-opt") == ["no-new-privileges"]
    assert [f"{each}s" for each in given("--stop-timeout")] == [service()["stop_grace_period"]]
    assert "--read-only" in podman_run()
