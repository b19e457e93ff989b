"""What became of hosts, sent as CloudEvents to whoever wants to know (decision 0026).

::

    listener.py    is told of events and sweeps, and tells what changed or needs attention
    outbox.py      what waits to be sent, and the one thread that sends it
    web_sink.py    a URL that takes CloudEvents over HTTP, such as Knative's broker
    event_bus.py   a bus of AWS EventBridge
    messages.py    which outcome is which CloudEvent
    answers.py     what a sink says of what it was sent

docs/observability.md has the types, and docs/outcomes.schema.json what their data holds. Nothing of
this is imported unless a variable asks for it.
"""
