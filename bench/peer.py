"""The peer: what the published PowerShell functions do, in the shape of VEBA's Flask samples.

For every event: acquire a token, look the host up by its name, take the first hit, start or end
its maintenance, and read it back; a new connection for each call, certificates not verified.
Left out are PowerShell's own start-up, and printing password and token; so that it can be timed,
it answers after the work, where those answer before.
"""

import os
import sys
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
    token = _call("POST", "/auth/token/acquire", "", json=credentials)["token"]
    found = _call("GET", _LOOKUP, token, params={"name": host})["resourceList"][0]
    resource = f"/resources/{found['identifier']}"
    _call(_STEPS[event], f"{resource}/maintained", token)
    return str(_call("GET", resource, token)["resourceStatusStates"][0]["resourceState"])


def _call(method: str, path: str, token: str, **how: Any) -> Any:
    """Make one call, on a connection of its own."""
    url = f"{os.environ['VROPS_URL']}/suite-api/api{path}"
    headers = {"Accept": "application/json", "Authorization": f"vRealizeOpsToken {token}"}
    insecurely: dict[str, Any] = {"verify": False, **how}  # as published
    reply = requests.request(method, url, headers=headers, timeout=60, **insecurely)
    reply.raise_for_status()
    return reply.json() if reply.content else None


if __name__ == "__main__":
    urllib3.disable_warnings()
    app.run(host="127.0.0.1", port=int(sys.argv[1]))
