"""Which parts a dump writes, and in which order. Pure: tables in, tasks out.

It splits large tables and names the files.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from datareplication.core.choices import Compression
from datareplication.jobs.model.contents import part_path
from datareplication.jobs.model.tables import Blocks, Shape, Table

SHARES_PER_WORKER = 4
"""A part has at most a quarter of a worker's fair share, so the last worker ends at most that much later."""

SMALLEST_SPLIT_BYTES = 64 << 20
LARGEST_PART_BYTES = 1 << 30
"""A smaller part costs more round trips than it gains; a larger one hides a worker's progress for too long."""


@dataclass(frozen=True)
class PartTask:
    """One file to write: a table, the range `blocks` of it, or the rows that an extension's `condition` selects."""

    oid: int
    shape: Shape
    path: str
    blocks: Blocks | None
    condition: str = ""

    @property
    def is_planned(self) -> bool:
        """Whether a query selects the rows, so that the planner is involved."""
        return self.blocks is not None or bool(self.condition)


def parts(
    tables: Iterable[Table], workers: int, compression: Compression, encoding: str, whole: Collection[int] = ()
) -> list[PartTask]:
    """Return the files to write, largest first. whole: oids of tables that are not copied by ranges.

    A table without a block has no row that the snapshot sees, and so no file. The last range of a table has no end:
    while it is dumped the table may grow, by rows that the snapshot does not see.
    """
    filled = [table for table in tables if table.blocks]
    limit = _limit_bytes(sum(table.bytes for table in filled), workers)
    tasks = [
        (table.bytes / count, task)
        for table in filled
        for count, task in _split(table, table.bytes if table.oid in whole else limit, compression, encoding)
    ]
    return [task for _, task in sorted(tasks, key=lambda sized: -sized[0])]


def _limit_bytes(total_bytes: int, workers: int) -> int:
    return min(LARGEST_PART_BYTES, max(SMALLEST_SPLIT_BYTES, total_bytes // (workers * SHARES_PER_WORKER)))


def _split(table: Table, limit_bytes: int, compression: Compression, encoding: str) -> list[tuple[int, PartTask]]:
    """Return a table's tasks, each with their number."""
    shape = Shape(table.schema, table.name, tuple(column.name for column in table.columns), encoding)
    ranges = _ranges(table.blocks, 1 if table.condition else -(-table.bytes // limit_bytes))
    paths = (part_path(table.oid, index, compression) for index in range(len(ranges)))
    tasks = [PartTask(table.oid, shape, path, one, table.condition) for path, one in zip(paths, ranges, strict=True)]
    return [(len(ranges), task) for task in tasks]


def _ranges(blocks: int, count: int) -> Sequence[Blocks | None]:
    count = min(count, blocks)
    if count <= 1:
        return [None]
    edges = [blocks * index // count for index in range(count)]
    return [Blocks(start, end) for start, end in zip(edges, [*edges[1:], None], strict=True)]
