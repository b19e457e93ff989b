"""What people and machines get to read.

::

    log.py         one line for each event, and those of a sweep
    console.py     an event as ``echo`` shows it
    listeners.py   who is told of the same beside the log
    recent.py      how it went lately, for /healthz
    lines.py       how long a line may be
"""
