"""The page and its JSON: what stands there, and that nothing from outside can become markup."""

import json
import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.board import page
from adapters.board.comparison import Row
from adapters.board.model import GROUPS, Board, Happening, Reading, as_json, group_of
from functions.events import HostRef
from functions.ports import ModeChange
from tests.unit.board.boards import (
    ADDRESS,
    BOARD,
    DIFFERS,
    NOW,
    OURS,
    OVERDUE,
    PERSONS,
    ROWS,
    TIMED,
    WITH_COMPANIONS,
    host,
    in_service,
)

EVIL = "\"'></title><img src=x onerror=alert(1)><script>alert(1)</script>&amp;"
# Of these alone is a page made.
TAGS = {
    *("html", "head", "meta", "link", "script", "title", "body", "div", "header", "h1", "h2", "p"),
    *("nav", "ul", "li", "a", "svg", "g", "symbol", "circle", "path", "use", "b", "span", "form"),
    *("input", "button", "main", "section", "details", "summary", "time", "aside", "ol", "style"),
}


class Reader(HTMLParser):
    """Reads a page as a browser does."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


def evil_board(text: str) -> Board:
    """A board whose every text is that."""
    entered = ModeChange(text, True, NOW, text)
    bad = HostRef(text, text, text)
    told = [
        replace(each, host=bad, reason=text, entered=entered, companions=(replace(OURS, host=bad),))
        for each in ROWS
    ]
    happened = tuple(Happening(NOW, text, text, text, text, bad) for bad in (True, False))
    readings = (Reading(text, NOW, text), Reading(text, None, text))
    return Board(tuple(told), readings, (text,), happened)


@pytest.mark.parametrize(
    ("row", "key"),
    [(DIFFERS, "differs"), (OVERDUE, "overdue"), (PERSONS, "person"), (OURS, "ours")],
)
def test_a_host_is_where_somebody_has_to_do_something(row: Row, key: str) -> None:
    assert group_of(row).key == key
    shown = page.live(BOARD, "")
    section = shown.partition(f'id="g-{key}"')[2].partition("</section>")[0]
    assert row.host.name in section


def test_a_host_that_differs_is_there_however_long_it_has_been_so() -> None:
    assert group_of(replace(DIFFERS, overdue=True)).key == "differs"


def test_a_tile_says_since_when_by_whom_until_when_and_what_goes_with_it() -> None:
    text = Reader(page.live(Board((WITH_COMPANIONS,)), "")).text
    for said in (
        "esx04.lab.local",
        "host-4, vcenter.lab.local",
        "in maintenance mode, timed, ours",
        "since 2026-03-14 06:30 UTC by LAB\\anna",
        "silent until 2026-03-15 05:30 UTC at most",
        "datastore local-esx04: timed, ours",
        "datastore shared-01, of 2 hosts: monitored, leave: used",
    ):
        assert said in text


def test_the_page_says_what_could_not_be_read_and_how_old_it_is() -> None:
    text = Reader(page.live(BOARD, "")).text
    assert "vcenter2.lab.local: as it was at 2026-03-14 07:30 UTC: cannot be reached" in text
    assert "vRealize Operations: answers 503" in text
    assert "would change 20 of 30 hosts" in text


def test_hosts_in_service_are_folded_away_until_one_is_looked_for() -> None:
    board = Board(tuple(in_service(number) for number in range(1, 4)))
    assert "<details" in page.live(board, "")
    assert '<details id="d-rest" open>' in page.live(board, "esx02")
    assert '<details id="d-rest" open>' not in page.live(board, "  ")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ESX01", {1}),
        ("host-2", {2}),
        (ADDRESS, {1, 2, 3, 4, 5}),
        ("lab\\ANNA", {1, 3, 4}),
        ("datastore-12", {4}),
        ("  local-esx04 ", {4}),
        ("nobody", set()),
        ("<", set()),
    ],
)
def test_a_host_is_found_by_what_is_known_of_it(query: str, found: set[int]) -> None:
    rows = [row for each in BOARD.grouped(query).values() for row in each]
    assert {row.host for row in rows} == {host(number) for number in found}
    shown = page.live(BOARD, query)
    assert ("No host fits." in shown) == (not found)


def test_a_board_with_nothing_on_it_says_so() -> None:
    text = Reader(page.live(Board(), "")).text
    assert "There are no hosts yet." in text
    assert "Nothing was read yet." in text
    assert "What has happened" not in text


@pytest.mark.parametrize("show", [lambda b: page.live(b, EVIL), lambda b: page.alone(b, b.rows)])
def test_no_text_becomes_markup(show: Any) -> None:
    read = Reader(show(evil_board(EVIL)))
    assert {*read.tags} <= TAGS
    assert read.tags.count("script") <= 1
    assert [name for name, _ in read.attributes if name.startswith("on") or name == "style"] == []
    # A tile, a companion, and so on: each of them shows it as it is.
    assert read.text.count(EVIL) >= 5 * 5


@given(st.text(max_size=60))
def test_whatever_a_host_is_called_is_shown_and_not_obeyed(name: str) -> None:
    board = Board((Row(host(1, name), True, TIMED, "ours"),))
    plain = Reader(page.live(Board((Row(host(1, "x"), True, TIMED, "ours"),)), ""))
    read = Reader(page.live(board, name[:100]))
    assert read.tags.count("input") == 1
    assert {*read.tags} - {"details", "summary", "section"} <= {*plain.tags, "time"}
    page.live(board, "").encode()


def test_what_cannot_be_printed_is_shown() -> None:
    shown = page.live(Board((in_service(1, "esx\u202e01\x1b[2J\ud800\x00"),)), "")
    assert "esx\\u202e01\\x1b[2J\\ud800\\x00" in shown
    json.loads(as_json(Board((in_service(1, "esx\u202e01\ud800"),))))


def test_ten_thousand_hosts_stay_a_page_that_a_browser_can_draw() -> None:
    many = [in_service(number) for number in range(10_000)]
    wrong = [
        replace(DIFFERS, host=host(number, f"bad{number}")) for number in range(10_000, 20_000)
    ]
    board = Board((*many, *wrong))
    shown = page.live(board, "")
    assert len(shown) < 500_000
    assert shown.count('class="tile"') == 2 * page.MAX_SHOWN
    assert f"and {10_000 - page.MAX_SHOWN} more: find them by a part of their name" in shown
    assert "bad19999" in page.live(board, "BAD19999")
    assert "20000 hosts, 10000 of them in maintenance mode" in shown


def test_nothing_comes_from_elsewhere() -> None:
    for shown in (page.live(BOARD, ""), page.alone(BOARD, ROWS), page.login(wrong=True)):
        assert not re.search(r"""(src|href|action)=["']?(\w+:)?//""", shown)
        assert not re.search(r"""<(?!meta)[^>]*\s(on[a-z]+|style)=["']""", shown)
    script, style = page.SCRIPT.decode(), page.STYLE.decode()
    for dangerous in ("innerHTML", "insertAdjacentHTML", "document.write", "eval(", "http"):
        assert dangerous not in script
    assert "url(" not in style
    assert "@import" not in style


def test_a_page_of_its_own_needs_no_script_and_says_by_which_style_it_is_made() -> None:
    shown = page.alone(BOARD, ROWS)
    assert "default-src 'none'; style-src 'sha256-" in shown
    assert not {"script", "form", "input", "link"} & {*Reader(shown).tags}
    assert "esx05.lab.local" in shown


def test_json_holds_all_that_matters_and_counts_the_rest() -> None:
    told = json.loads(as_json(BOARD))
    assert told["counts"] == dict.fromkeys((group.key for group in GROUPS), 1)
    assert [each["group"] for each in told["hosts"]] == ["differs", "overdue", "person", "ours"]
    assert told["hosts"][3]["until"] == "2026-03-15T05:30:00Z"
    assert [each["host"] for each in told["hosts"][3]["companions"]] == ["local-esx04", "shared-01"]
    assert told["vcenters"]["vcenter2.lab.local"] == {
        "read": "2026-03-14T07:30:00Z",
        "problem": "cannot be reached",
    }
    assert [each["what"] for each in told["happenings"]] == ["entered", "SweepRefusedError"]
    assert {*told["happenings"][0]} == {each.name for each in fields(Happening)}
    assert json.loads(as_json(Board()))["happenings"] is None
