"""What goes with the hosts of a laboratory's vCenter, and who is told of it."""

import os
from pathlib import Path
from typing import Any

import pytest
from pyVmomi import vim, vmodl

from lab import operations, vcenters
from simulator.options import simulator_from
from tests.vcenters import collecting, needs_go, vcsim

GO = [
    pytest.param(os.environ["PATH"], id="vcsim", marks=needs_go),
    pytest.param("", id="in memory"),
]
BOTH = {"esx01.lab.local", "esx02.lab.local"}
EXPECTED = {
    ("Datastore", "local01"): {"esx01.lab.local"},
    ("Datastore", "local02"): {"esx02.lab.local"},
    ("Datastore", "shared03"): BOTH,
    ("ClusterComputeResource", "DC0_C0"): BOTH,
    ("VirtualMachine", "vm01"): {"esx01.lab.local"},
}


@pytest.mark.parametrize("path", GO)
def test_both_vcenters_and_the_simulator_have_the_same_companions(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", path)
    with vcenters.running(tmp_path) as vcenter:
        names = {moref: name for name, moref in vcenter.morefs.items()}
        found = {
            (each.ref.kind, each.ref.name): {names[moref] for moref in each.hosts}
            for each in vcenter.companions
        }
        assert found == EXPECTED
        simulator = simulator_from(operations.knowing(vcenter), {})
        for each in vcenter.companions:
            known = simulator.resource(each.ref.name)
            assert (known.kind, known.moref) == (each.ref.kind, each.ref.moref)
            assert known.vcenter.instance_uuid == vcenter.uuid
            hosts = [
                simulator.resource(name).id for name in sorted(EXPECTED[known.kind, known.name])
            ]
            assert list(known.hosts) == hosts


@needs_go
def test_a_property_collector_leads_from_a_host_to_what_goes_with_it() -> None:
    with vcsim(2, datastores=[[1], [1, 2]], machines=[1, 1, 2]) as running:
        first, second = (each.moref for each in running.hosts)
        host = vim.HostSystem(first, running._stub)
        stores = traversed(host, "datastore", vim.Datastore, "host")
        mounts = {name: [each.key._GetMoId() for each in told] for name, told in stores.items()}
        assert mounts == {"local01": [first], "shared02": [first, second]}
        clusters = traversed(host, "parent", vim.ClusterComputeResource, "host")
        members = {name: [each._GetMoId() for each in told] for name, told in clusters.items()}
        assert members == {"DC0_C0": [first, second]}
        machines = traversed(host, "vm", vim.VirtualMachine, "runtime.host")
        assert {name: on._GetMoId() for name, on in machines.items()} == {
            "vm01": first,
            "vm02": first,
        }


def traversed(host: Any, path: str, kind: Any, wanted: str) -> dict[str, Any]:
    """Return a property of all of a kind that another one of a host leads to, by their names."""
    collector = vmodl.query.PropertyCollector
    step = collector.TraversalSpec(name=path, type=vim.HostSystem, path=path, skip=False)
    start = collector.ObjectSpec(obj=host, selectSet=[step], skip=True)
    properties = collector.PropertySpec(type=kind, pathSet=["name", wanted])
    spec = collector.FilterSpec(objectSet=[start], propSet=[properties])
    content = vim.ServiceInstance("ServiceInstance", host._stub).RetrieveContent()
    told = content.propertyCollector.RetrieveProperties(specSet=[spec])
    values = [{each.name: each.val for each in one.propSet} for one in told]
    return {each["name"]: each[wanted] for each in values}


@needs_go
def test_what_goes_with_a_host_can_move_and_be_removed() -> None:
    with vcsim(2, datastores=[[1], [1, 2]], machines=[1]) as running:
        first, second = (each.moref for each in running.hosts)
        morefs = {each.ref.name: each.ref.moref for each in running.companions}
        running.move(morefs["vm01"], second)
        running.remove_datastore(morefs["local01"])
        hosts = {each.ref.name: each.hosts for each in running.companions}
        both = {first, second}
        assert hosts == {"vm01": {second}, "shared02": both, "DC0_C0": both}


@needs_go
def test_a_vrealize_operations_that_collects_a_vcsim_knows_what_goes_with_its_hosts() -> None:
    with vcsim(2, datastores=[[2], [1, 2]]) as running, collecting(running) as simulator:
        assert simulator.states("Datastore") == {"local01": "STARTED", "shared02": "STARTED"}
        (host,) = simulator.resource("local01").hosts
        assert host == simulator.resource("esx02.lab.local").id
        assert len(simulator.resource("DC0_C0").hosts) == 2
