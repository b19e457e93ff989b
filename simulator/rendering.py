"""Documents as JSON or XML, whichever a caller asked for."""

import json
from typing import Any
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from flask import Request, Response

NAMESPACE = "http://webservice.vmware.com/vRealizeOpsMgr/1.0/"
NOT_AUTHORISED = (
    "<!DOCTYPE html><html><head><title>Not Authorized</title></head>"
    "<body><p>You are not authorized for this request.</p></body></html>"
)
CHALLENGE = "OpsToken, VCToken, SSO2Token, CSPToken, VIDBToken"

register_namespace("ops", NAMESPACE)


def rendered(request: Request, root: str, document: dict[str, Any], status: int = 200) -> Response:
    """Answer with a document; `root` names the element where it becomes XML."""
    if _wants_xml(request):
        return Response(_xml(root, document), status, content_type="application/xml")
    return Response(json.dumps(document), status, content_type="application/json")


def empty(status: int = 200) -> Response:
    """Answer without a body and so without a content type."""
    response = Response(status=status)
    del response.headers["Content-Type"]
    return response


def not_authorised_page() -> Response:
    """Answer 401 with HTML: VCF Operations 9.x for sources that take no password."""
    response = Response(NOT_AUTHORISED, 401, content_type="text/html")
    response.headers["WWW-Authenticate"] = CHALLENGE
    return response


def _wants_xml(request: Request) -> bool:
    accepted = request.headers.get("Accept")
    return accepted is None or ("xml" in accepted and "json" not in accepted)


def _xml(root: str, document: dict[str, Any]) -> bytes:
    element = Element(f"{{{NAMESPACE}}}{root}")
    _fill(element, document)
    return bytes(tostring(element, encoding="UTF-8", xml_declaration=True))


def _fill(element: Element, value: Any) -> None:
    if isinstance(value, dict):
        for key, part in value.items():
            for each in part if isinstance(part, list) else [part]:
                _fill(SubElement(element, f"{{{NAMESPACE}}}{key}"), each)
    else:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)
