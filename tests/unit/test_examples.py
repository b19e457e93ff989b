"""The README's table of what VEBA sends: each cell is read, and says what it should."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from functions.errors import InvalidEventError, NotACloudEventError
from functions.events import HostEvent, HostRef, classify, host_event
from lab.events import (
    CLOUDEVENT_ID,
    ENTER,
    EXAMPLES,
    EXIT,
    HTTP_FORMATS,
    REMOVED,
    HttpMessage,
    broker_takes,
    delivered,
    example_files,
)
from tests.messages import LIMITS, SAMPLES, parse, read, read_file

README = Path(__file__).parents[2] / "README.md"
needs_samples = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the sample events are not beside the project"
)


def cells() -> list[str]:
    """Return the names of the formats in the table's cells."""
    rows = re.findall(r"^\| \d.*$", README.read_text(encoding="utf-8"), re.MULTILINE)
    return sorted({name for row in rows for name in re.findall(r"`([a-z0-9.-]+)`", row)})


def read_event(path: Path) -> HostEvent:
    envelope = read_file(path).envelope
    kind = classify(envelope)
    assert kind is not None
    assert kind.genuine
    return host_event(envelope, kind.name)


@pytest.mark.parametrize("name", cells())
@pytest.mark.parametrize(
    ("verb", "event_data"), [("enter", ENTER), ("exit", EXIT), ("removed", REMOVED)]
)
def test_every_cell_is_understood(name: str, verb: str, event_data: Any) -> None:
    [path] = EXAMPLES.glob(f"{name}-{verb}.*")
    event = read_event(path)
    assert event.name == event_data.name
    assert event.host == HostRef("host-1001", "esx01.lab.local", "vcenter.lab.local")
    assert (event.key, event.user, event.message) == (
        event_data.key,
        event_data.user,
        event_data.message,
    )
    # VSphereSource takes vCenter's key for the id, as a text.
    key_or_id = str(event_data.key) if name.startswith("vspheresource") else CLOUDEVENT_ID
    assert (event.event_id, event.cluster) == (key_or_id, "Cluster-1")
    assert event.created is not None


def test_the_table_leaves_no_example_out() -> None:
    formats = {re.sub(r"-(enter|exit|removed)\.(http|json)$", "", name) for name in example_files()}
    others = {
        "another-event.http",
        "impostor.http",
        "no-host.http",
        "knative-ping.http",
        "knative-broker",
        "cloudevent",
    }
    # Not sent by any release: what a newer govmomi or a relabelling forwarder would make of it.
    future = {"router-labelled-json", "vspheresource-camelcase"}
    assert set(cells()) == formats - others - future


def test_the_examples_are_what_the_formats_make() -> None:
    written = {path.name: path.read_bytes() for path in EXAMPLES.iterdir()}
    assert written == example_files()


ESX02 = HostRef("host-1012", "esx02.cl.vmweventbroker.io", "vcsa.vmweventbroker.io")


@needs_samples
@pytest.mark.parametrize(
    "name",
    [
        "derived-eventbridge-lambda-{}.json",
        "derived-router-knative-binary-{}.http",
        "derived-router-openfaas-connector-{}.http",
        "derived-vspheresource-binary-json-{}.http",
        "derived-vspheresource-binary-xml-{}.http",
    ],
)
@pytest.mark.parametrize(("verb", "key"), [("entered", 910093), ("exit", 910100)])
def test_every_derived_sample_is_understood(name: str, verb: str, key: int) -> None:
    path = SAMPLES / name.format(verb)
    if not path.exists():
        assert name.startswith("derived-vspheresource-binary-xml")
        return
    event = read_event(path)
    assert event.name.lower().startswith(verb)
    assert (event.host, event.key) == (ESX02, key)
    assert event.created == datetime(2022, 4, 20, 15, 47, 32, 365000, UTC)
    assert (event.datacenter, event.cluster) == ("HomeLab", "CL1")
    assert event.user == "VSPHERE.LOCAL\\Administrator"


@needs_samples
def test_the_sample_without_a_host_is_refused_and_has_a_key_below_zero() -> None:
    path = SAMPLES / "derived-router-openfaas-connector-entered-hostnull-negkey.http"
    envelope = read_file(path).envelope
    assert envelope["data"]["Key"] == -2147483000
    with pytest.raises(InvalidEventError, match="missing"):
        host_event(envelope, "EnteredMaintenanceModeEvent")


@needs_samples
@pytest.mark.parametrize("verb", ["enter", "exit"])
@pytest.mark.parametrize("generation", ["v0.7", "v0.8"])
def test_real_bodies_with_real_headers_are_understood(verb: str, generation: str) -> None:
    text = (SAMPLES / f"real-veba-{generation}-eventspec-binary-headers.json").read_text("utf-8")
    headers = json.loads(re.sub(r",\s*}", "}", text))  # published with a trailing comma
    name = {"enter": "EnteredMaintenanceModeEvent", "exit": "ExitMaintenanceModeEvent"}[verb]
    headers = {key: value.replace("<event>", name) for key, value in headers.items()}
    headers |= {"Ce-Subject": name} if "Ce-Subject" in headers else {}
    body = (SAMPLES / f"real-veba-kn-hostmaint-{verb}-binary-body.json").read_bytes()
    envelope = read(HttpMessage(headers, body)).envelope
    kind = classify(envelope)
    assert kind is not None
    assert (kind.name, kind.genuine) == (name, True)
    event = host_event(envelope, name)
    assert event.host == HostRef("REPLACE-ME", "esx02.cl.vmweventbroker.io", "vcenter-01")


@needs_samples
def test_every_header_that_a_broker_adds_is_borne() -> None:
    headers = json.loads(
        (SAMPLES / "real-tanzu-sources-knative-broker-http-headers.json").read_text("utf-8")
    )
    body = (SAMPLES / "real-tanzu-sources-knative-broker-body-json.json").read_bytes()
    envelope = read(
        HttpMessage({name: values[0] for name, values in headers.items()}, body)
    ).envelope
    event = host_event(envelope, "VmPoweredOffEvent")
    assert event.host == HostRef("host-21", "DC0_H0", "vcsim.default.svc.cluster.local")
    assert (event.key, event.created) == (41, datetime(2022, 3, 21, 16, 35, 39, 310174, UTC))
    # And so is the example of it.
    by_the_server = {"Accept-Encoding", "Content-Length", "User-Agent"}
    assert delivered(ENTER).headers.keys() | by_the_server == headers.keys()


@pytest.mark.parametrize("event_data", [ENTER, EXIT, REMOVED])
def test_what_a_broker_delivers_is_the_event_that_it_took(event_data: Any) -> None:
    envelope = read(delivered(event_data)).envelope
    taken = read(HTTP_FORMATS["vspheresource-json"](event_data)).envelope
    assert envelope.items() > taken.items()
    assert envelope.keys() - taken.keys() == {"knativearrivaltime"}


def test_a_broker_takes_what_the_readme_says() -> None:
    text = README.read_text(encoding="utf-8")
    rows = [row.split("|") for row in re.findall(r"^\| \d.*$", text, re.MULTILINE)]
    knative = {name for row in rows for name in re.findall(r"`([a-z0-9.-]+)`", row[3])}
    taken = {name for name, encode in HTTP_FORMATS.items() if broker_takes(encode(ENTER))}
    assert knative <= taken
    # What the router sends to OpenFaaS never comes near a broker.
    (never,) = [name for name in HTTP_FORMATS.keys() - taken if not name.endswith("-openfaas")]
    assert f"no broker takes `{never}`" in text


@needs_samples
@pytest.mark.parametrize(
    ("pattern", "count", "names"),
    [
        (
            "real-veba-v0.4-openfaas-structured-*",
            3,
            {"UserLogoutSessionEvent", "VmPoweredOffEvent"},
        ),
        ("real-veba-v0.8-structured-*", 1, {"VmPoweredOffEvent"}),
    ],
)
def test_real_structured_events_are_classified(pattern: str, count: int, names: set[str]) -> None:
    kinds = [classify(read_file(path).envelope) for path in sorted(SAMPLES.glob(pattern))]
    assert len(kinds) == count
    assert {kind.name for kind in kinds if kind and kind.genuine} == names


@needs_samples
def test_real_malformed_events_are_refused() -> None:
    paths = [*SAMPLES.glob("real-veba-tagging-*"), *SAMPLES.glob("real-veba-openfaas-invalid-*")]
    assert len(paths) == 3
    for path in paths:
        with pytest.raises(NotACloudEventError):
            read(HttpMessage({}, path.read_bytes()))


def shape(raw: bytes) -> tuple[list[str], list[str], list[tuple[str, str]]]:
    """Return what a request is made of: its headers, its keys, and what is the same in all."""
    message = parse(raw)
    kept = [
        (name, value)
        for name, value in message.headers.items()
        if name not in ("Host", "Content-Length", "Traceparent", "Ce-Vsphereapiversion")
        and not name.startswith(("Ce-Id", "Ce-Source", "Ce-Time"))
    ]
    keys = re.findall(r'"([A-Za-z]+)":|<([A-Za-z]+)[ >]', message.body.decode())
    return [*message.headers], [name or tag for name, tag in keys], kept


CAPTURED = SAMPLES / "captured"


@pytest.mark.skipif(
    not CAPTURED.is_dir(), reason="the captured requests are not beside the project"
)
@pytest.mark.parametrize(
    ("captured", "name"),
    [
        ("o1-v0.3.0", "router-0.3-openfaas"),
        ("o1-v0.4.1", "router-0.3-openfaas"),
        ("o1-v0.7.5", "router-openfaas"),
        ("k1-v0.5.0-binary", "router-0.5-binary"),
        ("k1-v0.6.1-binary", "router-0.5-binary"),
        ("k1-v0.6.1-structured", "router-0.5-structured"),
        ("k1-v0.7.5-binary", "router-binary"),
        ("k1-v0.7.5-structured", "router-structured"),
        ("v1-json", "vspheresource-json"),
        ("v1-xml", "vspheresource-xml"),
    ],
)
@pytest.mark.parametrize("event_data", [ENTER, EXIT])
def test_examples_have_the_headers_and_keys_of_what_was_captured(
    captured: str, name: str, event_data: Any
) -> None:
    real = (CAPTURED / f"{captured}-{event_data.name}.http").read_bytes()
    assert shape(HTTP_FORMATS[name](event_data).request()) == shape(real)
    event = host_event(read(parse(real)).envelope, event_data.name)
    assert event.host.name == "esx01.lab.local"
    assert (event.event_id == str(event.key)) == captured.startswith("v1")


@pytest.mark.parametrize("name", [name for name in cells() if name.startswith("router-0")])
def test_before_0_7_the_time_is_the_routers_own_clock(name: str) -> None:
    [path] = EXAMPLES.glob(f"{name}-enter.*")
    envelope = read_file(path).envelope
    older = not name.startswith("router-0.7")
    assert ("vsphereapiversion" in envelope) == (not older)
    assert (envelope["time"] > envelope["data"]["CreatedTime"]) == older


def test_a_raw_request_is_taken_apart() -> None:
    message = parse((EXAMPLES / "router-binary-enter.http").read_bytes())
    assert message.headers["Ce-Subject"] == "EnteredMaintenanceModeEvent"
    assert len(message.body) == int(message.headers["Content-Length"])
    assert LIMITS.max_depth == 64
