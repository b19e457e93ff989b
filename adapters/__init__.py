"""Everything that touches the world.

::

    knative.py openfaas.py eventbridge.py   the doors: each is an event processor's way in
    cli/            the door for people
    bootstrap.py    the composition root: what a door's target is built of
    clients.py      vRealize Operations and the vCenters, connected by the settings
    vrops/          the client of vRealize Operations, on requests
    vcenter/        the client of a vCenter, on pyVmomi
    memory.py       the newest event of each host
    incoming/       what arrives, and what is answered
    outgoing/       what every call to another service needs
    output/         log and console
    config/         variables, settings, credentials

Each imports only what stands below it, which import-linter checks (decision 0001).

The way of one event: a door takes what its runtime hands it, ``incoming.envelopes`` makes one form
of it, ``bootstrap.MirrorDispatch`` gives it a deadline, ``functions.handlers`` finds its handler,
``functions.convergence`` asks a vCenter (``vcenter``), finds and writes the resource (``vrops``),
and asks the vCenter again; ``output.log`` writes the one line of it, and ``incoming.responses``
tells the door what to answer.
"""
