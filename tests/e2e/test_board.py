"""The page in a real browser: against a watcher between vcsim and the simulator, and by itself.

``BOARD_SCREENSHOT`` names a file for a picture of it, which docs/board.png is.
"""

import base64
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from adapters.board import page as written
from adapters.board.access import Access
from adapters.board.comparison import Row
from adapters.board.model import Board
from adapters.board.pages import Pages
from adapters.board.server import Answer, Request, serving
from adapters.config.settings import Secret
from functions.events import HostRef
from lab.processes import ROOT, environment, free_port, started
from simulator import Host, Simulator, VCenter
from tests.browser import CHROMIUM, Page, opened
from tests.unit.board.boards import (
    ADDRESS,
    BOARD,
    DIFFERS,
    OURS,
    OVERDUE,
    PERSONS,
    host,
    in_service,
)
from tests.unit.board.test_page import EVIL, evil_board
from tests.unit.cli.runner import COMMAND
from tests.vcenters import needs_go, vcsim
from tests.watching import field

_AXE = find_spec("axe_playwright_python")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here"),
]
needs_axe = pytest.mark.skipif(_AXE is None, reason="there is no axe-core here")

TOKEN = "f3a9c1d07be24e58a6"
LIVE = "document.getElementById('pulse')?.textContent === 'live'"
# All that axe-core knows, its best practices among them.
_RUN_AXE = """
window.found = null;
axe.run(document).then((told) => { window.found = JSON.stringify(
  told.violations.map((each) => [each.id, each.nodes.map((node) => node.html)])); });
"""


class Shown:
    """What a server of the page shows: ``board`` may be another one at any time."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.url = ""


@contextmanager
def shown(board: Board, token: str | None = None) -> Iterator[Shown]:
    told = Shown(board)
    pages = Pages(lambda: told.board, Access(Secret(token) if token else None))
    with serving(("127.0.0.1", 0), pages, "", posts=True) as port:
        told.url = f"http://127.0.0.1:{port}/"
        yield told


@contextmanager
def looking(url: str, profile: Path, *, at_size: tuple[int, int] = (1280, 900)) -> Iterator[Page]:
    """Look at a page; in the end its console has nothing to complain of."""
    with opened(url, profile) as page:
        width, height = at_size
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        page.tell("Emulation.setDeviceMetricsOverride", **size)
        page.wait("document.readyState === 'complete'")
        yield page
        page.value("1")
        assert page.complaints == []


def tile(name: str, group: str) -> str:
    """Return an expression: whether a group shows a host."""
    names = f"[...document.querySelectorAll('#g-{group} .name')].map((each) => each.textContent)"
    return f"{names}.includes({json.dumps(name)})"


def focused(page: Page) -> str:
    return str(page.value("document.activeElement.querySelector('.name')?.textContent || ''"))


def faults(page: Page) -> Any:
    assert _AXE
    assert _AXE.submodule_search_locations
    source = Path(_AXE.submodule_search_locations[0]) / "axe.min.js"
    page.value(f"{source.read_text(encoding='utf-8')};1")
    page.value(f"{_RUN_AXE};1")
    page.wait("window.found !== null")
    return json.loads(page.value("window.found"))


@needs_go
@pytest.mark.timeout(300)
def test_a_host_that_enters_appears_and_goes_when_it_leaves(tmp_path: Path) -> None:
    with field(tmp_path, 4) as site, site.watcher(BOARD="true") as watcher:
        [vcenter] = site.vcenters
        first, second, *_ = vcenter.hosts
        watcher.said("reconciled")
        with looking(f"{watcher.url}/", tmp_path / "profile") as page:
            page.wait(LIVE)
            page.wait("document.getElementById('g-rest') && !document.getElementById('g-ours')")
            vcenter.change(first)
            page.wait(tile(first, "ours"))
            page.wait(f"document.getElementById('spoken').textContent.includes('{first}')")
            page.wait("document.title.startsWith('All agree')")
            asked = len(site.operations.calls), vcenter.vcsim.logins
            requests = "performance.getEntriesByType('resource').length"
            before = page.value(requests)
            page.wait(f"{requests} >= {before} + 3")
            assert (len(site.operations.calls), vcenter.vcsim.logins) == asked
            with site.operations.down():
                vcenter.change(second)
                page.wait(tile(second, "differs"))
                page.wait("!document.getElementById('notices').hidden")
            page.wait(tile(second, "ours"))
            vcenter.change(first, second)
            page.wait("!document.getElementById('g-ours')")


@needs_go
@pytest.mark.timeout(300)
def test_serve_shows_both_sides_of_real_services(tmp_path: Path) -> None:
    with vcsim(3) as vcenter:
        first, *_ = vcenter.hosts
        forged = "<img src=x onerror=alert(1)>"
        known = [Host(each.name, each.moref, "vc") for each in vcenter.hosts]
        known.append(Host(forged, "host-99999", "vc"))
        with Simulator(known, [VCenter("vc", vcenter.address, vcenter.uuid)]) as operations:
            port = free_port()
            settings = {**vcenter.variables, "MAINTENANCE_LEASE_MINUTES": "120"}
            words = [*COMMAND, "serve", "--address", f"127.0.0.1:{port}", "--every", "1"]
            environ = environment(operations, **settings)
            run = started(words, port, tmp_path / "log", environ=environ, answers=lambda url: True)
            with run as serve, looking(f"{serve.url}/", tmp_path / "profile") as page:
                page.wait(tile(forged, "differs"))
                vcenter.enter(first.moref)
                page.wait(tile(first.name, "differs"))
                operations.maintain(first.name)
                page.wait(tile(first.name, "person"))
                assert page.value("document.querySelectorAll('img').length") == 0
                assert serve.stop() == 0


def test_whatever_hosts_are_called_stays_text(tmp_path: Path) -> None:
    with shown(evil_board(EVIL)) as told, looking(told.url, tmp_path) as page:
        page.wait(LIVE)
        told.board = evil_board(f"{EVIL} again")
        page.wait(f"document.body.textContent.includes({json.dumps(EVIL + ' again')})")
        assert page.value("document.querySelectorAll('img').length") == 0
        assert page.value("document.scripts.length") == 1
        page.press("/")
        page.write(EVIL)
        page.wait("document.getElementById('groups').textContent.includes('again')")
        assert page.value("document.querySelectorAll('img').length") == 0


def test_everything_can_be_done_by_the_keyboard(tmp_path: Path) -> None:
    with shown(BOARD) as told, looking(told.url, tmp_path) as page:
        page.wait(LIVE)
        names = ["esx01.lab.local", "esx02.lab.local", "esx03.lab.local"]
        for key, name in [("j", names[0]), ("ArrowDown", names[1]), ("j", names[2])]:
            page.press(key)
            assert focused(page) == name
        for key, name in [("k", names[1]), ("ArrowUp", names[0]), ("k", names[0])]:
            page.press(key)
            assert focused(page) == name
        page.press("/")
        assert page.value("document.activeElement.id") == "search"
        page.write("esx04")
        page.wait("document.querySelectorAll('.tile').length === 1")
        assert page.value("document.activeElement.id") == "search"
        page.press("j")
        assert page.value("document.getElementById('search').value") == "esx04j"
        page.press("Escape")
        page.wait("document.querySelectorAll('.tile').length === 5")
        assert page.value("document.activeElement === document.body")
        page.tab_to("summary")
        page.press("Enter")
        page.wait("document.getElementById('d-rest').open")


def test_what_changes_is_said_and_leaves_the_rest_where_it_is(tmp_path: Path) -> None:
    with shown(BOARD) as told, looking(told.url, tmp_path) as page:
        page.wait(LIVE)
        page.value("document.getElementById('d-rest').open = true")
        page.press("j")
        page.press("j")
        page.value("document.querySelectorAll('.tile')[1].marked = true")
        told.board = replace(BOARD, rows=(*BOARD.rows, replace(OURS, host=host(9))))
        page.wait("document.getElementById('spoken').textContent.startsWith('esx09.lab.local: in')")
        assert focused(page) == "esx02.lab.local"
        assert page.value("document.activeElement.marked")
        assert page.value("document.getElementById('d-rest').open")
        told.board = replace(BOARD, rows=BOARD.rows[1:])
        page.wait(
            "document.getElementById('spoken').textContent ==="
            " 'esx01.lab.local: no longer listed; esx09.lab.local: no longer listed'"
        )


def test_a_server_that_is_gone_is_said_and_so_is_that_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    pages = Pages(lambda: BOARD, Access(None))
    with opened("about:blank", tmp_path) as page:
        with serving(("127.0.0.1", port), pages, "", posts=True):
            page.goes(f"http://127.0.0.1:{port}/")
            page.wait(LIVE)
        page.wait("document.getElementById('pulse').textContent.startsWith('no answer')")
        assert page.value(tile("esx01.lab.local", "differs"))
        with serving(("127.0.0.1", port), pages, "", posts=True):
            page.wait(LIVE)


def test_ten_thousand_hosts_can_be_looked_at_and_each_of_them_found(tmp_path: Path) -> None:
    rows = [in_service(number) for number in range(10_000)]
    rows += [replace(DIFFERS, host=host(n, f"bad{n}.lab.local")) for n in range(10_000, 20_000)]
    with shown(Board(tuple(rows))) as told, looking(told.url, tmp_path) as page:
        page.wait(LIVE)
        assert page.value("document.querySelectorAll('.tile').length") == 2 * written.MAX_SHOWN
        page.press("/")
        page.write("bad19999")
        page.wait(tile("bad19999.lab.local", "differs"))
        page.wait("document.querySelectorAll('.tile').length === 1")


def test_whoever_has_the_token_logs_in_and_no_one_else(tmp_path: Path) -> None:
    with shown(BOARD, TOKEN) as told, opened(told.url, tmp_path) as page:
        page.wait("document.activeElement?.id === 'token'")
        page.write("wrong")
        page.press("Enter")
        page.wait("document.querySelector('.error')?.textContent === 'That is not the token.'")
        assert "esx01" not in page.value("document.documentElement.outerHTML")
        page.wait("document.activeElement?.id === 'token'")
        page.write(TOKEN)
        page.press("Enter")
        page.wait(LIVE)
        assert page.value("location.pathname + location.search") == "/"
        assert page.value("document.cookie") == ""
        assert TOKEN not in page.value("document.documentElement.outerHTML")
        # The browser itself tells of answers that are 401.
        assert [each for each in page.complaints if "401" not in each] == []


@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("what", ["live", "empty", "login", "file"])
def test_it_has_no_fault_of_accessibility(what: str, scheme: str, tmp_path: Path) -> None:
    board, token = (Board() if what == "empty" else BOARD), TOKEN if what == "login" else None
    file = tmp_path / "board.html"
    file.write_text(written.alone(BOARD, BOARD.rows), encoding="utf-8")
    with shown(board, token) as told, opened("about:blank", tmp_path / "profile") as page:
        page.looks(prefers_color_scheme=scheme)
        page.goes(file.as_uri() if what == "file" else told.url)
        page.wait("document.readyState === 'complete' && document.title")
        if what in ("live", "empty"):
            page.wait(LIVE)
        page.value("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert faults(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_dark_where_the_browser_is(scheme: str, tmp_path: Path) -> None:
    with shown(BOARD) as told, looking(told.url, tmp_path) as page:
        page.looks(prefers_color_scheme=scheme)
        ground = page.value("getComputedStyle(document.body).backgroundColor")
        assert ground == {"light": "rgb(245, 245, 242)", "dark": "rgb(20, 23, 22)"}[scheme]


def test_a_patch_run_is_printed_on_one_page(tmp_path: Path) -> None:
    rows = [replace(OURS, host=host(n)) for n in range(1, 25)]
    rows += [DIFFERS, OVERDUE, PERSONS, *(in_service(n) for n in range(100, 400))]
    board = replace(BOARD, rows=tuple(rows), happenings=(BOARD.happenings or ()) * 15)
    with shown(board) as told, looking(told.url, tmp_path) as page:
        page.wait(LIVE)
        printed = page.tell("Page.printToPDF", preferCSSPageSize=True)
        pdf = base64.b64decode(printed["data"])
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1


def test_a_file_needs_neither_server_nor_script(tmp_path: Path) -> None:
    file = tmp_path / "board.html"
    file.write_text(written.alone(BOARD, BOARD.rows), encoding="utf-8")
    with looking(file.as_uri(), tmp_path / "profile") as page:
        assert page.value(tile("esx01.lab.local", "differs"))
        ground = page.value("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(245, 245, 242)"
        assert page.value("document.scripts.length") == 0


def test_without_a_script_it_shows_and_finds_the_same(tmp_path: Path) -> None:
    with shown(BOARD) as told, opened("about:blank", tmp_path) as page:
        page.tell("Emulation.setScriptExecutionDisabled", value=True)
        page.goes(f"{told.url}?q=esx03")
        page.wait("document.querySelectorAll('.tile').length === 1")
        assert page.value("document.getElementById('find').checkVisibility()")
        assert page.value(tile("esx03.lab.local", "person"))


def test_another_site_cannot_put_it_into_a_frame(tmp_path: Path) -> None:
    asked: list[str] = []
    pages = Pages(lambda: BOARD, Access(None))

    def noted(request: Request) -> Answer:
        asked.append(request.path)
        return pages(request)

    def framing(request: Request) -> Answer:
        frame = f"<iframe src='http://127.0.0.1:{port}/' onload='document.title=1'></iframe>"
        return Answer(200, frame.encode(), "text/html")

    with (
        serving(("127.0.0.1", 0), noted, "") as port,
        serving(("127.0.0.1", 0), framing, "") as other,
        opened(f"http://localhost:{other}/", tmp_path) as page,
    ):
        page.wait("document.title === '1'")
        # A page that is shown asks for its style before it has loaded.
        assert asked == ["/"]


@pytest.mark.skipif("BOARD_SCREENSHOT" not in os.environ, reason="BOARD_SCREENSHOT names no file")
def test_a_picture_of_it_is_made(tmp_path: Path) -> None:
    datastore = Row(
        HostRef("datastore-11", "local-esx04", ADDRESS, "Datastore"), True, OURS.state, "ours"
    )
    rows = (
        DIFFERS,
        OVERDUE,
        PERSONS,
        replace(OURS, companions=(datastore,)),
        replace(OURS, host=host(5)),
        *(in_service(number) for number in range(6, 48)),
    )
    board = replace(BOARD, rows=rows, readings=BOARD.readings[:1], notices=())
    file = Path(os.environ["BOARD_SCREENSHOT"])
    with shown(board) as told, looking(told.url, tmp_path, at_size=(1100, 1070)) as page:
        page.tell("Emulation.setScrollbarsHidden", hidden=True)
        page.wait(LIVE)
        # What is ago changes all the time, and a picture does not.
        page.value("document.querySelectorAll('.age').forEach((each) => { each.hidden = true; })")
        taken = page.tell("Page.captureScreenshot", format="png")
        (ROOT / file).write_bytes(base64.b64decode(taken["data"]))
