"""Fields that the schema accepts and that are not carried out yet: refused in words, never ignored. It shrinks."""

from collections.abc import Callable

from datareplication.core.endpoints import Target
from datareplication.core.spec import ReplicationSpec
from datareplication.errors import SpecError

REASON = "NotYetSupported"

OF_SPEC: tuple[tuple[str, Callable[[ReplicationSpec], bool], str], ...] = (
    ("spec.snapshot.retention.keep", lambda s: s.snapshot.retention.keep != RETENTION_DEFAULT, "leave it out"),
    ("spec.snapshot.retention.maxAgeDays", lambda s: s.snapshot.retention.max_age_days is not None, "leave it out"),
)
OF_TARGET: tuple[tuple[str, Callable[[Target], bool], str], ...] = ()
RETENTION_DEFAULT = 7


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
