"""Which materialized views a load fills, and in which order. Pure: views and what they read in, names out.

It owns the rule, which is pg_dump's as well: one that reads a materialized view without rows cannot be refreshed.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from datareplication.jobs.model.manifest import MaterializedView


@dataclass(frozen=True)
class View:
    """A materialized view of the source. is_filled: there. is_refreshed: by a load; one of an extension is not.

    reads: oids of all materialized views that it reads, however indirectly.
    """

    oid: int
    schema: str
    name: str
    is_filled: bool
    is_refreshed: bool
    reads: frozenset[int]


@dataclass(frozen=True)
class Filling:
    """What a load fills, each after those it reads. unfilled: `schema.name` of what only the source has filled."""

    filled: tuple[MaterializedView, ...] = ()
    unfilled: tuple[str, ...] = ()


def decide(views: Iterable[View], rowless: Collection[int]) -> Filling:
    """Return what is filled. rowless: oids of relations whose rows are not copied."""
    # Whatever reads another view reads all that this one reads, and that one besides.
    ordered = sorted(views, key=lambda view: (len(view.reads), view.schema, view.name))
    empty = {view.oid for view in ordered if not view.is_filled or view.oid in rowless}
    wanted = [view for view in ordered if view.is_refreshed and view.oid not in empty]
    return Filling(
        tuple(MaterializedView(view.schema, view.name) for view in wanted if empty.isdisjoint(view.reads)),
        tuple(sorted(f"{view.schema}.{view.name}" for view in wanted if not empty.isdisjoint(view.reads))),
    )
