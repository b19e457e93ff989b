"""Events as a dispatcher hands them to the dead-letter sink."""

import json

from lab.events import HttpMessage

DESTINATION = "http://maintenance-mirror.vmware-functions.svc.cluster.local"
NO_ANSWER = "-1"


def given_up(
    message: HttpMessage, code: str = "503", destination: str = DESTINATION
) -> HttpMessage:
    """Add what a dispatcher adds: RabbitMQ's always sends binary mode, others as they were sent."""
    added = {"knativeerrorcode": code, "knativeerrordest": destination, "knativeerrordata": ""}
    if "Ce-Specversion" not in message.headers:
        body = {**json.loads(message.body), **added}
        return HttpMessage(message.headers, json.dumps(body).encode())
    headers = {f"Ce-{name.capitalize()}": value for name, value in added.items() if value}
    return HttpMessage({**message.headers, **headers}, message.body)
