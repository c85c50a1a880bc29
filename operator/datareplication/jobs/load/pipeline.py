"""In which order a load's tasks are done: a table's indexes start as soon as its data is in. Pure.

It decides which task waits for which, and what comes first: the largest tables, because the load ends with its longest
task. It does not know how a task is done.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from datareplication.jobs.load.tasks import Analyze, CompareSum, CopyParts, CountRows, RestoreEntries, Task
from datareplication.jobs.model.archive import Entry
from datareplication.jobs.model.manifest import Manifest, Relation
from datareplication.jobs.model.tables import Shape

LARGE_BYTES = 16 << 20
"""From this size on each index of a table is a task of its own. For smaller tables, starting a pg_restore (some 30 ms)
costs more than it gains, so the indexes of several tables are one task."""

GROUP_BYTES = 64 << 20
GROUP_TABLES = 50
"""Limits of a group of small tables: its indexes start only when all of its tables are loaded."""

T = TypeVar("T")
Step = tuple[Task, Sequence[Task]]


class Pipeline(Generic[T]):
    """Hands out the tasks in the given order, each only after the tasks that it needs.

    steps: (task, tasks that must be done before), each task once.
    """

    def __init__(self, steps: Sequence[tuple[T, Sequence[T]]]) -> None:
        self._tasks = [task for task, _ in steps]
        self._rank = {task: rank for rank, task in enumerate(self._tasks)}
        self._missing = [len(set(needs)) for _, needs in steps]
        self._followers: dict[int, list[int]] = defaultdict(list)
        for rank, (_, needs) in enumerate(steps):
            for need in set(needs):
                self._followers[self._rank[need]].append(rank)
        self._ready = [rank for rank, missing in enumerate(self._missing) if not missing]
        self.left = len(steps)

    def take(self) -> T | None:
        """Return the next task that can be done now; None if there is none."""
        return self._tasks[heapq.heappop(self._ready)] if self._ready else None

    def done(self, task: T) -> None:
        """Record that a task is done."""
        self.left -= 1
        for follower in self._followers[self._rank[task]]:
            self._missing[follower] -= 1
            if not self._missing[follower]:
                heapq.heappush(self._ready, follower)


@dataclass(frozen=True)
class Unit:
    """Tables that are loaded before their indexes are built: a large one alone, or several small ones."""

    relations: tuple[Relation, ...]

    @property
    def bytes(self) -> int:
        """CSV of all its tables."""
        return sum(relation.bytes for relation in self.relations)


@dataclass(frozen=True)
class Plan:
    """The steps of a load."""

    steps: tuple[Step, ...]
    rest: tuple[tuple[int, ...], ...]
    """Ids of the other post-data entries, which come after all steps, in the archive's order. They are in rounds: the
    entries of one round may be restored in parallel."""


def plan(
    manifest: Manifest,
    post_data: Sequence[Entry],
    workers: int,
    *,
    analyzes: bool = True,
    late: Collection[tuple[str, str]] = (),
) -> Plan:
    """Return what is done, and in which order.

    post_data: the archive's entries of that section. analyzes: whether statistics are gathered on the way. late: as in
    `copied_in_order`.
    """
    ids = {(entry.catalog, entry.oid): entry.id for entry in post_data}
    tables = [relation for relation in manifest.relations if relation.kind == "Table"]
    fair_share = sum(relation.bytes for relation in tables) / workers
    encoding = manifest.source.csv_encoding
    steps = list(_steps_of_extensions(manifest, encoding))
    steps += [step for unit in units(tables) for step in _steps(unit, ids, encoding, fair_share)]
    steps = _in_turn(steps, [one.oid for one in copied_in_order(tables, late) if (one.schema, one.name) in late])
    if not analyzes:
        steps = [step for step in steps if not isinstance(step[0], Analyze)]
    taken = {number for task, _ in steps if isinstance(task, RestoreEntries) for number in task.ids}
    return Plan(tuple(steps), tuple(_rounds([entry for entry in post_data if entry.id not in taken])))


def copied_in_order(relations: Iterable[Relation], late: Collection[tuple[str, str]]) -> list[Relation]:
    """Return the relations in the given order, but the late ones last, in pg_restore's order: by schema and name.

    late: (schema, name) of tables whose rows may be accepted, or computed right, only when other tables have their
    rows. So each late table finds all rows that pg_restore would have restored before it.
    """
    every = list(relations)
    last = [one for one in every if (one.schema, one.name) in late]
    return [one for one in every if (one.schema, one.name) not in late] + sorted(
        last, key=lambda one: (one.schema, one.name)
    )


def _in_turn(steps: Sequence[Step], late: Sequence[int]) -> list[Step]:
    """Return the steps, with the copies of late tables (oids) after all other copies, one table after the other."""
    copies: dict[int, list[Task]] = defaultdict(list)
    for task, _ in steps:
        if isinstance(task, CopyParts):
            copies[task.oid].append(task)
    waits: dict[Task, Sequence[Task]] = {}
    before = [task for oid in copies.keys() - set(late) for task in copies[oid]]
    for oid in late:
        waits |= dict.fromkeys(copies[oid], before)
        before = copies[oid] or before
    return [(task, (*needs, *waits.get(task, ()))) for task, needs in steps]


def _rounds(rest: Sequence[Entry]) -> Iterator[tuple[int, ...]]:
    """Yield two rounds: the entries up to the last index that is attached to its parent, then the others.

    Adding a foreign key to a partitioned table opens the indexes of all partitions. It deadlocks with an index that is
    just being attached, because pg_restore does not know of that lock.
    """
    end = max((place for place, entry in enumerate(rest, 1) if entry.is_attachment), default=0)
    for part in (rest[:end], rest[end:]):
        if part:
            yield tuple(entry.id for entry in part)


def units(relations: Sequence[Relation]) -> list[Unit]:
    """Return the units, largest first."""
    ordered = sorted(relations, key=lambda relation: -relation.bytes)
    large = [Unit((relation,)) for relation in ordered if relation.bytes >= LARGE_BYTES]
    small = [Unit(group) for group in _grouped([r for r in ordered if r.bytes < LARGE_BYTES])]
    return large + small


def sums(manifest: Manifest) -> list[CompareSum]:
    """Return the tasks that compare all tables with the snapshot's checksums, largest first."""
    tables = sorted((r for r in manifest.relations if r.kind == "Table"), key=lambda relation: -relation.bytes)
    return [CompareSum(shape(table, manifest.source.csv_encoding), table.checksum) for table in tables]


def counts(manifest: Manifest) -> list[CountRows]:
    """Return the tasks that compare all tables' row counts with the snapshot's, as the load's role, largest first."""
    encoding = manifest.source.csv_encoding
    found = units([relation for relation in manifest.relations if relation.kind == "Table"])
    return [CountRows(tuple((shape(one, encoding), one.rows) for one in unit.relations), True) for unit in found]


def filled(manifest: Manifest) -> list[Shape]:
    """Return the tables that have rows, largest first."""
    tables = sorted(
        (r for r in manifest.relations if r.rows and r.kind == "Table"), key=lambda relation: -relation.bytes
    )
    return [shape(table, manifest.source.csv_encoding) for table in tables]


def shape(relation: Relation, encoding: str) -> Shape:
    """Return what COPY needs to know about a relation."""
    return Shape(relation.schema, relation.name, tuple(column.name for column in relation.columns), encoding)


def _grouped(relations: Sequence[Relation]) -> Iterator[tuple[Relation, ...]]:
    group: list[Relation] = []
    for relation in relations:
        full = sum(one.bytes for one in group) + relation.bytes > GROUP_BYTES or len(group) >= GROUP_TABLES
        if group and full:
            yield tuple(group)
            group = []
        group.append(relation)
    if group:
        yield tuple(group)


def _steps(unit: Unit, ids: Mapping[tuple[int, int], int], encoding: str, fair_share: float) -> Iterator[Step]:
    """Yield copies, then constraints, then indexes and the count in parallel, then statistics."""
    shapes = tuple(shape(relation, encoding) for relation in unit.relations)
    copies = [copy for relation in unit.relations for copy in _copies(relation, encoding, fair_share)]
    yield from ((copy, ()) for copy in copies)
    before: list[Task] = list(copies)
    built: list[Task] = []
    for numbers, is_exclusive in _builds(unit, ids):
        task = RestoreEntries(numbers)
        yield task, tuple(before)
        built.append(task)
        if is_exclusive:  # ALTER TABLE … ADD CONSTRAINT locks the table against all others
            before = [task]
    yield CountRows(tuple(zip(shapes, (relation.rows for relation in unit.relations), strict=True))), tuple(before)
    filled = tuple(made for made, relation in zip(shapes, unit.relations, strict=True) if relation.rows)
    if filled:
        yield Analyze(filled), tuple(built or copies)


def _steps_of_extensions(manifest: Manifest, encoding: str) -> Iterator[Step]:
    """Yield copies one after the other: CREATE EXTENSION has already created foreign keys between these tables.

    It may also have put rows into the tables, so they are neither emptied nor counted.
    """
    before: tuple[Task, ...] = ()
    for relation in manifest.extension_tables:
        if relation.parts:
            copy = CopyParts(relation.oid, shape(relation, encoding), relation.parts, is_whole=False)
            yield copy, before
            before = (copy,)


def _copies(relation: Relation, encoding: str, fair_share: float) -> list[CopyParts]:
    """Return the copies of a table.

    One worker copies all parts of a table, so that its rows can be frozen. Only if the table is larger than a worker's
    fair share, several workers copy it part by part.
    """
    made = shape(relation, encoding)
    if len(relation.parts) > 1 and relation.bytes > fair_share:
        return [CopyParts(relation.oid, made, (part,), is_whole=False) for part in relation.parts]
    return [CopyParts(relation.oid, made, relation.parts, is_whole=True)] if relation.parts else []


def _builds(unit: Unit, ids: Mapping[tuple[int, int], int]) -> Iterator[tuple[tuple[int, ...], bool]]:
    """Yield (ids of entries to restore together, whether their locks exclude all others)."""
    indexes = [index for relation in unit.relations for index in relation.indexes]
    known = [(index, ids[index.catalog, index.oid]) for index in indexes if (index.catalog, index.oid) in ids]
    if unit.bytes < LARGE_BYTES or len(unit.relations) > 1:
        if known:
            yield tuple(number for _, number in known), True
        return
    # Constraints come before other indexes; among each kind the largest comes first.
    for index, number in sorted(known, key=lambda pair: (not pair[0].is_constraint, -pair[0].bytes)):
        yield (number,), index.is_constraint
