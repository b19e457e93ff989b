"""A running simulator, and somebody who calls it over verified TLS."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from simulator import SettableClock, Simulator


class Caller:
    """Calls a simulator as a client would; `api` is the part of a path after /suite-api/api."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.session = requests.Session()
        # Otherwise REQUESTS_CA_BUNDLE of the environment goes before `verify`.
        self.session.trust_env = False
        self.session.verify = str(simulator.ca_file) if simulator.tls else True
        self.session.headers["Accept"] = "application/json"

    def acquire(self, password: str | None = None) -> requests.Response:
        body = {"username": "admin", "password": password or self.simulator.password}
        return self.api("POST", "/auth/token/acquire", json=body)

    def log_in(self, scheme: str = "vRealizeOpsToken") -> str:
        token = str(self.acquire().json()["token"])
        self.session.headers["Authorization"] = f"{scheme} {token}"
        return token

    def api(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.call(method, "/suite-api/api" + path, **more)

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, self.simulator.url + path, timeout=10, **more)

    def names(self, path: str = "/resources", **params: Any) -> list[str]:
        answer = self.api("GET", path, params=params)
        answer.raise_for_status()
        return [each["resourceKey"]["name"] for each in answer.json()["resourceList"]]

    def maintain(self, name: str, **more: Any) -> requests.Response:
        return self.api("PUT", self.maintained(name), **more)

    def end(self, name: str) -> requests.Response:
        return self.api("DELETE", self.maintained(name))

    def maintained(self, name: str) -> str:
        return f"/resources/{self.simulator.resource(name).id}/maintained"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def run(clock: SettableClock) -> Iterator[Callable[..., Caller]]:
    """Start simulators; the caller returned is already logged in."""
    with ExitStack() as stack:

        def start(hosts: Any = ("esx01", "esx02"), *args: Any, **options: Any) -> Caller:
            options.setdefault("clock", clock)
            caller = Caller(stack.enter_context(Simulator(hosts, *args, **options)))
            stack.enter_context(caller.session)
            caller.log_in()
            caller.simulator.clear_calls()
            return caller

        yield start
