"""Changes that no event tells of: a vCenter does, to the door that watches it."""

import queue
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from statistics import median
from typing import Any, Final

from pyVmomi import vim, vmodl

from bench import traffic, world
from bench.contestants import CALL_SECONDS
from bench.results import Results, Turn
from bench.world import BUILD
from lab import operations, processes, vcsim
from lab.operations import Operations
from lab.processes import TIMEOUT_SECONDS
from lab.vcenters import VCenter, connected, connection
from lab.vcsim import Vcsim

FEW: Final = 10
# A host of its own for each: `Least` has the first, and ends no maintenance.
_HOSTS: Final = {"watched": 2, "as an event": 3, "its calls alone": 1}
# So many changes that the simulator still shows all of their calls, and two that do not count.
_BATCH: Final = 6
_NOT_COUNTED: Final = 2
_CHANGES: Final = _BATCH + _NOT_COUNTED
# More than a change takes through vcsim, so that none meets the one before it.
_PAUSE_SECONDS: Final = 0.2

_Collector = vmodl.query.PropertyCollector


def watched(results: Results) -> None:
    """Note ``watched``: milliseconds from a change to the accepted write, by how it is told.

    The vCenter is one in memory, each question to which takes as long as a call.
    """
    many = 1000 if results.about["quick"] else 10_000
    with ExitStack() as stack:
        few = stack.enter_context(world.simulator(FEW))
        turns: dict[str, Turn] = {
            f"watched, {FEW} hosts": partial(_written, few, "watched", FEW),
            f"watched, {many:,} hosts": partial(
                _written, stack.enter_context(world.simulator(many)), "watched", many
            ),
            "as an event": partial(_written, few, "as an event", FEW),
            "its calls alone": partial(_written, few, "its calls alone", FEW),
        }
        results.take_turns(turns, 5)


def _written(simulated: Operations, name: str, hosts: int) -> dict[str, float]:
    begun = world.alone(simulated, "watched", name, hosts, _HOSTS[name], _CHANGES)["watched"]
    return {"watched": median(traffic.until_written(simulated, begun[_NOT_COUNTED:]))}


def vsphere(results: Results) -> None:
    """Note ``told``: milliseconds from the end of vcsim's task to a client's answer, or a write.

    vcsim looks every 20 ms whether there is anything to tell, and then at each host.
    """
    if not vcsim.available():
        results.skipped["vCenter's own API"] = "there is no Go to build vcsim with."
        return
    if results.about["quick"]:
        results.skipped["vCenter's own API"] = "most of that is vcsim's, and takes a while."
        return
    for hosts in (FEW, 100 * FEW):
        with vcsim.running(hosts) as program, connected(program.variables) as vcenter:
            turns: dict[str, Turn] = {f"told a client, {hosts:,} hosts": partial(_told, program)}
            with ExitStack() as stack:
                if hosts == FEW:
                    simulated = stack.enter_context(_knowing(vcenter))
                    told = {**simulated.variables, **vcenter.variables}
                    turn = partial(_through_watcher, program, simulated, told)
                    turns[f"written, {hosts} hosts"] = turn
                results.take_turns(turns, 3)


@contextmanager
def _knowing(vcenter: VCenter) -> Iterator[Operations]:
    options = [*operations.knowing(vcenter), "--call-delay", str(CALL_SECONDS)]
    with operations.running(BUILD, options) as simulated:
        yield simulated


def _told(program: Vcsim) -> dict[str, float]:
    """Wait for updates as the API is made for it, and do nothing with them."""
    arrivals: queue.Queue[float] = queue.Queue()
    content = _logged_in(program)
    waiting = threading.Thread(target=_collect, args=(content, arrivals), daemon=True)
    waiting.start()
    arrivals.get(timeout=TIMEOUT_SECONDS)
    times = [1000 * (arrivals.get(timeout=TIMEOUT_SECONDS) - ended) for ended in _tasks(program)]
    return {"told": median(times[_NOT_COUNTED:])}


def _through_watcher(
    program: Vcsim, simulated: Operations, variables: Mapping[str, str]
) -> dict[str, float]:
    with processes.watcher(BUILD / "watcher.log", None, **variables) as watcher:
        watcher.said("reconciled")
        ended = []
        for each in _tasks(program):
            ended.append(each)
            time.sleep(_PAUSE_SECONDS)
        return {"told": median(traffic.until_written(simulated, ended[-_BATCH:]))}


def _logged_in(program: Vcsim) -> Any:
    stub = connection(program.url, program.ca_file)
    content = vim.ServiceInstance("ServiceInstance", stub).RetrieveContent()
    content.sessionManager.Login(userName=program.username, password=program.password)
    return content


def _view(content: Any) -> Any:
    return content.viewManager.CreateContainerView(
        container=content.rootFolder, type=[vim.HostSystem], recursive=True
    )


def _collect(content: Any, arrivals: "queue.Queue[float]") -> None:
    """Note when it is known how all hosts are, and when each further answer arrives."""
    to_hosts = _Collector.TraversalSpec(type=vim.view.ContainerView, path="view", skip=False)
    start = _Collector.ObjectSpec(obj=_view(content), skip=True, selectSet=[to_hosts])
    mode = _Collector.PropertySpec(type=vim.HostSystem, pathSet=["runtime.inMaintenanceMode"])
    content.propertyCollector.CreateFilter(
        spec=_Collector.FilterSpec(objectSet=[start], propSet=[mode]), partialUpdates=True
    )
    version, told = "", 0
    while told <= _CHANGES:
        answer = content.propertyCollector.WaitForUpdatesEx(version=version)
        version = answer.version
        if not answer.truncated:
            told += 1
            arrivals.put(time.time())


def _tasks(program: Vcsim) -> Iterator[float]:
    """Let a host enter and leave in turn; yields when each task ended, in seconds since 1970."""
    host = _view(_logged_in(program)).view[0]
    for number in range(_CHANGES):
        start = host.ExitMaintenanceMode_Task if number % 2 else host.EnterMaintenanceMode_Task
        task = start(timeout=0)
        while (info := task.info).state in ("queued", "running"):
            time.sleep(0.001)
        yield info.completeTime.timestamp()
