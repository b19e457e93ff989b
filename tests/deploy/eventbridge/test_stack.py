"""The template as a stack: translated as AWS does it, and brought up by moto as far as it goes."""

import ast
import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from adapters.outcomes.answers import Verdict
from adapters.outcomes.event_bus import EventBus
from adapters.outcomes.messages import MEANINGS, Told, message
from lab.emulator import REGION
from tests.deploy.eventbridge import templates
from tests.deploy.eventbridge.aws import Aws, running_cloudformation
from tests.deploy.eventbridge.forwarded import FOREIGN, FORWARDED, entry, handled
from tests.deploy.eventbridge.templates import TEMPLATE
from tests.deploy.eventbridge.tools import run

# The first test waits for the tools to be installed; the stacks are brought up once.
pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("stack"),
]

ARN: Final = "arn:aws:{}:" + REGION + ":123456789012:{}"
BUCKET, KEY = "deployments", "lambda.zip"
NOW: Final = datetime(2026, 11, 25, tzinfo=UTC)
# What moto's CloudFormation does not create, and what of it only test_template.py reads.
UNKNOWN: Final = {
    "AWS::CloudWatch::Alarm": "who is told, and of what",
    "AWS::Lambda::EventInvokeConfig": "how often Lambda tries, and FailedQueue behind that",
    "AWS::SQS::QueuePolicy": "that the rule may write to UndeliveredQueue",
    "AWS::Scheduler::Schedule": "that sweeps are due",
    "AWS::Scheduler::ScheduleGroup": "that the role serves this schedule alone",
}
# What it reads otherwise than AWS, and what it reads as AWS does.
MISREAD: Final = (
    # It knows a bus, but not its name.
    ({"Ref": "EventBus"}, {"Ref": "EventBusName"}),
    ({"Fn::GetAtt": ["SweepGroup", "Arn"]}, ARN.format("scheduler", "schedule-group/sweeps")),
    # In AWS, this ARN names the streams of the group.
    ({"Fn::GetAtt": ["MirrorLog", "Arn"]}, {"Fn::Sub": "${MirrorLog.Arn}:*"}),
    ({"Fn::GetAtt": ["EchoLog", "Arn"]}, {"Fn::Sub": "${EchoLog.Arn}:*"}),
)
PLAIN: Final = {"VropsUrl": "https://vrops.example.com", "SecretId": "vrops/maintenance-mirror"}
CUSTOMER_KEY: Final = ARN.format("kms", "key/0a1b2c3d-0000-4000-8000-0123456789ab")
STACKS: Final = {
    "plain": PLAIN,
    "default-bus": {**PLAIN, "EventBusName": "default"},
    "vcenter": {
        **PLAIN,
        "SecretKeyArn": CUSTOMER_KEY,
        "VcenterUrl": "https://vcenter.example.com",
        "VcenterSecretId": "vcenter/maintenance-mirror",
        "VcenterSecretKeyArn": CUSTOMER_KEY,
        "AlarmTopicArn": ARN.format("sns", "alarms"),
        "EventBusName": "a-bus-beside",
        "LogRetentionDays": "365",
        "Monitoring": "true",
        "Echo": "true",
        "OutcomeEventBus": "default",
    },
}
# Where parliament finds something, and why that is as it should be.
EXPLAINED: Final = {
    ("mirror", "RESOURCE_STAR"): "Lambda asks for ec2 before there is an interface to be named",
}

# Run in the environment of aws-sam-cli, whose translator is the one that AWS runs.
TRANSLATE: Final = """
import json, sys
import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

path, region, uri = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    template = yaml_parse(file)
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        resource["Properties"]["CodeUri"] = uri
translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=region))
json.dump(translator.translate(template, parameter_values={}), sys.stdout)
"""
# Its command line keeps a log in /tmp, policies and all.
JUDGE: Final = """
import json, sys, warnings
warnings.simplefilter("ignore")
import parliament

found = []
for name, policy in json.load(sys.stdin):
    judged = parliament.analyze_policy_string(
        json.dumps(policy), include_community_auditors=True, config=parliament.config
    )
    found += [[name, each.issue, str(each.detail)] for each in judged.findings]
json.dump(found, sys.stdout)
"""


@dataclass(frozen=True)
class Stack:
    """A stack that is up."""

    name: str
    parameters: dict[str, str]
    outputs: dict[str, str]
    created: dict[str, str]


@pytest.fixture(scope="module")
def aws(sam: Path, built_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """AWS with the zip, as sam deploy uploads it."""
    with running_cloudformation(sam, tmp_path_factory.mktemp("moto") / "log") as running:
        with running.client("s3") as s3:
            place = {"LocationConstraint": REGION}
            s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
            s3.put_object(Bucket=BUCKET, Key=KEY, Body=built_zip.read_bytes())
        yield running


@pytest.fixture(scope="module")
def translated(sam: Path) -> dict[str, Any]:
    """The template without its Transform: what CloudFormation gets to see."""
    arguments = (TEMPLATE, REGION, f"s3://{BUCKET}/{KEY}")
    template: dict[str, Any] = json.loads(run(sam / "bin/python", "-c", TRANSLATE, *arguments))
    assert "Transform" not in template
    return template


@pytest.fixture(scope="module")
def stacks(aws: Aws, translated: dict[str, Any]) -> dict[str, Stack]:
    return {name: brought_up(aws, translated, name) for name in STACKS}


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest, stacks: dict[str, Stack]) -> Stack:
    return stacks[request.param]


def brought_up(aws: Aws, template: dict[str, Any], name: str) -> Stack:
    """Create a stack, and return it once it is up, as moto's are at once."""
    given = {**STACKS[name], **(network(aws) if name == "vcenter" else {})}
    parameters = {**templates.defaults(template), **given}
    with aws.client("cloudformation") as client:
        client.create_stack(
            StackName=name,
            TemplateBody=json.dumps(as_moto_reads_it(template, parameters)),
            Parameters=[{"ParameterKey": key, "ParameterValue": given[key]} for key in given],
            Capabilities=["CAPABILITY_IAM"],
        )
        (described,) = client.describe_stacks(StackName=name)["Stacks"]
        listed = client.list_stack_resources(StackName=name)["StackResourceSummaries"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}
    created = {
        each["LogicalResourceId"]: each.get("PhysicalResourceId", "")
        for each in listed
        if each.get("LogicalResourceId")  # It lists what it does not know, without a name.
    }
    return Stack(name, parameters, outputs, created)


def network(aws: Aws) -> dict[str, str]:
    """Return the parameters that put the function into a VPC, which moto has."""
    with aws.client("ec2") as ec2:
        subnet, group = ec2.describe_subnets(), ec2.describe_security_groups()
    return {
        "SubnetIds": subnet["Subnets"][0]["SubnetId"],
        "SecurityGroupIds": group["SecurityGroups"][0]["GroupId"],
    }


def as_moto_reads_it(value: Any, parameters: dict[str, str]) -> Any:
    """Return a template, or a part of it, with MISREAD replaced and each Fn::If decided.

    In a list, moto would leave a hole where one comes to AWS::NoValue.
    """
    value = decided(value, parameters)
    for misread, read in MISREAD:
        if value == misread:
            return read
    if isinstance(value, dict):
        return {name: as_moto_reads_it(each, parameters) for name, each in value.items()}
    if isinstance(value, list):
        there = [each for each in value if decided(each, parameters) != {"Ref": "AWS::NoValue"}]
        return [as_moto_reads_it(each, parameters) for each in there]
    return value


def decided(value: Any, parameters: dict[str, str]) -> Any:
    """Return what ``value`` comes to, if it is a Fn::If, and else itself."""
    while isinstance(value, dict) and value.keys() == {"Fn::If"}:
        condition, if_so, if_not = value["Fn::If"]
        value = if_so if templates.holds(condition, parameters) else if_not
    return value


def wanted(translated: dict[str, Any], stack: Stack) -> dict[str, str]:
    """Return the types of the resources that a stack should have, by their names."""
    return {
        name: resource["Type"]
        for name, resource in translated["Resources"].items()
        if "Condition" not in resource or templates.holds(resource["Condition"], stack.parameters)
    }


def test_moto_creates_all_that_it_knows(translated: dict[str, Any], stack: Stack) -> None:
    known = {name for name, kind in wanted(translated, stack).items() if kind not in UNKNOWN}
    # One more would be of a type that moto has learnt, and that UNKNOWN need not name any more.
    assert {*stack.created} == known


def test_all_that_moto_does_not_know_is_in_one_of_the_stacks(
    translated: dict[str, Any], stacks: dict[str, Stack]
) -> None:
    kinds = {kind for each in stacks.values() for kind in wanted(translated, each).values()}
    assert UNKNOWN.keys() <= kinds


def test_with_a_vcenter_there_is_a_role_for_sweeps(stacks: dict[str, Stack]) -> None:
    assert {name for name in stacks if "SweepRole" in stacks[name].created} == {"vcenter"}


def test_the_dashboard_shows_the_function_and_the_queues_of_its_own_stack(
    aws: Aws, stacks: dict[str, Stack]
) -> None:
    assert {name for name in stacks if "MonitoringDashboard" in stacks[name].created} == {"vcenter"}
    stack = stacks["vcenter"]
    with aws.client("cloudwatch") as cloudwatch:
        body = cloudwatch.get_dashboard(DashboardName=stack.name)["DashboardBody"]
    rows = [row for each in json.loads(body)["widgets"] for row in each["properties"]["metrics"]]
    shown = {each for row in rows for each in row if isinstance(each, str)}
    queues = {stack.outputs[f"{name}QueueUrl"] for name in ("Undelivered", "Failed")}
    assert {stack.outputs["FunctionName"], *(url.rsplit("/", 1)[1] for url in queues)} <= shown


def test_the_functions_are_made_of_the_zip_and_told_what_the_parameters_say(
    aws: Aws, stack: Stack, built_zip: Path
) -> None:
    names = [name for name in ("MirrorFunction", "EchoFunction") if name in stack.created]
    assert ("EchoFunction" in names) == (stack.parameters["Echo"] == "true")
    digest = base64.b64encode(hashlib.sha256(built_zip.read_bytes()).digest()).decode()
    with aws.client("lambda") as client:
        made = {name: client.get_function(FunctionName=stack.created[name]) for name in names}
    mirror = made["MirrorFunction"]["Configuration"]
    assert {each["Configuration"]["CodeSha256"] for each in made.values()} == {digest}
    assert mirror["Timeout"] == (180 if stack.parameters["VcenterUrl"] else 30)
    variables = {name: str(text) for name, text in mirror["Environment"]["Variables"].items()}
    assert variables == templates.environment(templates.load(), "MirrorFunction", stack.parameters)
    assert bool(mirror.get("VpcConfig", {}).get("SubnetIds")) == bool(stack.parameters["SubnetIds"])


def test_the_rule_and_nobody_else_calls_the_function_and_keeps_what_it_cannot_deliver(
    aws: Aws, stack: Stack
) -> None:
    with aws.client("events") as events, aws.client("lambda") as client:
        rule = events.describe_rule(Name=stack.name, EventBusName=stack.outputs["EventBusName"])
        target = targets(events, stack)["mirror"]
        policy = client.get_policy(FunctionName=stack.created["MirrorFunction"])["Policy"]
    assert (rule["State"], rule["Arn"]) == ("ENABLED", stack.outputs["RuleArn"])
    assert stack.outputs["EventBusName"] == stack.parameters["EventBusName"]
    assert target["DeadLetterConfig"]["Arn"] == arn_of(stack.outputs["UndeliveredQueueUrl"])
    (statement,) = json.loads(policy)["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert stack.outputs["RuleArn"] in json.dumps(statement["Condition"])


def test_queues_and_logs_keep_what_they_are_told_to_keep(aws: Aws, stack: Stack) -> None:
    with aws.client("sqs") as sqs:
        for output in ("UndeliveredQueueUrl", "FailedQueueUrl"):
            queue = local(aws, stack.outputs[output])
            kept = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
            assert kept["MessageRetentionPeriod"] == "1209600"
            assert kept["SqsManagedSseEnabled"] == "true"
    with aws.client("logs") as logs:
        log = stack.outputs["LogGroupName"]
        (group,) = logs.describe_log_groups(logGroupNamePrefix=log)["logGroups"]
    assert group["retentionInDays"] == int(stack.parameters["LogRetentionDays"])


def test_a_second_target_of_the_rule_gets_what_is_ours_and_nothing_else(
    aws: Aws, stack: Stack
) -> None:
    sent = [*FORWARDED.values(), *FOREIGN.values()]
    ours = [each["detail"] for each in FORWARDED.values() if handled(each)]
    with aws.client("sqs") as sqs, aws.client("events") as events:
        queue = sqs.create_queue(QueueName=f"beside-{stack.name}")["QueueUrl"]
        bus = stack.outputs["EventBusName"]
        where = {"Rule": stack.name, "EventBusName": bus}
        # moto cannot call a function.
        events.remove_targets(**where, Ids=[*targets(events, stack)])
        events.put_targets(**where, Targets=[{"Id": "beside", "Arn": arn_of(queue)}])
        # AWS takes ten at a time; the router sends one.
        for first in range(0, len(sent), 10):
            entries = [entry(each, bus) for each in sent[first : first + 10]]
            assert events.put_events(Entries=entries)["FailedEntryCount"] == 0
        assert Counter(received(sqs, queue)) == Counter(map(text_of, ours))


def test_outcomes_reach_a_rule_of_ones_own_and_never_the_function(
    aws: Aws, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = stack.outputs["EventBusName"]
    told = [
        message(Told(action, None, "", True), "maintenance-mirror/vrops.lab", {}, NOW)
        for action in MEANINGS
    ]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    with aws.client("sqs") as sqs, aws.client("events") as events:
        ours, theirs = (
            sqs.create_queue(QueueName=f"{name}-{stack.name}")["QueueUrl"]
            for name in ("comes-back", "told")
        )
        pattern = {"source": [{"prefix": "maintenance-mirror/"}]}
        events.put_rule(Name="told", EventBusName=bus, EventPattern=json.dumps(pattern))
        for rule, queue in ((stack.name, ours), ("told", theirs)):
            target = {"Id": f"outcomes-{rule}", "Arn": arn_of(queue)}
            events.put_targets(Rule=rule, EventBusName=bus, Targets=[target])
        assert EventBus(bus).send(told).verdicts == [Verdict.TAKEN] * len(told)
        assert Counter(received(sqs, theirs)) == Counter(text_of(dict(each)) for each in told)
        assert received(sqs, ours) == []


def test_parliament_finds_nothing_in_the_policies_but_what_is_explained(
    aws: Aws, sam: Path, translated: dict[str, Any], stacks: dict[str, Stack]
) -> None:
    policies = [each for stack in stacks.values() for each in policies_of(aws, stack)]
    policies += [queue_policy(translated, stack) for stack in stacks.values()]
    assert Counter(name for name, _ in policies) == {
        "mirror": 3,
        "sweep": 1,
        "echo": 1,
        "RouterPolicy": 3,
        "UndeliveredQueuePolicy": 3,
    }
    found = json.loads(run(sam / "bin/python", "-c", JUDGE, said=json.dumps(policies)))
    assert {(name, issue) for name, issue, _ in found} == {*EXPLAINED}, found


def targets(events: Any, stack: Stack) -> dict[str, Any]:
    where = {"Rule": stack.name, "EventBusName": stack.outputs["EventBusName"]}
    return {each["Id"]: each for each in events.list_targets_by_rule(**where)["Targets"]}


def received(sqs: Any, queue: str) -> list[str]:
    """Return the details of all events in a queue."""
    bodies: list[str] = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        bodies += [each["Body"] for each in messages]
    return [text_of(json.loads(body)["detail"]) for body in bodies]


def text_of(detail: Any) -> str:
    return json.dumps(detail, sort_keys=True)


def arn_of(queue: str) -> str:
    return ARN.format("sqs", queue.rsplit("/", 1)[1])


def local(aws: Aws, queue: str) -> str:
    """Return the address that moto answers at, of a queue whose address is AWS's."""
    return f"{aws.endpoint}/{queue.split('/', 3)[3]}"


def policies_of(aws: Aws, stack: Stack) -> list[tuple[str, Any]]:
    """Return what a stack's roles may do, and what whoever gets its managed policy may."""
    with aws.client("iam") as iam:
        roles = [stack.created[name] for name in stack.created if name.endswith("Role")]
        inline = [
            iam.get_role_policy(RoleName=role, PolicyName=name)
            for role in roles
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        ]
        managed = iam.get_policy_version(PolicyArn=stack.outputs["RouterPolicyArn"], VersionId="v1")
    # What CloudFormation made, moto tells as Python writes it.
    named = [(each["PolicyName"], ast.literal_eval(each["PolicyDocument"])) for each in inline]
    return [*named, ("RouterPolicy", managed["PolicyVersion"]["Document"])]


def queue_policy(translated: dict[str, Any], stack: Stack) -> tuple[str, Any]:
    """Return what moto does not create, with what it refers to filled in."""
    name = "UndeliveredQueuePolicy"
    document = json.dumps(translated["Resources"][name]["Properties"]["PolicyDocument"])
    arns = {
        "UndeliveredQueue": arn_of(stack.outputs["UndeliveredQueueUrl"]),
        "EventRule": stack.outputs["RuleArn"],
    }
    for resource, arn in arns.items():
        reference = json.dumps({"Fn::GetAtt": [resource, "Arn"]})
        document = document.replace(reference, json.dumps(arn))
    assert "Fn::" not in document
    return name, json.loads(document)
