"""What happens around the Suite API: calls are recorded and delayed, and faults interfere."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Response

from simulator.appliance import Appliance
from simulator.calls import Call
from simulator.faults import Fault

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PREFIX = "/suite-api/"


class Recorder:
    """Records every call to the Suite API before its answer leaves."""

    def __init__(self, app: "WSGIApplication", appliance: Appliance) -> None:
        self._app = app
        self._calls = appliance.calls

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer, and remember what was asked, how it went and how long it took."""
        if not environ["PATH_INFO"].startswith(PREFIX):
            return self._app(environ, start_response)
        lines: list[str] = []

        def remember(line: str, *rest: Any) -> Any:
            lines.append(line)
            return start_response(line, *rest)

        at, started = time.time(), time.perf_counter()
        try:
            return self._app(environ, remember)
        finally:
            self._record(environ, lines, at, time.perf_counter() - started)

    def _record(
        self, environ: "WSGIEnvironment", lines: list[str], at: float, seconds: float
    ) -> None:
        method, path, query = (
            environ[name] for name in ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING")
        )
        status = int(lines[-1].split()[0]) if lines else None
        self._calls.record(Call(method, path, query, status, seconds, at))


class Delay:
    """Lets every call take longer, as the switch `call_delay` says."""

    def __init__(self, app: "WSGIApplication", appliance: Appliance) -> None:
        self._app = app
        self._appliance = appliance

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Wait, then answer."""
        seconds = self._appliance.switches.call_delay
        if seconds and environ["PATH_INFO"].startswith(PREFIX):
            self._appliance.stopping.wait(seconds)
        return self._app(environ, start_response)


class Troublemaker:
    """Lets the faults asked for happen."""

    def __init__(self, app: "WSGIApplication", appliance: Appliance) -> None:
        self._app = app
        self._appliance = appliance

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer, unless a fault fits."""
        fault = self._fitting(environ)
        if fault is None:
            return self._app(environ, start_response)
        self._wait_and_revoke(fault)
        if fault.cut == "before":
            raise ConnectionAbortedError("cut before the call was applied")
        app = _response(fault) if fault.status else self._app
        if fault.cut == "after":
            _run(app, environ)
            raise ConnectionAbortedError("cut after the call was applied")
        return app(environ, start_response)

    def _fitting(self, environ: "WSGIEnvironment") -> Fault | None:
        path = environ["PATH_INFO"]
        if not path.startswith(PREFIX):
            return None
        return self._appliance.faults.take(environ["REQUEST_METHOD"], path)

    def _wait_and_revoke(self, fault: Fault) -> None:
        # An event rather than a sleep: stopping does not wait for slow replies.
        self._appliance.stopping.wait(fault.delay)
        if fault.revoke:
            self._appliance.tokens.revoke_all()


def _run(app: "WSGIApplication", environ: "WSGIEnvironment") -> None:
    Response.from_app(app, environ, buffered=True).close()


def _response(fault: Fault) -> Response:
    response = Response(status=fault.status)
    if fault.body == "json":
        response.mimetype = "application/json"
        response.data = f'{{"message": "{response.status}", "httpStatusCode": {fault.status}}}'
    if fault.body == "html":
        response.data = f"<!DOCTYPE html><title>{response.status}</title><h1>{response.status}</h1>"
    if fault.retry_after is not None:
        response.headers["Retry-After"] = str(fault.retry_after)
    return response
