"""An event's data: what its first byte says that it is, or else what its label says.

``{`` and ``[`` begin nothing but a JSON object or list, and ``<`` nothing but XML, so that a label
that says otherwise is wrong (decision 0021). A label is the event's Content-Type or
datacontenttype; without one, data is JSON, as the CloudEvents JSON format has it.
"""

import re
from typing import Any, Final, NamedTuple

from adapters.config.settings import Limits
from adapters.incoming.plain_json import read_json
from functions.errors import NotACloudEventError

# Behind a byte order mark and white space; in UTF-16, a zero byte may come before the character.
_FIRST: Final = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\x00\t\n\r ]*+([{\[<])")
_FORMS: Final = {b"{": "json", b"[": "json", b"<": "xml"}
# A label is shown in the log: what does not look like one, or is too long, is not repeated.
_LABEL: Final = re.compile(r"[\w.+-]{1,40}/[\w.+-]{1,80}", re.ASCII)


class Data(NamedTuple):
    """An event's data, and how it came (``json``, ``xml (labelled application/json)``, ...)."""

    value: Any
    form: str


def read_data(body: bytes, content_type: str, limits: Limits) -> Data:
    """Read data that came as bytes.

    What is labelled as neither JSON nor XML, and cannot be read as either, is a text.
    Raises NotACloudEventError if what is, or should be, JSON or XML cannot be read.
    """
    label = _media_type(content_type)
    promised = _promised(label)
    if not body and promised != "xml":
        return Data(None, "empty")
    if promised == "text":
        return _tried(body, label, limits) or Data(body.decode(errors="replace"), "text")
    form = _first(body) or promised
    value = _read(form, body, limits)
    if isinstance(value, str):
        return read_value(value, content_type, limits)
    return Data(value, _told(form, label))


def read_value(value: object, content_type: str, limits: Limits) -> Data:
    """Read data that came as a value of JSON, which may be a text that holds JSON or XML.

    A text that is not labelled as XML, and cannot be read as either, is a text.
    Raises NotACloudEventError if a text is labelled as XML and cannot be read.
    """
    label = _media_type(content_type)
    if isinstance(value, str):
        return _read_text(value, label, limits)
    return Data(value, _told("json", label) if isinstance(value, dict | list) else "json")


def _read_text(text: str, label: str, limits: Limits) -> Data:
    body = as_bytes(text)
    if _promised(label) == "xml":
        return read_data(body, label, limits)
    found = _tried(body, label, limits)
    if found is None:
        return Data(text, "json")
    # JSON that is labelled as JSON would be an object, and no text.
    quoted = "quoted " if _promised(label) == "json" else ""
    return Data(found.value, f"{quoted}{found.form}")


def as_bytes(text: str) -> bytes:
    """Return any text of JSON's as bytes, halves of surrogate pairs, too, which JSON may hold."""
    return text.encode(errors="surrogatepass")


def _tried(body: bytes, label: str, limits: Limits) -> Data | None:
    form = _first(body)
    try:
        return Data(_read(form, body, limits), _told(form, label)) if form else None
    except NotACloudEventError:
        return None


def _read(form: str, body: bytes, limits: Limits) -> Any:
    if form == "json":
        return read_json(body, limits.max_depth)
    # Only VSphereSource sends XML: elsewhere no start has to wait for its parser.
    from adapters.incoming.vsphere_xml import read_xml

    return read_xml(body, limits.max_depth)


def _first(body: bytes) -> str | None:
    found = _FIRST.match(body)
    return _FORMS[found[1]] if found else None


def _promised(label: str) -> str:
    if label in ("application/xml", "text/xml") or label.endswith("+xml"):
        return "xml"
    if label in ("", "application/json", "text/json") or label.endswith("+json"):
        return "json"
    return "text"


def _told(form: str, label: str) -> str:
    if form == _promised(label):
        return form
    if not label:
        return f"{form} (not labelled)"
    return f"{form} (labelled {label if _LABEL.fullmatch(label) else 'wrongly'})"


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
