import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator import Companion, Fault, SettableClock
from tests.browser import CHROMIUM, QUIET, Page, opened

Run = Callable[..., Any]
Test = Callable[..., None]

EVIL = "<script>alert(1)</script>"
JSON = {"Content-Type": "application/json"}


COMPANIONS = [
    Companion("local", "datastore-12", hosts=["esx01"]),
    Companion("shared", "datastore-13", hosts=["esx01", "esx02"]),
    Companion(EVIL, "vm-42", kind="VirtualMachine", hosts=["esx02"]),
]


def needs_chromium(test: Test) -> Test:
    skipped: Test = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")(test)
    # What a browser makes of the page is the same whatever Python serves it.
    once: Test = pytest.mark.once(skipped)
    return once


def state(caller: Any) -> dict[str, Any]:
    return dict(caller.call("GET", "/_simulator/state").json())


def host(caller: Any, name: str = "esx01") -> dict[str, Any]:
    return next(each for each in state(caller)["hosts"] if each["name"] == name)


def test_the_page_holds_no_name_and_runs_nothing_but_its_own_script(run: Run) -> None:
    page = run([EVIL]).call("GET", "/")
    policy = page.headers["Content-Security-Policy"]
    (nonce,) = set(re.findall(r"'nonce-([^']+)'", policy))
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.text.count(f'nonce="{nonce}"') == 2
    assert EVIL not in page.text


def test_the_nonce_is_new_every_time(run: Run) -> None:
    caller = run()
    policies = {caller.call("GET", "/").headers["Content-Security-Policy"] for _ in range(3)}
    assert len(policies) == 3


def test_the_page_never_makes_markup_of_text_and_loads_nothing(run: Run) -> None:
    page = run().call("GET", "/").text
    for dangerous in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert dangerous not in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert not re.search(r"""\s(on[a-z]+|style)=["']""", page)


def test_the_state_is_json_that_no_browser_takes_for_markup(run: Run) -> None:
    answer = run([EVIL]).call("GET", "/_simulator/state")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.json()["hosts"][0]["name"] == EVIL


@needs_chromium
def test_a_browser_shows_an_evil_name_as_text(run: Run, tmp_path: Path) -> None:
    caller = run([EVIL, "esx01"], tls=False)
    caller.maintain("esx01", params={"duration": 5})
    profile = f"--user-data-dir={tmp_path}"
    options = [*QUIET, "--virtual-time-budget=1500", profile, "--dump-dom"]
    command = [str(CHROMIUM), *options, caller.simulator.url]
    dom = subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=60, check=True
    ).stdout
    assert '<div class="name">&lt;script&gt;alert(1)&lt;/script&gt;</div>' in dom
    assert EVIL not in dom
    assert "5:00 left" in dom


@pytest.fixture
def page(run: Run, tmp_path: Path) -> Iterator[tuple[Any, Page]]:
    """A simulator, and its page in a browser."""
    caller = run(tls=False)
    with opened(f"{caller.simulator.url}/", tmp_path / "profile") as opened_page:
        opened_page.wait("document.querySelectorAll('.tile').length === 2")
        yield caller.simulator, opened_page


def shown_faults(page: Page) -> Any:
    return page.value("[...document.querySelectorAll('.fault')].map((each) => each.innerText)")


@needs_chromium
def test_a_person_adds_and_clears_faults_without_a_mouse(page: tuple[Any, Page]) -> None:
    simulator, opened_page = page
    opened_page.tab_to("#trouble > summary")
    opened_page.press("Enter")
    for field, text in {"status": "429", "delay": "1.5", "count": "2", "path": EVIL}.items():
        opened_page.tab_to(f"#fault-{field}")
        opened_page.write(text)
    opened_page.press("Enter")
    opened_page.wait("document.querySelectorAll('.fault').length === 1")
    assert simulator.faults == [Fault(status=429, delay=1.5, count=2, path=EVIL)]
    assert shown_faults(opened_page) == [f"Wait 1.5 s, then answer 429\n2 times\nany method {EVIL}"]
    assert opened_page.value("document.getElementById('faults-count').innerText") == "1 waiting"
    opened_page.tab_to("#clear")
    opened_page.press("Enter")
    opened_page.wait("document.querySelectorAll('.fault').length === 0")
    assert simulator.faults == []
    assert opened_page.value("document.activeElement.innerText") == "Let calls fail"


@needs_chromium
@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("before", Fault(cut="before")),
        ("after", Fault(cut="after", method="PUT")),
        ("revoke", Fault(revoke=True)),
        ("late", Fault(delay=10)),
    ],
)
def test_each_kind_of_fault_can_be_chosen(
    choice: str, expected: Fault, page: tuple[Any, Page]
) -> None:
    simulator, opened_page = page
    values = {"what": choice, "delay": f"{expected.delay:g}", "method": expected.method}
    for field, value in values.items():
        element = f"document.getElementById('fault-{field}')"
        opened_page.value(
            f"{element}.value = '{value}', {element}.dispatchEvent(new Event('input'))"
        )
    assert opened_page.value("document.getElementById('fault-status-field').hidden")
    opened_page.value("document.getElementById('fault').requestSubmit()")
    opened_page.wait("document.querySelectorAll('.fault').length === 1")
    assert simulator.faults == [expected]


@needs_chromium
def test_a_fault_that_makes_no_sense_is_refused_where_it_was_asked_for(
    page: tuple[Any, Page],
) -> None:
    simulator, opened_page = page
    opened_page.value("document.getElementById('trouble').open = true")
    opened_page.tab_to("#fault-status")
    opened_page.write("99")
    opened_page.press("Enter")
    opened_page.wait("!document.getElementById('fault-error').hidden")
    sentence = opened_page.value("document.getElementById('fault-error').innerText")
    assert (sentence, simulator.faults) == ("status must be a number from 200 to 599.", [])
    opened_page.tab_to("#fault-status")
    opened_page.value("document.activeElement.select()")
    opened_page.write("503")
    opened_page.press("Enter")
    opened_page.wait("document.getElementById('fault-error').hidden")
    assert simulator.faults == [Fault(status=503)]


@needs_chromium
def test_the_form_is_dark_where_the_page_is(page: tuple[Any, Page]) -> None:
    _, opened_page = page
    seen = {}
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        opened_page.tell("Emulation.setEmulatedMedia", features=[feature])
        seen[scheme] = opened_page.value(
            "['fault-what', 'fault-path'].map((id) => document.getElementById(id))"
            ".map((node) => [getComputedStyle(node).backgroundColor, getComputedStyle(node).color])"
        )
    assert seen == {
        "light": [["rgb(245, 245, 242)", "rgb(31, 36, 33)"]] * 2,
        "dark": [["rgb(20, 23, 22)", "rgb(231, 235, 232)"]] * 2,
    }


@pytest.fixture
def surrounded(run: Run, tmp_path: Path) -> Iterator[tuple[Any, Page]]:
    """A simulator with what goes with hosts, and its page in a browser."""
    caller = run(companions=COMPANIONS, tls=False)
    with opened(f"{caller.simulator.url}/", tmp_path / "profile") as opened_page:
        tiles = "[...document.querySelectorAll('.tile.companion')]"
        opened_page.wait(f"{tiles}.filter((each) => each.innerText).length === 3")
        yield caller.simulator, opened_page


def shown_tiles(page: Page, list: str) -> Any:
    tiles = f"[...document.querySelectorAll('#{list} .tile')]"
    return page.value(f"{tiles}.filter((e) => e.offsetParent).map((each) => each.innerText)")


def find(page: Page, text: str) -> None:
    search = "document.getElementById('search')"
    page.value(f"{search}.value = '{text}', {search}.dispatchEvent(new Event('input'))")


@needs_chromium
def test_what_goes_with_hosts_has_tiles_of_its_own(surrounded: tuple[Any, Page]) -> None:
    _, opened_page = surrounded
    assert [each.split("\n")[:2] for each in shown_tiles(opened_page, "companion-tiles")] == [
        ["local", "Datastore of esx01"],
        ["shared", "Datastore of 2 hosts"],
        [EVIL, "Virtual machine of esx02"],
    ]
    assert len(shown_tiles(opened_page, "tiles")) == 2
    assert opened_page.value("document.getElementById('filter-all').innerText") == "2\nhosts"


@needs_chromium
def test_a_host_is_found_with_what_goes_with_it(surrounded: tuple[Any, Page]) -> None:
    _, opened_page = surrounded
    find(opened_page, "esx01")
    names = [each.split("\n")[0] for each in shown_tiles(opened_page, "companion-tiles")]
    assert names == ["local", "shared"]
    assert [each.split("\n")[0] for each in shown_tiles(opened_page, "tiles")] == ["esx01"]
    find(opened_page, "nothing")
    assert opened_page.value("document.getElementById('companions').hidden")


@needs_chromium
def test_a_person_puts_a_companion_into_maintenance_without_a_mouse(
    surrounded: tuple[Any, Page],
) -> None:
    simulator, opened_page = surrounded
    opened_page.tab_to(".tile.companion")
    opened_page.press("Enter")
    facts = opened_page.value("document.getElementById('dialog-facts').innerText")
    assert "Datastore" in facts
    assert "esx01" in facts
    opened_page.tab_to("#dialog-actions .action:nth-of-type(1)")
    opened_page.press("Enter")
    opened_page.wait("document.querySelectorAll('.tile.companion.timed').length === 1")
    assert simulator.states("Datastore") == {"local": "MAINTAINED", "shared": "STARTED"}
    assert simulator.states() == {"esx01": "STARTED", "esx02": "STARTED"}


@needs_chromium
def test_a_host_tells_what_goes_with_it(surrounded: tuple[Any, Page]) -> None:
    _, opened_page = surrounded
    opened_page.tab_to(".tile")
    opened_page.press("Enter")
    facts = opened_page.value("document.getElementById('dialog-facts').innerText")
    assert facts.split("\n")[-1] == "local, shared"


@needs_chromium
def test_where_nothing_goes_with_hosts_nothing_is_shown_of_that(page: tuple[Any, Page]) -> None:
    _, opened_page = page
    assert opened_page.value("document.getElementById('companions').hidden")


def test_the_state_tells_companions_apart_from_hosts(run: Run) -> None:
    caller = run(companions=COMPANIONS)
    told = {each["name"]: each for each in state(caller)["companions"]}
    assert [*told] == ["local", "shared", EVIL]
    assert (told["local"]["kind"], told["local"]["state"]) == ("Datastore", "STARTED")
    assert told["local"]["hosts"] == [host(caller)["id"]]
    assert len(state(caller)["hosts"]) == 2


def test_a_script_adds_relates_and_removes_companions(run: Run) -> None:
    caller = run()
    body: dict[str, Any] = {"name": "local", "kind": "Datastore", "hosts": ["esx01"]}
    added = caller.call("POST", "/_simulator/companions", json=body).json()
    assert (added["moref"], added["hosts"]) == ("datastore-1003", [host(caller)["id"]])
    caller.call("POST", "/_simulator/maintain", json={"name": "local"})
    body = {"name": "local", "hosts": ["esx02"]}
    moved = caller.call("POST", "/_simulator/relate", json=body).json()
    assert (moved["hosts"], moved["state"]) == ([host(caller, "esx02")["id"]], "MAINTAINED_MANUAL")
    removed = caller.call("DELETE", "/_simulator/companions", json={"id": added["id"]}).json()
    assert removed["state"] == caller.simulator.state("local") == "NOT_EXISTING"


@pytest.mark.parametrize(
    ("method", "path", "body", "sentence"),
    [
        ("POST", "companions", {}, "'' is no name"),
        ("POST", "companions", {"name": 1}, "1 is no name."),
        ("POST", "companions", {"name": "a", "hosts": "esx01"}, "hosts must be a list"),
        ("POST", "companions", {"name": "a", "hosts": ["esx9"]}, "No host is called esx9."),
        ("POST", "companions", {"name": "a", "kind": "Folder"}, "'Folder' is no kind of resource"),
        ("POST", "companions", {"name": "a", "size": 1}, "A companion has no size."),
        ("POST", "relate", {"name": "esx01", "hosts": []}, "esx01 is a host."),
        ("DELETE", "companions", {"name": "esx01"}, "esx01 is a host."),
        ("DELETE", "companions", {"name": "x"}, "No host is called x."),
    ],
)
def test_what_a_script_cannot_mean_of_companions_is_refused_with_a_sentence(
    run: Run, method: str, path: str, body: dict[str, Any], sentence: str
) -> None:
    answer = run().call(method, f"/_simulator/{path}", json=body)
    assert (answer.status_code, sentence in answer.json()["message"]) == (400, True)


def test_the_state_tells_how_long_a_window_has_left(run: Run, clock: SettableClock) -> None:
    caller = run()
    caller.simulator.maintain("esx01", minutes=5)
    clock.advance(60)
    assert (host(caller)["state"], host(caller)["remaining"]) == ("MAINTAINED", 240)
    caller.simulator.maintain("esx01")
    assert (host(caller)["state"], host(caller)["remaining"]) == ("MAINTAINED_MANUAL", None)


def test_the_state_holds_the_last_calls_and_how_many_there_were(run: Run) -> None:
    caller = run()
    before = state(caller)["calls"]["count"]
    for number in range(40):
        caller.api("GET", "/versions/current", params={"n": number})
    calls = state(caller)["calls"]
    assert calls["count"] == before + 40
    assert [call["query"] for call in calls["latest"]] == [f"n={n}" for n in range(10, 40)]


def test_looking_at_the_simulator_is_no_call(run: Run) -> None:
    caller = run()
    state(caller)
    caller.call("GET", "/")
    assert caller.simulator.calls == []


def test_a_call_holds_the_query_and_no_header(run: Run) -> None:
    caller = run()
    caller.api("GET", "/resources", params={"name": "esx"})
    (call,) = caller.simulator.calls
    assert (call.method, call.path, call.query, call.status) == (
        "GET",
        "/suite-api/api/resources",
        "name=esx",
        200,
    )
    assert 0 <= call.seconds < 10


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"minutes": None}, "MAINTAINED_MANUAL"),
        ({}, "MAINTAINED_MANUAL"),
        ({"minutes": 30}, "MAINTAINED"),
    ],
)
def test_a_person_starts_and_ends_maintenance(
    run: Run, body: dict[str, Any], expected: str
) -> None:
    caller = run()
    answer = caller.call("POST", "/_simulator/maintain", json={"name": "esx01", **body})
    assert answer.json()["state"] == caller.simulator.state("esx01") == expected
    caller.call("POST", "/_simulator/end", json={"id": host(caller)["id"]})
    assert caller.simulator.state("esx01") == "STARTED"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"name": "ESX99"}, "No host is called ESX99."),
        ({"id": "x"}, "No host has the id x."),
        ({}, "No host is called None."),
        ([], "The request body is not a JSON object."),
        ({"name": "esx01", "minutes": 0}, "minutes must be a number from 1 to 525600, or null."),
        ({"name": "esx01", "minutes": "5"}, "minutes must be a number from 1 to 525600, or null."),
    ],
)
def test_what_a_person_cannot_mean_is_refused_with_a_sentence(
    run: Run, body: object, sentence: str
) -> None:
    answer = run().call("POST", "/_simulator/maintain", json=body)
    assert (answer.status_code, answer.json()["message"]) == (400, sentence)


@pytest.mark.parametrize("path", ["faults", "maintain", "end", "companions", "relate"])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_form_of_another_site_changes_nothing(run: Run, path: str, kind: str | None) -> None:
    body = '{"name": "esx01", "status": 503}'
    caller = run()
    answer = caller.call("POST", f"/_simulator/{path}", data=body, headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert state(caller)["faults"] == []
    assert caller.simulator.state("esx01") == "STARTED"
