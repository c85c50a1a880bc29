"""Which relations a dump copies, which without their rows, and which not at all. Pure: a graph and patterns in.

It decides what a pattern means and what follows from leaving a relation out: for its children, the views that read it,
its sequences, the foreign keys that point to it. It does not know how PostgreSQL records any of that.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from datareplication.errors import UsageError

EXTENSION_TABLE = "x"
HOLDING_ROWS = frozenset("rmx")


@dataclass(frozen=True)
class Node:
    """A relation. kind: pg_class.relkind, or `x` for a table in which an extension keeps rows of the user."""

    oid: int
    schema: str
    name: str
    kind: str

    @property
    def qualified(self) -> str:
        """The name for messages and the manifest, not quoted."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key as it was declared (not its copies on partitions).

    name: `schema.table.constraint`. table, referenced: oids.
    """

    oid: int
    name: str
    table: int
    referenced: int


@dataclass(frozen=True)
class Dependent:
    """An object, no view and no foreign key, that needs a relation. owner: the relation that it is part of, or 0."""

    relation: int
    owner: int
    description: str


@dataclass(frozen=True)
class Graph:
    """The relations of a database and how they depend on each other. Every oid is that of one of the nodes."""

    nodes: tuple[Node, ...] = ()
    children: tuple[tuple[int, int, bool], ...] = ()
    """(oid of a child, oid of its parent, whether the child is a partition)."""
    reads: tuple[tuple[int, int], ...] = ()
    """(oid of a view, oid of a relation that it reads)."""
    owned: tuple[tuple[int, int], ...] = ()
    """(oid of a sequence, oid of the table that owns it)."""
    defaults: tuple[tuple[int, int], ...] = ()
    """(oid of a table, oid of a sequence that one of its defaults uses)."""
    foreign_keys: tuple[ForeignKey, ...] = ()

    @cached_property
    def by_oid(self) -> Mapping[int, Node]:
        """The relations by oid."""
        return {node.oid: node for node in self.nodes}

    def below(self, oids: Iterable[int]) -> set[int]:
        """Return these and all their descendants."""
        return _reached(oids, _following((parent, child) for child, parent, _ in self.children))

    def above(self, oids: Iterable[int]) -> set[int]:
        """Return these and all their ancestors."""
        return _reached(oids, _following((child, parent) for child, parent, _ in self.children))

    def readers(self, oids: Iterable[int]) -> set[int]:
        """Return these and all views that read them, directly or through other views."""
        return _reached(oids, _following((read, view) for view, read in self.reads))

    def holding_rows_of(self, table: int) -> set[int]:
        """Return the relations that hold a table's rows: the table itself, or its partitions."""
        return {oid for oid in _reached([table], self._partitions) if self.by_oid[oid].kind != "p"}

    @cached_property
    def _partitions(self) -> Mapping[int, Sequence[int]]:
        return _following((parent, child) for child, parent, is_partition in self.children if is_partition)


@dataclass(frozen=True)
class Patterns:
    """Patterns of `schema.table`; `*` stands for any characters, `?` for one. No `include` means all."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    schema_only: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse by UsageError a pattern that is not `schema.table`."""
        for pattern in (*self.include, *self.exclude, *self.schema_only):
            schema, _, table = pattern.partition(".")
            if not schema or not table:
                text = f"pattern {pattern!r} must be schema.table, with * and ? as wildcards"
                raise UsageError(f"{text}, for example {_example(pattern)!r}", reason="BadPattern")

    def __bool__(self) -> bool:
        """Whether there is any pattern."""
        return bool(self.include or self.exclude or self.schema_only)


@dataclass(frozen=True)
class Selection:
    """What a dump leaves out."""

    left_out: tuple[Node, ...] = ()
    """Relations of which nothing is copied."""
    without_rows: tuple[Node, ...] = ()
    """Relations of which only the definition is copied; none of them is in `left_out`."""
    followed: tuple[Node, ...] = ()
    """Those of `left_out` that no pattern leaves out: views that read something that a pattern leaves out."""
    foreign_keys: tuple[ForeignKey, ...] = ()
    """Foreign keys that are not copied, because the referenced rows are missing, or some of them."""

    @cached_property
    def left_out_oids(self) -> frozenset[int]:
        """Relations of which nothing is copied."""
        return frozenset(node.oid for node in self.left_out)

    @cached_property
    def rowless_oids(self) -> frozenset[int]:
        """Relations whose rows are not copied, left out or not."""
        return self.left_out_oids | {node.oid for node in self.without_rows}


def select(graph: Graph, patterns: Patterns) -> Selection:
    """Return what the patterns leave out; a pattern that matches nothing is a UsageError."""
    if not patterns:
        return Selection()
    chosen, rowless = _chosen(graph, patterns)
    with_sequences = _sequences_follow(graph, chosen)
    out = graph.readers(with_sequences)
    rowless -= out
    return Selection(
        left_out=_nodes(graph, out),
        without_rows=tuple(node for node in _nodes(graph, rowless) if node.kind in HOLDING_ROWS),
        followed=_nodes(graph, out - with_sequences),
        foreign_keys=tuple(key for key in graph.foreign_keys if _points_nowhere(graph, key, out, rowless)),
    )


def refuse_dependents(selection: Selection, dependents: Iterable[Dependent]) -> None:
    """Raise UsageError for the first object that is copied but needs a relation that is left out."""
    names = {node.oid: node.qualified for node in selection.left_out}
    for one in dependents:
        if one.relation in names and one.owner not in names:
            text = f"{one.description} needs {names[one.relation]}, which the patterns leave out"
            remedy = "copy that table without its rows (schemaOnly), or leave out both"
            raise UsageError(f"{text}; {remedy}", reason="SelectionIncomplete")


def _chosen(graph: Graph, patterns: Patterns) -> tuple[set[int], set[int]]:
    """Return the oids that the patterns leave out, and those copied without rows; sequences and readers come later."""
    everything = set(graph.by_oid)
    excluded = graph.below(_matching(graph, patterns.exclude))
    schema_only = graph.below(_matching(graph, patterns.schema_only))
    included = graph.below(_matching(graph, patterns.include)) | schema_only if patterns.include else everything
    wanted = included - excluded
    # A child cannot be created without its parents: the parents are copied too, without rows.
    kept = graph.above(wanted)
    rowless = (schema_only & kept) | (kept - wanted)
    # An extension's tables are never left out: CREATE EXTENSION creates them.
    of_extensions = {node.oid for node in graph.nodes if node.kind == EXTENSION_TABLE}
    return everything - kept - of_extensions, rowless | (of_extensions - kept)


def _sequences_follow(graph: Graph, out: set[int]) -> set[int]:
    """Return `out` corrected: an owned sequence is treated like its table; one that a copied default uses is kept."""
    used = {sequence for table, sequence in graph.defaults if table not in out}
    kept = used | {sequence for sequence, table in graph.owned if table not in out}
    gone = {sequence for sequence, table in graph.owned if table in out}
    return (out | gone) - kept


def _points_nowhere(graph: Graph, key: ForeignKey, out: set[int], rowless: set[int]) -> bool:
    if key.table in out:
        return False
    if key.referenced in out:
        return True
    # The rows of a partitioned table are in its partitions.
    missing = out | rowless
    has_rows = any(graph.by_oid[oid].kind == "r" for oid in graph.holding_rows_of(key.table) - missing)
    return has_rows and not graph.holding_rows_of(key.referenced).isdisjoint(missing)


def _matching(graph: Graph, patterns: Sequence[str]) -> set[int]:
    """Return the relations that match any of the patterns; a pattern that matches nothing is a UsageError."""
    found: set[int] = set()
    for pattern in patterns:
        schema, _, table = (_compiled(part) for part in pattern.partition("."))
        matched = {n.oid for n in graph.nodes if schema.fullmatch(n.schema) and table.fullmatch(n.name)}
        if not matched:
            text = f"pattern {pattern!r} matches no table, view or sequence of the source; names are case sensitive"
            raise UsageError(text, reason="PatternMatchesNothing")
        found |= matched
    return found


def _compiled(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(char) or re.escape(char) for char in pattern), re.DOTALL)


def _nodes(graph: Graph, oids: Iterable[int]) -> tuple[Node, ...]:
    return tuple(sorted((graph.by_oid[oid] for oid in oids), key=lambda node: (node.schema, node.name)))


def _following(links: Iterable[tuple[int, int]]) -> Mapping[int, Sequence[int]]:
    found = defaultdict(list)
    for one, other in links:
        found[one].append(other)
    return found


def _reached(start: Iterable[int], following: Mapping[int, Sequence[int]]) -> set[int]:
    """Return `start` and what can be reached from it."""
    found = set(start)
    waiting = list(found)
    while waiting:
        new = set(following.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found


def _example(pattern: str) -> str:
    return f"public.{pattern.strip('.') or '*'}"
