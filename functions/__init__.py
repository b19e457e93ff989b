"""The core: what should happen. Standard library only, no I/O, no platform.

From the top, where an event comes in, to what everything is about::

    handlers.py         HANDLERS: what each event means
    reconciliation.py   the sweep: all hosts compared, and what differs repaired
    sweep_plan.py       what a sweep does to each host: a table
    convergence.py      one host, and what goes with it: ask, write, ask again
    mode_sources.py     who says how a host stands, and its companions: vCenter, or an event
    writing.py          one write for all of them
    ownership.py        whose a window of maintenance is
    context.py          what handlers work with: the clients behind the ports, and the policy
    dead_letters.py     an event that was given up, and why
    outcomes.py         what became of an event, and what a sweep does to a host
    ports.py            what the core asks of the outside world
    masking.py          secrets are hidden before an event is shown
    events.py           a CloudEvent -> which event, of which host
    errors.py           everything that can go wrong: would trying again help?

Each imports only what stands below it, which import-linter checks (decision 0001).
docs/architecture.md shows one event's way, and says what our words mean.
"""
