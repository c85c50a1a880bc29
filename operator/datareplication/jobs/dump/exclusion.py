"""pg_dump's arguments for what a selection leaves out: names quoted in pg_dump's pattern language."""

from collections.abc import Sequence

from datareplication.errors import UsageError
from datareplication.jobs.model.quoting import quoted
from datareplication.jobs.model.selection import Node

LARGEST_ARGUMENTS_BYTES = 1 << 20
"""Half of what Linux allows by default for arguments and environment together."""


def dump_options(left_out: Sequence[Node], encoding: str) -> list[str]:
    """Return pg_dump's arguments that leave these relations out; UsageError if they are too many for a command line.

    encoding: the snapshot's. Within double quotes all characters are literal. Each relation has a pattern of its own:
    pg_dump finds it by an index (5,000 in 6 s). For a pattern that matches several relations, pg_dump searches through
    all relations (147 s for patterns of a hundred each).
    """
    if not left_out:
        return []
    names = [f"--exclude-table={quoted(node.schema, node.name)}" for node in left_out]
    if sum(len(name.encode()) for name in names) > LARGEST_ARGUMENTS_BYTES:
        text = f"the patterns leave out {len(left_out)} relations, too many for pg_dump's arguments; leave out fewer"
        raise UsageError(text, reason="TooManyLeftOut")
    return [f"--encoding={encoding}", *names]  # pg_dump reads its patterns in this encoding too
