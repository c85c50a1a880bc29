"""The form of an entry in the table of reasons."""

from typing import NamedTuple


class Meaning(NamedTuple):
    """One reason, for the user who meets it.

    where: the program, object or condition that shows it. what: what it says. remedy: what to do about it; empty where
    nothing is amiss.
    """

    where: str
    what: str
    remedy: str = ""
