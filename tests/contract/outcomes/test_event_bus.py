"""adapters.outcomes.event_bus: real boto3 over real sockets, with moto's server for AWS."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.events.models import EventPattern

from adapters.outcomes import event_bus
from adapters.outcomes.answers import Verdict
from adapters.outcomes.event_bus import EventBus
from adapters.outcomes.messages import Told, message
from functions.errors import ConfigurationError
from functions.events import Envelope, HostRef
from functions.outcomes import Outcome
from lab.emulator import REGION
from tests.deploy.eventbridge.aws import Aws, running_aws
from tests.sinks import Sink, running_sink
from tests.unit.outcomes.test_messages import NOW

# All of moto's servers in a process share what they hold.
BUS = "outcomes-of-the-contract-tests"


def event(number: int = 0, **changes: Any) -> Envelope:
    host = HostRef(f"host-{number}", f"esx{number:02}.lab.local", "vcenter.lab.local")
    told = Told(**{"action": "entered", "host": host, "reason": "", **changes})
    return message(told, "maintenance-mirror/vrops.lab", {"cluster": "lab"}, NOW)


@pytest.fixture(autouse=True)
def _lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with running_aws() as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.endpoint)
        yield running


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    """A server in AWS's place, which answers what a test wants."""
    with running_sink() as running:
        running.status = 200
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
        yield running


@pytest.mark.parametrize("by", ["Name", "Arn"])
def test_a_bus_takes_ten_events_by_its_name_or_its_arn(by: str, aws: Aws) -> None:
    with aws.client("events") as events:
        events.create_event_bus(Name=BUS)
        name = events.describe_event_bus(Name=BUS)[by]
        answer = EventBus(name).send([event(number) for number in range(10)])
        assert (answer.verdicts, answer.problem) == ([Verdict.TAKEN] * 10, "")


def test_a_bus_that_is_not_there_takes_nothing(aws: Aws) -> None:
    answer = EventBus("nowhere").send([event()])
    assert (answer.verdicts, answer.problem) == ([Verdict.REFUSED], "ResourceNotFoundException")


def test_a_detail_is_the_whole_event(answering: Sink) -> None:
    answering.body = json.dumps({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}).encode()
    sent = event()
    EventBus(BUS).send([sent])
    (entry,) = json.loads(answering.requests[0].body)["Entries"]
    detail = json.loads(entry.pop("Detail"))
    assert detail == dict(sent)
    assert entry == {
        "EventBusName": BUS,
        "Source": "maintenance-mirror/vrops.lab",
        "DetailType": "maintenance-mirror.outcome.silenced",
        "Time": NOW.timestamp(),
    }
    pattern = {
        "source": [{"prefix": "maintenance-mirror/"}],
        "detail-type": ["maintenance-mirror.outcome.silenced"],
        "detail": {"cluster": ["lab"], "data": {"vcenter": ["vcenter.lab.local"]}},
    }
    arrived: Any = {"source": sent["source"], "detail-type": sent["type"], "detail": detail}
    assert EventPattern.load(json.dumps(pattern)).matches_event(arrived)


def test_of_several_each_has_its_own_verdict(answering: Sink) -> None:
    codes = ["", "InternalFailure", "ThrottlingException", "MalformedDetail", ""]
    entries = [{"ErrorCode": code} if code else {"EventId": "1"} for code in codes]
    answering.body = json.dumps({"FailedEntryCount": 3, "Entries": entries}).encode()
    answer = EventBus(BUS).send([event(number) for number in range(5)])
    again, taken = Verdict.AGAIN, Verdict.TAKEN
    assert answer.verdicts == [taken, again, again, Verdict.REFUSED, taken]
    assert answer.problem == "InternalFailure"


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (400, "AccessDeniedException", Verdict.REFUSED),
        (400, "ThrottlingException", Verdict.AGAIN),
        (500, "InternalException", Verdict.AGAIN),
        (503, "Whatever", Verdict.AGAIN),
    ],
)
def test_a_call_that_fails_is_told_by_its_code(
    status: int, code: str, verdict: Verdict, answering: Sink
) -> None:
    answering.status = status
    answering.body = json.dumps({"__type": code, "message": "hunter2"}).encode()
    answer = EventBus(BUS).send([event(1), event(2)])
    assert (answer.verdicts, answer.problem) == ([verdict] * 2, code)
    assert len(answering.requests) == 1


def test_one_that_cannot_be_reached_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_sink() as gone:
        monkeypatch.setenv("AWS_ENDPOINT_URL", gone.url)
    answer = EventBus(BUS).send([event()])
    assert (answer.verdicts, answer.problem) == ([Verdict.AGAIN], "EndpointConnectionError")


def test_ten_of_the_largest_fit_into_one_call(answering: Sink) -> None:
    host = HostRef("host-1", "\U0001f5a5" * 255, "v" * 255)
    largest = event(host=host, reason="r" * 9999, companions=(Outcome("entered", host),) * 100)
    answering.body = json.dumps({"FailedEntryCount": 0, "Entries": [{}] * 10}).encode()
    assert EventBus(BUS).send([largest] * 10).verdicts == [Verdict.TAKEN] * 10
    sent = json.loads(answering.requests[0].body)
    assert len(answering.requests[0].body) < 256 * 1024
    data = json.loads(sent["Entries"][0]["Detail"])["data"]
    assert (data["companions"], data["more_companions"]) == ([], 100)


def test_without_boto3_the_configuration_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    with pytest.raises(ConfigurationError, match=r"needs boto3, the extra 'aws'"):
        event_bus.EventBus(BUS)


def test_without_a_region_the_configuration_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/none")
    with pytest.raises(ConfigurationError, match=r"^OUTCOME_EVENT_BUS: NoRegionError$"):
        event_bus.EventBus(BUS)
