"""What can be done with a laboratory that is up, in commands that work as they are printed."""

import shlex
import sys
from pathlib import Path
from typing import Final

from lab.laboratory import FOLDER, PAGE_SECONDS, Laboratory
from lab.processes import ROOT
from lab.vcenters import ADDRESS, HOSTS, VCenter

# Commands are what is indented. No remark stands beside one: not every shell knows comments.
_BEGIN: Final = """\
Open {page}
It shows which hosts differ or are in maintenance, whose it is and until when.
Both sides are read every {seconds} seconds, so that it follows what you do below.

What the function tells people (notifications) and programs (outcomes) appears in this terminal.
Its metrics are at {function}/metrics, and its log is {log}.
The simulated vRealize Operations has a page, too: {operations} (its CA is {ca_file}).
That one shows every call, and lets calls fail at will.

In another terminal, in the project's folder, take over the variables of this laboratory:

  . {variables}
"""
_DOCTOR: Final = """
See whether all is well:

  {mirror} doctor
"""
_WITH_VEBA: Final = """
Let a host enter maintenance mode in vCenter.
No VEBA watches this vCenter, so that nobody is told of it yet, and both sides differ:

  {host} enter {name}
  {mirror} status

Be VEBA, and watch the page; the function asks vCenter whether it is true:

  {mirror} send enter {name} {given}--to {function}

Let the host leave, forget to send an event, and let a sweep find out:

  {host} exit {name}
  {mirror} reconcile

Silence the other host by hand in vRealize Operations, and send an event of it.
The function leaves alone what is a person's, and says so: over here, within half a minute.

  {host} silence {other}
  {mirror} send exit {other} {given_other}--to {function}
"""
_WITHOUT_VEBA: Final = """
Do without VEBA: in a third terminal, which takes over the variables, too, let vCenter itself tell:

  {watch}

Let the host enter maintenance mode once more, send nothing, and watch the page:

  {host} enter {name}
"""
_IN_MEMORY: Final = """
Where there is Go, the vCenter speaks the vSphere API, and doctor, which needs that, is here, too.
"""
_END: Final = "\nStop with Ctrl-C."


def text(lab: Laboratory, page: str, variables: Path) -> str:
    """Return the guide to a laboratory whose ``variables`` are in a file for shells.

    ``page`` is the address of the page of its hosts.
    """
    python, (name, other) = _shown(Path(sys.executable)), HOSTS
    speaks = lab.vcenter.speaks_vsphere
    parts = (_DOCTOR, _WITH_VEBA, _WITHOUT_VEBA) if speaks else (_WITH_VEBA, _WITHOUT_VEBA)
    mirror = _command_line(python) if speaks else f"{python} -m {lab.vcenter.command_line}"
    return "".join([_BEGIN, *parts, "" if speaks else _IN_MEMORY, _END]).format(
        page=page,
        seconds=PAGE_SECONDS,
        operations=f"{lab.operations.url}/",
        ca_file=_shown(lab.operations.ca_file),
        log=_shown(variables.with_name("function.log")),
        variables=_shown(variables),
        mirror=mirror,
        watch=f"{mirror} watch" if speaks else f"{python} -m {lab.vcenter.watcher}",
        host=f"{python} -m lab.host" + _elsewhere(variables.parent),
        name=name,
        other=other,
        given=_given(lab.vcenter, name),
        given_other=_given(lab.vcenter, other),
        function=lab.function.url,
    )


def _given(vcenter: VCenter, name: str) -> str:
    """Return what ``send`` finds out by itself where it can ask vCenter."""
    return "" if vcenter.speaks_vsphere else f"--moref {vcenter.morefs[name]} --vcenter {ADDRESS} "


def _command_line(python: str) -> str:
    installed = Path(sys.executable).with_name("maintenance-mirror")
    return _shown(installed) if installed.exists() else f"{python} -m adapters.cli"


def _elsewhere(folder: Path) -> str:
    return "" if folder == FOLDER else f" --folder {_shown(folder)}"


def _shown(path: Path) -> str:
    return shlex.quote(str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path))
