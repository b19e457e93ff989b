"""docs/command-line.md shows what the commands say, between two simulated servers."""

import json
import re
import shlex
from collections.abc import Iterator

import pytest

from lab.processes import ROOT, environment, function
from simulator import Host, Simulator, VCenter
from tests.documents import blocks
from tests.receivers import Mailbox, Webhook
from tests.unit.cli.runner import command, seen
from tests.vcenters import needs_go, vcsim

pytestmark = [needs_go, pytest.mark.xdist_group("vcsim")]

DOCUMENT = ROOT / "docs" / "command-line.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
JSON = "maintenance-mirror status --output json"
# What differs between the servers of the test and those in the document.
NAMES = {
    r"127\.0\.0\.1:\d+": "HERE",
    r"(vrops|vcenter|mirror)\.lab\.local(:\d+)?": "HERE",
    r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)": "THEN",
    r"\"duration_ms\": [\d.]+": "DURATION",
    r"\d{4}-\d\d-\d\d( \d\d:\d\d)?": "THEN",
    r"\S+ is (127|192)[\d.]+": "RESOLVED",
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}": "UUID",
    r"(ChainId|Key)\":\d+": "KEY",
    r"Content-Length: \d+": "LENGTH",
    r"\d+ s (ahead of|behind) ours": "SKEW",
    r"─+": "─",
    r" +": " ",
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Every command of the document, run in its order; a function listens, too."""
    log = tmp_path_factory.mktemp("function") / "log"
    with vcsim(7) as vcenter:
        start, renew, end, persons, timed, forgotten, unknown = vcenter.hosts
        known = [Host(each.name, each.moref, "vc") for each in vcenter.hosts if each != unknown]
        others = VCenter("lab", "vc2.lab.local")
        with Simulator(known, [VCenter("vc", vcenter.address, vcenter.uuid), others]) as operations:
            for host in (end, renew):
                vcenter.enter(host.moref)
                vcenter.leave(host.moref)
            for host in (start, renew):
                vcenter.enter(host.moref)
            vcenter.enter_long_ago(forgotten.moref)
            for host in (renew, end, timed):
                operations.maintain(host.name, minutes=60)
            for host in (persons, forgotten):
                operations.maintain(host.name)
            settings = {
                **vcenter.variables,
                "MAINTENANCE_LEASE_MINUTES": "120",
                "RECONCILE_INTERVAL_MINUTES": "15",
            }
            with function(log, operations, **settings) as running:
                environ = environment(operations, **settings)
                lines = [JSON, *(line for line, _ in examples())]
                with Webhook().listening() as chat, Mailbox().listening() as mailbox:
                    urls = f"{chat.chat_url()}, {mailbox.url('admins@lab.local')}"
                    told = {**environ, "NOTIFY_URLS": urls}
                    yield {
                        line: _run(line, running.url, told if " notify " in line else environ)
                        for line in lines
                    }


def _run(line: str, url: str, environ: dict[str, str]) -> str:
    _, *arguments = shlex.split(line.replace("http://mirror.lab.local:8080", url))
    return seen(*arguments, environ=environ)


def examples() -> list[tuple[str, str]]:
    """The commands of the document, and what it shows below each."""
    return [
        (line.removeprefix("$ "), output)
        for block in blocks(DOCUMENT, "console")
        for line, _, output in [block.partition("\n")]
    ]


def comparable(text: str) -> list[str]:
    for pattern, name in NAMES.items():
        text = re.sub(pattern, name, text)
    return [line.strip() for line in text.replace("\r", "").strip().splitlines()]


@pytest.mark.parametrize(("line", "output"), examples(), ids=[line for line, _ in examples()])
def test_a_command_says_what_the_document_shows(
    line: str, output: str, shown: dict[str, str]
) -> None:
    assert comparable(shown[line]) == comparable(output)


def test_every_command_is_shown() -> None:
    words = [line.split()[1] for line, _ in examples()]
    commands = {"doctor", "status", "serve", "reconcile", "watch", "notify", "send"}
    assert commands == set(words)


def test_every_field_of_json_is_explained(shown: dict[str, str]) -> None:
    fields = json.loads(shown[JSON])[0]
    section = TEXT.partition("## status")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [*fields]


def test_every_option_is_in_the_document_or_explains_itself() -> None:
    options = {
        option
        for name in ("reconcile", "serve", "status", "watch", "send")
        for option in re.findall(r"^  (--[a-z-]+)", command(name, "--help").out, re.MULTILINE)
    }
    assert [option for option in sorted(options) if f"`{option}" not in TEXT] == []
