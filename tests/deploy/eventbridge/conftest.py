"""The zip, the tools and the stand-ins, each made once."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.emulator import Machine
from tests.deploy.eventbridge.aws import Aws, running_aws
from tests.deploy.eventbridge.tools import build, emulator_of, installed


@pytest.fixture(scope="session")
def built_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip, as it is deployed."""
    output = tmp_path_factory.mktemp("zip") / "lambda.zip"
    build("--output", output)
    return output


@pytest.fixture(scope="session")
def sam() -> Path:
    """The environment with aws-sam-cli, cfn-lint, yamllint, all of moto, and parliament."""
    return installed("sam", compiled=False)


@pytest.fixture(scope="session")
def runtime() -> Path:
    """The environment with what Lambda's Python runtime brings, and the AWS command line."""
    return installed("runtime", compiled=True)


@pytest.fixture(scope="session")
def machine(
    built_zip: Path, sam: Path, runtime: Path, tmp_path_factory: pytest.TempPathFactory
) -> Machine:
    """What the unpacked zip runs on."""
    task = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(built_zip) as archive:
        archive.extractall(task)
    return Machine(emulator_of(sam), runtime / "bin" / "python", task)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    """AWS's APIs, which hold nothing that another module's tests left there."""
    with running_aws() as running:
        yield running
