"""Measurements, side by side: us, what there was before, the platform, and the least possible.

::

    __main__.py     python -m bench: runs the measures, writes build/bench.json and the page
    page.py         docs/benchmarks.md, from the results
    goals.py        what was to be reached, and whether it was
    warm.py  rate.py  storm.py  start.py  runtime.py  sizes.py  sweeps.py  outage.py
                    the measures
    results.py      rounds, their spread, and how contestants take turns
    world.py        the processes: simulator, functions, workers
    machine.py      what they use of the machine
    lab.py          names and numbers that all share
    load.py         sends events as a processor does
    events.py       events, each later than the one before
    inside.py       contestants that are no servers, in a process of their own
    peer.py         the contestant that does what the published PowerShell functions do
    nothing.py      the contestant that does nothing
    least.py        the contestant that does the least there is to do
    memory.py       a vCenter in memory
"""
