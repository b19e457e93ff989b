import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import requests

from simulator import Host, Simulator, Switches, VCenter
from simulator.options import simulator_from

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "simulator", "--port", "0"]


@contextmanager
def running(*options: str, environ: dict[str, str] | None = None) -> Iterator[Any]:
    environ = {**os.environ, **(environ or {})}
    process = subprocess.Popen(
        [*COMMAND, *options], cwd=ROOT, env=environ, stdout=-1, stderr=-1, encoding="utf-8"
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def greeting(process: Any) -> dict[str, str]:
    lines = [process.stdout.readline().strip() for _ in range(4)]
    return {line[:10].strip(): line[10:].strip() for line in lines}


def log_in(greeted: dict[str, str], password: str) -> int:
    body = {"username": greeted["User name"], "password": password}
    with requests.Session() as session:
        session.trust_env = False
        session.verify = greeted["CA file"]
        url = greeted["Suite API"] + "/auth/token/acquire"
        return session.post(url, json=body, timeout=10).status_code


def simulator(*options: str) -> Simulator:
    return simulator_from(options, {})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_exit_code_zero(number: int, tmp_path: Path) -> None:
    with running("--ca-file", str(tmp_path / "deep" / "ca.pem")) as process:
        greeted = greeting(process)
        assert greeted["Page"] + "suite-api/api" == greeted["Suite API"]
        assert log_in(greeted, "simulated") == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")


def test_the_password_comes_from_a_file_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from-the-file\n", encoding="utf-8")
    options = ("--password-file", str(file), "--ca-file", str(tmp_path / "ca.pem"))
    with running(*options, environ={"SIMULATOR_PASSWORD": "from-the-environment"}) as process:
        greeted = greeting(process)
        assert log_in(greeted, "from-the-environment") == 401
        assert log_in(greeted, "from-the-file") == 200
        assert "from-the" not in str(greeted)


def test_the_password_comes_from_the_environment() -> None:
    assert simulator_from([], {"SIMULATOR_PASSWORD": "secret"}).password == "secret"
    assert simulator_from([], {}).password == "simulated"


def test_a_taken_port_gives_one_clear_line(tmp_path: Path) -> None:
    with (
        Simulator(0) as other,
        running(
            "--port", other.url.rpartition(":")[2], "--ca-file", str(tmp_path / "ca.pem")
        ) as process,
    ):
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (1, "")
    assert err == (
        "simulator: the port is taken; choose another one with --port (0 takes any that is free)\n"
    )
    assert not (tmp_path / "ca.pem").exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--port", "http"], "'http' is not a number from 0 to 65535"),
        (["--port", "65536"], "'65536' is not a number from 0 to 65535"),
        (["--hosts", "-1"], "-1"),
        (["--host", "esx01,host-1,vc,more"], "not of the form NAME[,MOREF[,VCENTER]]"),
        (["--host", "esx01,,vc"], "not of the form NAME[,MOREF[,VCENTER]]"),
        (["--companion", "Folder,f,group-4"], "not of the form KIND,NAME,MOREF[,HOST...]"),
        (["--companion", "Datastore,local01"], "not of the form KIND,NAME,MOREF[,HOST...]"),
        (["--companion", "Datastore,d,datastore-1,esx99"], "No host is called esx99."),
        (["--relationships", "401"], "invalid choice: 401"),
        (["--vcenter", ""], "not of the form NAME[,URL[,UUID]]"),
        (["--password-file", "/does/not/exist"], "No such file"),
        (["--name-matching", "guess"], "invalid choice: 'guess'"),
        (["--extra-states", "3"], "extra_states must be 0 to 2, not 3"),
        (["--visible-delay", "nan"], "visible_delay must be 0 to 3600, not nan"),
        (["--no-such-option"], "unrecognized arguments: --no-such-option"),
    ],
)
def test_a_bad_option_gives_one_clear_line(
    options: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        simulator(*options)
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert reason in err
    assert err.startswith("simulator: ")
    assert err.count("\n") == 1


def test_an_empty_password_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        simulator_from([], {"SIMULATOR_PASSWORD": ""})
    assert "the password is empty" in capsys.readouterr().err


def test_every_switch_is_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        simulator("--help")
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    for switch in fields(Switches):
        assert "--" + switch.name.replace("_", "-") in shown


def test_options_become_switches() -> None:
    options = ["--name-matching", "exact", "--missing-identifier", "500", "--visible-delay", "3"]
    options += ["--no-adapters-expose-vcid", "--header-schemes", "OpsToken", "Basic"]
    assert simulator().switches == Switches()
    assert simulator(*options).switches == Switches(
        name_matching="exact",
        missing_identifier=500,
        visible_delay=3,
        adapters_expose_vcid=False,
        header_schemes=("OpsToken", "Basic"),
    )


def test_hosts_are_made_up_and_dealt_out_over_the_vcenters() -> None:
    made = simulator("--hosts", "3", "--vcenter", "a", "--vcenter", "b")
    found = [made.resource(name) for name in made.states()]
    assert [(each.name, each.moref, each.vcenter.name) for each in found] == [
        ("esx01.lab.local", "host-1001", "a"),
        ("esx02.lab.local", "host-1002", "b"),
        ("esx03.lab.local", "host-1003", "a"),
    ]


def test_twelve_hosts_are_made_up_unless_some_are_named() -> None:
    assert len(simulator().states()) == 12
    assert list(simulator("--host", "esx01").states()) == ["esx01"]
    assert len(simulator("--host", "esx01", "--hosts", "2").states()) == 3


def test_a_host_and_a_vcenter_are_named_in_full() -> None:
    made = simulator(
        "--host", "esx01,host-29,b", "--vcenter", "a", "--vcenter", "b,https://b/sdk,B"
    )
    resource = made.resource("esx01")
    assert resource.entity == Host("esx01", "host-29", "b")
    assert resource.vcenter == VCenter("b", "https://b/sdk", "B")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], 12),
        (["--no-companions"], 0),
        (["--hosts", "2"], 0),
        (["--hosts", "2", "--companions"], 2),
        (["--host", "esx01"], 0),
        (["--host", "esx01", "--hosts", "2", "--companions"], 2),
    ],
)
def test_what_goes_with_hosts_is_made_up_unless_hosts_are_counted(
    options: list[str], expected: int
) -> None:
    made = simulator(*options)
    names = made.states("Datastore")
    assert [*names] == [f"local{n + 1:02}" for n in range(expected)] + ["shared01"] * bool(expected)
    for name in names.keys() - {"shared01"}:
        (host,) = made.resource(name).hosts
        assert host == made.resource(f"esx{name[-2:]}.lab.local").id
    together = [len(made.resource(name).hosts) for name in ("shared01", "cluster01") if names]
    assert together == [expected] * 2 * bool(expected)


def test_each_vcenter_has_companions_of_its_own() -> None:
    made = simulator("--hosts", "3", "--vcenter", "a", "--vcenter", "b", "--companions")
    shared = [made.resource(name) for name in ("shared01", "shared02", "cluster01", "cluster02")]
    assert [each.vcenter.name for each in shared] == ["a", "b", "a", "b"]
    assert [len(each.hosts) for each in shared] == [2, 1, 2, 1]
    assert made.resource("local02").vcenter.name == "b"


def test_a_companion_is_named_in_full() -> None:
    made = simulator(
        *("--host", "esx01,host-29,b", "--host", "esx02,host-30,b"),
        *("--companion", "ClusterComputeResource,cluster,domain-c8,esx01,esx02"),
        *("--companion", "Datastore,lonely,datastore-12"),
    )
    cluster = made.resource("cluster")
    assert (cluster.kind, cluster.moref) == ("ClusterComputeResource", "domain-c8")
    assert cluster.vcenter.name == "b"
    assert list(cluster.hosts) == [made.resource(name).id for name in ("esx01", "esx02")]
    assert made.resource("lonely").hosts == ()
