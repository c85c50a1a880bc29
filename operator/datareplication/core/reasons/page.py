"""The tables of reasons and exit codes as pages of Markdown, for `manifests/generate.py`. Pure."""

import textwrap
from collections.abc import Iterable, Iterator

from datareplication.core.reasons import GROUPS, RUN_PHASES, Meaning
from datareplication.errors import TransientError, kinds

WIDTH = 120

HEAD = """\
# Reasons

A status, an Event, a log line and a metric's label say why in one word, the reason. This page has every reason that the
operator and the programs write: in brackets where it appears, then what it means, then what to do. The message beside a
reason names the object. Other words are Kubernetes' own, such as `OOMKilled` and `Evicted`. [By hand](by-hand.md)
explains the exit codes of the programs.
"""

PHASES_HEAD = """\
## Phases of a run

The conditions of a run, and a DataReplication's condition LastRunSucceeded, have the run's phase as their reason if the
phase says enough.
"""


def reasons() -> str:
    """Return the page of all reasons, in their groups."""
    parts = [f"## {title}\n\n{_entries(meanings)}" for title, meanings in GROUPS.items()]
    return "\n".join([HEAD, *parts, f"{PHASES_HEAD}\n{_entries(RUN_PHASES.items())}"])


def exit_codes() -> str:
    """Return the rows of the programs' exit codes."""
    rows = [(str(kind.exit_code), kind.meaning, "yes" if kind is TransientError else "no") for kind in kinds()]
    rows = [("0", "done", ""), *rows, ("143", "ended by SIGTERM, cleaned up", "yes")]
    return "| Exit code | Meaning | Again? |\n|---|---|---|\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _entries(meanings: Iterable[tuple[str, Meaning]]) -> str:
    return "\n".join(_lines(meanings)) + "\n"


def _lines(meanings: Iterable[tuple[str, Meaning]]) -> Iterator[str]:
    for reason, (where, what, remedy) in sorted(meanings):
        text = f"- `{reason}` ({where}): {what} {remedy}".rstrip()
        yield textwrap.fill(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
