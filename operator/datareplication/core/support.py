"""Fields that the schema accepts and that are not carried out yet: refused in words, never ignored. It shrinks."""

from collections.abc import Callable

from datareplication.core.endpoints import Target
from datareplication.core.spec import ReplicationSpec
from datareplication.errors import SpecError

REASON = "NotYetSupported"

OF_SPEC: tuple[tuple[str, Callable[[ReplicationSpec], bool], str], ...] = (
    ("spec.concurrencyPolicy", lambda s: s.concurrency_policy != "Forbid", "use Forbid"),
    ("spec.maxActiveRuns", lambda s: s.max_active_runs != 1, "use 1"),
    ("spec.dependsOnPast", lambda s: s.depends_on_past, "leave it out"),
    ("spec.schedule.catchup", lambda s: s.schedule is not None and s.schedule.catchup, "leave it out"),
    ("spec.source.tables", lambda s: bool(s.source.tables.include or s.source.tables.exclude), "leave it out"),
    ("spec.source.tables.schemaOnly", lambda s: bool(s.source.tables.schema_only), "leave it out"),
)
OF_TARGET: tuple[tuple[str, Callable[[Target], bool], str], ...] = (
    ("verify", lambda t: t.verify != "Rows", "use Rows"),
    ("afterLoad", lambda t: t.after_load is not None, "leave it out"),
    ("physicalCloneOfSource", lambda t: t.physical_clone_of_source, "leave it out"),
)


def check(spec: ReplicationSpec) -> None:
    """Raise SpecError for the first field that asks for something this version does not do."""
    for path, is_asked_for, remedy in OF_SPEC:
        if is_asked_for(spec):
            raise SpecError(path, f"is not carried out by this version yet; {remedy}", reason=REASON)
    for index, target in enumerate(spec.targets):
        for name, is_asked, remedy in OF_TARGET:
            if is_asked(target):
                path = f"spec.targets[{index}].{name}"
                raise SpecError(
                    path, f"(target {target.name}) is not carried out by this version yet; {remedy}", reason=REASON
                )
