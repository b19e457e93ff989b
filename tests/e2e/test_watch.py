"""Without VEBA: vCenters that are watched, while all that can happen to each of the three happens.

Each test ends in the same claim: both sides agree in the end, without help, and no host was ever
silenced that had never been in maintenance mode.
"""

import itertools
import random
import signal
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from lab.processes import Function
from tests.certificates import self_signed
from tests.vcenters import needs_go
from tests.watching import Field, Watched, field

pytestmark = [needs_go, pytest.mark.timeout(300)]

_SEED = 20260101
_EXHAUSTIVE = pytest.mark.exhaustive


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Field]:
    with field(tmp_path, 12) as prepared:
        yield prepared


def lost(site: Field, watcher: Function, happens: Callable[[], None]) -> None:
    """Let something happen, and wait until the watcher has noticed that it lost its vCenter."""
    before = watcher.output.count("not watched")
    happens()
    site.until(lambda: watcher.output.count("not watched") > before)


def readiness(watcher: Function) -> Any:
    return requests.get(f"{watcher.url}/readyz", timeout=10).json()


@pytest.mark.parametrize("count", [60, pytest.param(200, marks=_EXHAUSTIVE)])
def test_all_hosts_in_random_order(count: int, tmp_path: Path) -> None:
    order = random.Random(_SEED)
    with field(tmp_path, count) as site, site.watcher() as watcher:
        [vcenter] = site.vcenters
        watcher.said("reconciled")
        names = [*vcenter.hosts, *order.sample(vcenter.hosts, count // 2)]
        order.shuffle(names)
        vcenter.change(*names)
        site.settled()
        site.until(lambda: not readiness(watcher)["waiting"])
        calls = len(site.operations.calls)
        assert len(site.writes()) <= 2 * len(names)
        assert vcenter.vcsim.logins == site.operations.logins == 1
        time.sleep(1)
        assert len(site.operations.calls) == calls, "asked, though nothing had happened"


@_EXHAUSTIVE
def test_a_vcenter_that_is_killed_and_restarted(one: Field) -> None:
    [vcenter] = one.vcenters
    first, second, third, *_ = vcenter.hosts
    with one.watcher() as watcher:
        vcenter.change(first, second)
        one.settled()
        for names in ((first, third), (first, second)):
            lost(one, watcher, vcenter.stop)
            vcenter.change(*names)
            vcenter.start()
            one.settled()
            assert vcenter.vcsim.logins == 1
        assert one.operations.logins == 1


@_EXHAUSTIVE
def test_a_session_that_somebody_ends(one: Field) -> None:
    [vcenter] = one.vcenters
    first, second, *_ = vcenter.hosts
    with one.watcher() as watcher:
        watcher.said("reconciled")
        for rounds, name in enumerate((first, second), 2):
            vcenter.vcsim.expire_sessions()
            lost(one, watcher, lambda name=name: vcenter.change(name))  # type: ignore[misc]
            one.settled()
            one.until(lambda: readiness(watcher)["ready"])
            assert vcenter.vcsim.logins <= rounds


@pytest.mark.parametrize(
    ("seconds", "count"),
    [(0, 3), pytest.param(120, 12, marks=[_EXHAUSTIVE, pytest.mark.timeout(600)])],
)
def test_vrealize_operations_that_is_down(seconds: float, count: int, one: Field) -> None:
    [vcenter] = one.vcenters
    first, second, *others = vcenter.hosts[:count]
    with one.watcher() as watcher:
        vcenter.change(first, second)
        one.settled()
        with one.operations.down():
            vcenter.change(second, *others)
            one.until(lambda: readiness(watcher)["vrops"]["problem"] != "")
            assert readiness(watcher)["waiting"] <= len(vcenter.hosts)
            vcenter.change(first, *others[1:])
            time.sleep(seconds)
        one.settled()
        one.until(lambda: readiness(watcher)["ready"] and not readiness(watcher)["waiting"])
        assert one.operations.logins == vcenter.vcsim.logins == 1


@_EXHAUSTIVE
def test_vrealize_operations_that_is_busy_is_not_asked_all_the_time(one: Field) -> None:
    [vcenter] = one.vcenters
    with one.watcher() as watcher:
        watcher.said("reconciled")
        one.operations.fault(status=503, count=1_000_000)
        vcenter.change(*vcenter.hosts)
        before = len(one.operations.calls)
        time.sleep(30)
        # The first five failures, each with its retries, and then one call in each five seconds.
        assert len(one.operations.calls) - before <= 100
        one.operations.clear_faults()
        one.settled()
        assert one.operations.logins == vcenter.vcsim.logins == 1


@_EXHAUSTIVE
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("first_back", "seconds"), [("vCenter", 2), ("vRealize Operations", 2), ("vCenter", 120)]
)
def test_both_that_are_down(first_back: str, seconds: float, one: Field) -> None:
    [vcenter] = one.vcenters
    first, second, third, *_ = vcenter.hosts
    with one.watcher() as watcher:
        vcenter.change(first, second)
        one.settled()
        with one.operations.down():
            lost(one, watcher, vcenter.stop)
            vcenter.change(second, third)
            time.sleep(seconds)
            if first_back == "vCenter":
                vcenter.start()
                one.until(lambda: readiness(watcher)["vrops"]["problem"] != "")
        if first_back != "vCenter":
            vcenter.start()
        one.settled()
        assert one.operations.logins == vcenter.vcsim.logins == 1


@dataclass(frozen=True)
class Step:
    """Where a watcher may be while it mirrors a change, or sweeps.

    Calls of ``method`` to a ``path`` take a while, so that it is found there; or, without them, it
    is there when it has written, and looks for what does not show yet.
    """

    path: str = ""
    method: str = ""
    in_sweep: bool = False

    def prepared(self, site: Field) -> Callable[[], bool]:
        """Return what tells whether a watcher is there, from now on."""
        if not self.path:
            before = len(site.writes())
            return lambda: len(site.writes()) > before
        site.operations.fault(path=self.path, method=self.method, delay=_DELAY_SECONDS)
        return lambda: not site.operations.faults


_DELAY_SECONDS = 0.5
ESSENTIAL = (
    Step("/resources", "GET"),
    Step("/maintained"),
    Step(),
    Step("/suite-api/api/resources", "GET", in_sweep=True),
)
STEPS = (*ESSENTIAL, Step("/maintained", in_sweep=True), Step(in_sweep=True))


def interrupted(site: Field, step: Step, end: Callable[[Function], int], name: str) -> None:
    """Let a host change, and end the watcher that mirrors it at a step of that."""
    [vcenter] = site.vcenters
    if step.in_sweep:
        vcenter.change(name)
        is_there = step.prepared(site)
    with site.watcher() as watcher:
        if not step.in_sweep:
            watcher.said("reconciled")
            is_there = step.prepared(site)
            vcenter.change(name)
        site.until(is_there)
        assert end(watcher) == (0 if end is Function.stop else -signal.SIGKILL)


@pytest.mark.parametrize(
    ("steps", "end", "entering", "goes_back"),
    [
        pytest.param(ESSENTIAL, Function.kill, True, True, id="essential"),
        *(
            pytest.param(STEPS, *case, marks=[_EXHAUSTIVE, pytest.mark.timeout(600)])
            for case in itertools.product(
                (Function.kill, Function.stop), (True, False), (True, False)
            )
        ),
    ],
)
def test_a_watcher_that_is_ended_at_any_step(
    steps: Sequence[Step],
    end: Callable[[Function], int],
    entering: bool,
    goes_back: bool,
    tmp_path: Path,
) -> None:
    with field(tmp_path, len(steps), visible_delay=_DELAY_SECONDS) as site:
        [vcenter] = site.vcenters
        if not entering:
            vcenter.change(*vcenter.hosts)
            with site.watcher():
                site.settled()
        for step, name in zip(steps, vcenter.hosts, strict=True):
            interrupted(site, step, end, name)
            if goes_back:
                vcenter.change(name)
            # What has arrived over there is done all the same.
            time.sleep(_DELAY_SECONDS)
            with site.watcher() as next_one:
                site.settled()
                next_one.kill()


@_EXHAUSTIVE
def test_a_write_that_lands_when_its_watcher_is_long_gone(tmp_path: Path) -> None:
    with field(tmp_path, 3) as site:
        [vcenter] = site.vcenters
        [name, *_] = vcenter.hosts
        with site.watcher() as watcher:
            watcher.said("reconciled")
            site.operations.fault(path="/maintained", delay=5)
            vcenter.change(name)
            site.until(lambda: not site.operations.faults)
            watcher.kill()
        vcenter.change(name)
        with site.watcher(RECONCILE_INTERVAL_MINUTES="1") as next_one:
            next_one.said("reconciled")
            site.until(lambda: bool(site.writes("PUT")))
            site.settled()


@_EXHAUSTIVE
@pytest.mark.parametrize("kills", [0, 12])
def test_two_watchers_at_once(kills: int, tmp_path: Path) -> None:
    order = random.Random(_SEED)
    with field(tmp_path, 12, visible_delay=0.2) as site, site.watcher() as survivor:
        [vcenter] = site.vcenters
        survivor.said("reconciled")
        with site.watcher() as other:
            other.said("reconciled")
            vcenter.change(*order.choices(vcenter.hosts, k=40))
            site.settled()
            assert vcenter.vcsim.logins == site.operations.logins == 2
            site.until(lambda: readiness(other)["waiting"] == 0)
            other.kill()
            vcenter.change(*order.choices(vcenter.hosts, k=10))
            site.settled()
        for _ in range(kills):
            with site.watcher() as other:
                vcenter.change(*order.choices(vcenter.hosts, k=5))
                other.kill()
                vcenter.change(*order.choices(vcenter.hosts, k=5))
            # It may have written last, and not looked after that: whoever is started in its place
            # compares all hosts.
            with site.watcher():
                site.settled()


@_EXHAUSTIVE
@pytest.mark.parametrize("seconds", [600, -600], ids=["ahead", "behind"])
def test_a_clock_that_is_wrong_by_ten_minutes(seconds: int, one: Field) -> None:
    [vcenter] = one.vcenters
    first, second, third, *_ = vcenter.hosts
    wrong = {"module": "tests.wrong_clock", "WRONG_SECONDS": str(seconds)}
    vcenter.change(first, second)
    for _ in range(2):
        with one.watcher(**wrong):
            one.settled()
            vcenter.change(second, third)
            one.settled()
            vcenter.change(first, third)
            one.settled()
        vcenter.change(first, second)
    with one.watcher():
        one.settled()


def test_a_host_that_leaves_before_there_is_an_event_of_it(one: Field) -> None:
    [vcenter] = one.vcenters
    [name, *_] = vcenter.hosts
    with one.watcher():
        vcenter.change(name)
        one.settled()
    with one.watcher() as successor:
        successor.said("reconciled")
        vcenter.vcsim.leave_untold(vcenter.morefs[name])
        vcenter.entered.remove(name)
        one.settled()
        successor.said(name, "exited")


@_EXHAUSTIVE
def test_hosts_that_are_removed_while_they_are_silenced(one: Field) -> None:
    [vcenter] = one.vcenters
    first, second, third, *_ = vcenter.hosts
    with one.watcher() as watcher:
        watcher.said("reconciled")
        vcenter.change(first, second, third)
        one.settled()
        vcenter.remove(first)
        one.settled()
    vcenter.remove(second)
    with one.watcher():
        one.settled()
        assert vcenter.entered == {third}


@_EXHAUSTIVE
def test_an_inventory_that_is_empty_for_a_while(one: Field) -> None:
    [vcenter] = one.vcenters
    first, second, third, *_ = vcenter.hosts
    with one.watcher() as watcher:
        vcenter.change(first, second)
        one.settled()
        before = len(one.writes())
        lost(one, watcher, vcenter.stop)
        vcenter.start(hosts=0)
        watcher.said("watched: 0 hosts")
        one.until(lambda: readiness(watcher)["vcenters"][vcenter.address]["problem"] != "")
        lost(one, watcher, vcenter.stop)
        assert len(one.writes()) == before
        vcenter.change(second, third)
        vcenter.start()
        one.settled()


@contextmanager
def web_page(vcenter: Watched, port: int) -> Iterator[list[bytes]]:
    """Answer everybody who asks at a port with a web page; yields what they have sent."""
    sent: list[bytes] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            body = b"<!DOCTYPE html><html><body>Maintenance</body></html>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *told: Any) -> None:
            pass

    certificate = self_signed("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.for_server(vcenter.ca_file.with_suffix(".server")))
    with ThreadingHTTPServer(("127.0.0.1", port), Page) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        vcenter.trust(certificate.pem())
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield sent
        server.shutdown()
        thread.join()


@_EXHAUSTIVE
def test_a_web_page_in_place_of_a_vcenter(one: Field) -> None:
    [vcenter] = one.vcenters
    first, second, *_ = vcenter.hosts
    with one.watcher() as watcher:
        vcenter.change(first)
        one.settled()
        before = len(one.writes())
        with vcenter.away() as port, web_page(vcenter, port) as sent:
            vcenter.change(first, second)
            one.until(lambda: watcher.output.count("not watched") >= 5)
            assert not any(vcenter.password.encode() in each for each in sent)
            assert len(sent) <= 20
        assert len(one.writes()) == before
        one.settled()
        assert vcenter.vcsim.logins == 1


@pytest.mark.parametrize(
    "seconds", [0, pytest.param(60, marks=[_EXHAUSTIVE, pytest.mark.timeout(300)])]
)
def test_a_vcenter_that_hangs_while_another_goes_on(seconds: int, tmp_path: Path) -> None:
    with field(tmp_path, 20, 3) as site, site.watcher() as watcher:
        hanging, other = site.vcenters
        site.until(lambda: watcher.output.count("reconciled: ") == 2)
        hanging.change(*hanging.hosts)
        with hanging.hanging():
            other.change(*other.hosts)
            site.settled(other)
            time.sleep(seconds)
            other.change(*other.hosts[1:])
            site.settled(other)
        site.settled()
        assert other.vcsim.logins == 1
        assert hanging.vcsim.logins <= 2


@_EXHAUSTIVE
@pytest.mark.timeout(600)
def test_ten_thousand_hosts_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with field(tmp_path, 10_000) as site:
        [vcenter] = site.vcenters
        vcenter.change(*vcenter.hosts[::400])
        site.operations.clear_calls()
        started = time.monotonic()
        with site.watcher() as watcher:
            site.settled()
            seconds = time.monotonic() - started
            status = Path(f"/proc/{watcher.process.pid}/status").read_text(encoding="utf-8")
            [most] = [line.split()[1] for line in status.splitlines() if "VmHWM" in line]
            calls = len(site.operations.calls)
            with capsys.disabled():
                print(f"\n10,000 hosts: right after {seconds:.1f} s, {int(most) // 1024} MB")
            # The login, the adapter instances, a page for each thousand, and those that differ.
            assert calls <= 2 + 10 + 2 * 25
            assert vcenter.vcsim.logins == site.operations.logins == 1
