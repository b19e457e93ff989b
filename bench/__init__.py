"""Measurements, side by side: us, what there was before, the platform, and the least possible.

::

    __main__.py     python -m bench: runs the measures, writes build/bench.json and the page
    page.py         docs/benchmarks.md, from the results
    page.md         its template
    goals.md        what was to be reached, as formulas over the results
    traffic.py      measures: one event, events per second, a storm, an outage
    start.py        measures: first answers, imports, Lambda's own runtime
    sizes.py        measures: what is deployed, and sweeps of more and more hosts
    results.py      rounds, their spread, and how contestants take turns
    world.py        the processes: simulator, servers, workers, and what they use of the machine
    load.py         sends events as a processor does
    events.py       events, each later than the one before
    contestants.py  those that are no servers: the least there is to do, and ours in-process
    peer.py         the contestant that does what the published PowerShell functions do
    nothing.py      the contestant that does nothing
    memory.py       a vCenter in memory
"""
