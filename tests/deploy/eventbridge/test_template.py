"""The template: what AWS would refuse, and what it would accept though an event could get lost."""

import json
import os
import re
import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from moto.events.models import EventPattern

from adapters import listening
from adapters.config.settings import Settings
from adapters.config.variables import event_bus
from adapters.metrics.embedded import NAMESPACE, EmbeddedMetrics
from adapters.outcomes.messages import MEANINGS, Told, message
from adapters.output.listeners import Handled
from functions.errors import AuthenticationError
from functions.events import COMPANIONS, RECONCILE, TIMER_TYPE, HostRef
from functions.handlers import HANDLERS
from functions.outcomes import Outcome
from lab.emulator import CREDENTIALS, REGION
from lab.events import (
    ENTER,
    EXIT,
    HOSTLESS,
    IMPOSTOR,
    NOT_OURS,
    REMOVED,
    EventData,
    lambda_event,
)
from lab.processes import ROOT
from tests import documents
from tests.deploy.eventbridge import templates
from tests.deploy.eventbridge.aws import Aws
from tests.deploy.eventbridge.templates import DEPLOYMENT, TEMPLATE, nodes, of_type
from tests.deploy.eventbridge.tools import run

PATTERN = (
    '{"detail":{"subject":'
    '["EnteredMaintenanceModeEvent","ExitMaintenanceModeEvent","HostRemovedEvent"]}}'
)
TOLD = "arn:aws:events:eu-central-1:123456789012:event-bus/told"
NOW = datetime(2026, 11, 25, tzinfo=UTC)
EXAMPLES = ROOT / "examples" / "events"
# The alarms that Monitoring=true brings, and whether there are sweeps that they are about.
MONITORING = {
    "HostsOverdueAlarm": True,
    "HostsDifferAlarm": True,
    "RefusedSweepAlarm": True,
    "NoGoodSweepAlarm": True,
    "LoginsFailAlarm": False,
}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return templates.load()


@pytest.fixture(scope="module")
def rule(template: dict[str, Any]) -> dict[str, Any]:
    (found,) = of_type(template, "AWS::Events::Rule").values()
    properties: dict[str, Any] = found["Properties"]
    return properties


@pytest.fixture(scope="module")
def function(template: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"]["MirrorFunction"]["Properties"]
    return properties


@pytest.mark.exhaustive
@pytest.mark.timeout(300)
def test_sam_accepts_the_template(sam: Path, tmp_path: Path) -> None:
    environ = _environment(tmp_path)
    said = run(sam / "bin/sam", "validate", "--lint", "--template", TEMPLATE, env=environ)
    assert "is a valid SAM Template" in said


@pytest.mark.exhaustive
@pytest.mark.timeout(300)
def test_sam_uploads_the_zip_as_it_was_built(
    sam: Path, built_zip: Path, aws: Aws, tmp_path: Path
) -> None:
    folder = tmp_path / "deploy" / "eventbridge"
    folder.mkdir(parents=True)
    shutil.copy(TEMPLATE, folder)
    (tmp_path / "build").mkdir()
    shutil.copy(built_zip, tmp_path / "build" / "lambda.zip")
    with aws.client("s3") as s3:
        place = {"LocationConstraint": REGION}
        s3.create_bucket(Bucket="deployments", CreateBucketConfiguration=place)
        command = ["package", "--template-file", "template.yaml", "--s3-bucket", "deployments"]
        environ = {**_environment(tmp_path), "AWS_ENDPOINT_URL": aws.endpoint}
        run(sam / "bin/sam", *command, cwd=folder, env=environ)
        (uploaded,) = s3.list_objects_v2(Bucket="deployments")["Contents"]
        body = s3.get_object(Bucket="deployments", Key=uploaded["Key"])["Body"]
        with closing(body):
            assert body.read() == built_zip.read_bytes()


@pytest.mark.exhaustive
@pytest.mark.timeout(300)
def test_linters_have_nothing_to_say(sam: Path) -> None:
    assert run(sam / "bin/cfn-lint", "--include-checks", "I", "--", TEMPLATE) == ""
    yaml_files = [*DEPLOYMENT.glob("*.yaml")]
    assert run(sam / "bin/yamllint", "--strict", *yaml_files) == ""


def test_the_template_uses_no_anchors() -> None:
    # CloudFormation's documentation excludes YAML aliases.
    lines = TEMPLATE.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if ": &" in line or ": *" in line] == []


def test_the_pattern_is_the_one_that_router_and_eventbridge_both_understand(
    rule: dict[str, Any],
) -> None:
    assert json.dumps(rule["EventPattern"], separators=(",", ":")) == PATTERN


def test_the_pattern_is_plain_enough_for_every_release_of_the_router(
    rule: dict[str, Any],
) -> None:
    # Before v0.7.3 it reads detail.subject only; since then an operator, which would be an object
    # within the list, stops it, and a key beside detail never matches.
    assert [*rule["EventPattern"]] == ["detail"]
    assert [*rule["EventPattern"]["detail"]] == ["subject"]
    assert all(isinstance(value, str) for value in rule["EventPattern"]["detail"]["subject"])


def test_the_pattern_lets_through_what_we_handle(rule: dict[str, Any]) -> None:
    assert {*rule["EventPattern"]["detail"]["subject"], RECONCILE} == {*HANDLERS}


@pytest.mark.parametrize("event_data", [ENTER, EXIT, REMOVED, HOSTLESS, IMPOSTOR])
def test_eventbridge_forwards_events_of_these_names(
    event_data: EventData, rule: dict[str, Any]
) -> None:
    assert _matches(rule, lambda_event(event_data))


@pytest.mark.parametrize(
    "name",
    [
        "HostConnectionLostEvent",
        "EnteringMaintenanceModeEvent",
        "CanceledHostOperationEvent",
        "HostRemovedFromClusterEvent",
        "enteredmaintenancemodeevent",
    ],
)
def test_eventbridge_forwards_nothing_else(name: str, rule: dict[str, Any]) -> None:
    assert not _matches(rule, lambda_event(EventData(name=name)))
    assert not _matches(rule, lambda_event(NOT_OURS))
    assert not _matches(rule, {**lambda_event(ENTER), "detail": {}})


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.name)
def test_eventbridge_forwards_every_example(path: Path, rule: dict[str, Any]) -> None:
    example = json.loads(path.read_text(encoding="utf-8"))
    event = example if "detail" in example else {"detail": example}
    assert _matches(rule, event)


def test_there_is_one_rule_for_the_router_to_read(template: dict[str, Any]) -> None:
    assert [*of_type(template, "AWS::Events::Rule")] == ["EventRule"]
    assert template["Outputs"]["RuleArn"]["Value"] == {"Fn::GetAtt": ["EventRule", "Arn"]}


def test_what_eventbridge_cannot_deliver_is_kept(rule: dict[str, Any]) -> None:
    target = rule["Targets"][0]
    assert target["Arn"] == {"Fn::GetAtt": ["MirrorFunction", "Arn"]}
    assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": ["UndeliveredQueue", "Arn"]}
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 185


def test_exactly_this_rule_may_write_to_the_dead_letter_queue(template: dict[str, Any]) -> None:
    (policy,) = of_type(template, "AWS::SQS::QueuePolicy").values()
    assert policy["Properties"]["Queues"] == [{"Ref": "UndeliveredQueue"}]
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": ["UndeliveredQueue", "Arn"]},
        "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["EventRule", "Arn"]}}},
    }


def test_what_the_function_cannot_do_is_kept(
    template: dict[str, Any], function: dict[str, Any]
) -> None:
    config = function["EventInvokeConfig"]
    queue = {"Fn::GetAtt": ["FailedQueue", "Arn"]}
    assert config["DestinationConfig"]["OnFailure"] == {"Type": "SQS", "Destination": queue}
    assert config["MaximumRetryAttempts"] == 2
    assert _allowed(template, "MirrorRole")["sqs:SendMessage"] == queue


def test_every_queue_outlives_the_stack_is_encrypted_and_keeps_for_two_weeks(
    template: dict[str, Any],
) -> None:
    queues = of_type(template, "AWS::SQS::Queue")
    assert {*queues} == {"UndeliveredQueue", "FailedQueue"}
    for queue in queues.values():
        assert queue["DeletionPolicy"] == queue["UpdateReplacePolicy"] == "Retain"
        assert queue["Properties"]["SqsManagedSseEnabled"] is True
        assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_every_queue_has_an_alarm_from_the_first_message_on(template: dict[str, Any]) -> None:
    watched = [_watched_queue(alarm) for alarm in _alarms(template).values()]
    assert {name for name in watched if name} == {*of_type(template, "AWS::SQS::Queue")}
    alarms = _alarms(template)
    del alarms["SweepsMissingAlarm"]
    for alarm in (each for name, each in alarms.items() if name not in MONITORING):
        properties = alarm["Properties"]
        assert (properties["ComparisonOperator"], properties["Threshold"]) == (
            "GreaterThanThreshold",
            0,
        )
        assert "Ref" in properties["AlarmActions"]["Fn::If"][1][0]
        assert "Condition" not in alarm


def test_a_queue_that_cannot_be_written_to_has_an_alarm(template: dict[str, Any]) -> None:
    metrics = {alarm["Properties"].get("MetricName") for alarm in _alarms(template).values()}
    assert {"InvocationsFailedToBeSentToDlq", "DestinationDeliveryFailures"} <= metrics


def test_the_alarm_of_the_rule_goes_by_the_name_that_the_rule_has(
    template: dict[str, Any], rule: dict[str, Any]
) -> None:
    alarm = template["Resources"]["UndeliveredLostAlarm"]["Properties"]
    own_bus, default_bus = alarm["Dimensions"]["Fn::If"][1:]
    assert own_bus[1] == default_bus[0] == {"Name": "RuleName", "Value": rule["Name"]}
    assert own_bus[0] == {"Name": "EventBusName", "Value": {"Ref": "EventBusName"}}


def test_monitoring_is_off_unless_it_is_wanted(template: dict[str, Any]) -> None:
    parameters = templates.defaults(template)
    monitored = {**parameters, "Monitoring": "true"}
    sweeping = {**monitored, "VcenterUrl": "https://vc"}
    parts = {*MONITORING, "MonitoringDashboard"}
    events_only = {name for name, sweeps in MONITORING.items() if not sweeps}
    assert _made(template, parameters) & parts == set()
    assert _made(template, monitored) & parts == {*events_only, "MonitoringDashboard"}
    assert _made(template, sweeping) & parts == parts
    for each in (parameters, monitored):
        variables = templates.environment(template, "MirrorFunction", each)
        assert variables["METRICS"] == each["Monitoring"]


def test_every_alarm_leads_to_its_paragraph_and_to_whoever_is_told(
    template: dict[str, Any],
) -> None:
    told = {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
    for alarm in _alarms(template).values():
        properties = alarm["Properties"]
        page, anchor = properties["AlarmDescription"].split()[-1].split("#")
        assert documents.leads_somewhere(ROOT / page, anchor)
        assert properties["AlarmActions"] == told
    page = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    listed = re.findall(r"`(\w+Alarm)`", page)
    assert sorted(listed) == sorted(_alarms(template))


def test_alarms_and_dashboard_are_of_metrics_that_the_function_writes(
    template: dict[str, Any],
) -> None:
    written = _written()
    shown = _dashboard(template)
    assert {("HostsOverdue", ()), ("Duration", ()), ("Events", None)} <= shown
    watched = {_metric(each["Properties"]) for each in _watching(template).values()}
    assert len(watched) == 4
    assert {metric for metric in watched | shown if metric[1] is not None} <= written
    assert {name for name, keys in shown if keys is None} <= {name for name, _ in written}


def test_refused_logins_of_every_event_count(template: dict[str, Any]) -> None:
    alarm = template["Resources"]["LoginsFailAlarm"]["Properties"]
    total, *parts = alarm["Metrics"]
    metrics = [each["MetricStat"]["Metric"] for each in parts]
    values = [{each["Name"]: each["Value"] for each in metric["Dimensions"]} for metric in metrics]
    assert {each["Event"] for each in values} == {*HANDLERS}
    assert {each["Outcome"] for each in values} == {AuthenticationError.__name__}
    assert {(metric["MetricName"], ("Event", "Outcome")) for metric in metrics} <= _written()
    assert total["Expression"] == " + ".join(f"FILL({each['Id']}, 0)" for each in parts)
    # A password is changed within one period, or in two that meet; sweeps are in one of two.
    period = parts[0]["MetricStat"]["Period"]
    longest = 60 * template["Parameters"]["SweepMinutes"]["MaxValue"]
    assert alarm["EvaluationPeriods"] * period >= alarm["DatapointsToAlarm"] * longest


def test_a_sweep_is_due_in_each_period_of_the_alarms_about_sweeps(
    template: dict[str, Any],
) -> None:
    longest = 60 * template["Parameters"]["SweepMinutes"]["MaxValue"]
    for alarm in _watching(template).values():
        assert alarm["Properties"]["Period"] >= longest
    missing = template["Resources"]["NoGoodSweepAlarm"]["Properties"]
    assert (missing["TreatMissingData"], missing["Threshold"]) == ("breaching", 1)
    assert missing["EvaluationPeriods"] == 2


def test_cloudwatch_takes_alarms_and_dashboard(aws: Aws, template: dict[str, Any]) -> None:
    parameters = {**templates.defaults(template), "AlarmTopicArn": "arn:aws:sns:eu:1:alarms"}
    with aws.client("cloudwatch") as cloudwatch:
        for name in MONITORING:
            alarm = templates.resolved(template["Resources"][name]["Properties"], parameters)
            cloudwatch.put_metric_alarm(AlarmName=name, **alarm)
        body = json.dumps({"widgets": _widgets(template)})
        cloudwatch.put_dashboard(DashboardName="stack", DashboardBody=body)
        found = cloudwatch.describe_alarms()["MetricAlarms"]
    assert {each["AlarmName"] for each in found} == {*MONITORING}


def test_the_widgets_do_not_overlap_and_fill_the_width(template: dict[str, Any]) -> None:
    taken = [
        (x, y)
        for each in _widgets(template)
        for x in range(each["x"], each["x"] + each["width"])
        for y in range(each["y"], each["y"] + each["height"])
    ]
    assert len(taken) == len({*taken})
    assert max(x for x, _ in taken) == 23


def test_events_and_sweeps_meet_their_own_deadlines_before_that_of_lambda(
    function: dict[str, Any],
) -> None:
    secret_seconds = 10.0  # two tries with two time-outs of two seconds each, and a pause
    condition, with_vcenter, without = function["Timeout"]["Fn::If"]
    assert condition == "HasVcenter"
    telling_seconds = 2 * listening._FLUSH_SECONDS  # a sink and a bus
    assert without > Settings.deadline_seconds + secret_seconds + telling_seconds
    sweep_seconds = float(function["Environment"]["Variables"]["RECONCILE_DEADLINE_SECONDS"])
    assert with_vcenter > sweep_seconds + 2 * secret_seconds + telling_seconds


def test_a_sweep_is_over_before_the_next_one_is_due(
    template: dict[str, Any], function: dict[str, Any]
) -> None:
    shortest = 60 * template["Parameters"]["SweepMinutes"]["MinValue"]
    # Lambda tries a sweep that failed again after one minute.
    assert function["Timeout"]["Fn::If"][1] + 60 < shortest


def test_the_defaults_are_a_lease_that_outlasts_three_sweeps(template: dict[str, Any]) -> None:
    parameters = templates.defaults(template)
    assert int(parameters["LeaseMinutes"]) >= 3 * int(parameters["SweepMinutes"])


def test_the_schedule_calls_the_function_and_keeps_what_it_cannot_deliver(
    template: dict[str, Any],
) -> None:
    (schedule,) = of_type(template, "AWS::Scheduler::Schedule").values()
    properties, target = schedule["Properties"], schedule["Properties"]["Target"]
    assert properties["ScheduleExpression"] == {"Fn::Sub": "rate(${SweepMinutes} minutes)"}
    assert properties["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert target["Arn"] == {"Fn::GetAtt": ["MirrorFunction", "Arn"]}
    assert target["RoleArn"] == {"Fn::GetAtt": ["SweepRole", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["UndeliveredQueue", "Arn"]}}
    # What is tried for longer would meet the next one.
    shortest = 60 * template["Parameters"]["SweepMinutes"]["MinValue"]
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= shortest


def test_the_schedule_sends_a_cloudevent_of_our_timers_type(template: dict[str, Any]) -> None:
    sent = json.loads(template["Resources"]["SweepSchedule"]["Properties"]["Target"]["Input"])
    assert [*sent] == ["detail"]
    assert sent["detail"] == {
        "specversion": "1.0",
        "type": TIMER_TYPE,
        "source": "aws.scheduler",
        "id": "<aws.scheduler.execution-id>",
        "time": "<aws.scheduler.scheduled-time>",
    }


def test_the_schedule_may_call_the_function_and_write_to_its_queue_and_no_more(
    template: dict[str, Any],
) -> None:
    role = template["Resources"]["SweepRole"]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {
        "aws:SourceAccount": {"Ref": "AWS::AccountId"},
        "aws:SourceArn": {"Fn::GetAtt": ["SweepGroup", "Arn"]},
    }
    assert _allowed(template, "SweepRole") == {
        "lambda:InvokeFunction": {"Fn::GetAtt": ["MirrorFunction", "Arn"]},
        "sqs:SendMessage": {"Fn::GetAtt": ["UndeliveredQueue", "Arn"]},
    }


def test_without_a_vcenter_nothing_is_scheduled_and_nothing_of_it_is_set(
    template: dict[str, Any],
) -> None:
    parameters = templates.defaults(template)
    assert not templates.holds("HasVcenter", parameters)
    sweeping = {name for name in template["Resources"] if name.startswith("Sweep")}
    assert sweeping == {"SweepGroup", "SweepSchedule", "SweepRole", "SweepsMissingAlarm"}
    assert {template["Resources"][name]["Condition"] for name in sweeping} == {"HasVcenter"}
    variables = templates.environment(template, "MirrorFunction", parameters)
    assert variables["RECONCILE_INTERVAL_MINUTES"] == ""
    assert {value for name, value in variables.items() if name.startswith("VCENTER")} == {""}


def test_with_a_vcenter_the_function_knows_how_often_sweeps_come(template: dict[str, Any]) -> None:
    parameters = {**templates.defaults(template), "VcenterUrl": "https://vc", "SweepMinutes": "20"}
    variables = templates.environment(template, "MirrorFunction", parameters)
    assert variables["RECONCILE_INTERVAL_MINUTES"] == "20"


def test_what_needs_a_vcenter_is_refused_before_anything_is_created(
    template: dict[str, Any],
) -> None:
    needed = {
        name: [node["Ref"] for node in nodes(rule["Assertions"]) if _is_reference(node)]
        for name, rule in template["Rules"].items()
    }
    assert needed == {
        "VcenterIsComplete": ["VcenterSecretId"],
        "VerificationHasAVcenter": ["VcenterUrl"],
    }


def test_that_sweeps_are_no_longer_due_is_noticed(template: dict[str, Any]) -> None:
    alarm = template["Resources"]["SweepsMissingAlarm"]["Properties"]
    assert alarm["TreatMissingData"] == "breaching"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["Dimensions"] == [{"Name": "ScheduleGroup", "Value": {"Ref": "SweepGroup"}}]
    # At least one is due in each period.
    assert alarm["Period"] >= 60 * template["Parameters"]["SweepMinutes"]["MaxValue"]


def test_a_variable_of_the_function_is_a_setting_that_is_documented(
    function: dict[str, Any],
) -> None:
    documented = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    names = function["Environment"]["Variables"]
    assert [name for name in names if f"`{name}`" not in documented] == []


def test_the_function_reads_one_secret_and_with_a_vcenter_another_one(
    template: dict[str, Any],
) -> None:
    named = {"SecretId": "vrops", "VcenterSecretId": "vcenter"}
    (by_name,) = _readable(template, **named)
    assert {"Fn::Sub": "secret:${SecretId}-??????"} in [*nodes(by_name)]
    _, by_name = _readable(template, **named, VcenterUrl="https://vc")
    assert {"Fn::Sub": "secret:${VcenterSecretId}-??????"} in [*nodes(by_name)]
    arns = {name: f"arn:aws:secretsmanager:eu:1:secret:{id}" for name, id in named.items()}
    assert _readable(template, **arns, VcenterUrl="https://vc") == [*arns.values()]


@pytest.mark.parametrize(
    ("bus", "resource"),
    [
        ("", []),
        ("told", [{"Fn::Sub": "event-bus/${OutcomeEventBus}"}]),
        (TOLD, [TOLD]),
    ],
)
def test_the_function_may_tell_outcomes_to_one_bus_and_to_none_unless_asked(
    bus: str, resource: list[Any], template: dict[str, Any]
) -> None:
    stack = {**templates.defaults(template), "OutcomeEventBus": bus}
    (policy,) = template["Resources"]["MirrorRole"]["Properties"]["Policies"]
    statements = templates.resolved(policy["PolicyDocument"]["Statement"], stack)
    may = [each["Resource"] for each in statements if each.get("Action") == "events:PutEvents"]
    found = [each["Fn::Sub"][1]["Bus"] if isinstance(each, dict) else each for each in may]
    assert found == resource
    assert templates.environment(template, "MirrorFunction", stack)["OUTCOME_EVENT_BUS"] == bus
    allowed = template["Parameters"]["OutcomeEventBus"]["AllowedPattern"]
    assert re.fullmatch(allowed, bus)
    assert Settings.variables() >= {"OUTCOME_EVENT_BUS"}
    assert not bus or event_bus(bus) == bus


def test_no_outcome_comes_back_to_the_function(rule: dict[str, Any]) -> None:
    host = HostRef("host-1001", ENTER.host, ENTER.vcenter)
    for action in MEANINGS:
        told = message(Told(action, host, ""), "maintenance-mirror/vrops.lab", {}, NOW)
        event = {"source": told["source"], "detail-type": told["type"], "detail": dict(told)}
        assert not _matches(rule, event)


def test_the_readme_shows_a_pattern_that_outcomes_match() -> None:
    told = message(Told("overdue", None, ""), "maintenance-mirror/vrops.lab", {}, NOW)
    event: Any = {"source": told["source"], "detail-type": told["type"], "detail": dict(told)}
    text = (DEPLOYMENT / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```json\n(.*?)```", text, re.M | re.S)
    assert EventPattern.load(shown).matches_event(event)


def test_everything_is_allowed_on_something_named_where_aws_knows_names(
    template: dict[str, Any],
) -> None:
    wide = [node["Action"] for node in nodes(template) if _is_wide(node)]
    network = [action for action in wide if isinstance(action, list)]
    assert [action for action in wide if isinstance(action, str)] == ["events:ListRules"]
    assert all(name.startswith("ec2:") for actions in network for name in actions)
    assert len(network) == 1
    actions = [node["Action"] for node in nodes(template) if _is_statement(node)]
    assert "*" not in json.dumps(actions)


def test_the_router_may_read_rules_and_send_events_to_one_bus(template: dict[str, Any]) -> None:
    (policy,) = of_type(template, "AWS::IAM::ManagedPolicy").values()
    send, look = policy["Properties"]["PolicyDocument"]["Statement"]
    assert send["Action"] == "events:PutEvents"
    assert send["Resource"]["Fn::If"][1] == {"Fn::GetAtt": ["EventBus", "Arn"]}
    assert look["Action"] == "events:ListRules"


def test_nothing_secret_is_a_parameter(template: dict[str, Any]) -> None:
    parameters = template["Parameters"]
    assert not any("password" in name.lower() for name in parameters)
    assert all(parameter["Description"] for parameter in parameters.values())
    checked = {"AllowedPattern", "AllowedValues", "MaxLength", "MinValue"}
    assert [name for name in parameters if checked.isdisjoint(parameters[name])] == []


@pytest.mark.parametrize(
    ("value", "fits"),
    [("", True), (",".join(COMPANIONS), True), ("HostSystem", False), ("Datastore,", False)],
)
def test_what_goes_with_hosts_is_checked_before_anything_runs(
    value: str, fits: bool, template: dict[str, Any]
) -> None:
    pattern = template["Parameters"]["MaintenanceIncludes"]["AllowedPattern"]
    assert bool(re.match(pattern, value)) == fits


def test_the_functions_are_the_ones_that_the_adapter_has(template: dict[str, Any]) -> None:
    functions = of_type(template, "AWS::Serverless::Function")
    assert {each["Properties"]["Handler"] for each in functions.values()} == {
        "adapters.eventbridge.lambda_handler",
        "adapters.eventbridge.echo_handler",
    }
    assert functions["EchoFunction"]["Condition"] == "Echoes"
    for each in functions.values():
        assert (TEMPLATE.parent / each["Properties"]["CodeUri"]).resolve() == (
            ROOT / "build" / "lambda.zip"
        )


def test_the_router_configuration_fits_the_stack() -> None:
    text = (DEPLOYMENT / "router-config.yaml").read_text(encoding="utf-8")
    config = yaml.safe_load(text)
    assert config["kind"] == "RouterConfig"
    assert config["eventProvider"]["vcenter"]["insecureSSL"] is False
    processor = config["eventProcessor"]
    assert processor["type"] == "aws_event_bridge"
    assert {*processor["awsEventBridge"]} == {"region", "eventBus", "ruleARN", "auth"}


def _environment(home: Path) -> dict[str, str]:
    """Return what sam needs; it keeps notes in the home folder, and reports home unless told."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": REGION,
        **CREDENTIALS,
    }


def _matches(rule: dict[str, Any], event: Any) -> bool:
    # moto's matcher agrees with AWS's own, as test_rule_engine.py shows where there is Java.
    pattern = EventPattern.load(json.dumps(rule["EventPattern"]))
    return bool(pattern.matches_event(event))


def _alarms(template: dict[str, Any]) -> dict[str, Any]:
    return of_type(template, "AWS::CloudWatch::Alarm")


def _made(template: dict[str, Any], parameters: dict[str, str]) -> set[str]:
    """Return the names of the resources that a stack with these parameters has."""
    return {
        name
        for name, each in template["Resources"].items()
        if "Condition" not in each or templates.holds(each["Condition"], parameters)
    }


def _watching(template: dict[str, Any]) -> dict[str, Any]:
    """Return the alarms about sweeps that Monitoring=true brings."""
    return {name: template["Resources"][name] for name, sweeps in MONITORING.items() if sweeps}


def _metric(properties: dict[str, Any]) -> tuple[str, tuple[str, ...] | None]:
    assert properties["Namespace"] == NAMESPACE
    return properties["MetricName"], ()


def _written() -> set[tuple[str, tuple[str, ...] | None]]:
    """Return the metrics of the function: names, and what each is told apart by."""
    lines: list[str] = []
    metrics = EmbeddedMetrics(leases=True, write=lines.append)
    metrics.compared("vc", [], [], [])
    metrics.handled(Handled(None, Outcome("reconciled"), None, 0.1, sweep=True))
    metrics.close()
    (line,) = map(json.loads, lines)
    return {
        (metric["Name"], tuple(keys))
        for directive in line["_aws"]["CloudWatchMetrics"]
        for keys in directive["Dimensions"]
        for metric in directive["Metrics"]
    }


def _widgets(template: dict[str, Any]) -> list[dict[str, Any]]:
    dashboard = template["Resources"]["MonitoringDashboard"]["Properties"]["DashboardBody"]
    widgets: list[dict[str, Any]] = json.loads(dashboard["Fn::Sub"])["widgets"]
    return widgets


def _dashboard(template: dict[str, Any]) -> set[tuple[str, tuple[str, ...] | None]]:
    """Return our metrics that the dashboard shows; None where it searches for them."""
    rows = [row for each in _widgets(template) for row in each["properties"]["metrics"]]
    found = {(row[1], ()) for row in rows if row[0] == NAMESPACE}
    searches = [row[0]["expression"] for row in rows if isinstance(row[0], dict)]
    pattern = rf"SEARCH\('{{{NAMESPACE},Event,Outcome}} (\w+)', 'Sum', 3600\)"
    return found | {(name, None) for each in searches for name in re.findall(pattern, each)}


def _watched_queue(alarm: dict[str, Any]) -> str | None:
    properties = alarm["Properties"]
    if properties.get("MetricName") != "ApproximateNumberOfMessagesVisible":
        return None
    name: str = properties["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
    return name


def _allowed(template: dict[str, Any], role: str) -> dict[str, Any]:
    """Return what a role's plain statements allow: resource by action."""
    (policy,) = template["Resources"][role]["Properties"]["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    return {each["Action"]: each["Resource"] for each in statements if _is_plain(each)}


def _readable(template: dict[str, Any], **parameters: str) -> list[Any]:
    """Return the secrets that the function may read in a stack with these parameters."""
    stack = {**templates.defaults(template), **parameters}
    (policy,) = template["Resources"]["MirrorRole"]["Properties"]["Policies"]
    statements = templates.resolved(policy["PolicyDocument"]["Statement"], stack)
    reads = "secretsmanager:GetSecretValue"
    return [each["Resource"] for each in statements if each.get("Action") == reads]


def _is_plain(statement: dict[str, Any]) -> bool:
    return isinstance(statement.get("Action"), str)


def _is_statement(node: Any) -> bool:
    return isinstance(node, dict) and "Effect" in node


def _is_reference(node: Any) -> bool:
    return isinstance(node, dict) and node.keys() == {"Ref"}


def _is_wide(node: Any) -> bool:
    return _is_statement(node) and node.get("Resource") == "*"
