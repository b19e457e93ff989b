"""What every view needs of the request that it serves."""

from typing import Any, cast

from flask import current_app, request

from simulator.appliance import Appliance
from simulator.errors import ApiError


def appliance() -> Appliance:
    """Return the appliance that the running application stands for."""
    return cast(Appliance, current_app.extensions["appliance"])


def json_object() -> dict[str, Any]:
    """Return the request's body, or refuse what is no JSON object."""
    if not request.is_json:
        raise ApiError(415, "The simulator reads JSON: send Content-Type application/json.")
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise ApiError(400, "The request body is not a JSON object.")
    return body
