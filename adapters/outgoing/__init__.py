"""What every call to another service needs, whichever service that is.

::

    login.py          one login for all threads, and no locked account
    grouping.py       what many ask for at the same time goes as one call
    hold.py           an event waits for a service that is away
    trusting.py       requests, with the trust that it is given
    handshake.py      a look at a certificate that was refused
    breaker.py        a service that cannot be reached is given a pause
    deadline.py       how much time an event has left
    side_by_side.py   several calls at a time, within that
    tls.py            whom we trust to be who they say they are
    certificates.py   what is wrong with a certificate, in words
    cache.py          what was found, remembered for a while
    tally.py          whoever counts calls and logins is told of them
"""
