"""What holds for every test: none of them races the machine's speed."""

import gc

from hypothesis import settings

settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of the garbage collector's work: it lives as long as the tests."""
    gc.collect()
    gc.freeze()
