"""The peer: what the published PowerShell functions do, in the shape of VEBA's Flask samples.

For every event: acquire a token, look the host up by its name, take the first hit, start or end
its maintenance, and read it back; a new connection for each call, certificates not verified.
PowerShell's own start-up, and printing password and token, were left out; it answers after the
work, where those answer before, so that it can be timed.
"""

import os
from typing import Any, Final

import requests
import urllib3
from cloudevents.http import from_http
from flask import Flask, request

_STEPS: Final = {"EnteredMaintenanceModeEvent": "PUT", "ExitMaintenanceModeEvent": "DELETE"}
_LOOKUP: Final = "/adapterkinds/VMWARE/resourcekinds/HostSystem/resources"

app = Flask(__name__)


@app.post("/")
def handle() -> tuple[str, int]:
    """Mirror one event."""
    event = from_http(request.headers, request.get_data())
    mirror(event["subject"], event.data["Host"]["Name"])
    return "", 204


def mirror(event: str, host: str) -> str:
    """Do for one event what the functions do, and return the state that is read back."""
    credentials = {name: os.environ[f"VROPS_{name.upper()}"] for name in ("username", "password")}
    token = _call("POST", "/auth/token/acquire", {}, json=credentials)["token"]
    headers = {"Authorization": f"vRealizeOpsToken {token}"}
    found = _call("GET", _LOOKUP, headers, params={"name": host})["resourceList"][0]
    resource = f"/resources/{found['identifier']}"
    _call(_STEPS[event], f"{resource}/maintained", headers)
    return str(_call("GET", resource, headers)["resourceStatusStates"][0]["resourceState"])


def _call(method: str, path: str, headers: dict[str, str], **how: Any) -> Any:
    """Make one call, on a connection of its own."""
    url = f"{os.environ['VROPS_URL']}/suite-api/api{path}"
    headers = {"Accept": "application/json", **headers}
    insecurely: dict[str, Any] = {"verify": False, **how}  # as published
    reply = requests.request(method, url, headers=headers, timeout=60, **insecurely)
    reply.raise_for_status()
    return reply.json() if reply.content else None


if __name__ == "__main__":
    urllib3.disable_warnings()
    app.run(host="127.0.0.1", port=int(os.environ["PORT"]))
