"""The units of systemd, read by systemd's own tools, and what they start, started by us."""

import shutil
import subprocess
from pathlib import Path

import pytest

from adapters.config.settings import Settings
from tests.deploy.standalone.deployments import (
    SETTINGS,
    UNITS,
    env_file,
    started_with,
    unit,
)

TOOL = shutil.which("systemd-analyze")
NAMES = sorted(path.name for path in UNITS.iterdir())
SERVICES = [name for name in NAMES if name.endswith(".service")]
WATCH, SWEEP = "maintenance-mirror.service", "maintenance-mirror-sweep.service"
TIMER = "maintenance-mirror-sweep.timer"
PYTHON = "/opt/maintenance-mirror/bin/python"
# In tenths, as systemd-analyze takes it; 10 is the least it says of a service with a network.
MOST_EXPOSED = 15
needs_systemd = pytest.mark.skipif(TOOL is None, reason="needs systemd-analyze")
every_service = pytest.mark.parametrize("name", SERVICES)


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([TOOL or "", *arguments], capture_output=True, encoding="utf-8")


def environment(name: str) -> dict[str, str]:
    """Return the variables that a service is started with, but for where its credentials are."""
    service = unit(name)["Service"]
    own = dict(value.split("=", 1) for value in service["Environment"])
    # What a file says counts more.
    return own | env_file(SETTINGS)


@needs_systemd
@pytest.mark.parametrize("name", NAMES)
def test_systemd_has_nothing_to_complain_about(name: str, tmp_path: Path) -> None:
    # It looks whether the program can be run, which is not installed here.
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    for each in UNITS.iterdir():
        text = each.read_text(encoding="utf-8").replace(PYTHON, str(program))
        (tmp_path / each.name).write_text(text, encoding="utf-8")
    done = analyze("verify", "--man=no", str(tmp_path / name))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_systemd_would_complain_about_a_misspelt_key(tmp_path: Path) -> None:
    text = (UNITS / TIMER).read_text(encoding="utf-8").replace("Persistent", "Persistant")
    (tmp_path / "other.timer").write_text(text, encoding="utf-8")
    assert "Persistant" in analyze("verify", "--man=no", str(tmp_path / "other.timer")).stderr


@needs_systemd
@every_service
def test_a_service_is_hardly_exposed(name: str) -> None:
    threshold = ("--offline=true", f"--threshold={MOST_EXPOSED}")
    done = analyze("security", "--no-pager", *threshold, str(UNITS / name))
    assert done.returncode == 0, done.stdout


def test_both_services_are_confined_alike() -> None:
    watch, sweep = unit(WATCH)["Service"], unit(SWEEP)["Service"]
    assert {key for key in watch if watch[key] != sweep.get(key)} == {
        *("Type", "ExecStart", "WatchdogSec", "Restart", "RestartSec", "TimeoutStopSec"),
    }
    assert sweep.keys() - watch.keys() == {"TimeoutStartSec"}
    assert sweep["ExecStart"] == [f"{watch['ExecStart'][0]} --once"]


def test_it_is_started_again_for_ever_but_not_so_fast_that_an_account_is_locked() -> None:
    service = unit(WATCH)
    assert service["Service"]["Restart"] == ["always"]
    assert service["Unit"]["StartLimitIntervalSec"] == ["0"]
    # Each start tries a wrong password once, and five refusals within three minutes lock it.
    assert 180 / int(service["Service"]["RestartSec"][0]) < 5
    # A sweep is started by its timer alone.
    assert "Restart" not in unit(SWEEP)["Service"]


@every_service
def test_as_many_threads_can_be_started_as_may_be_asked_for(name: str) -> None:
    secrets = {"VROPS_PASSWORD_FILE": "", "VCENTER_PASSWORD_FILE": "", "THREADS": "1024"}
    cas = {"VROPS_CA_FILE": "", "VCENTER_CA_FILE": ""}
    told = {**environment(name), **secrets, **cas, "VROPS_PASSWORD": "x", "VCENTER_PASSWORD": "x"}
    most = Settings.from_environ(told).vrops.pool_size
    assert int(unit(name)["Service"]["TasksMax"][0]) > most + 200


@every_service
def test_passwords_are_credentials_and_nothing_else(name: str) -> None:
    loaded = dict(each.split(":", 1) for each in unit(name)["Service"]["LoadCredential"])
    told = environment(name)
    for service in ("VROPS", "VCENTER"):
        credential = f"{service.lower()}-password"
        assert told[f"{service}_PASSWORD_FILE"] == f"%d/{credential}"
        assert loaded[credential] == f"/etc/maintenance-mirror/{credential}"
        assert f"{service}_PASSWORD" not in told
    assert len(loaded) == 2


@every_service
def test_it_starts_with_what_it_is_given(name: str, tmp_path: Path) -> None:
    assert environment(name).keys() <= Settings.variables()
    found = Settings.from_environ(started_with(environment(name), tmp_path))
    assert found.vrops.url == "https://vrops.example.com"
    assert [each.url for each in found.vcenters] == ["https://vcenter.example.com"]
    assert found.lease_minutes == 24 * 60


def test_a_sweep_is_over_before_the_next_one_is_due(tmp_path: Path) -> None:
    found = Settings.from_environ(started_with(environment(SWEEP), tmp_path))
    timer = unit(TIMER)["Timer"]
    assert timer["OnCalendar"] == [f"*:0/{found.interval_minutes}"]
    assert timer["Persistent"] == ["yes"]
    allowed = int(unit(SWEEP)["Service"]["TimeoutStartSec"][0])
    late = int(timer["RandomizedDelaySec"][0])
    assert found.sweep_seconds < allowed < 60 * (found.interval_minutes or 0) - late


def test_what_is_enabled_is_started_with_the_machine_and_a_sweep_by_its_timer() -> None:
    assert unit(WATCH)["Install"] == {"WantedBy": ["multi-user.target"]}
    assert unit(TIMER)["Install"] == {"WantedBy": ["timers.target"]}
    assert "Install" not in unit(SWEEP)
    assert Path(TIMER).stem == Path(SWEEP).stem
