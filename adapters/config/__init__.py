"""The configuration: variables, and the credentials that they lead to.

::

    settings.py      every variable there is, in frozen dataclasses
    variables.py     how one variable is read and checked, from the environment or from a file
    credentials.py   who logs in, and who that is after the password was changed
    aws_secrets.py   the same from AWS Secrets Manager
"""
