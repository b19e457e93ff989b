"""doctor: is all well, and what is to be done about it? It asks, and writes nothing anywhere.

::

    command.py         what a person types
    view.py            how findings are shown
    checks.py          what is checked, and in which order
    configuration.py   the variables, and what they leave open
    network.py         names and certificates
    operations.py      vRealize Operations: login, privileges, clock
    vcenters.py        a vCenter: login, hosts, and both sides compared
    clocks.py          two clocks
    findings.py        what a check has found
"""
