"""Events that are labelled wrong, packed, or encoded twice, by the words that the log has for them.

Whoever stands between a vCenter and the function may have made such an event of a good one.
"""

import base64
import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any

from lab.events import HTTP_FORMATS, EventData, HttpMessage, source_envelope, structured, xml_data

_LONG = "x/" + "y" * 200
_XML, _JSON = "vspheresource-xml", "router-binary"

Encode = Callable[[EventData], HttpMessage]


def labelled(name: str, label: str | None) -> Encode:
    """Encode as HTTP_FORMATS has it under ``name``, with another label, or none."""

    def encode(event_data: EventData) -> HttpMessage:
        message = HTTP_FORMATS[name](event_data)
        others = {key: value for key, value in message.headers.items() if key != "Content-Type"}
        told = {} if label is None else {"Content-Type": label}
        return HttpMessage({**others, **told}, message.body)

    return encode


def packed(encode: Encode, *, told: bool = True, members: int = 1) -> Encode:
    """Encode, and pack the body by gzip; a header says so if that is ``told``."""

    def encode_and_pack(event_data: EventData) -> HttpMessage:
        message = encode(event_data)
        size = len(message.body) // members + 1
        parts = [message.body[start : start + size] for start in range(0, members * size, size)]
        encoding = {"Content-Encoding": "gzip"} if told else {}
        return HttpMessage({**message.headers, **encoding}, b"".join(map(gzip.compress, parts)))

    return encode_and_pack


def quoted(encode: Encode) -> Encode:
    """Encode, and make the body a text of JSON's."""

    def encode_twice(event_data: EventData) -> HttpMessage:
        message = encode(event_data)
        return HttpMessage(message.headers, json.dumps(message.body.decode()).encode())

    return encode_twice


def holding(data: Callable[[EventData], dict[str, Any]], label: str | None) -> Encode:
    """Encode as a structured event, the data and their label as given."""

    def encode(event_data: EventData) -> HttpMessage:
        envelope = source_envelope(event_data) | data(event_data)
        del envelope["datacontenttype"]
        if "data_base64" in envelope:
            del envelope["data"]
        told = {} if label is None else {"datacontenttype": label}
        return structured({**envelope, **told}, "application/cloudevents+json")

    return encode


def _object(event_data: EventData) -> dict[str, Any]:
    return {"data": source_envelope(event_data)["data"]}


def _json_text(event_data: EventData) -> dict[str, Any]:
    return {"data": json.dumps(source_envelope(event_data)["data"])}


def _xml_text(event_data: EventData) -> dict[str, Any]:
    return {"data": xml_data(event_data)}


def _base64(event_data: EventData) -> dict[str, Any]:
    return {"data_base64": base64.b64encode(xml_data(event_data).encode()).decode()}


def _packed_base64(event_data: EventData) -> dict[str, Any]:
    body = gzip.compress(xml_data(event_data).encode())
    return {"data_base64": base64.b64encode(body).decode()}


def _with_byte_order_mark(event_data: EventData) -> HttpMessage:
    message = labelled(_XML, "application/json; charset=utf-8")(event_data)
    return HttpMessage(message.headers, b"\xef\xbb\xbf" + message.body)


def _with_declaration(event_data: EventData) -> HttpMessage:
    message = labelled(_XML, "text/plain")(event_data)
    return HttpMessage(message.headers, b'\r\n <?xml version="1.0"?>\n' + message.body)


def _in_utf_16(event_data: EventData) -> HttpMessage:
    message = labelled(_JSON, "text/xml")(event_data)
    return HttpMessage(message.headers, (" \n" + message.body.decode()).encode("utf-16"))


MISLABELLED: Mapping[str, Encode] = {
    "binary xml (labelled application/json)": labelled(_XML, "application/json; charset=utf-8"),
    "binary xml (labelled application/octet-stream)": labelled(_XML, "application/octet-stream"),
    "binary xml (labelled text/plain)": labelled(_XML, "Text/Plain"),
    "binary xml (labelled text/html)": labelled(_XML, "text/html"),
    "binary xml (labelled wrongly)": labelled(_XML, _LONG),
    "binary xml (not labelled)": labelled(_XML, None),
    "binary json (labelled application/xml)": labelled(_JSON, "application/xml"),
    "binary json (labelled application/soap+xml)": labelled(_JSON, "application/soap+xml"),
    "binary json (labelled text/plain)": labelled(_JSON, "text/plain; charset=utf-8"),
    "binary json (labelled application/octet-stream)": labelled(_JSON, "application/octet-stream"),
    "binary json (labelled wrongly)": labelled("vspheresource-camelcase", "no label"),
    "binary quoted json": quoted(labelled(_JSON, "application/json")),
    "binary quoted xml (labelled application/json)": quoted(labelled(_XML, "application/json")),
    "binary quoted xml (not labelled)": quoted(labelled(_XML, None)),
    "structured json (labelled application/xml)": holding(_object, "application/xml"),
    "structured json (labelled text/plain)": holding(_json_text, "text/plain"),
    "structured quoted json": holding(_json_text, None),
    "structured xml (labelled text/plain)": holding(_xml_text, "text/plain"),
    "structured quoted xml (labelled application/json)": holding(_xml_text, "application/json"),
    "structured quoted xml (not labelled)": holding(_xml_text, None),
    "structured xml (labelled application/json)": holding(_base64, "application/json"),
    "structured gzip xml (not labelled)": holding(_packed_base64, None),
    "quoted structured json": quoted(HTTP_FORMATS["router-structured"]),
    "quoted structured quoted json": quoted(holding(_json_text, "application/json")),
    "gzip binary json": packed(HTTP_FORMATS[_JSON]),
    "gzip binary xml": packed(HTTP_FORMATS[_XML], told=False),
    "gzip binary xml (labelled application/json)": packed(labelled(_XML, "application/json")),
    "gzip binary json (labelled application/gzip)": packed(labelled(_JSON, "application/gzip")),
    "gzip binary quoted json": packed(quoted(HTTP_FORMATS[_JSON])),
    "gzip structured json": packed(HTTP_FORMATS["router-openfaas"], told=False),
    "gzip structured xml": packed(HTTP_FORMATS["vspheresource-structured-xml"], members=3),
    "gzip quoted structured json": packed(quoted(HTTP_FORMATS["router-structured"])),
}
# Of these, the log has the same words for others above.
_MORE: tuple[Encode, ...] = (
    _with_byte_order_mark,
    _with_declaration,
    _in_utf_16,
    holding(_json_text, "application/xml"),
    packed(labelled(_JSON, "application/json"), told=False, members=2),
)
ALL_MISLABELLED: tuple[Encode, ...] = (*MISLABELLED.values(), *_MORE)
