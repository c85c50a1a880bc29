"""Arguments as all programs read them: a parser whose errors are ours, and the types of their values."""

import argparse
from datetime import datetime
from typing import NoReturn

from datareplication.errors import UsageError


class Parser(argparse.ArgumentParser):
    """A parser whose errors are UsageErrors."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting."""
        raise UsageError(f"{message}; see {self.prog} --help")


def positive(text: str) -> int:
    """Return a whole number from 1 on."""
    if (number := count(text)) == 0:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def count(text: str) -> int:
    """Return a whole number from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def instant(text: str) -> str:
    """Return the text of an RFC 3339 time with its offset, or empty text."""
    if not text:
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an RFC 3339 time with its offset")
    return text
