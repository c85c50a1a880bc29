"""What a worker needs to copy masked columns: the session's subkeys, and the expressions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from datareplication.jobs.model.masking.masking import Masking
from datareplication.jobs.model.masking.words import Words
from datareplication.jobs.postgres import mask_key
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.postgres.copying import Columns
from datareplication.jobs.postgres.masks import Masker


def startup(masking: Masking | None) -> Mapping[str, str]:
    """Return the settings that a session must start with to mask."""
    return mask_key.settings(masking.key) if masking else {}


def prepare(session: Session, masking: Masking | None) -> None:
    """Give a session that has started with `startup` the subkeys of all domains."""
    if masking:
        mask_key.derive(session, masking.domains)


@dataclass
class Expressions:
    """The expressions of each table, made when the first part of it is copied."""

    masking: Masking | None
    words: Callable[[], Mapping[str, Words]]
    _made: dict[int, Columns] = field(default_factory=dict)

    def of(self, oid: int) -> Columns:
        """Return the columns of a table."""
        if self.masking is None or not self.masking.of(oid):
            return {}
        if oid not in self._made:
            masker = Masker(self.words(), self.masking.language, list(self.masking.domains))
            self._made[oid] = {
                mask.column: masker.expression(mask.rule, mask.column, mask.values) for mask in self.masking.of(oid)
            }
        return self._made[oid]
