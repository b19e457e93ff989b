"""Answers of real servers, where somebody has put them beside the project."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.vrops import models
from functions.events import HostRef
from functions.ports import ResourceState

BESIDE = Path(__file__).parents[3] / ".." / "shared" / "fixtures"

pytestmark = pytest.mark.skipif(
    not BESIDE.is_dir(), reason="no answers of real servers are beside the project"
)


def answer(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((BESIDE / name).read_text(encoding="utf-8"))
    return document


def test_a_real_host_is_understood() -> None:
    host = models.candidate(answer("vmware-vrops-export/hostresource.json"))
    assert host.identifier == "e21f1a97-40a4-4e14-ada8-d7ec659f0cf1"
    assert (host.name, host.moref) == ("MyHost", "host-29")
    assert host.vcenter == "e72d25a1-2fb9-4d94-9a3d-6c5db7e9efc0"
    assert host.entries == (("8eca2eac-aa9d-4b5d-88b8-df28f53dce27", "STARTED", "DATA_RECEIVING"),)
    assert host.has_moref(HostRef("host-29", "", ""))
    assert host.state is ResourceState.MONITORED
    assert not host.gone


def test_a_real_adapter_instance_of_8_18_is_understood() -> None:
    body = answer("aria-8.18.7/get_adapters_vmware.json")["body"]
    instance = models.instance(body["adapterInstancesInfoDto"][0])
    assert instance.identifier == "431af8a8-18b5-4811-aff5-ac903aaf03f7"
    assert instance.address == "192.0.2.16"
    assert instance.uuid == "21e8a2f1-5484-4205-96b6-612afce2bde5"


def test_of_several_real_entries_the_owning_one_counts_wherever_it_stands() -> None:
    resource = models.candidate(answer("aria-8.18.7/resource_with_three_states.json")["body"])
    owner = "431af8a8-18b5-4811-aff5-ac903aaf03f7"
    assert len(resource.entries) == 3
    assert resource.owned_by({owner}).entries == ((owner, "STARTED", "DATA_RECEIVING"),)
