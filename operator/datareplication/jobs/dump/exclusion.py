"""How pg_dump is told what a selection leaves out.

It owns the quoting of names in pg_dump's pattern language. It refuses to know why something is left out.
"""

from collections.abc import Sequence

from datareplication.errors import UsageError
from datareplication.jobs.model.quoting import quoted
from datareplication.jobs.model.selection import Node

LARGEST_ARGUMENTS_BYTES = 1 << 20
"""Half of what Linux allows for arguments and environment together, by default."""


def dump_options(left_out: Sequence[Node], encoding: str) -> list[str]:
    """Return pg_dump's arguments that leave these relations out; too many for a command line are a UsageError.

    encoding: the snapshot's. Within double quotes all is literal. One pattern per relation: pg_dump then finds each by
    an index (5,000 in 6 s), while one for several is a search through all relations (147 s for a hundred each).
    """
    if not left_out:
        return []
    names = [f"--exclude-table={quoted(node.schema, node.name)}" for node in left_out]
    if sum(len(name.encode()) for name in names) > LARGEST_ARGUMENTS_BYTES:
        text = f"the patterns leave out {len(left_out)} relations, more than pg_dump can be told; leave out fewer"
        raise UsageError(text, reason="TooManyLeftOut")
    return [f"--encoding={encoding}", *names]  # pg_dump reads its patterns in it, too
