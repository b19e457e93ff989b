"""The application: the Suite API with everything around it."""

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from simulator.api import api
from simulator.appliance import Appliance
from simulator.control import control
from simulator.errors import ApiError
from simulator.middleware import Delay, Recorder, Troublemaker
from simulator.rendering import empty, not_authorised_page, rendered

LARGEST_BODY = 1_000_000


def create_app(appliance: Appliance) -> Flask:
    """Return the WSGI application of one appliance."""
    app = Flask("simulator", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.extensions["appliance"] = appliance
    app.register_blueprint(api)
    app.register_blueprint(control)
    app.register_error_handler(ApiError, lambda error: _refusal(error, appliance))
    app.register_error_handler(HTTPException, _http_error)
    troubled = Delay(Troublemaker(app.wsgi_app, appliance), appliance)
    app.wsgi_app = Recorder(troubled, appliance)  # type: ignore[method-assign]
    return app


def _refusal(error: ApiError, appliance: Appliance) -> Response:
    body = appliance.switches.unauthorised_body if error.status == 401 else "json"
    if body == "html":
        return not_authorised_page()
    return empty(401) if body == "empty" else _error(error.status, error.message, error.code)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    return _error(status, error.name, status)


def _error(status: int, message: str, code: int) -> Response:
    document = {
        "type": "Error",
        "message": message,
        "httpStatusCode": status,
        "apiErrorCode": code,
    }
    return rendered(request, "error", document, status)
