"""Giving everything in a database to one role: to the target's owner for good, or to the build role for a while.

It owns which objects have an owner that can be changed. It does not touch objects that only superusers may own (event
triggers, foreign-data wrappers), nor the members of an extension.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from psycopg2 import sql

from datareplication.errors import DataError
from datareplication.jobs.model import ownership
from datareplication.jobs.model.ownership import Owned, Ownership
from datareplication.jobs.postgres.catalog import PROVENANCE
from datareplication.jobs.postgres.connection import Session, execute, records, row, rows, without_event_triggers

_OWNED = """
    WITH member AS NOT MATERIALIZED (
        SELECT classid, objid, refclassid, deptype FROM pg_depend WHERE deptype IN ('a', 'e', 'i')),
    object(rank, classid, oid, owner) AS (
        SELECT 0, 'pg_namespace'::regclass, oid, nspowner FROM pg_namespace
        WHERE nspname !~ '^pg_(toast_)?temp_'
        UNION ALL SELECT 1, 'pg_class'::regclass, c.oid, relowner FROM pg_class c
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f') OR relkind = 'S' AND NOT EXISTS (
            SELECT FROM member WHERE objid = c.oid AND classid = 'pg_class'::regclass AND refclassid = classid)
        UNION ALL SELECT 1, 'pg_type'::regclass, t.oid, typowner FROM pg_type t
        WHERE NOT EXISTS (SELECT FROM member WHERE (classid, objid, deptype) = ('pg_type'::regclass, t.oid, 'i'))
           OR t.typtype = 'm' AND current_setting('server_version_num')::int < 170000
        UNION ALL SELECT 1, 'pg_proc'::regclass, p.oid, proowner FROM pg_proc p
        WHERE NOT EXISTS (SELECT FROM member WHERE (classid, objid, deptype) = ('pg_proc'::regclass, p.oid, 'i'))
        UNION ALL SELECT 1, 'pg_operator'::regclass, oid, oprowner FROM pg_operator
        UNION ALL SELECT 1, 'pg_opclass'::regclass, oid, opcowner FROM pg_opclass
        UNION ALL SELECT 1, 'pg_opfamily'::regclass, oid, opfowner FROM pg_opfamily
        UNION ALL SELECT 1, 'pg_collation'::regclass, oid, collowner FROM pg_collation
        UNION ALL SELECT 1, 'pg_conversion'::regclass, oid, conowner FROM pg_conversion
        UNION ALL SELECT 1, 'pg_ts_dict'::regclass, oid, dictowner FROM pg_ts_dict
        UNION ALL SELECT 1, 'pg_ts_config'::regclass, oid, cfgowner FROM pg_ts_config
        UNION ALL SELECT 1, 'pg_language'::regclass, oid, lanowner FROM pg_language
        UNION ALL SELECT 1, 'pg_foreign_server'::regclass, oid, srvowner FROM pg_foreign_server
        UNION ALL SELECT 1, 'pg_statistic_ext'::regclass, oid, stxowner FROM pg_statistic_ext
        UNION ALL SELECT 1, 'pg_largeobject'::regclass, oid, lomowner FROM pg_largeobject_metadata
    )
    SELECT CASE WHEN type = 'composite type' THEN 'type' WHEN type = 'statistics object' THEN 'statistics'
                ELSE type END AS kind,
           CASE WHEN type = 'procedure' THEN format('%%I.%%I(%%s)', found.schema, found.name,
                                                    pg_get_function_identity_arguments(o.oid))
                ELSE identity END AS identity,
           o.classid::int8 AS catalog, o.oid::int8 AS oid, pg_get_userbyid(owner) AS owner,
           EXISTS (SELECT FROM pg_type t WHERE o.classid = 'pg_type'::regclass AND t.oid = o.oid
                   AND NOT t.typisdefined) AS is_shell
    FROM object o CROSS JOIN LATERAL pg_identify_object(o.classid, o.oid, 0) AS identified
    CROSS JOIN LATERAL (
        SELECT nspname AS schema, proname AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
        WHERE o.classid = 'pg_proc'::regclass AND p.oid = o.oid
        UNION ALL SELECT NULL, NULL WHERE o.classid <> 'pg_proc'::regclass
    ) AS found
    WHERE o.oid >= 16384 AND identity IS NOT NULL AND (%(owner)s::text IS NULL OR pg_get_userbyid(owner) = %(owner)s)
      AND NOT EXISTS (SELECT FROM member m WHERE (m.classid, m.objid, m.deptype) = (o.classid, o.oid, 'e'))
    ORDER BY rank, o.oid
"""
"""Schemas come first: the new owner of an object needs CREATE on the object's schema. An array type, a table's row
type, a serial column's sequence and an index follow the object they belong to; a multirange type since PostgreSQL 17.
An object that was dropped meanwhile has no identity. A procedure is named with its OUT arguments: its IN arguments
alone may name another procedure."""


_LEFT = """
    SELECT pg_describe_object(classid, objid, objsubid) FROM pg_shdepend
    WHERE refclassid = 'pg_authid'::regclass AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = %s)
      AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1
"""
"""All that still refers to a role: extensions, publications, default privileges, grants, policies and so on."""

_STRANGERS = """
    SELECT DISTINCT r.rolname FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
    WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o' AND NOT r.rolsuper
      AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1
"""

_SERVER = "server"
"""A foreign server is never lent: USAGE is enough, and its owner would need rights on the foreign-data wrapper."""

_PUBLIC = "letting the target's owner have things in schema public"

STATEMENTS_AT_ONCE = 200
"""In one round trip and one transaction. It holds a lock for each statement; a server has room for some thousands."""


@dataclass(frozen=True)
class OwnedHere(Owned):
    """An object of the session's database."""

    catalog: int
    oid: int
    is_shell: bool
    """Whether it is a shell type: only the role that made it can complete it."""


Identity = tuple[int, int, str]
Loan = Mapping[Identity, str]
"""Lent objects (catalog, oid, kind) -> the role that will own each afterwards."""

Heir = Callable[[Owned], str]
"""Returns the role that will own an object that the borrower has made."""


def let_create(session: Session, owner: str) -> bool:
    """Let a role own objects in schema public, which the database's owner owns; return whether it could not before.

    The new owner of an object needs CREATE on the object's schema.
    """
    query = """
        SELECT FROM pg_namespace WHERE nspname = 'public' AND pg_has_role(nspowner, 'USAGE')
          AND NOT has_schema_privilege(%s, oid, 'CREATE')
    """
    if not rows(session, query, [owner], doing=_PUBLIC):
        return False
    execute(session, sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(owner)), doing=_PUBLIC)
    return True


def let_create_no_more(session: Session, owner: str) -> None:
    """Take back what let_create() gave, unless the role owns the schema by now."""
    query = """
        SELECT FROM pg_namespace, aclexplode(nspacl) a WHERE nspname = 'public' AND pg_has_role(nspowner, 'USAGE')
          AND pg_get_userbyid(nspowner) <> %s AND a.privilege_type = 'CREATE' AND pg_get_userbyid(a.grantee) = %s
    """
    if rows(session, query, [owner, owner], doing=_PUBLIC):
        execute(session, sql.SQL("REVOKE CREATE ON SCHEMA public FROM {}").format(sql.Identifier(owner)), doing=_PUBLIC)


def give_all(session: Session, owner: str) -> None:
    """Give `owner` all objects of the session's database that the session's role owns, except the provenance.

    A role that is no superuser must have the rights of `owner`, which needs CREATE on schema public.
    """
    without_event_triggers(session)
    me = str(row(session, "SELECT current_user", doing="looking up the load's role")[0])
    ours = {PROVENANCE[0], ".".join(PROVENANCE)}
    _give(session, [(one, owner) for one in _owned(session, me) if one.identity not in ours])


def read(session: Session) -> Ownership:
    """Return who owns the objects of the session's database."""
    return ownership.grouped(Owned(one.kind, one.identity, one.owner) for one in _owned(session))


def adopt(session: Session, borrower: str, *, with_shells: bool = False) -> Loan:
    """Make the borrower the owner of all objects of the session's database; return each object's owner before."""
    found = [one for one in _owned(session) if one.owner != borrower and one.kind != _SERVER]
    taken = [one for one in found if with_shells or not one.is_shell]
    _give(session, [(one, borrower) for one in taken])
    return {_identity_of(one): one.owner for one in taken}


def listed(session: Session, borrower: str, adopted: Loan, heir: Heir) -> Loan:
    """Return all objects the borrower owns, with their later owners: the one before, or the heir if it made them."""
    return {_identity_of(one): adopted.get(_identity_of(one)) or heir(one) for one in _owned(session, borrower)}


def check_lent(session: Session, lent: Loan, borrower: str) -> None:
    """Raise DataError if the objects or their kinds differ from what was lent: the source's code has changed them.

    Up to PostgreSQL 15 a rule makes a view of a table.
    """
    _lent(session, lent, borrower)


def take_back(session: Session, lent: Loan, borrower: str) -> None:
    """Check that all is as it was lent, and give each object to its later owner. The borrower must be shut out."""
    _give(session, [(one, lent[_identity_of(one)]) for one in _lent(session, lent, borrower)])


def _lent(session: Session, lent: Loan, borrower: str) -> list[OwnedHere]:
    found = _owned(session, borrower)
    strange = [one.identity for one in found if _identity_of(one) not in lent]
    if strange or len(found) != len(lent):
        raise _changed(strange or [f"{len(lent) - len(found)} objects that are gone"])
    return found


def check_without(session: Session, role: str) -> None:
    """Raise DataError if anything in the session's database still refers to the role."""
    found = rows(session, _LEFT, [role], doing=f"looking for what is left of role {role}")
    if found:
        raise _changed([what for (what,) in found])


def strangers(session: Session) -> list[str]:
    """Return the roles other than superusers that own something in the session's database."""
    return [name for (name,) in rows(session, _STRANGERS, doing="looking up whose the objects are")]


def _identity_of(one: OwnedHere) -> Identity:
    return one.catalog, one.oid, one.kind


def _changed(what: Sequence[str]) -> DataError:
    text = "the source's own code (a CHECK, a generated column) has changed the schema while rows came in"
    return DataError(f"{text}: {', '.join(what[:5])}", reason="SchemaChangedByItsCode")


def _owned(session: Session, owner: str | None = None) -> list[OwnedHere]:
    return records(session, _OWNED, {"owner": owner}, into=OwnedHere, doing="looking up whose the objects are")


def _give(session: Session, changes: Sequence[tuple[Owned, str]]) -> None:
    for start in range(0, len(changes), STATEMENTS_AT_ONCE):
        batch = changes[start : start + STATEMENTS_AT_ONCE]
        statements = [
            sql.SQL("ALTER {} {} OWNER TO {}").format(sql.SQL(one.kind), sql.SQL(one.identity), sql.Identifier(owner))
            for one, owner in batch
        ]
        first = batch[0][0]
        doing = f"giving {first.kind} {first.identity} and what follows to {batch[0][1]}"
        execute(session, sql.SQL("; ").join(statements), doing=doing)
