"""What a person is told: what happened, to which host, and what to do about it.

Names and texts come from outside, and every service reads markup of its own. So what could be
taken for markup, a mention or a link is written in signs that look alike and mean nothing.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple

# The full-width twin of a sign of ASCII stands so much further on in Unicode.
_TWIN: Final = 0xFEE0
_MARKUP: Final = {ord(each): ord(each) + _TWIN for each in "<>[]*`~|#&"}
# Within a name, as in esx_01 and administrator@vsphere.local, these are what people expect.
_AT_AN_EDGE: Final = re.compile(r"(?<![A-Za-z0-9])[@_]|_(?![A-Za-z0-9])")
_ALL: Final = "everyone|here|channel|all|online|room|team|group"
_MENTION: Final = re.compile(rf"@(?={_ALL})", re.IGNORECASE)
_LINK: Final = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
_MAX_LINE: Final = 300
# How many lines each subject may have, until the message is short enough.
_LINES: Final = (10, 5, 2, 1)
_CUT: Final = "\n… cut; the log and maintenance-mirror status have all"


class Subject(NamedTuple):
    """What may have happened, what to do about it, and the runbook's heading that says more."""

    what: str
    todo: str
    paragraph: str


SUBJECTS: Final[Mapping[str, Subject]] = {
    "overdue": Subject(
        "Forgotten in maintenance mode, as it seems",
        "Ask who is named; when the work is done, end maintenance mode in vCenter.",
        "A host was forgotten",
    ),
    "refused": Subject(
        "A sweep was refused, and has started and ended nothing",
        "maintenance-mirror reconcile --dry-run shows what it would change;"
        " if all of that is right, let it by --max-changes.",
        "A sweep was refused",
    ),
    "left": Subject(
        "Left alone, since it may be a person's",
        "maintenance-mirror status shows whose it is; end it in vRealize Operations if nobody"
        " needs it.",
        "Maintenance was left alone",
    ),
    "unseen": Subject(
        "Maintenance was ended, but that is not visible yet",
        "Look at the host in vRealize Operations; end its maintenance there if it is still on.",
        "A host stays in maintenance",
    ),
    "ambiguous": Subject(
        "Several resources fit the host, and none was touched",
        "End the host's maintenance by hand if it is over, and remove stale objects from"
        " vRealize Operations.",
        "Several resources fit a host",
    ),
    "rejected": Subject(
        "A request is refused, which no second try will change",
        "Grant what the text names; maintenance-mirror doctor checks all of it.",
        "A privilege is missing",
    ),
    "credentials": Subject(
        "The user name or the password is refused",
        "Correct the secret; a file is read again by itself.",
        "The password was changed",
    ),
    "lasting": Subject(
        "It will not work again before somebody has mended it",
        "Mend what the text names; maintenance-mirror doctor says how.",
        "What does not mend itself",
    ),
    "impostor": Subject(
        "Somebody posted an event that only calls itself one of vCenter's",
        "Find out who; nothing was changed.",
        "An event was forged",
    ),
    "unverified": Subject(
        "No configured vCenter has the host, so its event was refused",
        "Configure its vCenter, or an alias of it; nothing was changed.",
        "An event was forged",
    ),
    "undiscovered": Subject(
        "vRealize Operations does not know the host, and its event was given up",
        "If it should: maintenance-mirror doctor checks the account's scope.",
        "vRealize Operations does not know a host",
    ),
    "damaged": Subject(
        "What arrived is damaged, or no event",
        "The echo function shows what arrives.",
        "See what arrives",
    ),
    "no vCenter": Subject(
        "A timer asks for sweeps, but no vCenter is configured",
        "Set VCENTER_URL, or remove the timer.",
        "A host stays in maintenance",
    ),
    "other": Subject(
        "Not done, and trying again cannot help",
        "Search the log for the host's name.",
        "A host stays in maintenance",
    ),
}
_ORDER: Final = tuple(SUBJECTS)


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that needs attention: the key of its subject, whom it is about, and the details.

    ``origin`` is the event that it came by, if one. All but the first may come from outside, as
    they are, and may be empty.
    """

    subject: str
    about: str
    details: str = ""
    origin: str = ""

    @property
    def line(self) -> str:
        """What stands in a message, in one line and without markup."""
        about = "" if self.about in self.details else self.about
        text = ": ".join(filter(None, [about, self.details]))
        told = harmless(f"{text} ({self.origin})" if self.origin else text)
        return told if len(told) <= _MAX_LINE else f"{told[: _MAX_LINE - 1]}…"


class Message(NamedTuple):
    """What is sent, as plain text."""

    title: str
    body: str


def message(notices: Sequence[Notice], most: int) -> Message:
    """Return one message about all ``notices``, whose body has ``most`` characters at most."""
    count = len(notices)
    needs = "1 thing needs" if count == 1 else f"{count} things need"
    bodies = (_body(notices, lines) for lines in _LINES)
    body = next((each for each in bodies if len(each) <= most), "")
    return Message(f"maintenance-mirror: {needs} attention", body or _cut(notices, most))


def harmless(text: str) -> str:
    """Return ``text`` as one line that no service takes for more than text."""
    told = _LINK.sub(_twin, text.translate(_MARKUP))
    told = _AT_AN_EDGE.sub(_twin, _MENTION.sub(_twin, told))
    return "".join(each if each.isprintable() else _escaped(each) for each in told)


def _body(notices: Iterable[Notice], lines: int) -> str:
    ordered = sorted(notices, key=_place)
    return "\n\n".join(_group(key, [*of], lines) for key, of in groupby(ordered, _subject))


def _group(key: str, notices: Sequence[Notice], lines: int) -> str:
    subject = SUBJECTS[key]
    shown = [f"- {each.line}" for each in notices[:lines]]
    if more := notices[lines:]:
        shown.append(f"- and {len(more)} more: maintenance-mirror status lists all")
    todo = f'What to do: {subject.todo} See "{subject.paragraph}" in the runbook.'
    return "\n".join([f"{subject.what}:", *shown, todo])


def _cut(notices: Iterable[Notice], most: int) -> str:
    return _body(notices, 1)[: max(0, most - len(_CUT))] + _CUT[:most]


def _place(notice: Notice) -> int:
    return _ORDER.index(notice.subject)


def _subject(notice: Notice) -> str:
    return notice.subject


def _twin(found: re.Match[str]) -> str:
    return "".join(chr(ord(each) + _TWIN) for each in found[0])


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
