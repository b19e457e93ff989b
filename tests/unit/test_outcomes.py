"""functions.outcomes: what became of an event, as a processor may be told."""

from functions.events import HostRef
from functions.outcomes import Outcome

HOST = HostRef("host-9", "esx1", "vc.lab")


def test_an_outcome_is_told_in_texts() -> None:
    assert Outcome("entered", HOST).as_dict() == {
        "action": "entered",
        "host": "host esx1 (host-9) of vc.lab",
        "reason": "",
    }
    assert Outcome("ignored", reason="x").as_dict()["host"] == ""
