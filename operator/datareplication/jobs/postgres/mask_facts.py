"""What the masking rules need from the source's catalogs: the tables that are copied, with types, keys and references.

It owns the queries. What follows from the facts is decided in `model/masking/decisions`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from datareplication.jobs.model.masking import families
from datareplication.jobs.model.masking.facts import ColumnFacts, Facts, ReferenceFacts, TableFacts, UniqueFacts
from datareplication.jobs.model.tables import Table
from datareplication.jobs.postgres import catalog, large_objects
from datareplication.jobs.postgres.connection import Session, mappings, records

DOING = "reading what the masking rules need"

_COLUMNS = """
    SELECT attrelid::int8 AS oid, attname AS name, format_type(atttypid, atttypmod) AS type, based.type AS base,
           NOT (attnotnull OR based.is_not_null) AS is_nullable
    FROM pg_attribute CROSS JOIN LATERAL (
        WITH RECURSIVE below(type, modifier, is_not_null, is_last) AS (
            SELECT atttypid, atttypmod, false, NOT EXISTS (SELECT FROM pg_type WHERE oid = atttypid AND typtype = 'd')
            UNION ALL
            SELECT typbasetype, CASE WHEN typtypmod = -1 THEN modifier ELSE typtypmod END, is_not_null OR typnotnull,
                   NOT EXISTS (SELECT FROM pg_type base WHERE base.oid = t.typbasetype AND base.typtype = 'd')
            FROM below JOIN pg_type t ON t.oid = below.type AND t.typtype = 'd'
        )
        SELECT format_type(below.type, modifier) AS type, is_not_null FROM below WHERE is_last
    ) AS based
    WHERE attrelid = ANY (%(oids)s::oid[]) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    ORDER BY attrelid, attnum
"""

_READ_BY = """
    (SELECT coalesce(array_agg(DISTINCT attname::text), '{{}}')
     FROM regexp_matches({expression}::text, ':varattno (\\d+)', 'g') AS found(numbers)
     JOIN pg_attribute ON attrelid = {relation} AND attnum = numbers[1]::int)
"""
"""The columns that an expression reads, from its stored tree: pg_depend does not say which of an index's expressions
reads a column."""

_UNIQUES = f"""
    SELECT indrelid::int8 AS oid, c.relname AS name, indisprimary AS is_primary, indisexclusion AS is_exclusion,
           coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false) AS takes_one_null,
           (SELECT coalesce(array_agg(attname::text ORDER BY place), '{{}}')
            FROM unnest(indkey) WITH ORDINALITY AS keys(number, place)
            JOIN pg_attribute ON attrelid = indrelid AND attnum = number WHERE place <= indnkeyatts) AS columns,
           (SELECT coalesce(array_agg(pg_get_indexdef(indexrelid, place::int, true) ORDER BY place), '{{}}')
            FROM unnest(indkey) WITH ORDINALITY AS keys(number, place)
            WHERE number = 0 AND place <= indnkeyatts) AS expressions,
           {_READ_BY.format(expression="indexprs", relation="indrelid")} AS in_expressions,
           {_READ_BY.format(expression="indpred", relation="indrelid")} AS predicate
    FROM pg_index i JOIN pg_class c ON c.oid = indexrelid
    WHERE indrelid = ANY (%(oids)s::oid[]) AND (indisunique OR indisexclusion) ORDER BY 1, 2
"""  # noqa: S608 - constants only

_PARTITIONED = f"""
    SELECT partrelid::int8 AS oid, array(
        SELECT attname::text FROM unnest(partattrs) number JOIN pg_attribute ON attrelid = partrelid AND attnum = number
    ) || {_READ_BY.format(expression="partexprs", relation="partrelid")} AS columns
    FROM pg_partitioned_table WHERE partrelid = ANY (%(oids)s::oid[])
"""  # noqa: S608 - constants only

_PARENTS = """
    SELECT inhrelid::int8 AS oid, n.nspname AS schema, c.relname AS name
    FROM pg_inherits JOIN pg_class c ON c.oid = inhparent JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE inhrelid = ANY (%(oids)s::oid[]) ORDER BY inhseqno
"""

_REFERENCES = """
    SELECT f.conname AS name, n.nspname AS schema, c.relname AS table, rn.nspname AS referenced_schema,
           r.relname AS referenced_table, array(
               SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS k(number, place)
               JOIN pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place) AS columns, array(
               SELECT attname::text FROM unnest(confkey) WITH ORDINALITY AS k(number, place)
               JOIN pg_attribute ON attrelid = confrelid AND attnum = number ORDER BY place) AS referenced_columns
    FROM pg_constraint f JOIN pg_class c ON c.oid = conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_class r ON r.oid = confrelid JOIN pg_namespace rn ON rn.oid = r.relnamespace
    WHERE contype = 'f' AND conparentid = 0 AND conrelid = ANY (%(oids)s::oid[]) ORDER BY 2, 3, 1
"""


def read(session: Session, tables: Sequence[Table]) -> Facts:
    """Return the facts of these tables, as the session's snapshot sees them."""
    given = {"oids": [table.oid for table in tables]}
    columns = _by_oid(mappings(session, _COLUMNS, given, doing=DOING), _column)
    uniques = _by_oid(mappings(session, _UNIQUES, given, doing=DOING), _unique)
    keys = {one["oid"]: tuple(one["columns"]) for one in mappings(session, _PARTITIONED, given, doing=DOING)}
    parents = _by_oid(mappings(session, _PARENTS, given, doing=DOING), lambda schema, name: (schema, name))
    found = tuple(
        TableFacts(
            oid=table.oid,
            schema=table.schema,
            name=table.name,
            columns=tuple(columns.get(table.oid, ())),
            uniques=tuple(uniques.get(table.oid, ())),
            partition_key=keys.get(table.oid, ()),
            parents=tuple(parents.get(table.oid, ())),
            extension=table.extension,
        )
        for table in tables
    )
    references = tuple(records(session, _REFERENCES, given, into=_reference, doing=DOING))
    copied = {table.qualified for table in found}
    others = frozenset((one.schema, one.name) for one in catalog.table_names(session)) - copied
    return Facts(_with_parents_keys(found), references, others, large_objects.count(session) > 0)


def _with_parents_keys(tables: Collection[TableFacts]) -> tuple[TableFacts, ...]:
    """Return the tables with their parents' partition keys added: those columns decide which rows a partition has."""
    by_name = {table.qualified: table for table in tables}

    def key(table: TableFacts) -> tuple[str, ...]:
        above = [key(by_name[parent]) for parent in table.parents if parent in by_name]
        return tuple(dict.fromkeys((*table.partition_key, *(name for names in above for name in names))))

    return tuple(replace(table, partition_key=key(table)) for table in tables)


def _by_oid(found: Iterable[Mapping[str, Any]], make: Callable[..., Any]) -> dict[int, list[Any]]:
    grouped: dict[int, list[Any]] = {}
    for one in found:
        rest = {name: value for name, value in one.items() if name != "oid"}
        grouped.setdefault(one["oid"], []).append(make(**rest))
    return grouped


def _column(*, base: str, **rest: Any) -> ColumnFacts:
    return ColumnFacts(values=families.parsed(base), **rest)


def _unique(
    *, expressions: Sequence[str], in_expressions: Sequence[str], columns: Sequence[str], **rest: Any
) -> UniqueFacts:
    read_by = tuple(in_expressions)
    return UniqueFacts(columns=tuple(columns), expressions=tuple((text, read_by) for text in expressions), **rest)


def _reference(
    *, schema: str, table: str, referenced_schema: str, referenced_table: str, **rest: Any
) -> ReferenceFacts:
    return ReferenceFacts(table=(schema, table), referenced=(referenced_schema, referenced_table), **rest)
