"""The timer of an overlay, and what it sends."""

import json

from lab import events
from lab.events import HttpMessage
from tests.deploy.knative.manifests import Manifest, build, of_kind


def timer(overlay: str) -> Manifest:
    """Return the PingSource of an overlay."""
    (found,) = of_kind(build(overlay), "PingSource").values()
    return found


def ping(source: Manifest) -> HttpMessage:
    """What Knative makes of a PingSource."""
    spec = source["spec"]
    message = events.ping(source["metadata"]["name"])
    # It is read as JSON and written anew.
    data = json.dumps(json.loads(spec["data"]), separators=(",", ":")).encode()
    return HttpMessage({**message.headers, "Content-Type": spec["contentType"]}, data)
