"""The page: all hosts that are in maintenance on either side, seen at a glance, and read only.

::

    pages.py       what is answered to whom: the page, its JSON, its style and script, the login
    access.py      who may look
    live.py        the board of a process that sweeps and handles events itself
    survey.py      both sides of all vCenters, as far as they can be read
    page.py        how it looks; style.css, script.js and icon.svg go with it
    server.py      HTTP, with limits on whoever asks
    model.py       what there is to see, grouped by what to do
    comparison.py  both sides of every host, side by side

``maintenance-mirror serve`` and the door without VEBA show it, and ``maintenance-mirror status
--output html`` writes it into a file.
"""
