"""Constraints that are NOT VALID: rows older than such a constraint may violate it, but COPY would check these rows.

pg_restore adds such constraints after the rows. A load in place drops them before it copies rows, and adds them again
as they were. Foreign keys are not handled here: all of them are dropped and added again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

from datareplication.jobs.model.layout import Constraint
from datareplication.jobs.postgres.connection import Session, execute, identifier, records, rows
from datareplication.jobs.postgres.row_functions import HELD_TYPES

DOING = "reading the target's constraints"

_BELOW = """
    WITH RECURSIVE below(oid, child) AS (
        SELECT oid, oid FROM pg_class WHERE relkind IN ('r', 'p')
        UNION SELECT b.oid, i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.child
    )
"""

_OF_TABLES = f"""
    {_BELOW}
    SELECT n.nspname AS schema, c.relname AS owner, k.conname AS name, pg_get_constraintdef(k.oid) AS definition,
           obj_description(k.oid, 'pg_constraint') AS comment,
           array(SELECT b.child::int8 FROM below b JOIN pg_class d ON d.oid = b.child
                 WHERE b.oid = k.conrelid AND d.relkind IN ('r', 'p') AND (b.child = b.oid OR NOT k.connoinherit)
                 ORDER BY 1) AS tables
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE k.contype IN ('c', 'n') AND NOT k.convalidated AND k.conislocal AND c.relpersistence <> 't'
    ORDER BY (SELECT count(*) FROM below b WHERE b.child = k.conrelid), 1, 2, 3
"""  # noqa: S608 - constants only
"""Constraints that were declared on the table itself, a parent's before a child's. A constraint that a child inherits
is dropped and added with its parent's. NOT NULL constraints are in pg_constraint since PostgreSQL 18."""

_VALID_BELOW = f"""
    {_BELOW}
    SELECT n.nspname, c.relname, k.conname
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE k.contype IN ('c', 'n') AND k.convalidated AND NOT k.conislocal AND EXISTS (
        SELECT FROM below b JOIN unnest(%s::text[], %s::text[], %s::text[]) given(schema, name, constraint_name)
          ON b.oid = format('%%I.%%I', given.schema, given.name)::regclass
        WHERE b.child = k.conrelid AND b.child <> b.oid AND given.constraint_name = k.conname)
    ORDER BY 1, 2, 3
"""  # noqa: S608 - constants only

_OF_DOMAINS = f"""
    WITH RECURSIVE {HELD_TYPES}
    SELECT n.nspname AS schema, t.typname AS owner, k.conname AS name, pg_get_constraintdef(k.oid) AS definition,
           obj_description(k.oid, 'pg_constraint') AS comment, pg_has_role(t.typowner, 'USAGE') AS is_ours
    FROM (SELECT DISTINCT type FROM held WHERE relation = ANY(%s::oid[])) used
    JOIN pg_type t ON t.oid = used.type JOIN pg_namespace n ON n.oid = t.typnamespace
    JOIN pg_constraint k ON k.contypid = t.oid WHERE NOT k.convalidated ORDER BY 1, 2, 3
"""  # noqa: S608 - constants only


@dataclass(frozen=True)
class OfDomains:
    """Constraints of domains. ours: those that the session's role may drop. others: other domains, for a message."""

    ours: tuple[Constraint, ...]
    others: tuple[str, ...]


def of_tables(session: Session) -> tuple[Constraint, ...]:
    """Return the NOT VALID constraints of all tables, in the order in which they are dropped."""
    return tuple(records(session, _OF_TABLES, into=Constraint, doing=DOING))


def of_domains(session: Session, tables: Iterable[int]) -> OfDomains:
    """Return the NOT VALID constraints of all domains that are used in these tables."""
    found = records(session, _OF_DOMAINS, [list(tables)], into=_of_domain, doing=DOING)
    others = (f"{one.schema}.{one.owner}" for one, is_ours in found if not is_ours)
    return OfDomains(tuple(one for one, is_ours in found if is_ours), tuple(dict.fromkeys(others)))


def _of_domain(*, is_ours: bool, **fields: Any) -> tuple[Constraint, bool]:
    return Constraint(**fields), is_ours


def valid_below(session: Session, constraints: Sequence[Constraint]) -> list[tuple[str, str, str]]:
    """Return (schema, table, name) of inherited copies of these constraints that are validated in a child only."""
    names = [[getattr(one, field) for one in constraints] for field in ("schema", "owner", "name")]
    return [(schema, table, name) for schema, table, name in rows(session, _VALID_BELOW, names, doing=DOING)]


def drop(session: Session, constraints: Iterable[Constraint]) -> None:
    """Drop constraints, to be added again by add()."""
    for one in constraints:
        statement = sql.SQL("ALTER {} DROP CONSTRAINT {}").format(_of(one), sql.Identifier(one.name))
        execute(session, statement, doing=f"dropping constraint {one.name} of {one.schema}.{one.owner}")


def add(session: Session, constraints: Sequence[Constraint]) -> None:
    """Add constraints as they were, children's first: a parent's constraint then merges with the child's."""
    for one in reversed(constraints):
        name, doing = sql.Identifier(one.name), f"adding constraint {one.name} of {one.schema}.{one.owner} again"
        statement = sql.SQL("ALTER {} ADD CONSTRAINT {} {}").format(_of(one), name, sql.SQL(one.definition))
        execute(session, statement, doing=doing)
        if one.comment is not None:
            of = _of(one) if not one.tables else identifier(one.schema, one.owner)
            text = sql.SQL("COMMENT ON CONSTRAINT {} ON {} IS {}").format(name, of, sql.Literal(one.comment))
            execute(session, text, doing=doing)


def validate(session: Session, constraints: Iterable[tuple[str, str, str]]) -> None:
    """Validate constraints of tables; DataError if rows violate one."""
    for schema, table, name in constraints:
        statement = sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}")
        made = statement.format(identifier(schema, table), sql.Identifier(name))
        execute(session, made, doing=f"validating constraint {name} of {schema}.{table} again")


def _of(one: Constraint) -> sql.Composable:
    kind = sql.SQL("TABLE {}" if one.tables else "DOMAIN {}")
    return kind.format(identifier(one.schema, one.owner))
