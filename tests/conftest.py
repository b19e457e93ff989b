"""What holds for all tests."""

from hypothesis import settings

# An example is right or wrong however long it takes: machines are busy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
