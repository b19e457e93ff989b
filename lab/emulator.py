"""AWS's runtime interface emulator around AWS's runtime interface client, as Lambda runs both."""

import json
import os
import platform
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from lab.processes import ROOT, TIMEOUT_SECONDS, NotStartedError, free_port, start

# One of the newer regions: in older ones the AWS command line 1 goes to SQS's real address,
# whatever AWS_ENDPOINT_URL says.
REGION = "eu-central-2"
# Dummies: moto accepts any, and boto3 signs with whatever there is.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}


@dataclass(frozen=True)
class Invoked:
    """What an invocation came to: the returned or reported object.

    ``started`` tells whether there was a runtime to hand the event to.
    """

    started: bool
    answer: Any

    @property
    def error(self) -> str | None:
        """The name of the exception; Lambda reports it in the body, with status 200."""
        error: str | None = self.answer.get("errorType")
        return error


class Lambda:
    """A running function, called one event at a time, as each process of Lambda is."""

    def __init__(self, port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._log = log

    @property
    def output(self) -> str:
        """What CloudWatch would show, and the emulator's own remarks."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def lines(self) -> list[dict[str, Any]]:
        """The log lines that are ours."""
        return [json.loads(line) for line in self.output.splitlines() if line.startswith('{"time"')]

    def invoke(self, event: object) -> Invoked:
        """Hand the function an event; the first one starts it."""
        url = f"{self.url}/2015-03-31/functions/function/invocations"
        reply = requests.post(url, json=event, timeout=TIMEOUT_SECONDS)
        # The emulator answers 502 and nothing else if the runtime exits while it starts.
        return Invoked(reply.status_code != 502, reply.json() if reply.text else {})


@dataclass(frozen=True)
class Machine:
    """What a function runs on: the emulator, an interpreter with the client, and ``/var/task``."""

    emulator: Path
    python: Path
    task: Path

    @contextmanager
    def run(
        self, handler: str, variables: Mapping[str, str], endpoint: str, log: Path
    ) -> Iterator[Lambda]:
        """Run a function; ``endpoint`` stands in for all of AWS's APIs."""
        port, runtime_port = free_port(), free_port()
        addresses = [
            *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
            *("--runtime-api-address", f"127.0.0.1:{runtime_port}"),
        ]
        runtime = [str(self.python), "-m", "awslambdaric", handler]
        with log.open("wb") as output:
            process = start(
                [self.emulator, *addresses, *runtime],
                folder=self.task,
                env={**_lambda_environment(endpoint), **variables},
                stdout=output,
                stderr=output,
            )
        try:
            _wait_until_listening(port, process)
            yield Lambda(port, log)
        finally:
            _stop(process)


def installed(task: Path) -> Machine | None:
    """Return a machine for ``task``, if tests have installed what it needs."""
    program, python = emulator_of(environment_of("sam")), environment_of("runtime") / "bin/python"
    return Machine(program, python, task) if program and python.exists() else None


def environment_of(tool: str) -> Path:
    """Return the folder of a tool that has an environment of its own, for this Python."""
    return ROOT / "build" / "tools" / f"{tool}-{sysconfig.get_python_version()}"


def emulator_of(sam: Path) -> Path | None:
    """Return AWS's runtime interface emulator, which aws-sam-cli ships for its containers."""
    machine = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
    found = sam.glob(f"lib/*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}")
    return next(found, None)


def _lambda_environment(endpoint: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_LAMBDA_FUNCTION_NAME": "maintenance-mirror",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
        # Lambda's /var/task is read-only.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_listening(port: int, process: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise NotStartedError("the Lambda emulator did not start")
