"""What the build role is lent in `<db>__next`, and who will own what the build role makes.

It owns which objects the build role may use, the list of what was lent, and the check that nothing else comes back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from datareplication.jobs.load.swap.makers import Maker
from datareplication.jobs.postgres import builders, owners
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.postgres.owners import Heir, Loan


@dataclass
class Lending:
    """What one build role is lent while it builds."""

    builder: Maker
    session: Session | None
    """A session of the load's role; None if the load's role builds and nothing is lent."""

    heir: Heir
    shut_out: Callable[[], None]
    """Revokes the build role's rights on the database and ends its sessions."""

    admit: Callable[[], None]
    tables: Sequence[tuple[str, str]] = ()
    """(schema, name) of the extensions' tables to copy into, once they exist."""

    opened: list[tuple[str, builders.Names]] = field(default_factory=list)
    loan: Loan = field(default_factory=dict)

    def open_up(self) -> None:
        """Let the build role use and own what the load's role has made so far.

        An object that the load's role still owned could give away its rights: a function may run as its owner
        (SECURITY DEFINER).
        """
        if self.session:
            self.opened = builders.open_up(self.session, self._name, ())
            self.loan = {**self.loan, **owners.adopt(self.session, self._name)}

    def lend(self) -> None:
        """Lend the build role all objects that are there, and list them: nothing else may be there at the end."""
        if self.session:
            self.opened = builders.open_up(self.session, self._name, self.tables)
            adopted = owners.adopt(self.session, self._name, with_shells=True)
            self.loan = owners.listed(self.session, self._name, {**self.loan, **adopted}, self.heir)

    def check(self) -> None:
        """Raise unless all is as it was lent. The build role has no session during the check."""
        if self.session:
            self.shut_out()
            owners.check_lent(self.session, self.loan, self._name)
            self.admit()

    def take_back(self) -> None:
        """Shut the build role out and give everything to its owner."""
        if self.session:
            self.shut_out()
            owners.take_back(self.session, self.loan, self._name)
            builders.close_again(self.session, self.opened, self._name)
            owners.check_without(self.session, self._name)

    @property
    def _name(self) -> str:
        return self.builder.role.username if self.builder.role else ""
