"""The result of a strategy."""

from collections.abc import Sequence
from dataclasses import dataclass

from datareplication.jobs.model.provenance import Provenance


@dataclass(frozen=True)
class Replaced:
    """What a load did."""

    provenance: Provenance
    not_carried: Sequence[str]
    """Properties of the target that could not be given to the new database."""
    remarks: Sequence[str] = ()
    """What else a person should know."""
