"""AWS's APIs by moto's server, on a port of its own.

Its CloudFormation needs more packages than the tests have: that runs in an environment of its own.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import requests
from moto.server import ThreadedMotoServer

from lab.emulator import REGION
from lab.processes import TIMEOUT_SECONDS, free_port, started


class Aws:
    """A stand-in for AWS, used by real boto3 over real sockets."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    @contextmanager
    def client(self, service: str) -> Iterator[Any]:
        """Return a client of a service, closed at the end."""
        client = boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id="none",
            aws_secret_access_key="none",
        )
        try:
            yield client
        finally:
            client.close()

    def put_secret(self, name: str, content: object) -> None:
        """Write a secret, or a new version of it; what is no text is written as JSON."""
        text = content if isinstance(content, str) else json.dumps(content)
        with self.client("secretsmanager") as manager:
            try:
                manager.create_secret(Name=name, SecretString=text)
            except manager.exceptions.ResourceExistsException:
                manager.put_secret_value(SecretId=name, SecretString=text)

    def remove_secret(self, name: str) -> None:
        """Remove a secret at once."""
        with self.client("secretsmanager") as manager:
            manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@contextmanager
def running_aws() -> Iterator[Aws]:
    """Run moto's server on 127.0.0.1, empty."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        # All of moto's servers in a process share what they hold, those before it, too.
        requests.post(f"{endpoint}/moto-api/reset", timeout=TIMEOUT_SECONDS).raise_for_status()
        yield Aws(endpoint)
    finally:
        server.stop()


@contextmanager
def running_cloudformation(sam: Path, log: Path) -> Iterator[Aws]:
    """Run moto's server, empty, from the environment ``sam``, on 127.0.0.1."""
    port = free_port()
    command = [str(sam / "bin" / "moto_server"), "--host", "127.0.0.1", "--port", str(port)]
    with started(command, port, log, answers=_is_up) as running:
        yield Aws(running.url)


def _is_up(url: str) -> bool:
    return requests.get(f"{url}/moto-api/data.json", timeout=TIMEOUT_SECONDS).ok
