"""What the build role is lent in `<db>__next`, and to whom what it has made is to belong.

It owns what may be used, what is counted, and that nothing else comes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from datareplication.jobs.load.swap.makers import Maker
from datareplication.jobs.postgres import builders, owners
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.postgres.owners import Heir, Loan


@dataclass
class Lending:
    """For as long as one role builds. session: of the load's role; None when that one builds itself: nothing is lent.

    tables: (schema, name) of extensions' tables to copy into, once they are there.
    """

    builder: Maker
    session: Session | None
    heir: Heir
    tables: Sequence[tuple[str, str]] = ()
    opened: list[tuple[str, builders.Names]] = field(default_factory=list)
    loan: Loan = field(default_factory=dict)

    def open_up(self) -> None:
        """Let it use what the load's role has made so far."""
        if self.session:
            self.opened = builders.open_up(self.session, self._name, ())

    def lend(self) -> None:
        """Lend it all that is there, and count it: nothing else may be there at the end."""
        if self.session:
            self.opened = builders.open_up(self.session, self._name, self.tables)
            self.loan = owners.lend_all(self.session, self._name, self.heir)

    def take_back(self) -> None:
        """Give everything to whom it is to belong; the role must be shut out by now."""
        if self.session:
            owners.take_back(self.session, self.loan, self._name)
            builders.close_again(self.session, self.opened, self._name)
            owners.check_without(self.session, self._name)

    @property
    def _name(self) -> str:
        return self.builder.role.username if self.builder.role else ""
