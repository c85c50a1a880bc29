"""What a manifest says about the masking of its rows."""

from dataclasses import dataclass

from datareplication.jobs.model import ranges
from datareplication.jobs.model.masking.unmasked import Unmasked


@dataclass(frozen=True)
class Masked:
    """How the rows were masked."""

    rules_sha256: ranges.Text
    """Of the rules' file."""

    columns: ranges.Count
    """How many columns are masked."""

    unmasked: tuple[Unmasked, ...] = ()
    """Where the schema carries text that no rule masks."""
