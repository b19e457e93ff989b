"""send: plays the event source, byte for byte, and says what the reply means.

::

    command.py    what a person types
    host.py       which host is meant, as its vCenter knows it
    event.py      what is sent: the event, in the format of an event source
    delivery.py   where it is sent, and what the reply means
"""
