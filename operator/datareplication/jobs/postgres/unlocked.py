"""Objects of the source that no lock protects while pg_dump reads them: whether they have changed since the snapshot.

pg_dump lists objects in its snapshot, but the server makes their definitions from the catalogs' current content. Tables
are locked, so they cannot change. Objects that are created meanwhile do not matter: the snapshot does not have them.
"""

from collections.abc import Mapping

from datareplication.jobs.postgres.connection import Session, row, rows

_BY_VERSION = (
    ("pg_proc", "pronamespace"),
    ("pg_type", "typnamespace"),
    ("pg_operator", "oprnamespace"),
    ("pg_opclass", "opcnamespace"),
    ("pg_opfamily", "opfnamespace"),
    ("pg_collation", "collnamespace"),
    ("pg_statistic_ext", "stxnamespace"),
    ("pg_ts_config", "cfgnamespace"),
    ("pg_ts_dict", "dictnamespace"),
    ("pg_namespace", "oid"),
    ("pg_cast", "0"),
    ("pg_enum", "0"),
    ("pg_rewrite", "0"),
)
"""(catalog, its column with the schema): any change of a row counts."""

_OBJECTS = " UNION ALL ".join(
    f"""SELECT '{catalog}'::regclass::oid::int8, oid::int8, xmin::text FROM {catalog}
        WHERE oid >= 16384 AND {schema} NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_(toast_)?temp_')"""  # noqa: S608
    for catalog, schema in _BY_VERSION
)

_RELATIONS = """
    SELECT 'pg_class'::regclass::oid::int8, c.oid::int8, concat_ws('.', relnamespace, relname) FROM pg_class c
    WHERE c.oid >= 16384 AND relkind IN ('v', 'm', 'S', 'f', 'c') AND relpersistence <> 't'
"""
"""For these only schema and name count: a REFRESH changes a view's row too, but nothing that matters here."""

_NAMES = """
    SELECT CASE WHEN %(catalog)s = 'pg_enum'::regclass THEN 'a value of an enum'
           ELSE coalesce(pg_describe_object(%(catalog)s, %(oid)s, 0),
                         format('an object of %%s', %(catalog)s::regclass)) END
"""

Versions = Mapping[tuple[int, int], str]


def versions(session: Session) -> Versions:
    """Return a version of each object, as the session's transaction sees it. A changed object has another version."""
    found = rows(session, f"{_OBJECTS} UNION ALL {_RELATIONS}", doing="looking for changed objects")
    return {(catalog, oid): version for catalog, oid, version in found}


def changed(session: Session, seen: Versions) -> str:
    """Return one object that was changed or dropped since then; empty if there is none."""
    now = versions(session)
    for one, version in seen.items():
        if now.get(one) != version:
            values = dict(zip(("catalog", "oid"), one, strict=True))
            return str(row(session, _NAMES, values, doing="looking for changed objects")[0])
    return ""
