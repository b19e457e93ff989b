"""The client of vRealize Operations (Aria Operations, VCF Operations): its Suite API, on requests.

Decision 0008 says why it is one of our own.

::

    operations.py     the port: find, start_maintenance, end_maintenance
    confirmations.py  does it show what was written?
    companions.py     which resources go with a host?
    inspection.py     what it says of itself, for people who look whether all is well
    resolver.py       which resource is this host? and what state is it in?
    models.py         what the JSON says of vCenters and hosts, as dataclasses
    client.py         one request: URL, token, errors
    transport.py      the requests.Session: pool, TLS, timeouts, retries
"""

from adapters.vrops.operations import Vrops

__all__ = ["Vrops"]
