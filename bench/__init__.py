"""Measurements, side by side: us, what there was before, the platform, and the least possible.

``python -m bench`` runs the measures of traffic.py, watching.py, start.py and sizes.py, and writes
build/bench.json and docs/benchmarks.md, which page.py makes of page.md and of the goals in
goals.md. Contestants are servers, that is ours, peer.py, nothing.py and groups.py, to which load.py
sends events; or programs, in contestants.py. world.py runs all of them, and machine.py says what
they use; results.py lets them take turns, and holds their values.
"""
