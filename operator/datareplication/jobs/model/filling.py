"""Which materialized views a load fills, and in which order. Pure: views and what they read in, names out.

The rule is pg_dump's as well: a view that reads a materialized view without rows cannot be refreshed.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from datareplication.jobs.model.manifest import MaterializedView


@dataclass(frozen=True)
class View:
    """A materialized view of the source."""

    oid: int
    schema: str
    name: str
    is_filled: bool
    """Whether it is filled at the source."""
    is_refreshed: bool
    """Whether a load refreshes it; a load does not refresh an extension's views."""
    reads: frozenset[int]
    """Oids of all materialized views that it reads, directly or indirectly."""


@dataclass(frozen=True)
class Filling:
    """Which views of the source a load fills."""

    filled: tuple[MaterializedView, ...] = ()
    """Views that the load fills, each after the views that it reads."""
    unfilled: tuple[str, ...] = ()
    """`schema.name` of views that are filled at the source but not by the load."""


def decide(views: Iterable[View], rowless: Collection[int]) -> Filling:
    """Return which views a load fills. rowless: oids of relations whose rows are not copied."""
    # A view that reads another view also reads all that the other one reads, so its `reads` is larger.
    ordered = sorted(views, key=lambda view: (len(view.reads), view.schema, view.name))
    empty = {view.oid for view in ordered if not view.is_filled or view.oid in rowless}
    wanted = [view for view in ordered if view.is_refreshed and view.oid not in empty]
    return Filling(
        tuple(MaterializedView(view.schema, view.name) for view in wanted if empty.isdisjoint(view.reads)),
        tuple(sorted(f"{view.schema}.{view.name}" for view in wanted if not empty.isdisjoint(view.reads))),
    )
