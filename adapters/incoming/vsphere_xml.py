"""VSphereSource's XML, as the dict that its JSON would have been.

Source: it is Go's ``encoding/xml`` of govmomi's structs: no declaration, no namespace, the root
named after the type.
"""

from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from functions.errors import NotACloudEventError

# Numbers in JSON; XML knows text only. An EventEx argument's key further down is a text in both.
_INTEGERS: Final = ("Key", "ChainId")
_WHITE_SPACE: Final = b"\t\n\r "


def read_xml(body: bytes, max_depth: int) -> dict[str, Any]:
    """Return what an event's XML holds, elements nested up to ``max_depth`` levels.

    Raises NotACloudEventError if it is not well-formed, nested deeper, or has a document type.
    """
    parser = DefusedXMLParser(target=_ShallowTree(max_depth), forbid_dtd=True)
    try:
        # White space may stand before anything but a declaration.
        parser.feed(body.lstrip(_WHITE_SPACE))
        data = _children_of(parser.close())
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise NotACloudEventError("the event is not well-formed, harmless XML") from None
    return {name: _number(value) if name in _INTEGERS else value for name, value in data.items()}


class _ShallowTree(TreeBuilder):
    """Builds a tree and refuses, while reading, to go deeper than the limit."""

    def __init__(self, max_depth: int) -> None:
        super().__init__()
        self._left = max_depth

    def start(self, tag: Any, attrs: Any) -> Element:
        self._left -= 1
        if self._left < 0:
            raise ValueError("nested too deeply")
        return super().start(tag, attrs)

    def end(self, tag: Any) -> Element:
        self._left += 1
        return super().end(tag)


def _children_of(element: Element) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for child in element:
        name, value = _pascal(child.tag), _value(child)
        if name in data:
            previous = data[name]
            data[name] = [*previous, value] if isinstance(previous, list) else [previous, value]
        else:
            data[name] = value
    return data


def _value(element: Element) -> Any:
    """A managed object reference, an object, or a text: govmomi's XML knows no more."""
    if "type" in element.attrib:
        return {"Type": element.attrib["type"], "Value": element.text or ""}
    return _children_of(element) if len(element) else element.text or ""


def _pascal(tag: str) -> str:
    name = tag.rpartition("}")[2]
    return name[:1].upper() + name[1:]


def _number(value: Any) -> Any:
    try:
        return int(value)
    except (TypeError, ValueError):
        return value
