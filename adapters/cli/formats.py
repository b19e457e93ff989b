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
class EventData:
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
class HttpMessage:
    """What arrives: headers in their order, and a body."""

    headers: Mapping[str, str]
    body: bytes

    def request(self, path: str = "/", host: str = "localhost") -> bytes:
        """Return the bytes of the request."""
        lines = [f"POST {path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(self.body)}", "User-Agent: Go-http-client/1.1"]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def pascal_data(event_data: EventData) -> dict[str, Any]:
    """Return the payload as Go writes a govmomi struct without JSON tags, as all routers do."""
    return {
        "Key": event_data.key,
        "ChainId": event_data.key,
        "CreatedTime": event_data.created,
        "UserName": event_data.user,
        "Datacenter": _argument("Datacenter", event_data.datacenter, "Datacenter", "datacenter-3"),
        "ComputeResource": _argument(
            "ComputeResource", event_data.cluster, "ClusterComputeResource", "domain-c8"
        ),
        "Host": _argument("Host", event_data.host, "HostSystem", event_data.moref),
        "Vm": None,
        "Ds": None,
        "Net": None,
        "Dvs": None,
        "FullFormattedMessage": event_data.message,
        "ChangeTag": "",
    }


def camel_data(event_data: EventData) -> Any:
    """Return the payload with the JSON tags of govmomi 0.31 and later: camelCase, nothing empty."""
    return _camel(pascal_data(event_data))


def xml_data(event_data: EventData) -> str:
    """Return the payload as VSphereSource writes it unless it is told otherwise."""
    fields = "".join(_xml_field(name, value) for name, value in pascal_data(event_data).items())
    return f"<{event_data.name}>{fields}</{event_data.name}>"


def router_envelope(event_data: EventData) -> dict[str, Any]:
    """Return the CloudEvent that the router makes of it."""
    return {
        "specversion": "1.0",
        "id": event_data.event_id,
        "source": event_data.source,
        "type": f"com.vmware.event.router/{event_data.event_class}",
        "subject": event_data.name,
        "datacontenttype": "application/json",
        "time": event_data.created,
        "data": pascal_data(event_data),
        "vsphereapiversion": "8.0.3.0",
    }


def source_envelope(event_data: EventData) -> dict[str, Any]:
    """Return the CloudEvent that VSphereSource makes of it."""
    return {
        "specversion": "1.0",
        "id": event_data.event_id,
        "source": event_data.source,
        "type": f"com.vmware.vsphere.{event_data.name}.v0",
        "datacontenttype": "application/json",
        "time": event_data.created,
        "data": pascal_data(event_data),
        "eventclass": event_data.event_class,
        "vsphereapiversion": "8.0.3.0",
    }


def binary(envelope: Mapping[str, Any], data: str | None = None) -> HttpMessage:
    """Return an envelope as headers and its data as the body; ``data`` is one in XML."""
    attributes = {k: v for k, v in envelope.items() if k not in ("data", "datacontenttype")}
    headers = {f"Ce-{name.capitalize()}": value for name, value in sorted(attributes.items())}
    body = _json(envelope["data"]) if data is None else data.encode()
    return HttpMessage({**headers, "Content-Type": envelope["datacontenttype"]}, body)


def structured(envelope: Mapping[str, Any], content_type: str | None) -> HttpMessage:
    """Return an envelope as one JSON document, labelled with ``content_type`` if there is one."""
    headers = {"Content-Type": content_type} if content_type else {}
    return HttpMessage(headers, _json(envelope))


def lambda_event(event_data: EventData, identifier: str, delivered: str) -> dict[str, Any]:
    """Return what EventBridge hands to Lambda: the router's CloudEvent is the detail.

    ``identifier`` and ``delivered`` are its own id and time.
    """
    return {
        "version": "0",
        "id": identifier,
        "detail-type": event_data.name,
        "source": event_data.source,
        "account": "111122223333",
        "time": delivered,
        "region": "eu-central-1",
        "resources": [],
        "detail": router_envelope(event_data),
    }


def _router_binary(event_data: EventData) -> HttpMessage:
    return binary(router_envelope(event_data))


def _router_without_api_version(event_data: EventData) -> HttpMessage:
    """Before v0.7 the router did not say which vSphere API it spoke to."""
    envelope = router_envelope(event_data)
    del envelope["vsphereapiversion"]
    return binary(envelope)


def _router_by_hand(event_data: EventData) -> HttpMessage:
    """v0.3 and v0.4 wrote the envelope without an SDK, in an order of their own."""
    envelope = router_envelope(event_data)
    order = ("id", "source", "specversion", "type", "subject", "time", "data")
    last = {"datacontenttype": envelope["datacontenttype"]}
    return structured({**{name: envelope[name] for name in order}, **last}, None)


def _router_structured(event_data: EventData) -> HttpMessage:
    return structured(router_envelope(event_data), "application/cloudevents+json")


def _router_labelled_json(event_data: EventData) -> HttpMessage:
    return structured(router_envelope(event_data), "application/json")


def _openfaas(event_data: EventData) -> HttpMessage:
    return structured(router_envelope(event_data), None)


def _source_json(event_data: EventData) -> HttpMessage:
    return binary(source_envelope(event_data))


def _source_camel(event_data: EventData) -> HttpMessage:
    return binary({**source_envelope(event_data), "data": camel_data(event_data)})


def _source_xml(event_data: EventData) -> HttpMessage:
    return binary(
        {**source_envelope(event_data), "datacontenttype": "application/xml"}, xml_data(event_data)
    )


def _source_structured_xml(event_data: EventData) -> HttpMessage:
    envelope = source_envelope(event_data)
    envelope |= {"datacontenttype": "application/xml", "data": xml_data(event_data)}
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


HTTP_FORMATS: Final[Mapping[str, Callable[[EventData], HttpMessage]]] = {
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
