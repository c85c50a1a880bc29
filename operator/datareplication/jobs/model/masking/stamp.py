"""What a manifest says about the masking of its rows."""

from dataclasses import dataclass

from datareplication.jobs.model import ranges
from datareplication.jobs.model.masking import unmasked
from datareplication.jobs.model.masking.unmasked import Unmasked


@dataclass(frozen=True)
class Masked:
    """How the rows were masked."""

    rules_sha256: ranges.Text
    """Of the rules' file."""

    columns: ranges.Count
    """How many columns are masked."""

    leak_gate_seal: ranges.Text = ""
    """HMAC-SHA256 of the leak gate's file by a subkey of the masking key."""

    unmasked: tuple[Unmasked, ...] = ()
    """Where the schema carries text that no rule masks."""

    @property
    def description(self) -> str:
        """Return what a report says."""
        text = f"{self.columns} columns by rules {self.rules_sha256[:12]}"
        carried = unmasked.describe(self.unmasked)
        return f"{text}; not masked: {carried}" if carried else text
