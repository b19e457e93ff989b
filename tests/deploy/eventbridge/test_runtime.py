"""The zip on Lambda's runtime, mirroring into the simulator over real TLS."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lab.emulator import Lambda, Machine
from lab.events import ENTER, EXIT, HOSTLESS, NOT_OURS, EventData, lambda_event
from lab.processes import ROOT
from simulator import Host, Simulator
from simulator.tokens import Credentials
from tests.deploy.eventbridge import templates
from tests.deploy.eventbridge.aws import Aws

# The first test waits for the tools to be installed.
# The runtime of Amazon's own: an environment to make, and seconds to begin each time.
pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(300)]

HOST = "esx01.lab.local"
# An older event of an unknown host would be done with.
NOW = datetime.now(UTC).isoformat()
SECRET = "vrops/maintenance-mirror"
MIRROR = "adapters.eventbridge.lambda_handler"
Run = Callable[..., AbstractContextManager[Lambda]]


@pytest.fixture
def simulator(aws: Aws) -> Iterator[Simulator]:
    with Simulator([Host(HOST, "host-1001", "vcenter.lab.local")]) as running:
        aws.put_secret(SECRET, {"username": running.username, "password": running.password})
        yield running


@pytest.fixture
def run(machine: Machine, aws: Aws, tmp_path: Path) -> Run:
    return partial(machine.run, endpoint=aws.endpoint, log=tmp_path / "log")


@pytest.fixture
def deployed(run: Run, simulator: Simulator) -> Run:
    """Run the mirroring function with the variables that the template sets."""

    @contextmanager
    def start(**parameters: str) -> Iterator[Lambda]:
        with run(MIRROR, variables(simulator, **parameters)) as function:
            yield function

    return start


def variables(simulator: Simulator, **parameters: str) -> dict[str, str]:
    template = templates.load()
    stack = {
        **templates.defaults(template),
        "VropsUrl": simulator.url,
        "VropsCaFile": str(simulator.ca_file),
        "SecretId": SECRET,
        **parameters,
    }
    return templates.environment(template, "MirrorFunction", stack)


def test_enter_and_exit_are_mirrored_cold_and_warm_with_one_login(
    deployed: Run, simulator: Simulator
) -> None:
    with deployed() as function:
        assert function.invoke(lambda_event(ENTER)).answer["action"] == "entered"
        # A window that ends by itself: the template's default is a lease of a day.
        assert simulator.state(HOST) == "MAINTAINED"
        assert function.invoke(lambda_event(EXIT)).answer["action"] == "exited"
        assert simulator.state(HOST) == "STARTED"
        assert simulator.logins == 1
        actions = [line.get("action") for line in function.lines()]
    assert actions == ["entered", "exited"]


@pytest.mark.parametrize(
    ("verb", "state"),
    [("enter", "MAINTAINED_MANUAL"), ("exit", "STARTED"), ("removed", "STARTED")],
)
def test_the_examples_are_mirrored_without_a_lease_too(
    verb: str, state: str, deployed: Run, simulator: Simulator
) -> None:
    path = ROOT / "examples" / "events" / f"router-eventbridge-{verb}.json"
    if state == "STARTED":
        simulator.maintain(HOST)
    with deployed(LeaseMinutes="") as function:
        function.invoke(json.loads(path.read_text(encoding="utf-8")))
        assert simulator.state(HOST) == state


def test_what_is_not_ours_is_ignored_without_a_login(deployed: Run, simulator: Simulator) -> None:
    with deployed() as function:
        assert function.invoke(lambda_event(NOT_OURS)).answer["action"] == "ignored"
    assert simulator.logins == 0


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (lambda_event(HOSTLESS), "InvalidEventError"),
        (lambda_event(EventData(host="new", moref="host-5", created=NOW)), "HostNotFoundError"),
        ({"detail": "text"}, "NotACloudEventError"),
        ([], "NotACloudEventError"),
    ],
)
def test_an_event_that_cannot_be_mirrored_fails_for_lambda_to_see(
    event: Any, error: str, deployed: Run, simulator: Simulator
) -> None:
    with deployed() as function:
        invoked = function.invoke(event)
        assert invoked.error == error
        assert error in {line.get("error") for line in function.lines()}
        assert function.invoke(lambda_event(ENTER)).answer["action"] == "entered"


def test_an_outage_fails_and_the_event_succeeds_when_lambda_tries_again(
    deployed: Run, simulator: Simulator
) -> None:
    with deployed() as function:
        simulator.fault(status=503, count=100)
        assert function.invoke(lambda_event(ENTER)).error == "OperationsUnavailableError"
        simulator.clear_faults()
        assert function.invoke(lambda_event(ENTER)).answer["action"] == "entered"


def test_a_password_rotated_while_the_function_is_warm_is_picked_up(
    deployed: Run, simulator: Simulator, aws: Aws
) -> None:
    with deployed() as function:
        assert function.invoke(lambda_event(ENTER)).answer["action"] == "entered"
        change_password(simulator, "rotated")
        aws.put_secret(SECRET, {"username": simulator.username, "password": "rotated"})
        assert function.invoke(lambda_event(EXIT)).answer["action"] == "exited"
        assert (simulator.logins, simulator.refused_logins) == (2, 1)
    assert simulator.state(HOST) == "STARTED"


def test_a_password_that_is_wrong_in_the_secret_too_is_tried_once(
    deployed: Run, simulator: Simulator
) -> None:
    with deployed() as function:
        change_password(simulator, "rotated, but not in the secret")
        assert function.invoke(lambda_event(ENTER)).error == "AuthenticationError"
        assert function.invoke(lambda_event(EXIT)).error == "AuthenticationError"
    assert simulator.refused_logins == 1


def test_a_secret_that_vanishes_does_not_make_the_refused_password_be_tried_on(
    deployed: Run, simulator: Simulator, aws: Aws
) -> None:
    with deployed() as function:
        function.invoke(lambda_event(NOT_OURS))
        change_password(simulator, "rotated")
        aws.remove_secret(SECRET)
        invoked = function.invoke(lambda_event(ENTER))
        assert invoked.error == "AuthenticationError"
        assert SECRET in invoked.answer["errorMessage"]
        assert function.invoke(lambda_event(ENTER)).error == "AuthenticationError"
    assert simulator.refused_logins == 1


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"SecretId": "nobody/has/it"}, "ResourceNotFoundException"),
        ({"VropsUrl": "ftp://vrops"}, "VROPS_URL"),
        ({"LeaseMinutes": "soon"}, "MAINTENANCE_LEASE_MINUTES"),
        (
            {"VcenterUrl": "https://vc", "VcenterSecretId": SECRET, "LeaseMinutes": "44"},
            "3 * RECONCILE_INTERVAL_MINUTES",
        ),
        ({"VcenterUrl": "https://vc", "VcenterSecretId": "nobody/has/it"}, "VCENTER_SECRET_ID"),
    ],
)
def test_a_wrong_configuration_fails_every_event_and_says_why_in_one_line(
    parameters: dict[str, str], reason: str, deployed: Run, simulator: Simulator
) -> None:
    with deployed(**parameters) as function:
        assert not function.invoke(lambda_event(ENTER)).started
        said = [line for line in function.output.splitlines() if "wrong configuration" in line]
        assert said
        assert reason in said[0]
        assert "Traceback" not in function.output


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_the_log_holds_no_secret_at_any_level(
    level: str, deployed: Run, simulator: Simulator
) -> None:
    with deployed(LogLevel=level) as function:
        function.invoke(lambda_event(ENTER))
        assert simulator.password not in function.output
        assert "vRealizeOpsToken " not in function.output


def test_the_echo_function_shows_an_event_and_needs_no_configuration(run: Run) -> None:
    template = templates.load()
    settings = templates.environment(template, "EchoFunction", {})
    with run("adapters.eventbridge.echo_handler", settings) as function:
        assert function.invoke(lambda_event(ENTER)).answer["action"] == "echoed"
        (shown,) = [line for line in function.output.splitlines() if line.startswith('{"source"')]
    assert json.loads(shown)["data"]["Host"]["Name"] == HOST


def change_password(simulator: Simulator, password: str) -> None:
    """Change the one user's password; tokens end with it, as after a restart of the appliance."""
    simulator._appliance.tokens._credentials = Credentials(simulator.username, password)
    simulator.revoke_tokens()
