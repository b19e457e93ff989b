"""The commands of the README, run as they stand against the stand-ins for AWS."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.events import TIMER_TYPE
from lab.emulator import CREDENTIALS, REGION, Lambda, Machine
from lab.events import EXIT, EventData, lambda_event
from lab.processes import ROOT
from simulator import Host, Simulator
from tests.deploy.eventbridge.aws import Aws
from tests.deploy.eventbridge.templates import DEPLOYMENT

pytestmark = pytest.mark.timeout(300)

# Each command is a program of Amazon's, which takes seconds to begin.
_EXHAUSTIVE = pytest.mark.exhaustive

HOST = "esx99.lab.local"
SECRET = "vrops/maintenance-mirror"
VCENTER_SECRET = "vcenter/maintenance-mirror"
RUN = "run by a test"
Shell = Callable[..., str]
EVENT = lambda_event(EventData(host=HOST, moref="host-99"))
SWEEP = {
    "detail": {
        "specversion": "1.0",
        "type": TIMER_TYPE,
        "source": "aws.scheduler",
        "id": "d32c5kddcf5bb8c3",
        "time": "2026-03-22T18:59:43Z",
    }
}
# The record that Lambda sends to an on-failure destination.
FAILED = {
    "version": "1.0",
    "timestamp": "2026-03-14T09:30:00.000Z",
    "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
    "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
    "responsePayload": {
        "errorType": "OperationsUnavailableError",
        "errorMessage": "vRealize Operations: it does not answer in time",
    },
}


def blocks() -> list[tuple[str, str]]:
    """Every block of commands, and the comment above it."""
    text = (DEPLOYMENT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"(?:^<!-- ([^\n]*) -->\n)?^```sh\n(.*?)^```", text, re.M | re.S)


def block(words: str) -> str:
    """The one block that a test runs and that holds ``words``."""
    (found,) = [text for comment, text in blocks() if comment == RUN and words in text]
    return found


@pytest.fixture
def simulator(aws: Aws) -> Iterator[Simulator]:
    with Simulator([Host(HOST, "host-99", "vcenter.lab.local")]) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like the checkout, for commands that write beside it."""
    for name in ("adapters", "deploy", "examples", "functions", "requirements", "LICENSE"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.fixture
def shell(runtime: Path, aws: Aws, folder: Path) -> Shell:
    def run(commands: str, **variables: str) -> str:
        environ = {
            "PATH": f"{Path(sys.executable).parent}:{runtime / 'bin'}:{os.environ['PATH']}",
            "AWS_DEFAULT_REGION": REGION,
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": aws.endpoint,
            **variables,
        }
        result = subprocess.run(
            ["sh", "-eu", "-c", commands],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
        )
        assert result.returncode == 0, f"{commands}\n{result.stdout}\n{result.stderr}"
        return result.stdout

    return run


@pytest.fixture
def secret(shell: Shell, folder: Path, simulator: Simulator, aws: Aws) -> Iterator[None]:
    """The secret of step 2, removed as the last chapter says."""
    content = {"username": simulator.username, "password": simulator.password}
    (folder / "secret.json").write_text(json.dumps(content), encoding="utf-8")
    shell(block("create-secret --name vrops/"))
    yield
    aws.remove_secret(SECRET)


@pytest.fixture
def function(
    machine: Machine, aws: Aws, secret: None, simulator: Simulator, tmp_path: Path
) -> Iterator[Lambda]:
    settings = {
        "VROPS_URL": simulator.url,
        "VROPS_CA_FILE": str(simulator.ca_file),
        "VROPS_SECRET_ID": SECRET,
    }
    handler = "adapters.eventbridge.lambda_handler"
    with machine.run(handler, settings, aws.endpoint, tmp_path / "log") as running:
        yield running


def test_every_link_leads_somewhere() -> None:
    text = (DEPLOYMENT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]*)", text)
    assert [link for link in links if not (DEPLOYMENT / link).exists()] == []


def test_a_line_of_prose_is_one_sentence() -> None:
    text = (DEPLOYMENT / "README.md").read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S).splitlines()
    tables = [line for line in prose if line.startswith(("|", "#"))]
    assert [x for x in prose if x not in tables and re.search(r"[a-z)`]\. [A-Z]", x)] == []


def test_every_block_says_who_runs_it() -> None:
    comments = [comment for comment, _ in blocks()]
    assert all(comment.startswith((RUN, "needs ")) for comment in comments)


def test_every_block_that_is_said_to_be_run_is_run() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    run = {block(words) for words in re.findall(r'block\("([^"]+)"\)', source)}
    said = [commands for comment, commands in blocks() if comment == RUN]
    # The first one, which the others begin with, is run by its place.
    assert {said[0], *run} == {*said}


@_EXHAUSTIVE
def test_the_zip_is_built_with_the_commands_shown(
    built_zip: Path, shell: Shell, tmp_path: Path
) -> None:
    # Not into build/: a zip with this CA must not lie where it may be deployed from.
    (tmp_path / "our-ca.pem").write_text("the CA", encoding="utf-8")
    (tmp_path / "vcenter-ca.pem").write_text("another CA", encoding="utf-8")
    plain = blocks()[0][1]
    for commands in (plain, block("--ca-file our-ca.pem"), block("--ca-file both-cas.pem")):
        said = shell(f"{commands.strip()} --output out/lambda.zip\n")
        assert "sha256" in said
        assert (tmp_path / "out" / "lambda.zip").exists()


@_EXHAUSTIVE
def test_the_router_gets_a_user_and_somebody_is_told(shell: Shell) -> None:
    assert shell(block("create-topic")).startswith("arn:aws:sns:")
    assert '"UserName": "veba-router"' in shell(block("create-user"))


@_EXHAUSTIVE
def test_the_example_shows_that_the_way_to_vrealize_operations_is_good(
    shell: Shell, function: Lambda, simulator: Simulator, folder: Path
) -> None:
    commands = block("fileb://examples/events/")
    shell(commands, AWS_ENDPOINT_URL_LAMBDA=function.url, FUNCTION_NAME="function")
    assert answer(folder)["action"] == "ignored"
    assert "is not known to vRealize Operations" in answer(folder)["reason"]
    assert simulator.logins == 1


@_EXHAUSTIVE
@pytest.mark.parametrize("queue", ["FailedQueue", "UndeliveredQueue"])
def test_an_event_in_either_queue_is_redriven_with_the_commands_shown(
    queue: str, aws: Aws, shell: Shell, function: Lambda, simulator: Simulator, folder: Path
) -> None:
    url = waiting(aws, queue)
    said = shell(block("receive-message"), QUEUE_URL=url)
    assert f"EnteredMaintenanceModeEvent of host {HOST}" in said
    assert ("it does not answer in time" in said) == (queue == "FailedQueue")
    assert ("NO_PERMISSIONS" in said) == (queue == "UndeliveredQueue")
    target = {"AWS_ENDPOINT_URL_LAMBDA": function.url, "FUNCTION_NAME": "function"}
    shell(block("fileb://event.json"), **target)
    assert answer(folder)["action"] == "entered"
    assert simulator.state(HOST) == "MAINTAINED_MANUAL"
    assert in_flight(shell(block("get-queue-attributes"), QUEUE_URL=url)) == {0, 1}
    shell(block("delete-message"), QUEUE_URL=url)
    assert in_flight(shell(block("get-queue-attributes"), QUEUE_URL=url)) == {0}


@_EXHAUSTIVE
@pytest.mark.parametrize("queue", ["FailedQueue", "UndeliveredQueue"])
def test_a_sweep_in_either_queue_is_said_to_be_one_and_only_deleted(
    queue: str, aws: Aws, shell: Shell
) -> None:
    url = waiting(aws, queue, SWEEP)
    said = shell(block("receive-message"), QUEUE_URL=url)
    assert said.startswith("a sweep that was due at 2026-03-22T18:59:43Z; delete it")
    shell(block("delete-message"), QUEUE_URL=url)
    assert in_flight(shell(block("get-queue-attributes"), QUEUE_URL=url)) == {0}


@_EXHAUSTIVE
def test_a_sweep_is_asked_for_with_the_command_shown(
    shell: Shell, function: Lambda, folder: Path
) -> None:
    commands = block("fileb://deploy/eventbridge/sweep.json")
    shell(commands, AWS_ENDPOINT_URL_LAMBDA=function.url, FUNCTION_NAME="function")
    # There is no vCenter in this stack; test_sweeps.py sends the same to one that has.
    assert (answer(folder)["action"], answer(folder)["reason"][:10]) == ("ignored", "no vCenter")


@_EXHAUSTIVE
def test_an_empty_queue_is_said_to_be_empty(aws: Aws, shell: Shell) -> None:
    with aws.client("sqs") as sqs:
        url = sqs.create_queue(QueueName="empty")["QueueUrl"]
    with pytest.raises(AssertionError, match="holds no message"):
        shell(block("receive-message"), QUEUE_URL=url)


@_EXHAUSTIVE
def test_the_password_is_rotated_and_everything_removed_with_the_commands_shown(
    aws: Aws, shell: Shell, function: Lambda, simulator: Simulator, folder: Path
) -> None:
    function.invoke(EVENT)
    (folder / "vcenter-secret.json").write_text('{"username": "u", "password": "p"}', "utf-8")
    shell(block("create-secret --name vcenter/"))
    shell(block("put-secret-value"))
    function.invoke({**EVENT, "detail": lambda_event(EXIT)["detail"]})
    with aws.client("sqs") as sqs:
        url = sqs.create_queue(QueueName="to-be-removed")["QueueUrl"]
    shell(block("delete-queue"), QUEUE_URL=url)
    with aws.client("sqs") as sqs:
        assert url not in sqs.list_queues().get("QueueUrls", [])
    with aws.client("secretsmanager") as manager:
        listed = [each["Name"] for each in manager.list_secrets()["SecretList"]]
    assert VCENTER_SECRET not in listed
    aws.remove_secret(VCENTER_SECRET)


def waiting(aws: Aws, queue: str, event: object = EVENT) -> str:
    """Put an event into a queue as AWS does, and return the queue's address."""
    with aws.client("sqs") as sqs:
        url: str = sqs.create_queue(QueueName=queue)["QueueUrl"]
        if queue == "FailedQueue":
            record = {**FAILED, "requestPayload": event}
            sqs.send_message(QueueUrl=url, MessageBody=json.dumps(record))
        else:
            reasons = {"ERROR_CODE": "NO_PERMISSIONS", "RULE_ARN": "arn:aws:events:::rule/x"}
            attributes = {
                name: {"DataType": "String", "StringValue": value}
                for name, value in reasons.items()
            }
            body = json.dumps(event)
            sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)
    return url


def answer(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
    return content


def in_flight(attributes: str) -> set[int]:
    return {int(number) for number in json.loads(attributes).values()}
