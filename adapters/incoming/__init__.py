"""What arrives, and what is answered.

::

    envelopes.py     bytes and headers -> envelope, the one form that the core reads
    data.py          an event's data: JSON, XML or text, whatever its label says
    gzip_body.py     what gzip holds
    plain_json.py    JSON within bounds
    vsphere_xml.py   XML as the dict that its JSON would have been
    drain.py         events in flight are finished when the process is told to stop
    responses.py     error -> status and headers: what each processor is told
"""
