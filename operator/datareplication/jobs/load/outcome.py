"""What a strategy has done."""

from collections.abc import Sequence
from dataclasses import dataclass

from datareplication.jobs.model.provenance import Provenance


@dataclass(frozen=True)
class Replaced:
    """What a load did. not_carried: what belonged to the target and could not be given to the new database.

    remarks: what else a person should know.
    """

    provenance: Provenance
    not_carried: Sequence[str]
    remarks: Sequence[str] = ()
