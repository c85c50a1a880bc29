"""The statements by which a load in place replaces rows inside one transaction of the target.

The order of the steps is decided elsewhere. Rules need no step: COPY and TRUNCATE ignore them.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

from psycopg2 import sql

from datareplication.jobs.model.layout import Deferrable, ForeignKey, Table, Trigger, View
from datareplication.jobs.model.manifest import Sequence as State
from datareplication.jobs.postgres import copying
from datareplication.jobs.postgres.connection import Session, execute, identifier

LOCK_TIMEOUT_SECONDS = 30
"""For each lock. While the load waits for a lock, all later requests for that table wait too."""

_ENABLE = {"O": "ENABLE TRIGGER", "R": "ENABLE REPLICA TRIGGER", "A": "ENABLE ALWAYS TRIGGER"}


def lock(session: Session, tables: Sequence[Table]) -> None:
    """Lock tables against everybody, in the given order. Until the transaction's end each wait for a lock is limited.

    A partitioned table is locked with all its partitions: dropping its foreign keys would lock them anyway.
    """
    execute(session, f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'", doing="locking the tables")
    if tables:
        statement = sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(_list(_alone(table) for table in tables))
        execute(session, statement, doing="locking the tables")


def set_sequences(session: Session, states: Sequence[State]) -> None:
    """Give sequences the state that they had at the source, so that a rollback undoes it.

    setval() alone is never undone. But RESTART gives a sequence a new file for the rest of the transaction; setval()
    then writes into this file, which a rollback drops. Unlike RESTART WITH, setval() sets last_value and is_called
    exactly, also for an exhausted sequence. RESTART also locks the sequence against nextval().
    """
    for state in states:
        name, doing = identifier(state.schema, state.name), f"setting sequence {state.schema}.{state.name}"
        execute(session, sql.SQL("ALTER SEQUENCE {} RESTART").format(name), doing=doing)
    copying.set_sequences(session, states)


def lock_views(session: Session, views: Sequence[View]) -> None:
    """Empty materialized views, which locks them; LOCK TABLE cannot lock a materialized view."""
    for view in views:
        execute(session, f"REFRESH MATERIALIZED VIEW {view.name} WITH NO DATA", doing=f"locking {view.name}")


def refresh(session: Session, views: Sequence[View]) -> None:
    """Fill materialized views in order."""
    for view in views:
        execute(session, f"REFRESH MATERIALIZED VIEW {view.name}", doing=f"refreshing {view.name}")


def drop_foreign_keys(session: Session, keys: Sequence[ForeignKey]) -> None:
    """Drop foreign keys, to be added again by add_foreign_keys()."""
    for key in keys:
        statement = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(_of(key), sql.Identifier(key.name))
        execute(session, statement, doing=f"dropping foreign key {key.name} of {key.schema}.{key.table}")


def add_foreign_keys(session: Session, keys: Sequence[ForeignKey]) -> None:
    """Add foreign keys as they were; rows that violate one are a DataError."""
    for key in keys:
        name, doing = sql.Identifier(key.name), f"adding foreign key {key.name} of {key.schema}.{key.table} again"
        # The definition is PostgreSQL's own text, in which names are quoted.
        definition = sql.SQL(key.definition)
        execute(session, sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(_of(key), name, definition), doing=doing)
        if key.comment is not None:
            table, text = identifier(key.schema, key.table), sql.Literal(key.comment)
            execute(session, sql.SQL("COMMENT ON CONSTRAINT {} ON {} IS {}").format(name, table, text), doing=doing)


def disable_triggers(session: Session, triggers: Sequence[Trigger]) -> None:
    """Disable users' triggers; the triggers of constraints stay enabled."""
    for (schema, table), _ in groupby(triggers, key=lambda trigger: (trigger.schema, trigger.table)):
        statement = sql.SQL("ALTER TABLE ONLY {} DISABLE TRIGGER USER").format(identifier(schema, table))
        execute(session, statement, doing=f"disabling triggers of {schema}.{table}")


def enable_triggers(session: Session, triggers: Sequence[Trigger]) -> None:
    """Give each trigger the state that it had before."""
    for trigger in triggers:
        table, how = identifier(trigger.schema, trigger.table), sql.SQL(_ENABLE[trigger.state])
        statement = sql.SQL("ALTER TABLE ONLY {} {} {}").format(table, how, sql.Identifier(trigger.name))
        execute(session, statement, doing=f"enabling trigger {trigger.name} of {trigger.schema}.{trigger.table}")


def force_security(session: Session, tables: Iterable[Table], *, is_forced: bool) -> None:
    """Switch FORCE ROW LEVEL SECURITY on or off: with it, COPY FROM and a full count are refused to the owner too."""
    how = sql.SQL("FORCE" if is_forced else "NO FORCE")
    for table in tables:
        name = identifier(table.schema, table.name)
        statement = sql.SQL("ALTER TABLE ONLY {} {} ROW LEVEL SECURITY").format(name, how)
        execute(session, statement, doing=f"altering row-level security of {table.schema}.{table.name}")


def check_at_once(session: Session, constraints: Sequence[Deferrable]) -> None:
    """Let each COPY check deferrable unique constraints: a table with pending checks cannot be altered."""
    _set_constraints(session, constraints, "IMMEDIATE")


def check_later(session: Session, constraints: Sequence[Deferrable]) -> None:
    """Defer the constraints again that are INITIALLY DEFERRED."""
    _set_constraints(session, [one for one in constraints if one.is_deferred], "DEFERRED")


def empty(session: Session, tables: Sequence[Table]) -> None:
    """Empty these tables in one statement, but no tables that refer to them."""
    if tables:
        names = _list(sql.SQL("ONLY {}").format(identifier(table.schema, table.name)) for table in tables)
        execute(session, sql.SQL("TRUNCATE {}").format(names), doing="emptying the tables")


def analyze(session: Session, names: Sequence[sql.Composable]) -> None:
    """Gather statistics of tables and materialized views, one by one."""
    for name in names:
        execute(session, sql.SQL("ANALYZE {}").format(name), doing=f"analyzing {name.as_string(session)}")


def names_to_analyze(tables: Sequence[Table], views: Sequence[View]) -> list[sql.Composable]:
    """Return the names for analyze()."""
    return [*(identifier(table.schema, table.name) for table in tables), *(sql.SQL(view.name) for view in views)]


def _set_constraints(session: Session, constraints: Sequence[Deferrable], when: str) -> None:
    if constraints:
        names = _list(identifier(one.schema, one.name) for one in constraints)
        statement = sql.SQL("SET CONSTRAINTS {} {}").format(names, sql.SQL(when))
        execute(session, statement, doing="setting when constraints are checked")


def _alone(table: Table) -> sql.Composable:
    name = identifier(table.schema, table.name)
    return name if table.kind == "PartitionedTable" else sql.SQL("ONLY {}").format(name)


def _of(key: ForeignKey) -> sql.Composable:
    name = identifier(key.schema, key.table)
    return name if key.is_partitioned else sql.SQL("ONLY {}").format(name)


def _list(parts: Iterable[sql.Composable]) -> sql.Composable:
    return sql.SQL(", ").join(parts)
