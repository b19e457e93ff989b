"""What can be done with a laboratory that is up, in commands that work as they are printed."""

import shlex
import sys
from pathlib import Path
from typing import Final

from lab.laboratory import FOLDER, Laboratory
from lab.processes import ROOT
from lab.vcenters import ADDRESS, HOSTS

# Commands are what is indented. No remark stands beside one: not every shell knows comments.
_BEGIN: Final = """\
Look at {page} (its CA is {ca_file}); the log of the function is {log}.

In another terminal, in the project's folder, take over the variables of this laboratory:

  . {variables}
"""
_WITH_VCSIM: Final = """
See whether all is well:

  {mirror} doctor

Let a host enter maintenance mode in vCenter.
No VEBA watches this vCenter, so that nobody is told of it yet, and both sides differ:

  {host} enter {name}
  {mirror} status

Be VEBA, and watch the page; the function asks vCenter whether it is true:

  {mirror} send enter {name} --to {function}

Let the host leave, forget to send an event, and let a sweep find out:

  {host} exit {name}
  {mirror} reconcile
"""
_IN_MEMORY: Final = """
Let a host enter maintenance mode in vCenter.
No VEBA watches this vCenter, so be VEBA, and watch the page; the function asks whether it is true:

  {host} enter {name}
  {mirror} send enter {name} --moref {moref} --vcenter {address} --to {function}

Let the host leave:

  {host} exit {name}
  {mirror} send exit {name} --moref {moref} --vcenter {address} --to {function}

Where there is Go, the vCenter speaks the vSphere API, and the commands doctor, status and
reconcile, which need that, are shown here, too.
"""
_WITHOUT_VEBA: Final = """
Do without VEBA: in a third terminal, which takes over the variables, too, let vCenter itself tell:

  {watch}

Let the host enter maintenance mode once more, send nothing, and watch the page:

  {host} enter {name}
"""
_END: Final = "\nStop with Ctrl-C."


def text(lab: Laboratory, variables: Path) -> str:
    """Return the guide to a laboratory whose ``variables`` are in a file for shells."""
    python = _shown(Path(sys.executable))
    commands = _WITH_VCSIM if lab.vcenter.speaks_vsphere else _IN_MEMORY
    mirror = _command_line(python)
    watch = (
        f"{mirror} watch" if lab.vcenter.speaks_vsphere else f"{python} -m {lab.vcenter.watcher}"
    )
    return (_BEGIN + commands + _WITHOUT_VEBA + _END).format(
        page=f"{lab.operations.url}/",
        ca_file=_shown(lab.operations.ca_file),
        log=_shown(variables.with_name("function.log")),
        variables=_shown(variables),
        mirror=mirror,
        watch=watch,
        host=f"{python} -m lab.host" + _elsewhere(variables.parent),
        name=HOSTS[0],
        moref=lab.vcenter.morefs[HOSTS[0]],
        address=ADDRESS,
        function=lab.function.url,
    )


def _command_line(python: str) -> str:
    installed = Path(sys.executable).with_name("maintenance-mirror")
    return _shown(installed) if installed.exists() else f"{python} -m adapters.cli"


def _elsewhere(folder: Path) -> str:
    return "" if folder == FOLDER else f" --folder {_shown(folder)}"


def _shown(path: Path) -> str:
    return shlex.quote(str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path))
