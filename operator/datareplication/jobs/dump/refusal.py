"""What a dump refuses before it copies a row, and the remedy."""

from collections.abc import Sequence

from datareplication.errors import CapabilityError, RightsError
from datareplication.jobs.dump import large_object_archive
from datareplication.jobs.model.omission import shortened
from datareplication.jobs.model.selection import Selection
from datareplication.jobs.model.tables import Table
from datareplication.jobs.postgres import catalog, extensions
from datareplication.jobs.postgres.connection import Session


def what_cannot_be_dumped(session: Session, selected: Selection) -> None:
    """Raise if a chosen table or a large object cannot be read, or if our own schema's name holds something else."""
    unreadable = catalog.unreadable(session, selected) + extensions.unreadable(session, selected.rowless_oids)
    if unreadable:
        names = shortened([name for name, _ in unreadable])
        statements = shortened(
            [f"{statement};" for statement in dict.fromkeys(statement for _, statement in unreadable)]
        )
        text = f"the role cannot read all of {names}; run as their owner or as a superuser: {statements}"
        raise RightsError(f"{text} (or GRANT pg_read_all_data)", reason="CannotReadTables")
    large_object_archive.refuse_unreadable(session)
    if strangers := catalog.strangers_in_our_schema(session):
        text = (
            f"schema {catalog.PROVENANCE[0]} is this program's own and is not copied; move out {shortened(strangers)}"
        )
        raise CapabilityError(text, reason="ReservedSchema")


def unlogged_on_standby(copied: Sequence[Table], *, is_standby: bool) -> None:
    """Raise if the source is a standby and a table to be copied is unlogged: such a table cannot be read there."""
    unlogged = [f"{table.schema}.{table.name}" for table in copied if table.is_unlogged]
    if is_standby and unlogged:
        text = f"the source is a standby, where unlogged tables cannot be read: {shortened(unlogged)}; dump its primary"
        raise CapabilityError(text, reason="UnloggedOnStandby")
