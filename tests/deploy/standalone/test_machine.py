"""The page, followed on a machine with systemd, from nothing until nothing is left."""

import json
import shutil
from collections.abc import Iterator

import pytest

from lab.processes import ROOT
from simulator import Simulator
from tests.deploy.knative import image
from tests.deploy.standalone.deployments import (
    DOCTOR,
    FILES,
    INSTALL,
    REMOVE,
    SETTINGS,
    START,
    SWEEP,
    scripts,
)
from tests.deploy.standalone.machine import Machine, booted
from tests.deploy.standalone.sides import agreed, prepare
from tests.vcenters import Vcsim, needs_go

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(image.missing() is not None, reason=str(image.missing())),
    needs_go,
    # The first one makes the machine, which takes minutes.
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("image"),
]
TAKEN = ("adapters", "functions", "deploy/standalone", "requirements")
SINGLE = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md")


@pytest.fixture(scope="module")
def machine(
    vcenter: Vcsim, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    project = tmp_path_factory.mktemp("machine") / "project"
    for name in TAKEN:
        shutil.copytree(ROOT / name, project / name)
    for name in SINGLE:
        shutil.copy(ROOT / name, project)
    prepare(project, project / SETTINGS.relative_to(ROOT), vcenter, simulator)
    with booted(project) as running:
        yield running


def follow(machine: Machine, block: tuple[str, int]) -> str:
    """Run a block of the page, as it stands there, and return what it prints."""
    title, number = block
    return machine.run(scripts(title)[number])


def shows(machine: Machine, name: str, *properties: str) -> list[str]:
    """Return what systemd knows of a unit."""
    wanted = ",".join(properties)
    lines = machine.run(f"systemctl show --property={wanted} {name}").splitlines()
    values = dict(line.split("=", 1) for line in lines)
    return [values[each] for each in properties]


def last_line(output: str, action: str) -> dict[str, object]:
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    found: dict[str, object] = [line for line in lines if line.get("action") == action][-1]
    return found


# One after the other, as the page goes: each test begins where the one before has ended.
def test_it_is_installed_and_both_sides_are_there(machine: Machine) -> None:
    follow(machine, INSTALL)
    told = follow(machine, DOCTOR)
    assert "FAIL" not in told
    # Root alone may read the passwords.
    listed = machine.run("stat --format '%n %a %U' /etc/maintenance-mirror/*-password")
    assert {line.split(maxsplit=1)[1] for line in listed.splitlines()} == {"600 root"}


def test_the_service_mirrors_what_has_happened_and_what_happens(
    machine: Machine, vcenter: Vcsim, simulator: Simulator
) -> None:
    before, after, _ = [each.moref for each in vcenter.hosts]
    vcenter.enter(before)
    assert "active (running)" in follow(machine, START)
    assert agreed(vcenter, simulator, before)
    vcenter.enter(after)
    assert agreed(vcenter, simulator, before, after)
    vcenter.leave(before)
    assert agreed(vcenter, simulator, after)
    assert shows(machine, "maintenance-mirror", "NRestarts", "UnitFileState") == ["0", "enabled"]


def test_it_is_nobody_in_particular_and_may_write_nothing(machine: Machine) -> None:
    (process,) = shows(machine, "maintenance-mirror", "MainPID")
    status = machine.run(f"cat /proc/{process}/status")
    values = dict(line.split(":\t", 1) for line in status.splitlines())
    assert int(values["Uid"].split()[0]) > 60000
    assert int(values["CapEff"], 16) == int(values["CapBnd"], 16) == 0
    assert values["NoNewPrivs"] == "1"
    assert values["Seccomp"] == "2"
    mounts = machine.run(f"cat /proc/{process}/mounts").splitlines()
    options = {line.split()[1]: line.split()[3].split(",") for line in mounts}
    assert "ro" in options["/"]


@pytest.mark.parametrize("signal", ["KILL", "STOP"])
def test_it_is_started_again_when_it_has_died_or_hangs(
    signal: str, machine: Machine, vcenter: Vcsim, simulator: Simulator
) -> None:
    # What hangs is ended by the watchdog; nobody wants to wait here for as long as is set.
    machine.run(
        "mkdir -p /run/systemd/system/maintenance-mirror.service.d; "
        "printf '[Service]\\nRestartSec=1\\nWatchdogSec=10\\n'"
        " > /run/systemd/system/maintenance-mirror.service.d/soon.conf; "
        "systemctl daemon-reload; systemctl restart maintenance-mirror"
    )
    machine.run(f"systemctl kill --signal {signal} maintenance-mirror")
    switched = vcenter.hosts[1].moref
    vcenter.leave(switched)
    assert agreed(vcenter, simulator)
    vcenter.enter(switched)
    assert agreed(vcenter, simulator, switched)
    assert shows(machine, "maintenance-mirror", "NRestarts") == ["1"]
    machine.run("rm -r /run/systemd/system/maintenance-mirror.service.d")


def test_it_ends_well_when_it_is_told_to(machine: Machine) -> None:
    machine.run("systemctl stop maintenance-mirror")
    ended = shows(machine, "maintenance-mirror", "Result", "ExecMainStatus", "ActiveState")
    assert ended == ["success", "0", "inactive"]


def test_a_sweep_repairs_and_its_timer_waits_for_the_next(
    machine: Machine, vcenter: Vcsim, simulator: Simulator
) -> None:
    missed = vcenter.hosts[2].moref
    vcenter.leave(vcenter.hosts[1].moref)
    vcenter.enter(missed)
    told = follow(machine, SWEEP)
    assert agreed(vcenter, simulator, missed)
    assert last_line(told, "reconciled")["level"] == "INFO"
    assert shows(machine, "maintenance-mirror-sweep.timer", "ActiveState") == ["active"]
    assert shows(machine, "maintenance-mirror-sweep", "Result", "ExecMainStatus") == [
        *("success", "0")
    ]


def test_a_container_can_read_its_passwords(machine: Machine) -> None:
    follow(machine, FILES)
    listed = machine.run("stat --format '%a %u' /etc/maintenance-mirror/*-password")
    assert set(listed.splitlines()) == {"400 65532"}


def test_nothing_is_left_when_it_is_removed(machine: Machine) -> None:
    follow(machine, REMOVE)
    left = machine.run("find /etc /opt /usr /var/lib /run /tmp -name '*maintenance-mirror*'")
    assert left == ""
    assert "maintenance-mirror" not in machine.run("systemctl list-units --all --no-legend")
