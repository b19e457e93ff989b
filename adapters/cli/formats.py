"""One vCenter event in every form that VEBA has ever given it.

Sources: the event router's processors (v0.3 to v0.7), VSphereSource (v0.8), and govmomi's
``vim25/types`` for the payload.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr


@dataclass(frozen=True)
class Facts:
    """What vCenter said, in no particular form.

    ``event_class`` is ``event`` for vCenter's own classes, ``event_id`` the CloudEvent's id.
    """

    name: str
    host: str
    moref: str
    vcenter: str
    key: int
    created: str
    user: str
    message: str
    datacenter: str
    cluster: str
    event_class: str
    event_id: str

    @property
    def source(self) -> str:
        """The vCenter's URL, as event sources give it."""
        return f"https://{self.vcenter}/sdk"


@dataclass(frozen=True)
class Wire:
    """What arrives: headers in their order, and a body."""

    headers: Mapping[str, str]
    body: bytes

    def request(self, path: str = "/", host: str = "localhost") -> bytes:
        """Return the bytes of the request."""
        lines = [f"POST {path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(self.body)}", "User-Agent: Go-http-client/1.1"]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def pascal_data(facts: Facts) -> dict[str, Any]:
    """Return the payload as Go writes a govmomi struct without JSON tags, as all routers do."""
    return {
        "Key": facts.key,
        "ChainId": facts.key,
        "CreatedTime": facts.created,
        "UserName": facts.user,
        "Datacenter": _argument("Datacenter", facts.datacenter, "Datacenter", "datacenter-3"),
        "ComputeResource": _argument(
            "ComputeResource", facts.cluster, "ClusterComputeResource", "domain-c8"
        ),
        "Host": _argument("Host", facts.host, "HostSystem", facts.moref),
        "Vm": None,
        "Ds": None,
        "Net": None,
        "Dvs": None,
        "FullFormattedMessage": facts.message,
        "ChangeTag": "",
    }


def camel_data(facts: Facts) -> Any:
    """Return the payload with the JSON tags of govmomi 0.31 and later: camelCase, nothing empty."""
    return _camel(pascal_data(facts))


def xml_data(facts: Facts) -> str:
    """Return the payload as VSphereSource writes it unless it is told otherwise."""
    fields = "".join(_xml_field(name, value) for name, value in pascal_data(facts).items())
    return f"<{facts.name}>{fields}</{facts.name}>"


def router_envelope(facts: Facts) -> dict[str, Any]:
    """Return the CloudEvent that the router makes of it."""
    return {
        "specversion": "1.0",
        "id": facts.event_id,
        "source": facts.source,
        "type": f"com.vmware.event.router/{facts.event_class}",
        "subject": facts.name,
        "datacontenttype": "application/json",
        "time": facts.created,
        "data": pascal_data(facts),
        "vsphereapiversion": "8.0.3.0",
    }


def source_envelope(facts: Facts) -> dict[str, Any]:
    """Return the CloudEvent that VSphereSource makes of it."""
    return {
        "specversion": "1.0",
        "id": facts.event_id,
        "source": facts.source,
        "type": f"com.vmware.vsphere.{facts.name}.v0",
        "datacontenttype": "application/json",
        "time": facts.created,
        "data": pascal_data(facts),
        "eventclass": facts.event_class,
        "vsphereapiversion": "8.0.3.0",
    }


def binary(envelope: Mapping[str, Any], data: str | None = None) -> Wire:
    """Return an envelope as headers and its data as the body; ``data`` is one in XML."""
    attributes = {k: v for k, v in envelope.items() if k not in ("data", "datacontenttype")}
    headers = {f"Ce-{name.capitalize()}": value for name, value in sorted(attributes.items())}
    body = _json(envelope["data"]) if data is None else data.encode()
    return Wire({**headers, "Content-Type": envelope["datacontenttype"]}, body)


def structured(envelope: Mapping[str, Any], content_type: str | None) -> Wire:
    """Return an envelope as one JSON document, labelled with ``content_type`` if there is one."""
    headers = {"Content-Type": content_type} if content_type else {}
    return Wire(headers, _json(envelope))


def lambda_event(facts: Facts, identifier: str, delivered: str) -> dict[str, Any]:
    """Return what EventBridge hands to Lambda: the router's CloudEvent is the detail.

    ``identifier`` and ``delivered`` are its own id and time.
    """
    return {
        "version": "0",
        "id": identifier,
        "detail-type": facts.name,
        "source": facts.source,
        "account": "111122223333",
        "time": delivered,
        "region": "eu-central-1",
        "resources": [],
        "detail": router_envelope(facts),
    }


def _router_binary(facts: Facts) -> Wire:
    return binary(router_envelope(facts))


def _router_without_api_version(facts: Facts) -> Wire:
    """Before v0.7 the router did not say which vSphere API it spoke to."""
    envelope = router_envelope(facts)
    del envelope["vsphereapiversion"]
    return binary(envelope)


def _router_by_hand(facts: Facts) -> Wire:
    """v0.3 and v0.4 wrote the envelope without an SDK, in an order of their own."""
    envelope = router_envelope(facts)
    order = ("id", "source", "specversion", "type", "subject", "time", "data")
    last = {"datacontenttype": envelope["datacontenttype"]}
    return structured({**{name: envelope[name] for name in order}, **last}, None)


def _router_structured(facts: Facts) -> Wire:
    return structured(router_envelope(facts), "application/cloudevents+json")


def _router_labelled_json(facts: Facts) -> Wire:
    return structured(router_envelope(facts), "application/json")


def _openfaas(facts: Facts) -> Wire:
    return structured(router_envelope(facts), None)


def _source_json(facts: Facts) -> Wire:
    return binary(source_envelope(facts))


def _source_camel(facts: Facts) -> Wire:
    return binary({**source_envelope(facts), "data": camel_data(facts)})


def _source_xml(facts: Facts) -> Wire:
    return binary({**source_envelope(facts), "datacontenttype": "application/xml"}, xml_data(facts))


def _source_structured_xml(facts: Facts) -> Wire:
    envelope = source_envelope(facts)
    envelope |= {"datacontenttype": "application/xml", "data": xml_data(facts)}
    return structured(envelope, "application/cloudevents+json")


def _argument(kind: str, name: str, moref_type: str, moref: str) -> dict[str, Any]:
    return {"Name": name, kind: {"Type": moref_type, "Value": moref}}


def _camel(value: Any) -> Any:
    if isinstance(value, dict):
        items = ((key[0].lower() + key[1:], _camel(item)) for key, item in value.items())
        return {key: item for key, item in items if item not in (None, "")}
    return value


def _xml_field(name: str, value: Any) -> str:
    tag = name[0].lower() + name[1:]
    if value is None or (value == "" and tag != "name"):
        return ""
    if isinstance(value, dict) and "Type" in value:
        return f"<{tag} type={quoteattr(value['Type'])}>{escape(value['Value'])}</{tag}>"
    if isinstance(value, dict):
        return f"<{tag}>{''.join(_xml_field(k, v) for k, v in value.items())}</{tag}>"
    return f"<{tag}>{escape(str(value), {chr(13): '&#xD;'})}</{tag}>"


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


HTTP_FORMATS: Final[Mapping[str, Callable[[Facts], Wire]]] = {
    "router-0.3-openfaas": _router_by_hand,
    "router-0.5-binary": _router_without_api_version,
    "router-binary": _router_binary,
    "router-structured": _router_structured,
    "router-labelled-json": _router_labelled_json,
    "router-openfaas": _openfaas,
    "vspheresource-json": _source_json,
    "vspheresource-camelcase": _source_camel,
    "vspheresource-xml": _source_xml,
    "vspheresource-structured-xml": _source_structured_xml,
}
