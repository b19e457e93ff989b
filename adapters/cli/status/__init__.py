"""status: which hosts differ, or are in maintenance.

::

    command.py   what a person types, and the exit code
    view.py      how it looks
    export.py    JSON, CSV and HTML, for programs, spreadsheets and browsers
"""
