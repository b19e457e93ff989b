"""How the board looks in a browser.

All of it is written here, with and without a script; what script.js does is to take over what has
changed. Everything from outside goes through ``_text``, so that no name can become markup.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Final, TypeVar

from adapters.board.comparison import STATES, WHOSE_IN_WORDS, Row
from adapters.board.model import (
    GROUPS,
    MAX_QUERY_LENGTH,
    Board,
    Group,
    Happening,
    Reading,
    timestamp,
)

T = TypeVar("T")

# A browser draws a thousand tiles at once, and a person reads fewer.
MAX_SHOWN: Final = 200
_FOLDER: Final = Path(__file__).parent
STYLE: Final = (_FOLDER / "style.css").read_bytes()
SCRIPT: Final = (_FOLDER / "script.js").read_bytes()
ICON: Final = (_FOLDER / "icon.svg").read_bytes()
_FOUND_BY: Final = "Find a host, MoRef, vCenter or user"
_LONG_AGO: Final = "since long ago, before all events that vCenter still has"
_NOTHING: Final = '<p class="nothing">{}</p>'
_SYMBOLS: Final = (
    '<svg hidden><g fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"'
    ' stroke-linejoin="round">'
    '<symbol id="s-rest" viewBox="0 0 20 20"><circle cx="10" cy="10" r="8"/>'
    '<path d="M6.5 10.3l2.4 2.4 4.6-5"/></symbol>'
    '<symbol id="s-ours" viewBox="0 0 20 20"><circle cx="10" cy="10" r="8"/>'
    '<path d="M10 5.5V10l3 2"/></symbol>'
    '<symbol id="s-person" viewBox="0 0 20 20"><circle cx="10" cy="10" r="8"/>'
    '<path d="M8 7v6M12 7v6"/></symbol>'
    '<symbol id="s-overdue" viewBox="0 0 20 20"><circle cx="10" cy="10" r="8"'
    ' stroke-dasharray="3 3"/><path d="M10 5.5V10l3 2"/></symbol>'
    '<symbol id="s-differs" viewBox="0 0 20 20"><circle cx="10" cy="10" r="8"/>'
    '<path d="M10 6v5M10 14h.01"/></symbol></g></svg>'
)
_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{head}
<title>{title}</title>
</head>
<body>
{symbols}
<div class="page">
{content}
</div>
</body>
</html>
"""
_LINKS: Final = (
    '<link rel="icon" href="board.svg">\n<link rel="stylesheet" href="board.css">\n'
    '<script src="board.js" defer></script>'
)
_LOGIN: Final = """\
<main class="login">
<h1>Hosts in maintenance</h1>
<form class="panel" method="post" action="login">
<label class="field" for="token">Token, as BOARD_TOKEN has it</label>
<input class="search" id="token" name="token" type="password" autocomplete="current-password"
 required autofocus>
{problem}<button class="action main">Look</button>
</form>
</main>"""


def live(board: Board, query: str) -> str:
    """Return the page of a server, which its script keeps up to date."""
    return _page(_LINKS, board, board.rows, _search(query), query, MAX_SHOWN)


def alone(board: Board, compared: Sequence[Row]) -> str:
    """Return a page that needs nothing beside it; ``compared`` are all rows, which it counts."""
    digest = base64.b64encode(hashlib.sha256(STYLE).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<style>{STYLE.decode()}</style>"
    )
    return _page(head, board, compared, "", "", None)


def login(wrong: bool) -> str:
    """Return the page that asks for the token; ``wrong``, if that was not it."""
    problem = '<p class="error" role="alert">That is not the token.</p>\n' if wrong else ""
    links = '<link rel="icon" href="board.svg">\n<link rel="stylesheet" href="board.css">'
    content = _LOGIN.format(problem=problem)
    return _PAGE.format(head=links, title="Log in", symbols="", content=content)


def _page(
    head: str, board: Board, compared: Sequence[Row], search: str, query: str, most: int | None
) -> str:
    grouped = board.grouped(query)
    counts = [len(grouped[group.key]) for group in GROUPS]
    content = "\n".join(
        [
            _header(compared, counts),
            _notices(board),
            search,
            '<div class="columns">',
            f'<main aria-label="Hosts" id="groups">{_groups(grouped, query, most)}</main>',
            _aside(board),
            "</div>",
            '<div class="unseen" id="spoken" aria-live="polite"></div>',
        ]
    )
    title = f"{counts[0]} differ, {counts[1]} overdue" if any(counts[:2]) else "All agree"
    title = f"{title} \u2013 hosts in maintenance"
    return _PAGE.format(head=head, title=title, symbols=_SYMBOLS, content=content)


def _header(compared: Sequence[Row], counts: Sequence[int]) -> str:
    hosts = [row for row in compared if row.host.is_host]
    maintained = sum(bool(row.in_maintenance_mode) for row in hosts)
    summary = f"{len(hosts)} hosts, {maintained} of them in maintenance mode in vCenter"
    links = "".join(
        f'<li class="{group.key}"><a class="count" href="#g-{group.key}">{_symbol(group.key)}'
        f"<b>{count}</b> {_text(group.title.lower())}</a></li>"
        for group, count in zip(GROUPS, counts, strict=True)
        if count
    )
    return (
        f'<header id="top"><div><h1>Hosts in maintenance</h1><p class="soft">{summary}</p></div>'
        '<p class="pulse" id="pulse"></p></header>\n'
        f'<nav aria-label="Groups" id="counts"><ul class="counts">{links}</ul></nav>'
    )


def _notices(board: Board) -> str:
    said = [*board.notices, *(_stale(each) for each in board.readings if each.problem)]
    lines = "".join(f"<li>{_text(each)}</li>" for each in said)
    hidden = "" if said else " hidden"
    label = 'aria-label="What is wrong"'
    return f'<section class="notice" id="notices" {label}{hidden}><ul>{lines}</ul></section>'


def _stale(reading: Reading) -> str:
    if reading.at is None:
        return f"{reading.vcenter}: not read yet: {reading.problem}"
    return f"{reading.vcenter}: as it was at {_minute(reading.at)} UTC: {reading.problem}"


def _search(query: str) -> str:
    return (
        '<form class="tools" role="search" method="get" id="tools">'
        f'<input class="search" id="search" name="q" type="search" value="{_text(query)}"'
        f' maxlength="{MAX_QUERY_LENGTH}" placeholder="{_FOUND_BY}" aria-label="{_FOUND_BY}"'
        ' aria-keyshortcuts="/" autocomplete="off" spellcheck="false">'
        '<button class="action" id="find">Find</button></form>'
    )


def _groups(grouped: Mapping[str, list[Row]], query: str, most: int | None) -> str:
    shown = "".join(_group(group, grouped[group.key], most) for group in GROUPS[:-1])
    rest = _rest(GROUPS[-1], grouped[GROUPS[-1].key], query, most)
    if not any(grouped.values()):
        return _NOTHING.format("No host fits." if query.strip() else "There are no hosts yet.")
    return shown + rest


def _group(group: Group, rows: Sequence[Row], most: int | None) -> str:
    if not rows:
        return ""
    return (
        f'<section class="group {group.key}" id="g-{group.key}" aria-labelledby="t-{group.key}">'
        f'<h2 id="t-{group.key}">{_symbol(group.key)}{_text(group.title)}'
        f' <span class="soft">{len(rows)}</span></h2><p class="soft hint">{_text(group.hint)}</p>'
        f"{_tiles(rows, most)}</section>"
    )


def _rest(group: Group, rows: Sequence[Row], query: str, most: int | None) -> str:
    if not rows:
        return ""
    opened = " open" if query.strip() else ""
    return (
        f'<section class="group {group.key}" id="g-{group.key}" aria-labelledby="t-{group.key}">'
        f'<details id="d-{group.key}"{opened}><summary><h2 id="t-{group.key}">'
        f'{_symbol(group.key)}{_text(group.title)} <span class="soft">{len(rows)}</span></h2>'
        f"</summary>{_tiles(rows, most)}</details></section>"
    )


def _tiles(rows: Sequence[Row], most: int | None) -> str:
    shown = "".join(map(_tile, rows[:most]))
    more = len(rows) - len(rows[:most])
    said = (
        f"and {more} more: find them by a part of their name; maintenance-mirror status lists all"
    )
    return f'<ul class="tiles">{shown}</ul>' + (f'<p class="soft">{said}</p>' if more else "")


def _tile(row: Row) -> str:
    name = _name(row)
    facts = "".join(f"<p>{fact}</p>" for fact in _facts(row) if fact)
    return (
        f'<li class="tile" id="{_identifier(row)}" tabindex="-1">'
        f'<p class="name">{_text(name)}</p>'
        f'<p class="where">{_text(row.host.moref)}, {_text(row.host.vcenter)}</p>'
        f'<p class="state">{_text(_state(row))}</p>{facts}{_companions(row.companions)}</li>'
    )


def _facts(row: Row) -> Iterable[str]:
    yield _since(row)
    yield f"silent until {_time(row.until)} at most" if row.until else ""
    yield (
        f'<span class="sweep">{_text(f"{row.verb}: {row.reason}")}</span>'
        if row.verb
        else (_text(row.reason))
    )


def _state(row: Row) -> str:
    mode = {True: "in maintenance mode", False: "in service", None: "unknown to vCenter"}
    whose = WHOSE_IN_WORDS.get(row.whose, "")
    state = STATES[row.state] if row.state else "unknown to vRealize Operations"
    return f"{mode[row.in_maintenance_mode]}, {state}{f', {whose}' if whose else ''}"


def _since(row: Row) -> str:
    if row.entered is None:
        return _LONG_AGO if row.overdue else ""
    by = f" by {_text(row.entered.user)}" if row.entered.user else ""
    return f"since {_time(row.entered.at)}{_age(row.entered.at)}{by}"


def _companions(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    items = "".join(f"<li>{_text(_name(each))}: {_text(_companion(each))}</li>" for each in rows)
    return f'<p class="with">With it:</p><ul class="companions">{items}</ul>'


def _name(row: Row) -> str:
    name = row.host.name or row.host.moref
    if row.host.is_host:
        return name
    shared = f", of {row.of_hosts} hosts" if row.of_hosts > 1 else ""
    return f"{row.host.word} {name}{shared}"


def _companion(row: Row) -> str:
    said = f"{row.verb}: {row.reason}" if row.verb else row.reason
    return ", ".join(filter(None, [STATES[row.state], WHOSE_IN_WORDS.get(row.whose, ""), said]))


def _aside(board: Board) -> str:
    readings = _panel("Compared", "readings", board.readings, _reading, "Nothing was read yet.")
    happened = (
        ""
        if board.happenings is None
        else _panel("What has happened", "happenings", board.happenings, _happening, "Nothing yet.")
    )
    return f'<aside class="side" aria-label="Sweeps and events">{readings}{happened}</aside>'


def _panel(
    title: str, key: str, things: Sequence[T], line: Callable[[T], str], nothing: str
) -> str:
    lines = "".join(map(line, things))
    shown = f'<ol class="lines">{lines}</ol>' if lines else f"<p>{nothing}</p>"
    return (
        f'<section class="panel" id="{key}" aria-labelledby="{key}-title">'
        f'<h2 id="{key}-title">{title}</h2>{shown}</section>'
    )


def _reading(each: Reading) -> str:
    when = f"{_time(each.at)}{_age(each.at)}" if each.at else "not yet"
    bad = ' class="bad"' if each.problem else ""
    return f"<li><b>{_text(each.vcenter)}</b><p{bad}>{when}</p></li>"


def _happening(each: Happening) -> str:
    said = ": ".join(filter(None, [each.host, each.what, each.reason]))
    by = f"<p>by {_text(each.user)}</p>" if each.user else ""
    bad = ' class="bad"' if each.matters else ""
    return f"<li><p>{_time(each.at)}{_age(each.at)}</p><p{bad}>{_text(said)}</p>{by}</li>"


def _symbol(key: str) -> str:
    return f'<svg class="symbol" aria-hidden="true"><use href="#s-{key}"/></svg>'


def _identifier(row: Row) -> str:
    who = f"{row.host.vcenter}/{row.host.moref}/{row.host.name}"
    return "h" + hashlib.sha256(who.encode(errors="surrogatepass")).hexdigest()[:16]


def _time(moment: datetime) -> str:
    return f'<time datetime="{timestamp(moment)}">{_minute(moment)} UTC</time>'


def _age(moment: datetime) -> str:
    """Return a place where the script writes how long ago that is."""
    return f'<span class="age" data-at="{timestamp(moment)}"></span>'


def _minute(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _text(text: str) -> str:
    """Return ``text`` for any place of a page; what cannot be printed is shown, not obeyed."""
    shown = "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )
    return escape(shown)
