"""The least there is to do: calls on one kept-alive connection, with a ready token."""

import http.client
import json
import os
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

from bench.lab import BASE

_LOOKUP = f"{BASE}/resources?resourceKind=HostSystem&name="


class Least:
    """Calls the Suite API that the environment names, by http.client and nothing else."""

    def __init__(self) -> None:
        self._address = urlsplit(os.environ["VROPS_URL"])
        self._context = ssl.create_default_context(cafile=os.environ["VROPS_CA_FILE"])
        self._headers = {"Accept": "application/json"}
        self._connect()
        self._log_in()
        self._path = f"{BASE}/resources/{self._find('esx01.lab.local')}"

    def write(self, count: int) -> list[float]:
        """Start maintenance so often; returns the seconds of each call."""
        return [self._timed("PUT", f"{self._path}/maintained") for _ in range(count)]

    def first_event(self) -> float:
        """Do what the first event of a process needs at least; returns the seconds."""
        self._connection.close()
        started = time.perf_counter()
        self._connect()
        self._log_in()
        self._call("GET", f"{BASE}/adapters")
        self._find("esx01.lab.local")
        self._call("PUT", f"{self._path}/maintained")
        self._call("GET", self._path)
        return time.perf_counter() - started

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _connect(self) -> None:
        host, port = str(self._address.hostname), self._address.port
        self._connection = http.client.HTTPSConnection(host, port, context=self._context)

    def _log_in(self) -> None:
        body = {name: os.environ[f"VROPS_{name.upper()}"] for name in ("username", "password")}
        token = self._call("POST", f"{BASE}/auth/token/acquire", json.dumps(body))["token"]
        self._headers["Authorization"] = f"vRealizeOpsToken {token}"

    def _find(self, name: str) -> str:
        return str(self._call("GET", _LOOKUP + name)["resourceList"][0]["identifier"])

    def _timed(self, method: str, path: str) -> float:
        started = time.perf_counter()
        self._call(method, path)
        return time.perf_counter() - started

    def _call(self, method: str, path: str, body: str | None = None) -> Any:
        content = {"Content-Type": "application/json"} if body else {}
        self._connection.request(method, path, body, {**self._headers, **content})
        reply = self._connection.getresponse()
        read = reply.read()
        if reply.status != http.HTTPStatus.OK:
            raise OSError(f"{method} {path} was answered with {reply.status}")
        return json.loads(read) if read else None
