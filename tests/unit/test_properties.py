"""Whatever arrives: every encoding of an event is the same event, and nothing breaks the way in."""

import json
import os
from dataclasses import replace
from typing import Any

from flask import Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.incoming import envelopes
from functions.errors import MaintenanceError
from functions.events import HostEvent, host_event
from lab.events import HTTP_FORMATS, EventData, HttpMessage, lambda_event, router_envelope
from tests.messages import LIMITS, read, request
from tests.mislabelled import ALL_MISLABELLED
from tests.strategies import (
    DISPATCH,
    VIEW,
    bodies,
    ce_headers,
    content_types,
    damaged,
    events,
    json_values,
    packed_bodies,
)

EXAMPLES = settings(
    max_examples=2000 if os.environ.get("EXHAUSTIVE") else 200,
    suppress_health_check=list(HealthCheck),
    database=None,
)
REPLIES = {204, 400, 413, 422, 503}


def reply_to(message: HttpMessage) -> Response:
    return VIEW(request(message))


@EXAMPLES
@given(events())
def test_every_encoding_of_an_event_is_the_same_event(pair: tuple[EventData, HostEvent]) -> None:
    event_data, expected = pair
    for encode in HTTP_FORMATS.values():
        envelope = read(encode(event_data)).envelope
        # Some sources have ids of their own, which say nothing about the event.
        own = replace(expected, event_id=envelope["id"])
        assert host_event(envelope, event_data.name) == own
    detail = lambda_event(event_data)["detail"]
    for told in (detail, json.dumps(detail)):
        received = envelopes.from_object(told, LIMITS)
        assert host_event(received.envelope, event_data.name) == expected


@EXAMPLES
@given(events())
def test_every_wrong_label_leaves_it_the_same_event(pair: tuple[EventData, HostEvent]) -> None:
    event_data, expected = pair
    for encode in ALL_MISLABELLED:
        envelope = read(encode(event_data)).envelope
        own = replace(expected, event_id=envelope["id"])
        assert host_event(envelope, event_data.name) == own


@EXAMPLES
@given(bodies, content_types, ce_headers)
def test_no_bytes_whatever_break_the_adapter(
    body: bytes, content_type: str, headers: dict[str, str]
) -> None:
    reply = reply_to(HttpMessage({"Content-Type": content_type, **headers}, body))
    assert reply.status_code in REPLIES
    assert reply.data == b""


@EXAMPLES
@given(packed_bodies, content_types, ce_headers)
def test_no_gzip_whatever_breaks_the_adapter(
    body: bytes, content_type: str, headers: dict[str, str]
) -> None:
    reply = reply_to(HttpMessage({"Content-Type": content_type, **headers}, body))
    assert reply.status_code in REPLIES
    assert reply.data == b""


@EXAMPLES
@given(st.text(), st.sampled_from(["", "text/plain", "application/json"]))
def test_a_text_that_is_no_json_and_no_xml_stays_that_text(text: str, label: str) -> None:
    ours = router_envelope(EventData())
    envelope = {**ours, "datacontenttype": label, "data": f"- {text}"}
    assert envelopes.from_object(envelope, LIMITS) == (envelope, "eventbridge json")


@EXAMPLES
@given(bodies, st.sampled_from([b"<EnteredMaintenanceModeEvent>", b"<e>", b""]))
def test_no_xml_whatever_breaks_a_maintenance_event(body: bytes, start: bytes) -> None:
    headers = HTTP_FORMATS["vspheresource-xml"](EventData()).headers
    end = start.replace(b"<", b"</")
    assert reply_to(HttpMessage(headers, start + body + end)).status_code in REPLIES


@EXAMPLES
@given(damaged())
def test_no_damage_to_an_event_breaks_the_way_in(envelope: Any) -> None:
    try:
        outcome = DISPATCH(lambda limits: envelopes.from_object(envelope, limits))
    except MaintenanceError:
        return
    assert outcome.action in ("entered", "exited", "ignored")


@EXAMPLES
@given(json_values, st.sampled_from(["application/cloudevents+json", "application/json", ""]))
def test_no_json_whatever_is_taken_for_an_event(value: Any, content_type: str) -> None:
    message = HttpMessage({"Content-Type": content_type}, json.dumps(value).encode())
    assert reply_to(message).status_code == 400


@EXAMPLES
@given(json_values)
def test_no_json_whatever_breaks_a_maintenance_event(value: Any) -> None:
    headers = HTTP_FORMATS["router-binary"](EventData()).headers
    reply = reply_to(HttpMessage(headers, json.dumps(value).encode()))
    assert reply.status_code in {204, 400, 422}
