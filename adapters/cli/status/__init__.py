"""status: which hosts differ, or are in maintenance.

::

    command.py   what a person types, and the exit code
    survey.py    both sides of all vCenters, as far as they can be read
    view.py      how it looks
    export.py    JSON and CSV, for programs and spreadsheets
"""
