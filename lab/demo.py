"""Mirror events into a simulated vRealize Operations, lose one, forge one, and show what happens.

``make demo`` runs this: simulator, vCenter and function as processes of their own, and the events
as VEBA's router sends them; then datastores and a cluster go with their hosts, and in the end
vCenter itself is watched, and no event is sent. It exits with 0 only if every state was right.
"""

import os
import re
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from lab import laboratory
from lab.events import EXAMPLES
from lab.laboratory import Laboratory
from lab.processes import ROOT, Function, NotStartedError
from lab.vcenters import HOSTS
from lab.vcsim import NotBuiltError

BUILD: Final = ROOT / "build" / "demo"
HOST, OTHER = HOSTS
ENTER, EXIT = "router-binary-enter.http", "router-binary-exit.http"
TIMER: Final = "knative-ping.http"


class Step(NamedTuple):
    """What happens to ``host`` in vCenter, what is sent of it, and the state that is right then.

    Without an event, nothing becomes of it at once. ``silenced`` are the companions of hosts that
    are to be in maintenance then; None leaves them out of sight.
    """

    title: str
    host: str
    in_maintenance_mode: bool
    event: str | None
    state: str
    silenced: frozenset[str] | None = None


STEPS: Final = (
    Step(f"{HOST} enters maintenance mode", HOST, True, ENTER, "MAINTAINED"),
    Step("it leaves again", HOST, False, EXIT, "STARTED"),
    Step("it enters once more", HOST, True, ENTER, "MAINTAINED"),
    Step("it leaves, but the exit event is lost", HOST, False, None, "MAINTAINED"),
    Step("the timer asks for a sweep", HOST, False, TIMER, "STARTED"),
    Step(f"somebody forges an enter event of {OTHER}", OTHER, False, ENTER, "STARTED"),
)
INCLUDES: Final = "Datastore,ClusterComputeResource"
ALL: Final = frozenset({"local01", "local02", "shared03", "DC0_C0"})
TOGETHER: Final = (
    Step(
        f"MAINTENANCE_INCLUDES={INCLUDES}: {HOST} enters, and its local datastore with it",
        *(HOST, True, ENTER, "MAINTAINED", frozenset({"local01"})),
    ),
    Step(
        f"{OTHER} enters, too: what both share goes with the last of them",
        *(OTHER, True, ENTER, "MAINTAINED", ALL),
    ),
    Step(
        f"{HOST} leaves, and what they share is monitored at once",
        *(HOST, False, EXIT, "STARTED", frozenset({"local02"})),
    ),
    Step(f"{OTHER} leaves", OTHER, False, EXIT, "STARTED", frozenset()),
)
WATCHED: Final = (
    Step(f"without VEBA: {OTHER} enters, and no event is sent", OTHER, True, None, "MAINTAINED"),
    Step("without VEBA: it leaves again", OTHER, False, None, "STARTED"),
)


def main() -> int:
    """Take every step, say whether all was right, and return the exit code."""
    laboratory.end_on_signals()
    os.environ["no_proxy"] = "127.0.0.1"  # All of this stays on this machine.
    with laboratory.running(BUILD) as lab:
        print(lab.description)
        show_states(lab.operations.states())
        right = all(take(step, number, lab) for number, step in enumerate(STEPS, 1))
        with laboratory.including(BUILD, lab, INCLUDES) as function:
            together = enumerate(TOGETHER, len(STEPS) + 1)
            other = replace(lab, function=function)
            right = all(take(step, number, other) for number, step in together) and right
        with laboratory.watching(BUILD, lab) as watcher:
            watched = enumerate(WATCHED, len(STEPS) + len(TOGETHER) + 1)
            right = all(take(step, number, lab, watcher) for number, step in watched) and right
    print("All states were right." if right else "A STATE WAS WRONG.")
    return 0 if right else 1


def take(step: Step, number: int, lab: Laboratory, watcher: Function | None = None) -> bool:
    """Let it happen, and show what becomes of it; True if all is as it should be.

    Where there is a ``watcher``, it is the one to notice.
    """
    earlier, known = lab.operations.states(), lab.operations.calls()["count"]
    print(f"{number}. {step.title}")
    lab.vcenter.set_mode(step.host, in_maintenance_mode=step.in_maintenance_mode)
    if step.event:
        event = of_now(EXAMPLES / step.event, lab.vcenter.morefs[step.host], step.host)
        reply = lab.function.send(event).partition(b"\r\n")[0].decode()
        print(f"   {step.event} is answered with {reply}")
        show_calls(lab, known)
    if watcher:
        wait_for(watcher, step)
        show_calls(lab, known)
    companions = lab.operations.companions() if step.silenced is not None else {}
    silenced = {name for name, state in companions.items() if state != "STARTED"}
    states = lab.operations.states()
    show_states(companions, states)
    return states == {**earlier, step.host: step.state} and silenced == (step.silenced or set())


def wait_for(watcher: Function, step: Step) -> None:
    """Return when ``watcher`` has told what became of it, or too much time has gone by."""
    with suppress(AssertionError):
        watcher.said(step.host, "entered" if step.in_maintenance_mode else "exited")


def of_now(event: Path, moref: str, name: str) -> bytes:
    """Return the raw request of a file, as if it were sent now and about this host."""
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
    raw = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", moment, event.read_bytes())
    head, _, body = raw.partition(b"\r\n\r\n")
    body = body.replace(b"host-1001", moref.encode()).replace(HOST.encode(), name.encode())
    head = re.sub(rb"(?<=Content-Length: )\d+", str(len(body)).encode(), head)
    return head + b"\r\n\r\n" + body


def show_calls(lab: Laboratory, known: int) -> None:
    """Print what has been called since the first ``known`` calls, a line for each."""
    calls = lab.operations.calls()
    for call in calls["latest"][known - calls["count"] :]:
        print(f"   {call['method']:<6} {_without_ids(call['path'])}  {call['status']}")


def show_states(*lines: dict[str, str]) -> None:
    """Print what has a name, and its state: hosts in a line, and what goes with them in another."""
    for states in filter(None, lines):
        print("   " + "   ".join(f"{name} {state}" for name, state in sorted(states.items())))
    print(flush=True)


def _without_ids(path: str) -> str:
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", path)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (NotStartedError, NotBuiltError) as error:
        sys.exit(str(error))
