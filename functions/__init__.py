"""The core: what should happen. Standard library only, no I/O, no platform."""
