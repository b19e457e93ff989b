"""From bytes and headers to an envelope: the structured-CloudEvent dict that the core reads.

Whatever the wire looked like (binary or structured mode, JSON or XML, gzip or not), the result is
the same dict, so that the core needs to know one format (decision 0003). What is labelled wrong is
read as what it is (decision 0021). Everything here refuses by raising NotACloudEventError or
EventTooLargeError, and by nothing else.

Sources: the CloudEvents 1.0 HTTP protocol binding and JSON format.
"""

import base64
from collections.abc import Mapping
from secrets import token_hex
from typing import Any, Final, NamedTuple

from adapters.config.settings import Limits
from adapters.incoming.data import Data, as_bytes, read_data, read_value
from adapters.incoming.plain_json import check_depth, read_json
from functions.errors import EventTooLargeError, NotACloudEventError
from functions.events import TIMER_TYPE, Envelope

_REQUIRED: Final = ("id", "source", "type")
_VERSIONS: Final = ("1.0", "0.3")
_GZIP: Final = b"\x1f\x8b"


class Received(NamedTuple):
    """An envelope, and how it came (``binary json``, ``gzip structured xml``, ...).

    ``gzip`` and ``quoted``, which is a text of JSON's that holds JSON, stand before what they hold.
    """

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
    plain, packed = _unpacked(body, limits)
    data = read_data(plain, content_type, limits)
    envelope = _checked({**attributes, "data": data.value})
    return Received(envelope, f"{packed}binary {data.form}")


def from_structured(body: bytes, limits: Limits) -> Received:
    """Read structured mode: one JSON object that holds attributes and data alike."""
    plain, packed = _unpacked(body, limits)
    value, quoted = _unquoted(read_json(plain, limits.max_depth), limits)
    envelope, form = _opened(value, limits)
    return Received(envelope, f"{packed}{quoted}structured {form}")


def from_object(value: object, limits: Limits) -> Received:
    """Read an envelope that some runtime has decoded already, as Lambda does."""
    check_depth(value, limits.max_depth)
    value, quoted = _unquoted(value, limits)
    envelope, form = _opened(value, limits)
    return Received(envelope, f"{quoted}eventbridge {form}")


def from_timer(source: str) -> Received:
    """Make the envelope that asks for a sweep, where a timer sends nothing but a request."""
    envelope = {"specversion": "1.0", "type": TIMER_TYPE, "source": source, "id": token_hex(16)}
    return Received(envelope, "timer")


def _unpacked(body: bytes, limits: Limits) -> tuple[bytes, str]:
    """Inflate what is gzip by its first two bytes, which begin no JSON, no XML and no text."""
    check_size(len(body), limits)
    if not body.startswith(_GZIP):
        return body, ""
    # No component of VEBA's packs its events: no start has to wait for what unpacks them.
    from adapters.incoming.gzip_body import gunzip

    plain = gunzip(body, limits.max_body_bytes + 1)
    check_size(len(plain), limits)
    if plain.startswith(_GZIP):
        raise NotACloudEventError("the event is gzip within gzip")
    return plain, "gzip "


def _unquoted(value: object, limits: Limits) -> tuple[object, str]:
    """Read an event that is a text of JSON's, as whoever encodes it twice makes of it."""
    if not isinstance(value, str):
        return value, ""
    body = as_bytes(value)
    check_size(len(body), limits)
    return read_json(body, limits.max_depth), "quoted "


def _opened(value: object, limits: Limits) -> tuple[Envelope, str]:
    """Check a decoded envelope, and decode its data where that is still text or base64."""
    if isinstance(value, list):
        raise NotACloudEventError("a batch of events is not supported; send them one by one")
    if not isinstance(value, dict):
        raise NotACloudEventError("the body is not a JSON object")
    envelope = _checked(value)
    data = _data(envelope, limits)
    if data.value is envelope.get("data"):
        return envelope, data.form
    return {**envelope, "data": data.value}, data.form


def _data(envelope: Envelope, limits: Limits) -> Data:
    content_type = str(envelope.get("datacontenttype") or "")
    if "data_base64" not in envelope:
        return read_value(envelope.get("data"), content_type, limits)
    plain, packed = _unpacked(_from_base64(envelope["data_base64"]), limits)
    data = read_data(plain, content_type, limits)
    return Data(data.value, f"{packed}{data.form}")


def _from_base64(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError):
        raise NotACloudEventError("the event's data is not encoded as it says") from None


def _checked(envelope: dict[str, Any]) -> Envelope:
    if envelope.get("specversion") not in _VERSIONS:
        raise NotACloudEventError("specversion is missing or unknown")
    for name in _REQUIRED:
        if not isinstance(envelope.get(name), str) or not envelope[name]:
            raise NotACloudEventError(f"the CloudEvent attribute {name} is missing")
    return envelope
