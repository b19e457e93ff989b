"""Examples of every form that VEBA has ever given to a vCenter event.

``python -m lab.events`` writes examples/events anew from the models at the end.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.cli import formats
from adapters.cli.formats import (
    HTTP_FORMATS,
    HttpMessage,
    binary,
    camel_data,
    older_router_envelope,
    pascal_data,
    router_envelope,
    source_envelope,
    structured,
    xml_data,
)

__all__ = [
    "HTTP_FORMATS",
    "HttpMessage",
    "binary",
    "camel_data",
    "older_router_envelope",
    "pascal_data",
    "router_envelope",
    "source_envelope",
    "structured",
    "xml_data",
]

EXAMPLES = Path(__file__).parents[1] / "examples" / "events"
CLOUDEVENT_ID = "8f2b8a52-6a0d-4f7e-9a55-0c2f6b1d7e21"
_BY_TIMER = {
    "Kn-Namespace": "knative-eventing",
    "Traceparent": "00-5d2e8f1a7b3c4d6e9f0a1b2c3d4e5f60-1a2b3c4d5e6f7081-00",
}
_BY_BROKER = {
    "Ce-Knativearrivaltime": "2026-03-14T09:26:54.2118063Z",
    "Forwarded": "for=10.244.0.6;proto=http",
    "K-Proxy-Request": "activator",
    "Prefer": "reply",
    "X-Forwarded-For": "10.244.0.6, 10.244.0.2",
    "X-Forwarded-Proto": "http",
    "X-Request-Id": "3f0c5a7e-6d1b-4c88-9a42-7be1d0c6f915",
}


@dataclass(frozen=True)
class EventData(formats.EventData):
    """What vCenter said in the examples; one id serves to compare the encodings."""

    name: str = "EnteredMaintenanceModeEvent"
    host: str = "esx01.lab.local"
    moref: str = "host-1001"
    vcenter: str = "vcenter.lab.local"
    key: int = 51204
    created: str = "2026-03-14T09:26:53.589793Z"
    user: str = "LAB\\alice"
    message: str = "Host esx01.lab.local in Lab has entered maintenance mode"
    datacenter: str = "Lab"
    cluster: str = "Cluster-1"
    event_class: str = "event"
    event_id: str = CLOUDEVENT_ID


def lambda_event(event_data: formats.EventData) -> dict[str, Any]:
    """What EventBridge hands to Lambda."""
    identifier = "2f0e9d3c-3b0c-4bd2-8a51-51c7f0b1d6aa"
    return formats.lambda_event(event_data, identifier, "2026-03-14T09:26:55Z")


def older_lambda_event(event_data: formats.EventData) -> dict[str, Any]:
    """What EventBridge handed to Lambda before v0.7 of the router."""
    return {**lambda_event(event_data), "detail": older_router_envelope(event_data)}


ENTER = EventData()
EXIT = EventData(
    name="ExitMaintenanceModeEvent",
    key=51377,
    created="2026-03-14T11:02:10.04Z",
    message="Host esx01.lab.local in Lab has exited maintenance mode",
)
REMOVED = EventData(
    name="HostRemovedEvent",
    key=51402,
    created="2026-03-14T11:20:31.7Z",
    message="Removed host esx01.lab.local in Lab",
)
NOT_OURS = EventData(
    name="HostConnectionLostEvent", key=51300, message="Host esx01.lab.local is not responding"
)
IMPOSTOR = EventData(event_class="eventex")
HOSTLESS = EventData(host="", moref="")


def ping(name: str = "maintenance-mirror-timer") -> HttpMessage:
    """What Knative's PingSource of that name sends when it is time for a sweep.

    By its code, eventing's pkg/adapter/mtping: the adapter of all PingSources runs in a namespace
    of its own, and reads the data as JSON and writes it anew.
    """
    envelope = {
        "specversion": "1.0",
        "id": "4b7cd4b0-5c1a-4c2f-9d5e-2f6f7a1f0c11",
        "source": f"/apis/v1/namespaces/vmware-functions/pingsources/{name}",
        "type": "dev.knative.sources.ping",
        "datacontenttype": "application/json",
        "time": "2026-03-14T11:15:00.000312Z",
        "data": {},
    }
    message = binary(envelope)
    return HttpMessage({**message.headers, **_BY_TIMER}, message.body)


def delivered(event_data: formats.EventData) -> HttpMessage:
    """What a function is sent of an event that went through a broker, and Knative's own proxies.

    By a dump of all headers that a function of VEBA 0.8's source was sent. A broker always sends
    headers and a body, whatever form the event had when it was taken.
    """
    message = HTTP_FORMATS["vspheresource-json"](event_data)
    headers = {**message.headers, **_BY_BROKER}
    del headers["Kn-Namespace"]
    return HttpMessage(dict(sorted(headers.items())), message.body)


def broker_takes(message: HttpMessage) -> bool:
    """Say whether a broker takes an event; it answers 400 to what it cannot tell for one."""
    names = {name.lower() for name in message.headers}
    label = message.headers.get("Content-Type", "")
    return "ce-specversion" in names or label.startswith("application/cloudevents+json")


def example_files() -> dict[str, bytes]:
    """Every example by the name of its file."""
    files = {}
    for verb, event_data in (("enter", ENTER), ("exit", EXIT), ("removed", REMOVED)):
        for name, encode in HTTP_FORMATS.items():
            files[f"{name}-{verb}.http"] = encode(event_data).request()
        files[f"knative-broker-{verb}.http"] = delivered(event_data).request()
        files[f"cloudevent-{verb}.json"] = _pretty(router_envelope(event_data))
        files[f"router-eventbridge-{verb}.json"] = _pretty(lambda_event(event_data))
        older = older_lambda_event(event_data)
        files[f"router-0.3-eventbridge-{verb}.json"] = _pretty(older)
    files["knative-ping.http"] = ping().request()
    files["another-event.http"] = HTTP_FORMATS["router-binary"](NOT_OURS).request()
    files["impostor.http"] = HTTP_FORMATS["router-binary"](IMPOSTOR).request()
    files["no-host.http"] = HTTP_FORMATS["router-binary"](HOSTLESS).request()
    return files


def _pretty(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def main() -> None:
    """Write the example files."""
    for name, content in example_files().items():
        (EXAMPLES / name).write_bytes(content)


if __name__ == "__main__":
    main()
