"""Whatever arrives: every encoding of an event is the same event, and nothing breaks the way in."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings

from adapters import envelopes
from functions.errors import MaintenanceError
from functions.events import HostEvent, host_event
from tests.formats import HTTP_FORMATS, Facts, Wire, lambda_event
from tests.strategies import (
    CLIENT,
    DISPATCH,
    bodies,
    ce_headers,
    content_types,
    damaged,
    events,
    json_values,
)
from tests.wire import LIMITS, post, read

EXAMPLES = settings(
    max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
REPLIES = {204, 400, 413, 422, 503}


@EXAMPLES
@given(events())
def test_every_encoding_of_an_event_is_the_same_event(pair: tuple[Facts, HostEvent]) -> None:
    facts, expected = pair
    for encode in HTTP_FORMATS.values():
        assert host_event(read(encode(facts)).envelope, facts.name) == expected
    detail = lambda_event(facts)["detail"]
    assert host_event(envelopes.from_object(detail, LIMITS).envelope, facts.name) == expected


@EXAMPLES
@given(bodies, content_types, ce_headers)
def test_no_bytes_whatever_break_the_adapter(
    body: bytes, content_type: str, headers: dict[str, str]
) -> None:
    reply = post(CLIENT, Wire({"Content-Type": content_type, **headers}, body))
    assert reply.status_code in REPLIES
    assert reply.data == b""


@EXAMPLES
@given(bodies)
def test_no_xml_whatever_breaks_a_maintenance_event(body: bytes) -> None:
    headers = HTTP_FORMATS["vspheresource-xml"](Facts()).headers
    reply = post(CLIENT, Wire(headers, b"<EnteredMaintenanceModeEvent>" + body))
    assert reply.status_code in REPLIES
    reply = post(CLIENT, Wire(headers, b"<e>" + body + b"</e>"))
    assert reply.status_code in REPLIES


@EXAMPLES
@given(damaged())
def test_no_damage_to_an_event_breaks_the_way_in(envelope: Any) -> None:
    try:
        outcome = DISPATCH(lambda limits: envelopes.from_object(envelope, limits))
    except MaintenanceError:
        return
    assert outcome.action in ("entered", "exited", "ignored")


@EXAMPLES
@given(json_values)
def test_no_json_whatever_breaks_the_way_in(value: Any) -> None:
    for content_type in ("application/cloudevents+json", ""):
        reply = post(CLIENT, Wire({"Content-Type": content_type}, json.dumps(value).encode()))
        assert reply.status_code == 400
    headers = HTTP_FORMATS["router-binary"](Facts()).headers
    assert post(CLIENT, Wire(headers, json.dumps(value).encode())).status_code in {204, 400, 422}
