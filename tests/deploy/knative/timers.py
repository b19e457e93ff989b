"""The timer of an overlay, and what it sends."""

import json

from lab.events import HttpMessage
from tests.deploy.knative.manifests import Manifest, build, of_kind


def timer(overlay: str) -> Manifest:
    """Return the PingSource of an overlay."""
    (found,) = of_kind(build(overlay), "PingSource").values()
    return found


def ping(source: Manifest) -> HttpMessage:
    """What Knative makes of a PingSource (eventing's pkg/adapter/mtping/runner.go), by Go's SDK."""
    metadata, spec = source["metadata"], source["spec"]
    return HttpMessage(
        {
            "Ce-Id": "5a1c6f0e-9f0b-4b57-9a3c-0d4f7c1b2e88",
            "Ce-Source": "/apis/v1/namespaces/{namespace}/pingsources/{name}".format(**metadata),
            "Ce-Specversion": "1.0",
            "Ce-Time": "2026-11-24T11:45:00.300218Z",
            "Ce-Type": "dev.knative.sources.ping",
            "Content-Type": spec["contentType"],
            "Traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            "Accept-Encoding": "gzip",
        },
        # It is read as JSON and written anew.
        json.dumps(json.loads(spec["data"]), separators=(",", ":")).encode(),
    )
