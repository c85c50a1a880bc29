"""What a load in place cannot do: found before a row is changed."""

from collections.abc import Iterable

from datareplication.errors import CapabilityError
from datareplication.jobs.model.layout import Trigger
from datareplication.jobs.model.manifest import Manifest


def refuse_uncarried(manifest: Manifest) -> None:
    """Raise CapabilityError if the snapshot holds something that only a Swap can load."""
    what = []
    if manifest.large_objects:
        what.append("large objects")
    if manifest.extension_tables:
        what.append("rows in tables of extensions")
    if what:
        text = f"the snapshot holds {' and '.join(what)}, which InPlace does not load: use strategy Swap"
        raise CapabilityError(text, reason="NeedsSwap")


def refuse_unstoppable(triggers: Iterable[Trigger]) -> None:
    """Raise CapabilityError if PostgreSQL lets nobody switch off one of these triggers."""
    named = [f"{one.name} of {one.schema}.{one.table}" for one in triggers if one.is_internal]
    if named:
        text = f"PostgreSQL 14 lets nobody disable a partition's triggers: {', '.join(named)}"
        raise CapabilityError(f"{text}; use strategy Swap, or upgrade the target", reason="TriggersOfPartitions")
