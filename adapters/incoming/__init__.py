"""What arrives, and what is answered.

::

    envelopes.py     bytes and headers -> envelope, the one form that the core reads
    vsphere_xml.py   the same for data in XML
    responses.py     error -> status and headers: what each processor is told
"""
