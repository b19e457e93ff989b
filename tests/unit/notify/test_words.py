"""adapters.notify.words: what a person reads, whatever the names hold."""

import re

from hypothesis import given
from hypothesis import strategies as st

from adapters.notify.words import SUBJECTS, Notice, harmless, message
from functions.ownership import A_PERSONS
from lab.processes import ROOT

MARKUP = "<>[]*`~|#&"
LEFT = Notice("left", "host esx04.lab.local (host-21) of vcenter.lab.local", A_PERSONS)


def test_the_document_has_every_subject_and_no_other() -> None:
    whole = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    text = whole.split("\n## Notifications\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| \[([^]]+)\]\(runbook", text, re.MULTILINE)
    assert rows == [(each.what, each.todo, each.paragraph) for each in SUBJECTS.values()]


def test_the_runbook_has_each_paragraph() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    assert {each.paragraph for each in SUBJECTS.values()} <= {*re.findall("^## (.+)$", text, re.M)}


def hosts(count: int, subject: str = "left") -> list[Notice]:
    return [Notice(subject, f"host esx{n:03}.lab.local of vc", A_PERSONS) for n in range(count)]


def test_one_thing_is_told_with_what_to_do() -> None:
    told = message([LEFT], 3000)
    assert told.title == "maintenance-mirror: 1 thing needs attention"
    assert told.body == (
        "Left alone, since it may be a person's:\n"
        "- host esx04.lab.local (host-21) of vcenter.lab.local: open-ended, so a person's,"
        " since ours have a lease\n"
        "What to do: maintenance-mirror status shows whose it is; end it in vRealize Operations if"
        ' nobody needs it. See "Maintenance was left alone" in the runbook.'
    )


def test_many_hosts_are_counted() -> None:
    told = message(hosts(200), 3000)
    assert told.title == "maintenance-mirror: 200 things need attention"
    lines = told.body.splitlines()
    assert sum(line.startswith("- host ") for line in lines) == 10
    assert "- and 190 more: maintenance-mirror status lists all" in lines


def test_each_subject_has_a_paragraph_of_its_own_in_the_order_of_the_table() -> None:
    told = message([*hosts(2), *hosts(1, "overdue"), *hosts(1)], 3000)
    paragraphs = told.body.split("\n\n")
    assert [each.splitlines()[0] for each in paragraphs] == [
        f"{SUBJECTS['overdue'].what}:",
        f"{SUBJECTS['left'].what}:",
    ]
    assert paragraphs[1].count("\n- ") == 3


def test_who_did_it_and_when_is_told() -> None:
    notice = Notice("impostor", "host a of vc", "it lies", "XEvent of 2026-01-01 10:00 UTC, by eve")
    assert notice.line == "host a of vc: it lies (XEvent of 2026-01-01 10:00 UTC, by eve)"


def test_a_host_that_the_text_names_is_named_once() -> None:
    assert Notice("other", "host a of vc", "no host a of vc there").line == "no host a of vc there"


@given(st.integers(0, 50), st.sampled_from([[*SUBJECTS], ["left"]]), st.integers(50, 3000))
def test_no_message_is_longer_than_a_service_takes(
    count: int, subjects: list[str], most: int
) -> None:
    notices = [
        Notice(subjects[n % len(subjects)], f"{n}{'x' * 400}", "y" * 400) for n in range(count + 1)
    ]
    told = message(notices, most)
    assert 0 < len(told.body) <= most
    assert str(count + 1) in told.title or count == 0


@given(st.text())
def test_no_text_holds_markup_or_more_than_a_line(text: str) -> None:
    told = harmless(text)
    assert told.isprintable()
    assert not {*told} & {*MARKUP}
    assert "://" not in told
    assert not re.search(r"(?<![a-zA-Z0-9])@|@(everyone|here|channel|all)", told, re.IGNORECASE)


def test_what_is_common_stays_as_it_is() -> None:
    for name in ("administrator@vsphere.local", "CORP\\anna", "esx_01.lab.local (host-21)", "élan"):
        assert harmless(name) == name


def test_forged_names_mean_nothing_to_a_chat() -> None:
    assert harmless("<!everyone> @channel [x](https://evil) *b*\n@here") == (
        "＜!everyone＞ ＠channel ［x］(https：//evil) ＊b＊\\n＠here"
    )
