"""From bytes and headers to an envelope: the structured-CloudEvent dict that the core reads.

Whatever the wire looked like (binary or structured mode, JSON or XML), the result is the same
dict, so that the core needs to know one format (decision 0003). Everything here refuses by raising
NotACloudEventError or EventTooLargeError, and by nothing else.

Sources: the CloudEvents 1.0 HTTP protocol binding and JSON format.
"""

import base64
import json
import math
from collections.abc import Mapping
from secrets import token_hex
from typing import Any, Final, NamedTuple

from adapters.config.settings import Limits
from functions.errors import EventTooLargeError, NotACloudEventError
from functions.events import TIMER_TYPE, Envelope

_REQUIRED: Final = ("id", "source", "type")
_VERSIONS: Final = ("1.0", "0.3")


class Received(NamedTuple):
    """An envelope, and how it came (``binary json``, ``structured xml``, ...)."""

    envelope: Envelope
    encoding: str


def check_size(size: int, limits: Limits) -> None:
    """Raise EventTooLargeError if ``size`` in bytes is over the limit."""
    if size > limits.max_body_bytes:
        raise EventTooLargeError(f"the event is larger than {limits.max_body_bytes} bytes")


def from_binary(
    attributes: Mapping[str, Any], content_type: str, body: bytes, limits: Limits
) -> Received:
    """Read binary mode: ``attributes`` are the ``ce-`` headers without that prefix."""
    check_size(len(body), limits)
    data, form = _data(body, content_type, limits)
    return Received(_checked({**attributes, "data": data}), f"binary {form}")


def from_structured(body: bytes, limits: Limits) -> Received:
    """Read structured mode: one JSON object that holds attributes and data alike."""
    check_size(len(body), limits)
    envelope, form = _opened(_json(body, limits), limits)
    return Received(envelope, f"structured {form}")


def from_object(value: object, limits: Limits) -> Received:
    """Read an envelope that some runtime has decoded already, as Lambda does."""
    _check_depth(value, limits)
    envelope, form = _opened(value, limits)
    return Received(envelope, f"eventbridge {form}")


def from_timer(source: str) -> Received:
    """Make the envelope that asks for a sweep, where a timer sends nothing but a request."""
    envelope = {"specversion": "1.0", "type": TIMER_TYPE, "source": source, "id": token_hex(16)}
    return Received(envelope, "timer")


def _opened(value: object, limits: Limits) -> tuple[Envelope, str]:
    """Check a decoded envelope, and decode its data where that is still text or base64."""
    if isinstance(value, list):
        raise NotACloudEventError("a batch of events is not supported; send them one by one")
    if not isinstance(value, dict):
        raise NotACloudEventError("the body is not a JSON object")
    envelope = _checked(value)
    content_type = str(envelope.get("datacontenttype") or "")
    encoded = _encoded_data(envelope, content_type)
    if encoded is None:
        return envelope, "json"
    data, form = _data(encoded, content_type, limits)
    return {**envelope, "data": data}, form


def _encoded_data(envelope: Envelope, content_type: str) -> bytes | None:
    """Return data that needs decoding: base64 of any kind, or XML as a JSON string."""
    data = envelope.get("data")
    try:
        if "data_base64" in envelope:
            return base64.b64decode(envelope["data_base64"], validate=True)
        if isinstance(data, str) and _is_xml(content_type):
            return data.encode()
    except (TypeError, ValueError):
        raise NotACloudEventError("the event's data is not encoded as it says") from None
    return None


def _checked(envelope: dict[str, Any]) -> Envelope:
    if envelope.get("specversion") not in _VERSIONS:
        raise NotACloudEventError("specversion is missing or unknown")
    for name in _REQUIRED:
        if not isinstance(envelope.get(name), str) or not envelope[name]:
            raise NotACloudEventError(f"the CloudEvent attribute {name} is missing")
    return envelope


def _data(body: bytes, content_type: str, limits: Limits) -> tuple[Any, str]:
    if _is_xml(content_type):
        # Only VSphereSource sends XML: elsewhere no start has to wait for its parser.
        from adapters.incoming.vsphere_xml import read_xml

        return read_xml(body, limits.max_depth), "xml"
    media_type = _media_type(content_type)
    if not body:
        return None, "empty"
    if media_type in ("", "application/json", "text/json") or media_type.endswith("+json"):
        return _json(body, limits), "json"
    return body.decode(errors="replace"), "text"


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _is_xml(content_type: str) -> bool:
    media_type = _media_type(content_type)
    return media_type in ("application/xml", "text/xml") or media_type.endswith("+xml")


def _json(body: bytes, limits: Limits) -> Any:
    try:
        value = json.loads(body, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        raise NotACloudEventError("the event is not well-formed JSON") from None
    _check_depth(value, limits)
    return value


def _finite(text: str) -> float:
    # NaN and Infinity are not JSON, and 1e999 could not be written as JSON again.
    if not math.isfinite(number := float(text)):
        raise ValueError("no number of JSON")
    return number


def _check_depth(value: object, limits: Limits) -> None:
    """Walk level by level, since a recursion would itself fall to what it looks for."""
    level = [value]
    for _ in range(limits.max_depth):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise NotACloudEventError(f"the event is nested deeper than {limits.max_depth} levels")


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [child for child in value if isinstance(child, dict | list)]
    return []
