"""adapters.incoming.envelopes: from bytes and headers to an envelope."""

import base64
import gzip
import json
import tracemalloc
import zlib
from dataclasses import replace
from typing import Any

import pytest

from adapters.config.settings import Limits
from adapters.incoming import envelopes
from functions.errors import EventTooLargeError, InvalidEventError, NotACloudEventError
from functions.events import Kind, classify, host_event
from lab.events import (
    HTTP_FORMATS,
    EventData,
    HttpMessage,
    camel_data,
    lambda_event,
    pascal_data,
    router_envelope,
    structured,
    xml_data,
)
from tests.messages import LIMITS, read
from tests.mislabelled import ALL_MISLABELLED, MISLABELLED

ATTRIBUTES = {k: v for k, v in router_envelope(EventData()).items() if k != "data"}


def from_xml(body: bytes, limits: Limits = LIMITS) -> Any:
    return envelopes.from_binary(ATTRIBUTES, "application/xml", body, limits).envelope["data"]


def from_json(body: bytes, limits: Limits = LIMITS) -> Any:
    return envelopes.from_binary(ATTRIBUTES, "application/json", body, limits).envelope["data"]


@pytest.mark.parametrize("name", HTTP_FORMATS)
def test_every_format_tells_the_same_event(name: str) -> None:
    envelope, _ = read(HTTP_FORMATS[name](EventData()))
    told = host_event(router_envelope(EventData()), "x")
    assert host_event(envelope, "x") == replace(told, event_id=envelope["id"])


def test_eventbridge_wraps_the_same_event() -> None:
    envelope, encoding = envelopes.from_object(lambda_event(EventData())["detail"], LIMITS)
    assert envelope == router_envelope(EventData())
    assert encoding == "eventbridge json"


def test_xml_becomes_the_dict_that_json_is() -> None:
    expected = {k: v for k, v in pascal_data(EventData()).items() if v not in (None, "")}
    assert from_xml(xml_data(EventData()).encode()) == expected


def test_xml_inside_a_structured_event_is_read() -> None:
    envelope, encoding = read(HTTP_FORMATS["vspheresource-structured-xml"](EventData()))
    assert encoding == "structured xml"
    assert host_event(envelope, "x").host.moref == "host-1001"


def test_data_in_base64_is_read() -> None:
    encoded = base64.b64encode(json.dumps(pascal_data(EventData())).encode()).decode()
    event = {**ATTRIBUTES, "data_base64": encoded}
    envelope, _ = envelopes.from_structured(json.dumps(event).encode(), LIMITS)
    assert envelope["data"] == pascal_data(EventData())


@pytest.mark.parametrize("encoded", ["?", "=", None, 7, ["QQ=="], "é"])
def test_data_in_broken_base64_is_refused(encoded: object) -> None:
    with pytest.raises(NotACloudEventError):
        envelopes.from_object({**ATTRIBUTES, "data_base64": encoded}, LIMITS)


def test_repeated_elements_become_a_list() -> None:
    body = b"<EventEx><arguments><key>a</key></arguments><arguments><key>b</key></arguments>"
    data = from_xml(body + b"<arguments><key>c</key></arguments></EventEx>")
    assert data == {"Arguments": [{"Key": "a"}, {"Key": "b"}, {"Key": "c"}]}


def test_a_namespace_does_not_matter() -> None:
    body = b'<e xmlns="urn:vim25"><host><name>esx1</name></host></e>'
    assert from_xml(body) == {"Host": {"Name": "esx1"}}


def test_a_key_in_xml_that_is_no_number_stays_text() -> None:
    assert from_xml(b"<e><key>x</key></e>") == {"Key": "x"}


MEBIBYTE = 1024 * 1024


def peak_of_refusing(content_type: str, body: bytes) -> int:
    """Return how much memory, in bytes, it takes to refuse a body."""
    tracemalloc.start()
    with pytest.raises((NotACloudEventError, EventTooLargeError)):
        envelopes.from_binary(ATTRIBUTES, content_type, body, LIMITS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


BOMB = b"<!DOCTYPE e [" + b"".join(
    b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10 if n else b"lol") for n in range(10)
)


@pytest.mark.parametrize(
    "body",
    [
        BOMB + b"]><e>&a9;</e>",
        b'<!DOCTYPE e [<!ENTITY f SYSTEM "file:///etc/passwd">]><e>&f;</e>',
        b'<!DOCTYPE e SYSTEM "http://192.0.2.1/e.dtd"><e/>',
        b"<!DOCTYPE e><e/>",
        b"<e>&undefined;</e>",
        b"<e>",
        b"",
        b"not xml",
        b"<a/><b/>",
        b'<?xml version="1.0" encoding="utf-7"?><e/>',
        b'<?xml version="1.0" encoding="klingon"?><e/>',
        b"\xff\xfe<\x00e\x00",
        b"<e>\x00</e>",
        b"<e>" * 65 + b"</e>" * 65,
        b"<e>" * 300_000,
    ],
)
def test_xml_that_is_harmful_or_broken_is_refused(body: bytes) -> None:
    with pytest.raises(NotACloudEventError):
        from_xml(body)


def test_an_entity_bomb_is_refused_before_it_is_expanded() -> None:
    # Expanded, it would be thirty thousand million characters.
    assert peak_of_refusing("application/xml", BOMB + b"]><e>&a9;</e>") < 10 * MEBIBYTE


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def test_json_is_read_down_to_the_depth_that_is_allowed() -> None:
    assert from_json(nested(64)) == json.loads(nested(64))
    assert from_json(b'{"a":' * 64 + b"1" + b"}" * 64) is not None


@pytest.mark.parametrize("levels", [65, 999, 500_000])
def test_json_that_is_nested_deeper_is_refused(levels: int) -> None:
    with pytest.raises(NotACloudEventError):
        from_json(nested(levels), Limits(max_body_bytes=2_000_000))


def test_the_depth_of_what_a_runtime_has_decoded_is_checked_too() -> None:
    with pytest.raises(NotACloudEventError, match="64 levels"):
        envelopes.from_object({**ATTRIBUTES, "data": json.loads(nested(65))}, LIMITS)


@pytest.mark.parametrize("body", [b"{", b"NaN", b"Infinity", b"1e999", b"\xff", b"1" * 5000])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(NotACloudEventError):
        from_json(body)


def test_a_body_over_the_limit_is_refused_before_it_is_read() -> None:
    limits = Limits(max_body_bytes=10)
    for send in (from_json, from_xml):
        with pytest.raises(EventTooLargeError, match="10 bytes"):
            send(b"{" * 11, limits)
    with pytest.raises(EventTooLargeError):
        envelopes.from_structured(b"{" * 11, limits)


@pytest.mark.parametrize("label", ["application/cloudevents+json", "application/json", None])
def test_a_structured_event_is_read_however_it_is_labelled(label: str | None) -> None:
    envelope, encoding = read(structured(router_envelope(EventData()), label))
    assert envelope == router_envelope(EventData())
    assert encoding == "structured json"


def test_a_label_of_structured_mode_beats_binary_headers() -> None:
    message = structured(
        router_envelope(EventData()), "application/cloudevents+json; charset=utf-8"
    )
    forged = {"Ce-Specversion": "1.0", "Ce-Id": "x", "Ce-Source": "x", "Ce-Type": "x"}
    assert read(
        HttpMessage({**message.headers, **forged}, message.body)
    ).envelope == router_envelope(EventData())


@pytest.mark.parametrize("label", ["application/cloudevents-batch+json", "application/json"])
def test_a_batch_is_refused(label: str) -> None:
    with pytest.raises(NotACloudEventError, match="batch"):
        read(
            HttpMessage(
                {"Content-Type": label}, json.dumps([router_envelope(EventData())]).encode()
            )
        )


@pytest.mark.parametrize("body", [b"", b"7", b'"text"', b"null", b"{}", b"not json"])
def test_what_is_no_object_with_attributes_is_no_cloudevent(body: bytes) -> None:
    with pytest.raises(NotACloudEventError):
        envelopes.from_structured(body, LIMITS)


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
@pytest.mark.parametrize("value", [None, "", 7, [], {}])
def test_a_cloudevent_lacks_nothing_that_the_specification_requires(
    name: str, value: object
) -> None:
    with pytest.raises(NotACloudEventError, match=name):
        envelopes.from_object({**router_envelope(EventData()), name: value}, LIMITS)


@pytest.mark.parametrize("missing", ["Ce-Specversion", "Ce-Id", "Ce-Source", "Ce-Type"])
def test_a_binary_cloudevent_lacks_no_header(missing: str) -> None:
    message = HTTP_FORMATS["router-binary"](EventData())
    headers = {name: value for name, value in message.headers.items() if name != missing}
    with pytest.raises(NotACloudEventError):
        read(HttpMessage(headers, message.body))


def test_the_sdk_makes_up_no_time() -> None:
    message = HTTP_FORMATS["router-binary"](EventData())
    headers = {name: value for name, value in message.headers.items() if name != "Ce-Time"}
    assert "time" not in read(HttpMessage(headers, message.body)).envelope


def test_camel_case_is_read_as_it_came() -> None:
    body = json.dumps(camel_data(EventData())).encode()
    assert from_json(body)["host"]["host"] == {"type": "HostSystem", "value": "host-1001"}


def test_data_of_a_foreign_type_is_kept_as_text() -> None:
    received = envelopes.from_binary(ATTRIBUTES, "text/plain", b"hello", LIMITS)
    assert (received.envelope["data"], received.encoding) == ("hello", "binary text")


def test_an_event_without_data_is_a_cloudevent() -> None:
    assert envelopes.from_binary(ATTRIBUTES, "", b"", LIMITS).envelope["data"] is None


@pytest.mark.parametrize("name", MISLABELLED)
def test_what_is_labelled_wrong_is_read_as_what_it_is_and_the_log_says_so(name: str) -> None:
    envelope, encoding = read(MISLABELLED[name](EventData()))
    assert encoding == name
    told = host_event(router_envelope(EventData()), "x")
    assert host_event(envelope, "x") == replace(told, event_id=envelope["id"])


@pytest.mark.parametrize("number", range(len(ALL_MISLABELLED)))
def test_every_wrong_label_leaves_the_class_of_an_event(number: int) -> None:
    impostor = EventData(event_class="eventex")
    kind = classify(read(ALL_MISLABELLED[number](impostor)).envelope)
    assert kind == Kind("EnteredMaintenanceModeEvent", "eventex")


def test_a_detail_that_is_a_text_is_the_event_that_it_holds() -> None:
    detail = json.dumps(lambda_event(EventData())["detail"])
    received = envelopes.from_object(detail, LIMITS)
    assert received == (router_envelope(EventData()), "quoted eventbridge json")


HARMFUL = [
    BOMB + b"]><e>&a9;</e>",
    b'<!DOCTYPE e [<!ENTITY f SYSTEM "file:///etc/passwd">]><e>&f;</e>',
    b"<!DOCTYPE e><e/>",
    b"<e>" * 65 + b"</e>" * 65,
    b"<e>",
    b" \n<",
    nested(65),
    b"[NaN]",
    b'{"a": 1e999}',
    b"{",
    b"\xef\xbb\xbf[",
    b"<{}",
    b"{<e/>}",
    b"\xff\xfe{",
]


@pytest.mark.parametrize("body", HARMFUL)
@pytest.mark.parametrize("label", ["application/json", "application/xml", "", "a/b+json"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_wrong_label_gets_nothing_past_a_refusal(label: str, body: bytes, pack: Any) -> None:
    with pytest.raises(NotACloudEventError):
        envelopes.from_binary(ATTRIBUTES, label, pack(body), LIMITS)


@pytest.mark.parametrize("body", HARMFUL)
@pytest.mark.parametrize("label", ["text/plain", "application/octet-stream"])
def test_what_is_labelled_as_another_thing_and_cannot_be_read_is_a_text_as_before(
    label: str, body: bytes
) -> None:
    envelope, encoding = envelopes.from_binary(ATTRIBUTES, label, body, LIMITS)
    assert (envelope["data"], encoding) == (body.decode(errors="replace"), "binary text")
    with pytest.raises(InvalidEventError):
        host_event(envelope, "x")


@pytest.mark.parametrize("text", ["", "{", "[NaN]", "<e>", "\ud800{", "{}" * 2, "7", '"{}"'])
def test_a_text_that_only_begins_like_json_or_xml_stays_a_text(text: str) -> None:
    envelope = {**ATTRIBUTES, "data": text}
    assert envelopes.from_object(envelope, LIMITS) == (envelope, "eventbridge json")
    assert from_json(json.dumps(text).encode()) == text


def test_an_event_without_data_gets_none() -> None:
    assert envelopes.from_object(ATTRIBUTES, LIMITS) == (ATTRIBUTES, "eventbridge json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("text", "JSON"),
        ('"{}"', "object"),
        ("[{}]", "batch"),
        ("<e/>", "JSON"),
        (nested(65).decode(), "64 levels"),
    ],
)
def test_an_event_that_is_a_text_is_held_to_what_every_event_is_held_to(
    text: str, said: str
) -> None:
    with pytest.raises(NotACloudEventError, match=said):
        envelopes.from_object(text, LIMITS)
    with pytest.raises(NotACloudEventError, match=said):
        envelopes.from_structured(json.dumps(text).encode(), LIMITS)


def test_an_event_that_is_a_text_may_not_be_larger_than_others() -> None:
    with pytest.raises(EventTooLargeError):
        envelopes.from_object("\ud800" * 4, Limits(max_body_bytes=10))


PACKED = gzip.compress(json.dumps(pascal_data(EventData())).encode())


# Named, since the bytes hold the time at which they were packed.
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(PACKED[:-1], id="a byte is missing"),
        pytest.param(PACKED[:12], id="it ends behind its header"),
        pytest.param(PACKED[:2], id="two bytes"),
        pytest.param(PACKED + b"\0", id="a zero byte behind it"),
        pytest.param(PACKED + b"garbage", id="garbage behind it"),
        pytest.param(PACKED + PACKED[:-1], id="a second member that is broken off"),
        pytest.param(PACKED[:-8] + bytes(8), id="a wrong checksum"),
        pytest.param(b"\x1f\x8b\x07" + PACKED[3:], id="another method"),
        pytest.param(gzip.compress(PACKED), id="packed twice"),
        pytest.param(gzip.compress(b"") * 17, id="17 members"),
    ],
)
@pytest.mark.parametrize("label", ["application/json", "application/gzip", ""])
def test_gzip_that_is_damaged_or_packed_twice_is_refused(label: str, body: bytes) -> None:
    with pytest.raises(NotACloudEventError, match="gzip"):
        envelopes.from_binary(ATTRIBUTES, label, body, LIMITS)
    with pytest.raises(NotACloudEventError, match="gzip"):
        envelopes.from_structured(body, LIMITS)
    encoded = base64.b64encode(body).decode()
    with pytest.raises(NotACloudEventError, match="gzip"):
        envelopes.from_object({**ATTRIBUTES, "data_base64": encoded}, LIMITS)


def test_the_limit_holds_for_what_gzip_holds() -> None:
    limits = Limits(max_body_bytes=200)
    for size in (197, 198, 199, 200, 1000, 10_000):
        body = gzip.compress(b'"' + b"x" * (size - 2) + b'"')
        if size <= limits.max_body_bytes:
            assert from_json(body, limits) == "x" * (size - 2)
        else:
            with pytest.raises(EventTooLargeError, match="200 bytes"):
                from_json(body, limits)


def gzip_bomb(mebibytes: int) -> bytes:
    """Return a small gzip body that holds much: a list that never ends."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(b"[" * MEBIBYTE) for _ in range(mebibytes)) + packer.flush()


@pytest.mark.parametrize("label", ["application/json", "application/xml", "text/plain", ""])
def test_a_gzip_bomb_is_refused_before_it_is_inflated(label: str) -> None:
    bomb = gzip_bomb(256)
    assert len(bomb) < LIMITS.max_body_bytes
    with pytest.raises(EventTooLargeError):
        envelopes.from_binary(ATTRIBUTES, label, bomb, LIMITS)
    assert peak_of_refusing(label, bomb) < 8 * MEBIBYTE


def test_a_gzip_bomb_of_many_members_is_refused_alike() -> None:
    assert peak_of_refusing("", gzip.compress(b"[" * (MEBIBYTE // 2)) * 1000) < 8 * MEBIBYTE
    assert peak_of_refusing("", gzip.compress(b"") * 50_000) < 8 * MEBIBYTE
