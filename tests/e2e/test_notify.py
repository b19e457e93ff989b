"""A word to a person, from real processes: what is told, to whom, and nothing twice."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.events import HTTP_FORMATS, IMPOSTOR
from lab.processes import ROOT, environment, function, watcher
from simulator import Host, Simulator, VCenter
from tests.receivers import Mailbox, Webhook
from tests.vcenters import Vcsim, needs_go, vcsim

pytestmark = pytest.mark.xdist_group("vcsim")
TIMEOUT_SECONDS = 60.0
TITLE = "maintenance-mirror: {} attention"


@contextmanager
def forgotten() -> Iterator[tuple[Simulator, Vcsim]]:
    """Three hosts, the first of which was forgotten in maintenance mode."""
    with vcsim(3) as vcenter:
        hosts = [Host(each.name, each.moref, "vc") for each in vcenter.hosts]
        known = VCenter("vc", vcenter.address, vcenter.uuid)
        with Simulator(hosts, [known]) as operations:
            vcenter.enter_long_ago(vcenter.hosts[0].moref)
            operations.maintain(vcenter.hosts[0].name, minutes=60)
            yield operations, vcenter


@needs_go
def test_a_sweep_tells_a_chat_and_each_recipient_of_a_mail_before_it_ends(tmp_path: Path) -> None:
    with forgotten() as (operations, vcenter), Webhook().listening() as chat:
        host = vcenter.hosts[0]
        with Mailbox().listening() as mailbox:
            secret = tmp_path / "urls"
            urls = f"{chat.chat_url()}\n{mailbox.url('a@lab.local', 'b@lab.local')}\n"
            secret.write_text(urls, encoding="utf-8")
            done = swept(operations, vcenter, NOTIFY_URLS_FILE=str(secret), LOG_LEVEL="DEBUG")
    [text] = [each["text"] for each in chat.got]
    told = f"- {host}: in maintenance mode for longer than its vCenter remembers"
    assert text.startswith(TITLE.format("1 thing needs"))
    assert told in text
    assert sorted(to for to, _ in mailbox.got) == ["a@lab.local", "b@lab.local"]
    assert all(told in mail.get_content() for _, mail in mailbox.got)
    assert done.returncode == 0
    assert chat.chat_url().rpartition("/")[2] not in done.stderr + done.stdout


def swept(
    operations: Simulator, vcenter: Vcsim, **settings: str
) -> "subprocess.CompletedProcess[str]":
    """Sweep once, in a process of its own, which is over by then."""
    return subprocess.run(
        [sys.executable, "-m", "adapters.watch", "--once"],
        cwd=ROOT,
        env=environment(operations, **vcenter.variables, **settings),
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        encoding="utf-8",
    )


@needs_go
def test_a_watcher_that_is_stopped_tells_before_it_ends_and_only_once(tmp_path: Path) -> None:
    with forgotten() as (operations, vcenter), Webhook().listening() as chat:
        settings = {**vcenter.variables, "NOTIFY_URLS": chat.chat_url()}
        with watcher(tmp_path / "log", operations, **settings) as running:
            running.said("reconciled")
            assert running.stop() == 0
        assert [each["text"].splitlines()[0] for each in chat.got] == [
            TITLE.format("1 thing needs")
        ]


@pytest.mark.parametrize("gone", [False, pytest.param(True, marks=pytest.mark.exhaustive)])
def test_a_function_tells_of_a_flood_in_one_message_and_a_dead_chat_harms_nobody(
    gone: bool, tmp_path: Path
) -> None:
    with Simulator([]) as simulator, Webhook(*[500] * 9 * gone).listening() as chat:
        with function(tmp_path / "log", simulator, NOTIFY_URLS=chat.chat_url()) as running:
            for _ in range(5):
                request = HTTP_FORMATS["router-binary"](IMPOSTOR).request()
                assert b" 204 " in running.send(request)
            running.stop()
            output = running.output
        told = [each["text"].splitlines()[0] for each in chat.got]
    assert {*told} == {TITLE.format("1 thing needs")}
    assert len(told) == 1 or gone
    assert ("was not told of 1 things" in output) == gone
