"""Everything that touches the world.

::

    knative.py openfaas.py eventbridge.py   the doors: each is an event processor's way in
    redrive.py      dead letters are sent again
    watch/          the door without VEBA: vCenter itself tells what changes
    cli/            the door for people
    bootstrap.py    the composition root: what a door's target is built of
    clients.py      vRealize Operations and the vCenters, connected by the settings
    listening.py    who is told what becomes of events and sweeps, by the settings
    board/          the page: both sides of all hosts, and who may look
    notify/         a word to a person, by apprise
    metrics/        numbers for Prometheus and CloudWatch, if they are wanted
    outcomes/       what became of hosts, sent as CloudEvents
    vrops/          the client of vRealize Operations, on requests
    vcenter/        the client of a vCenter, on pyVmomi
    memory.py       the newest event of each host
    incoming/       what arrives, and what is answered
    outgoing/       what every call to another service needs
    output/         log and console
    config/         variables, settings, credentials

Each imports only what stands below it, which import-linter checks (decision 0001).

One event's way, as docs/architecture.md tells it::

    1  a door is called by its runtime          knative, openfaas, eventbridge
    2  its line of the log begins; it is read   output.log, incoming.envelopes
    3  it gets a deadline                       bootstrap, outgoing.deadline
    4  which event is it, of which host?        functions.handlers, functions.events
    5  which vCenter knows the truth?           functions.convergence, memory
    6  which resource is the host?              vrops.resolver
    7  ask, write, ask again                    vcenter.vsphere, vrops.operations
    8  its line ends; the door replies          output.log, incoming.responses
"""
