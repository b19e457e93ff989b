"""The command line between a real vCenter API and vRealize Operations', as people run it."""

import csv
import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from functions.events import HostRef
from lab.processes import ROOT, environment, free_port, function, start
from simulator import Host, Simulator, VCenter
from tests.unit.cli.runner import COMMAND, bare, interrupted, process, terminal
from tests.vcenters import Vcsim, needs_go, vcsim

pytestmark = [needs_go, pytest.mark.xdist_group("vcsim")]

ENTERED = "EnteredMaintenanceModeEvent"


@dataclass
class Centre:
    """Both sides of some hosts, and the environment that names them."""

    vcenter: Vcsim
    operations: Simulator

    @property
    def hosts(self) -> list[HostRef]:
        return self.vcenter.hosts

    def environ(self, **changes: str) -> dict[str, str]:
        settings = {
            **self.vcenter.variables,
            "MAINTENANCE_LEASE_MINUTES": "120",
            **changes,
        }
        return environment(self.operations, **settings)

    def drift(self) -> None:
        """One host to start, one to renew, one to end, and one of a person's."""
        start, renew, end, persons = self.hosts[:4]
        self.vcenter.enter(start.moref)
        # A stay before this one may have left a window behind, so that it is renewed.
        for host in (end, renew):
            self.vcenter.enter(host.moref)
            self.vcenter.leave(host.moref)
        self.vcenter.enter(renew.moref)
        self.operations.maintain(renew.name, minutes=60)
        self.operations.maintain(end.name, minutes=60)
        self.operations.maintain(persons.name)

    def states(self) -> list[str]:
        return [self.operations.state(host.name) for host in self.hosts[:4]]

    def writes(self) -> int:
        return sum(
            call.method != "GET" and "/auth/token/" not in call.path
            for call in self.operations.calls
        )


@pytest.fixture(scope="module")
def running() -> Iterator[Centre]:
    with vcsim(5) as vcenter:
        known = [Host(each.name, each.moref, "vc") for each in vcenter.hosts]
        with Simulator(known, [VCenter("vc", vcenter.address, vcenter.uuid)]) as operations:
            yield Centre(vcenter, operations)


@pytest.fixture
def centre(running: Centre) -> Centre:
    """Everything as it should be: no host in maintenance, on neither side."""
    for host in running.hosts:
        running.vcenter.leave(host.moref)
        running.operations.end_maintenance(host.name)
    running.operations.clear_faults()
    running.operations.clear_calls()
    return running


AFTER = ["MAINTAINED", "MAINTAINED", "STARTED", "MAINTAINED_MANUAL"]
ADOPTED = [*AFTER[:3], "STARTED"]


def test_status_shows_both_sides_and_since_when(centre: Centre) -> None:
    centre.drift()
    done = process("status", "--output", "json", environ=centre.environ())
    assert (done.code, done.err) == (3, "")
    shown = {each["moref"]: each for each in json.loads(done.out)}
    assert [shown[host.moref]["sweep"] for host in centre.hosts[:4]] == [
        "start",
        "renew",
        "end",
        "leave",
    ]
    entered = max(centre.vcenter.posted(ENTERED), key=lambda event: event.key)
    since = entered.createdTime.strftime("%Y-%m-%dT%H:%M:%SZ")
    found = shown[entered.host.host._GetMoId()]
    assert (found["since"], found["user"], found["overdue"]) == (
        since,
        centre.vcenter.username,
        False,
    )
    assert shown[centre.hosts[2].moref]["since"] is None
    assert centre.writes() == 0


def test_a_host_that_entered_before_vcenters_events_is_overdue(centre: Centre) -> None:
    centre.drift()
    persons = centre.hosts[3]
    centre.vcenter.enter_long_ago(persons.moref)
    arguments = ("status", "--older-than", "14d", "--output", "json")
    done = process(*arguments, environ=centre.environ())
    assert (done.code, done.err) == (3, "")
    ((found),) = json.loads(done.out)
    assert (found["moref"], found["since"], found["overdue"]) == (persons.moref, None, True)
    swept = process("reconcile", "--dry-run", environ=centre.environ())
    assert (swept.code, swept.err) == (
        0,
        f"{persons}: overdue: in maintenance mode for longer than its vCenter remembers\n",
    )


def test_csv_and_table_show_the_same_hosts(centre: Centre) -> None:
    centre.drift()
    table = process("status", environ=centre.environ()).out
    _, *lines = csv.reader(
        io.StringIO(process("status", "--output", "csv", environ=centre.environ()).out)
    )
    assert [line.split()[0] for line in table.splitlines()[2:6]] == [line[0] for line in lines]


def test_a_sweep_and_a_second_one(centre: Centre) -> None:
    centre.drift()
    first = process("reconcile", environ=centre.environ())
    assert (first.code, first.err, centre.states()) == (0, "", AFTER)
    again = process("reconcile", environ=centre.environ())
    assert again.out.splitlines()[-1] == (
        "5 hosts compared: 0 started, 2 renewed, 0 ended, 1 left alone, 0 not comparable"
    )


def test_everybody_is_taken_leave_of(centre: Centre) -> None:
    before = centre.vcenter.sessions()
    for arguments in (["status"], ["reconcile"], ["doctor"]):
        process(*arguments, environ=centre.environ())
    assert centre.vcenter.sessions() == before
    released = [call for call in centre.operations.calls if call.path.endswith("/release")]
    assert len(released) == 3


@pytest.mark.parametrize(("answer", "code", "after"), [("y\n", 0, ADOPTED), ("n\n", 1, None)])
def test_adopting_asks_on_a_terminal(
    answer: str, code: int, after: list[str] | None, centre: Centre
) -> None:
    centre.drift()
    before = centre.states()
    with terminal("reconcile", "--adopt", environ=centre.environ()) as person:
        person.said("End the open-ended maintenance of 1 host? [y/N]")
        assert centre.writes() == 0
        person.press(answer)
        ended, shown = person.end()
    assert (ended, centre.states()) == (code, after or before)
    assert ("Nothing was changed." in shown) == (after is None)


def test_ctrl_c_at_the_question_changes_nothing(centre: Centre) -> None:
    centre.drift()
    before = centre.states()
    with terminal("reconcile", "--adopt", environ=centre.environ()) as person:
        person.said("[y/N]")
        # Before the terminal is really waited for, Python does not notice.
        while person.process.poll() is None:
            person.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                person.process.wait(5)
        ended, shown = person.end()
    assert (ended, "Traceback" in shown, centre.states()) == (130, False, before)


def test_adopting_asks_nothing_where_there_is_nothing_to_adopt(centre: Centre) -> None:
    with terminal("reconcile", "--adopt", environ=centre.environ()) as person:
        ended, shown = person.end()
    assert (ended, "?" in bare(shown)) == (0, False)


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("arguments", [["status"], ["reconcile", "--dry-run"], ["doctor"]])
def test_a_terminal_is_filled_and_not_overrun(
    columns: int, arguments: list[str], centre: Centre
) -> None:
    centre.drift()
    with terminal(*arguments, environ=centre.environ(), columns=columns) as person:
        _, shown = person.end()
    lines = bare(shown).replace("\r", "\n").splitlines()
    tables = [line for line in lines if not line.startswith(("Dry run", "5 hosts"))]
    assert max(len(line.rstrip()) for line in tables) <= columns
    # No name, mode or state is broken in two.
    for host in centre.hosts[: 1 if arguments == ["doctor"] else 4]:
        assert any(host.name in line for line in tables)


def test_a_terminal_has_colour_unless_it_is_not_wanted(centre: Centre) -> None:
    centre.drift()
    with terminal("status", environ=centre.environ()) as person:
        assert "\x1b[33m" in person.end()[1]
    with terminal("status", environ=centre.environ(NO_COLOR="1")) as person:
        assert "\x1b[3" not in person.end()[1]
    assert "\x1b" not in process("status", environ=centre.environ()).out


def test_a_terminal_shows_how_far_a_sweep_is(centre: Centre) -> None:
    centre.drift()
    with terminal("reconcile", environ=centre.environ()) as person:
        _, shown = person.end()
    # Both sides are read at once, and the terminal shows whoever has come further last.
    assert "5 hosts read from v" in shown
    assert "3/3" in bare(shown)
    done = process("reconcile", environ=centre.environ())
    assert done.err == ""


def test_ctrl_c_during_a_sweep_ends_it(centre: Centre) -> None:
    centre.drift()
    centre.operations.fault(path="/maintained", delay=600.0)
    child = start(
        [*COMMAND, "reconcile"],
        env=centre.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    code, out, err = interrupted(child, lambda: not centre.operations.faults)
    assert (code, err.strip()) == (130, "Interrupted.")
    assert "Action" in out
    assert centre.operations.calls[-1].path.endswith("/auth/token/release")


def test_a_pipe_that_is_closed_is_no_traceback(centre: Centre) -> None:
    centre.drift()
    for arguments in ("status --all", "status --output csv", "reconcile --dry-run"):
        piped = f"{sys.executable} -m adapters.cli {arguments} | head -n 1"
        done = subprocess.run(
            piped, shell=True, cwd=ROOT, env=centre.environ(), capture_output=True, encoding="utf-8"
        )
        assert (done.stdout.count("\n"), done.stderr) == (1, "")


def test_doctor_finds_all_well_and_writes_nothing(centre: Centre) -> None:
    sessions = centre.vcenter.sessions()
    done = process("doctor", environ=centre.environ(RECONCILE_INTERVAL_MINUTES="15"))
    assert (done.code, done.err) == (0, "")
    assert "0 of 5 hosts differ; 0 in maintenance that may be a person's" in done.out
    assert "✗" not in done.out
    assert " - " not in done.out
    assert (centre.writes(), centre.vcenter.sessions()) == (0, sessions)


def test_doctor_asks_for_a_login_once_on_each_side(centre: Centre) -> None:
    before = centre.operations.logins
    process("doctor", environ=centre.environ())
    assert centre.operations.logins == before + 1


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"VCENTER_PASSWORD": "wrong-Pa$$word"}, "login", "VCENTER_PASSWORD"),
        ({"VCENTER_URL": "https://127.0.0.1:1"}, "TLS", "cannot be reached"),
        ({"VCENTER_CA_FILE": ""}, "TLS", "VCENTER_CA_FILE"),
    ],
)
def test_what_is_wrong_with_a_vcenter_is_one_failure_and_one_line(
    changes: dict[str, str], name: str, words: str, centre: Centre
) -> None:
    examined = process("doctor", environ=centre.environ(**changes))
    (line,) = [line for line in examined.out.splitlines() if "✗" in line]
    assert (examined.code, line.split()[1], words in line) == (1, name, True)
    done = process("status", environ=centre.environ(**changes))
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "wrong-Pa$$word" not in examined.out + examined.err + done.err


def test_doctor_names_a_vcenter_that_is_not_collected(centre: Centre) -> None:
    with Simulator(["esx01.lab.local"], ["vc-b.lab.local"]) as elsewhere:
        environ = centre.environ(
            VROPS_URL=elsewhere.url,
            VROPS_PASSWORD=elsewhere.password,
            VROPS_CA_FILE=str(elsewhere.ca_file),
        )
        done = process("doctor", environ=environ)
    failed = [line.split()[1] for line in done.out.splitlines() if "✗" in line]
    assert (done.code, failed) == (1, ["collected", "one"])
    assert "vCenter vc-b.lab.local is collected, but not configured here" in done.out


def test_no_secret_is_in_any_output(centre: Centre) -> None:
    centre.drift()
    secrets = [centre.vcenter.password, "::", "vmware_soap_session"]
    for arguments in (["status"], ["reconcile"], ["doctor"]):
        done = process("-vv", *arguments, environ=centre.environ())
        assert "debug: " in done.err
        assert not any(secret in done.out + done.err for secret in secrets)


def test_one_vcenter_of_two_that_fails_does_not_hide_the_other(centre: Centre) -> None:
    centre.drift()
    listed = "\n".join(
        f'[{name}]\nurl = "{url}"\nusername = "{centre.vcenter.username}"\n'
        f'password = "{centre.vcenter.password}"\nca_file = "{centre.vcenter.ca_file}"\n'
        for name, url in (
            ("down", f"https://127.0.0.1:{free_port()}"),
            ("up", centre.vcenter.url),
        )
    )
    names = [name for name in centre.environ() if name.startswith("VCENTER_")]
    environ = centre.environ(**dict.fromkeys(names, ""), VCENTERS=listed)
    done = process("status", "--output", "json", environ=environ)
    assert (done.code, done.err.count("Error: ")) == (1, 1)
    assert len(json.loads(done.out)) == 4


def test_a_host_is_looked_up_and_what_is_true_is_mirrored(
    centre: Centre, tmp_path_factory: pytest.TempPathFactory
) -> None:
    host = centre.hosts[0]
    centre.vcenter.enter(host.moref)
    log = tmp_path_factory.mktemp("function") / "log"
    environ = centre.environ()
    settings = {name: environ[name] for name in environ if name.startswith(("VCENTER", "MAINT"))}
    with function(log, centre.operations, **settings) as listening:
        for event in ("enter", "exit"):
            done = process("send", event, host.name, "--to", listening.url, environ=environ)
            assert (done.code, done.out.splitlines()[0]) == (0, "HTTP 204 NO CONTENT")
            # The exit is not true, and the function knows better.
            assert centre.operations.state(host.name) == "MAINTAINED"
    assert f'"moref": "{host.moref}"' in listening.output
