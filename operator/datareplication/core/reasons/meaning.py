"""The form of an entry in the table of reasons."""

from typing import NamedTuple


class Meaning(NamedTuple):
    """One reason, for the user who meets it."""

    where: str
    """The program, object or condition that shows the reason."""
    what: str
    """What the reason says."""
    remedy: str = ""
    """What to do about it; empty where nothing is wrong."""
