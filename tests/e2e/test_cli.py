"""The command line and vRealize Operations' real API, where no vCenter is needed."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.cli.connection import Connect
from adapters.cli.send.event import FORMATS
from adapters.clients import Clients
from adapters.config.settings import Settings
from adapters.vrops import Vrops
from functions.context import Context, VCenters
from functions.events import HostRef
from functions.outcomes import SweepListener
from lab.processes import ROOT, Function, environment, free_port, function, start
from simulator import Host, SettableClock, Simulator, VCenter
from tests.fakes import VCENTER_UUID, Clock
from tests.unit.cli.runner import (
    ADDRESS,
    COMMAND,
    FakeVSphere,
    command,
    hosts,
    interrupted,
    process,
)

PASSWORD = "hunter2-Pa$$word"
COLLECTED = VCenter(ADDRESS, ADDRESS, VCENTER_UUID)
KNOWN = [Host(host.name, host.moref, ADDRESS) for host in hosts(12)]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(KNOWN, [COLLECTED], password=PASSWORD) as running:
        yield running


@pytest.fixture
def vcenter() -> FakeVSphere:
    return FakeVSphere(hosts(12), clock=Clock(datetime.now(UTC)))


@dataclass
class HalfReal:
    """The real client of vRealize Operations, and a vCenter in memory."""

    real: Clients
    vsphere: FakeVSphere

    def __post_init__(self) -> None:
        self.real.vcenters = self.vcenters

    @property
    def operations(self) -> Vrops:
        return self.real.operations

    @property
    def vspheres(self) -> list[FakeVSphere]:
        return [self.vsphere]

    @property
    def vcenters(self) -> VCenters:
        return VCenters({self.vsphere.address: self.vsphere})

    def context(self, listener: SweepListener) -> Context:
        return self.real.context(listener)

    def close(self) -> None:
        self.real.close()
        self.vsphere.close()


@pytest.fixture
def connect(vcenter: FakeVSphere) -> Connect:
    def made(settings: Settings, environ: Mapping[str, str]) -> HalfReal:
        return HalfReal(Clients(settings, environ), vcenter)

    return made


def drift(simulator: Simulator, vcenter: FakeVSphere) -> None:
    """One host to start, one to end, and one whose maintenance is a person's."""
    vcenter.enter("host-1")
    vcenter.enter("host-2")
    vcenter.leave("host-2")
    simulator.maintain("esx02.lab.local", minutes=60)
    simulator.maintain("esx03.lab.local")


def writes(simulator: Simulator) -> list[str]:
    return [
        f"{call.method} {call.path}"
        for call in simulator.calls
        if call.method != "GET" and "/auth/token/" not in call.path
    ]


def test_a_sweep_repairs_what_status_has_shown(
    simulator: Simulator, vcenter: FakeVSphere, connect: Connect
) -> None:
    drift(simulator, vcenter)
    environ = environment(simulator, MAINTENANCE_LEASE_MINUTES="120")
    seen = command("status", "--output", "json", connect=connect, environ=environ)
    assert seen.code == 3
    assert {each["host"]: each["sweep"] for each in json.loads(seen.out)} == {
        "esx01.lab.local": "start",
        "esx02.lab.local": "end",
        "esx03.lab.local": "leave",
    }
    assert writes(simulator) == []
    assert command("reconcile", connect=connect, environ=environ).code == 0
    states = simulator.states()
    assert [states[host.name] for host in hosts(3)] == [
        "MAINTAINED",
        "STARTED",
        "MAINTAINED_MANUAL",
    ]
    simulator.end_maintenance("esx03.lab.local")
    assert command("status", connect=connect, environ=environ).code == 0


def test_a_timed_window_that_cannot_be_ours_is_shown_and_left(
    simulator: Simulator, vcenter: FakeVSphere, connect: Connect
) -> None:
    simulator.maintain("esx02.lab.local", minutes=60)
    environ = environment(simulator, MAINTENANCE_LEASE_MINUTES="120")
    seen = command("status", "--output", "json", connect=connect, environ=environ)
    ((found),) = json.loads(seen.out)
    assert (seen.code, found["sweep"], found["whose"]) == (3, "leave", "person")
    assert command("reconcile", connect=connect, environ=environ).code == 0
    assert writes(simulator) == []


def test_a_refused_sweep_writes_only_what_it_renews(
    simulator: Simulator, vcenter: FakeVSphere, connect: Connect
) -> None:
    drift(simulator, vcenter)
    simulator.maintain("esx04.lab.local", minutes=60)
    vcenter.modes[vcenter.host("host-4")] = True
    environ = environment(simulator, MAINTENANCE_LEASE_MINUTES="120")
    done = command("reconcile", "--max-changes", "1", connect=connect, environ=environ)
    assert (done.code, "so nothing was changed; renewed all the same: 1" in done.err) == (3, True)
    assert len(writes(simulator)) == 1
    before = [simulator.state(host.name) for host in hosts(3)]
    assert before == ["STARTED", "MAINTAINED", "MAINTAINED_MANUAL"]


def test_a_dry_run_and_the_brake_write_nothing(
    simulator: Simulator, vcenter: FakeVSphere, connect: Connect
) -> None:
    drift(simulator, vcenter)
    environ = environment(simulator, MAINTENANCE_LEASE_MINUTES="120")
    for arguments, code in ((["--dry-run"], 0), (["--max-changes", "1"], 3)):
        assert command("reconcile", *arguments, connect=connect, environ=environ).code == code
    assert writes(simulator) == []


def test_a_write_that_is_refused_is_one_line_that_says_what_is_needed(
    simulator: Simulator, vcenter: FakeVSphere, connect: Connect
) -> None:
    drift(simulator, vcenter)
    simulator.fault(path="/maintained", method="PUT", status=403)
    done = command("reconcile", connect=connect, environ=environment(simulator))
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "the account lacks a privilege" in done.err


def test_a_wrong_password_is_one_line_and_tried_once(
    simulator: Simulator, connect: Connect
) -> None:
    environ = environment(simulator, VROPS_PASSWORD="wrong")
    for arguments in (["status"], ["reconcile"]):
        before = simulator.refused_logins
        done = command(*arguments, connect=connect, environ=environ)
        assert (done.code, simulator.refused_logins) == (1, before + 1)
        assert done.err == (
            f"Error: {ADDRESS}: vRealize Operations refuses the user name or the password\n"
        )


def test_a_host_that_is_down_is_one_line(simulator: Simulator, connect: Connect) -> None:
    environ = environment(simulator, VROPS_URL=f"https://127.0.0.1:{free_port()}")
    done = command("status", connect=connect, environ=environ)
    assert (done.code, done.err.count("\n"), "cannot be reached" in done.err) == (1, 1, True)


def test_a_wrong_ca_is_one_line_and_gets_no_password(
    simulator: Simulator, connect: Connect
) -> None:
    with Simulator([]) as other:
        environ = environment(simulator, VROPS_CA_FILE=str(other.ca_file))
        done = command("status", connect=connect, environ=environ)
    assert (done.code, done.err.count("\n"), "VROPS_CA_FILE" in done.err) == (1, 1, True)
    assert simulator.calls == []


def test_leave_is_taken_of_both_sides(
    simulator: Simulator, vcenter: FakeVSphere, connect: Connect
) -> None:
    command("status", connect=connect, environ=environment(simulator))
    assert simulator.calls[-1].path.endswith("/auth/token/release")
    assert vcenter.closed == 1


def test_doctor_finds_all_well_where_it_is_and_writes_nothing(simulator: Simulator) -> None:
    done = process("doctor", environ=environment(simulator))
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "All is well."
    assert "MAINTENANCE_LEASE_MINUTES is not set" in done.out
    assert "no vCenter is configured" in done.out
    assert writes(simulator) == []
    assert {call.status for call in simulator.calls} == {200}


def failures(simulator: Simulator, **environ: str) -> list[list[str]]:
    """The lines of doctor that say something has to be done, each as name and text."""
    done = command("doctor", environ=environment(simulator, **environ))
    found = [line.split(maxsplit=2)[1:] for line in done.out.splitlines() if "✗" in line]
    assert done.code == (1 if found else 0)
    return found


def test_doctor_names_a_wrong_password_once(simulator: Simulator) -> None:
    ((name, text),) = failures(simulator, VROPS_PASSWORD="wrong")
    assert (name, simulator.refused_logins) == ("login", 1)
    assert "are VROPS_USERNAME, VROPS_PASSWORD and VROPS_AUTH_SOURCE right?" in text


def test_doctor_names_a_host_that_is_down(simulator: Simulator) -> None:
    ((name, text),) = failures(simulator, VROPS_URL=f"https://127.0.0.1:{free_port()}")
    assert (name, "firewall" in text) == ("TLS", True)


def test_doctor_names_a_wrong_ca(simulator: Simulator) -> None:
    with Simulator([]) as other:
        ((name, text),) = failures(simulator, VROPS_CA_FILE=str(other.ca_file))
    assert (name, "VROPS_CA_FILE" in text) == ("TLS", True)
    assert simulator.calls == []


def test_doctor_names_every_variable_that_is_missing(simulator: Simulator) -> None:
    found = failures(simulator, VROPS_USERNAME="", VROPS_PASSWORD="", VCENTER_URL="x")
    assert [text.split()[0] for _, text in found] == [
        "VROPS_USERNAME",
        "VROPS_PASSWORD",
        "VCENTER_URL",
        "VCENTER_USERNAME",
        "VCENTER_PASSWORD",
    ]
    assert simulator.calls == []


def test_doctor_names_a_clock_that_is_wrong() -> None:
    clock = SettableClock()
    with Simulator(clock=clock) as simulator:
        clock.advance(3600)
        ((name, text),) = failures(simulator)
    assert (name, "NTP" in text) == ("clock", True)


@pytest.mark.parametrize("password", [PASSWORD, "wrong-Pa$$word"])
def test_no_secret_is_in_the_findings(password: str, simulator: Simulator) -> None:
    done = command("-vv", "doctor", environ=environment(simulator, VROPS_PASSWORD=password))
    assert "debug: " in done.err
    assert "Pa$$word" not in done.out + done.err
    assert "::" not in done.out + done.err


def test_doctor_takes_a_status_of_503_for_no_failure(simulator: Simulator) -> None:
    simulator.fault(path="/deployment/node/status", status=503, count=99)
    assert failures(simulator) == []


def test_doctor_takes_permissions_that_are_not_told_for_no_failure(simulator: Simulator) -> None:
    simulator.fault(path="/currentuser/permissions", status=404, count=9)
    assert failures(simulator) == []


@pytest.mark.parametrize("arguments", [["status"], ["reconcile", "--yes", "--adopt"]])
def test_no_secret_is_in_any_output(
    arguments: list[str], simulator: Simulator, vcenter: FakeVSphere, connect: Connect
) -> None:
    drift(simulator, vcenter)
    for password in (PASSWORD, "wrong-Pa$$word"):
        environ = environment(simulator, VROPS_PASSWORD=password)
        done = command("-vv", *arguments, connect=connect, environ=environ)
        assert "debug: " in done.err
        assert "Pa$$word" not in done.out + done.err
        # A token is two UUIDs with a double colon between them; nothing else here looks like it.
        assert "::" not in done.out + done.err


@pytest.fixture(scope="module")
def believing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Simulator, Function]]:
    """A function that has no vCenter to ask."""
    log = tmp_path_factory.mktemp("function") / "log"
    with Simulator(KNOWN, [ADDRESS]) as simulator, function(log, simulator) as running:
        yield simulator, running


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "eventbridge"])
def test_what_is_sent_is_mirrored(form: str, believing: tuple[Simulator, Function]) -> None:
    simulator, running = believing
    where = ("--vcenter", ADDRESS, "--moref", "host-1", "--format", form, "--to", running.url)
    in_maintenance, monitored = "MAINTAINED_MANUAL", "STARTED"
    enter = ("enter", in_maintenance)
    for event, state in (enter, ("exit", monitored), enter, ("removed", monitored)):
        done = command("send", event, "esx01.lab.local", *where, environ={})
        assert (done.code, done.out.splitlines()[0]) == (0, "HTTP 204 NO CONTENT")
        assert simulator.state("esx01.lab.local") == state


def test_what_is_sent_of_an_unknown_host_is_not_taken(
    believing: tuple[Simulator, Function],
) -> None:
    where = ("--vcenter", ADDRESS, "--to", believing[1].url)
    done = command("send", "enter", "esx99.lab.local", *where, environ={})
    assert (done.code, done.out.splitlines()[0]) == (1, "HTTP 503 SERVICE UNAVAILABLE")
    assert "try again" in done.out


def test_a_looked_up_host_is_sent_with_its_moref(
    vcenter: FakeVSphere, connect: Connect, believing: tuple[Simulator, Function]
) -> None:
    simulator, running = believing
    settings = {
        "VCENTER_URL": f"https://{ADDRESS}",
        "VCENTER_USERNAME": "mirror",
        "VCENTER_PASSWORD": "hunter3",
    }
    sent = ("send", "enter", "ESX02.lab.local", "--to", running.url, "--dry-run")
    shown = command(*sent, connect=connect, environ=environment(simulator, **settings)).out
    assert '{"Type":"HostSystem","Value":"host-2"}' in shown
    assert f"Ce-Source: https://{ADDRESS}/sdk" in shown
    assert HostRef("host-2", "esx02.lab.local", ADDRESS) in vcenter.modes


def test_no_function_at_all_is_one_line() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = command("send", "enter", "esx01", "--vcenter", ADDRESS, "--to", url, environ={})
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1] == (
        f"Error: no reply from {url.removeprefix('http://')}: Connection refused"
    )


def test_a_function_behind_tls_is_verified(simulator: Simulator) -> None:
    sent = ("send", "enter", "esx01", "--vcenter", ADDRESS, "--to", f"{simulator.url}/x")
    refused = command(*sent, environ={})
    assert (refused.code, "--ca-file" in refused.err) == (1, True)
    assert "its certificate is not trusted: " in refused.err
    assert command(*sent, "--ca-file", str(simulator.ca_file), environ={}).out.startswith("HTTP 4")


def test_ctrl_c_ends_at_once_and_gives_the_token_back(simulator: Simulator) -> None:
    simulator.fault(path="/versions/current", delay=600.0)
    child = start(
        [*COMMAND, "doctor"],
        env=environment(simulator),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    code, _, err = interrupted(child, lambda: simulator.logins == 1 and not simulator.faults)
    assert (code, err.strip()) == (130, "Interrupted.")
    assert simulator.calls[-1].path.endswith("/auth/token/release")


def test_a_pipe_that_is_closed_is_no_traceback(simulator: Simulator) -> None:
    piped = f"{sys.executable} -m adapters.cli doctor | head -n 1"
    done = subprocess.run(
        piped,
        shell=True,
        cwd=ROOT,
        env=environment(simulator),
        capture_output=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "Configuration\n", "")


def test_the_installed_command_is_the_same(simulator: Simulator) -> None:
    tool = Path(sys.executable).with_name("maintenance-mirror")
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'maintenance-mirror = "adapters.cli:main"' in declared
    if tool.exists():
        shown = subprocess.run([tool, "--help"], capture_output=True, encoding="utf-8", cwd=ROOT)
        assert shown.stdout == process("--help", environ=environment()).out
