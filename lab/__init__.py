"""The laboratory: both sides simulated, and the function between them, for people and for tests.

::

    __main__.py     python -m lab: leaves all up to play with, and says how (make run)
    host.py         python -m lab.host: a host of that laboratory enters maintenance mode
    demo.py         python -m lab.demo: what happens to a few events, step by step (make demo)
    laboratory.py   a vCenter, a vRealize Operations and the function, put together
    operations.py   the simulator of vRealize Operations, in a process of its own
    vcenters.py     the vCenter: vcsim where there is Go to build it with, otherwise a file
    function.py     the function with that file for a vCenter
    cli.py          the command line with that file for a vCenter, which shows the page
    watcher.py      the door without VEBA with that file for a vCenter
    memory.py       a vCenter in memory, or in a file
    vcsim/          govmomi's simulated vCenter: its Go sources, and what builds and runs them
    emulator.py     AWS's emulator of Lambda
    events.py       examples of every form of an event
    inbox.py        where notifications and outcomes arrive, to be shown
    guide.py        what can be done with that laboratory, in commands
    variables.py    which variables are ours, and the file that hands them to a shell
    processes.py    the one place that starts processes

It is in no wheel, zip or image. Tests and measurements import it, and it imports neither of them,
which import-linter checks.
"""
