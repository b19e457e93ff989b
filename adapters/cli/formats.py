"""One vCenter event in every form that VEBA has ever given it.

Sources: the event router's processors (v0.3 to v0.7), VSphereSource (v0.8), govmomi's
``vim25/types`` for the payload, and requests that these programs were seen to send.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
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
        lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "User-Agent: Go-http-client/1.1"]
        lines += [f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += ["Accept-Encoding: gzip"]
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


def older_router_envelope(event_data: EventData) -> dict[str, Any]:
    """Return what the router made of it before v0.7.

    It did not say which vSphere API it spoke to, and its time was its own clock's.
    """
    envelope = router_envelope(event_data)
    del envelope["vsphereapiversion"]
    return {**envelope, "time": _a_second_after(event_data.created)}


def source_envelope(event_data: EventData) -> dict[str, Any]:
    """Return the CloudEvent that VSphereSource makes of it.

    Its id is vCenter's key, so that a replay has the same one.
    """
    return {
        "specversion": "1.0",
        "id": str(event_data.key),
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


def _older_router_binary(event_data: EventData) -> HttpMessage:
    return binary(older_router_envelope(event_data))


def _router_by_hand(event_data: EventData) -> HttpMessage:
    """v0.3 and v0.4 wrote the envelope without an SDK, in an order of their own."""
    envelope = older_router_envelope(event_data)
    order = ("id", "source", "specversion", "type", "subject", "time", "data")
    last = {"datacontenttype": envelope["datacontenttype"]}
    return structured({**{name: envelope[name] for name in order}, **last}, None)


def _by_name(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """From v0.5 to v0.7.2, the SDK wrote the attributes in the order of their names."""
    return dict(sorted(envelope.items()))


def _router_0_5_structured(event_data: EventData) -> HttpMessage:
    return structured(_by_name(older_router_envelope(event_data)), "application/cloudevents+json")


def _openfaas_0_5(event_data: EventData) -> HttpMessage:
    return structured(_by_name(older_router_envelope(event_data)), None)


def _router_0_7_0_structured(event_data: EventData) -> HttpMessage:
    return structured(_by_name(router_envelope(event_data)), "application/cloudevents+json")


def _openfaas_0_7_0(event_data: EventData) -> HttpMessage:
    return structured(_by_name(router_envelope(event_data)), None)


def _router_structured(event_data: EventData) -> HttpMessage:
    return structured(router_envelope(event_data), "application/cloudevents+json")


def _router_labelled_json(event_data: EventData) -> HttpMessage:
    return structured(router_envelope(event_data), "application/json")


def _openfaas(event_data: EventData) -> HttpMessage:
    return structured(router_envelope(event_data), None)


def _source_json(event_data: EventData) -> HttpMessage:
    return _by_source(binary(source_envelope(event_data)))


def _source_camel(event_data: EventData) -> HttpMessage:
    return _by_source(binary({**source_envelope(event_data), "data": camel_data(event_data)}))


def _source_xml(event_data: EventData) -> HttpMessage:
    envelope = {**source_envelope(event_data), "datacontenttype": "application/xml"}
    return _by_source(binary(envelope, xml_data(event_data)))


def _by_source(message: HttpMessage) -> HttpMessage:
    """Add the headers of Knative's adapters: where it runs, and a trace that nobody records."""
    own = {"Kn-Namespace": "vmware-functions", "Traceparent": _TRACE}
    return HttpMessage({**message.headers, **own}, message.body)


def _source_structured_xml(event_data: EventData) -> HttpMessage:
    envelope = source_envelope(event_data)
    envelope |= {"datacontenttype": "application/xml", "data": xml_data(event_data)}
    return structured(envelope, "application/cloudevents+json")


def _a_second_after(created: str) -> str:
    try:
        moment = datetime.fromisoformat(created) + timedelta(seconds=1)
    except (ValueError, OverflowError):
        return created
    return moment.isoformat().replace("+00:00", "Z")


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
    """Write JSON as Go does, which escapes what could end a script in a page."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.translate(_ESCAPED).encode()


_TRACE: Final = "00-7c1f0e62d94a4b3f8e5a17c60b2d9f34-3a9c5e7d1b2f4860-00"
_ESCAPED: Final = {ord(each): f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"}


HTTP_FORMATS: Final[Mapping[str, Callable[[EventData], HttpMessage]]] = {
    "router-0.3-openfaas": _router_by_hand,
    "router-0.5-binary": _older_router_binary,
    "router-0.5-structured": _router_0_5_structured,
    "router-0.5-openfaas": _openfaas_0_5,
    "router-0.7.0-structured": _router_0_7_0_structured,
    "router-0.7.0-openfaas": _openfaas_0_7_0,
    "router-binary": _router_binary,
    "router-structured": _router_structured,
    "router-labelled-json": _router_labelled_json,
    "router-openfaas": _openfaas,
    "vspheresource-json": _source_json,
    "vspheresource-camelcase": _source_camel,
    "vspheresource-xml": _source_xml,
    "vspheresource-structured-xml": _source_structured_xml,
}
