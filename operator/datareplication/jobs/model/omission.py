"""What a dump leaves out: for the manifest, and in words for messages. Pure."""

from collections.abc import Sequence

from datareplication.jobs.model.manifest import PG_CONSTRAINT, CatalogObject, Omitted
from datareplication.jobs.model.selection import Selection

NAMES_IN_A_MESSAGE = 5

_UNFILLED = "materialized views left empty, because they read one without rows"


def omitted_by(selected: Selection, unfilled: tuple[str, ...] = ()) -> Omitted:
    """Return what the manifest says of a selection and of the materialized views that are not filled."""
    return Omitted(
        relations=tuple(node.qualified for node in selected.left_out),
        without_rows=tuple(node.qualified for node in selected.without_rows),
        views=tuple(node.qualified for node in selected.followed),
        objects=tuple(CatalogObject(PG_CONSTRAINT, key.oid, key.name) for key in selected.foreign_keys),
        unfilled=unfilled,
    )


def named(omitted: Omitted) -> dict[str, Sequence[str]]:
    """Return the names of all that is left out although no pattern matches it, for the log."""
    keys = [one.name for one in omitted.objects]
    return {"views": omitted.views, "foreign_keys": keys, "unfilled": omitted.unfilled}


def describe(omitted: Omitted) -> str:
    """Return in words what is not copied, shortened; empty when nothing was left out."""
    parts = {
        "left out": omitted.relations,
        "among these, views that read something left out": omitted.views,
        "without rows": omitted.without_rows,
        "foreign keys to rows that are not copied": [one.name for one in omitted.objects],
        _UNFILLED: omitted.unfilled,
    }
    return "; ".join(f"{what}: {len(names)} ({shortened(names)})" for what, names in parts.items() if names)


def describe_unfilled(omitted: Omitted) -> str:
    """Return which materialized views stay empty, in words, shortened; empty when none does."""
    return describe(Omitted(unfilled=omitted.unfilled))


def shortened(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    shown = ", ".join(names[:NAMES_IN_A_MESSAGE])
    left = len(names) - NAMES_IN_A_MESSAGE
    return f"{shown} and {left} more" if left > 0 else shown
