"""What a load in place decides from a target's catalogs; tests/postgres/test_inplace.py tries it on servers."""

from dataclasses import replace
from typing import Any

import pytest

from datareplication.errors import DataError, GuardError, RightsError
from datareplication.jobs.load import guard
from datareplication.jobs.load.guard import Facts, Previous
from datareplication.jobs.load.inplace import drift, rights
from datareplication.jobs.load.inplace.rights import Wants
from datareplication.jobs.load.inplace.touched import touched
from datareplication.jobs.model import manifest
from datareplication.jobs.model.databases import Database, Server
from datareplication.jobs.model.layout import (
    Column,
    Constraint,
    ForeignKey,
    Layout,
    Ownership,
    SequenceObject,
    Table,
    View,
)
from datareplication.jobs.model.manifest import Manifest, Relation, Run, Source
from datareplication.jobs.model.provenance import Home

OURS = Ownership("app", True, False)
SOURCE = Source("1000", "app", 150018, "UTF8", "2024-01-01T00:00:00Z")
SCHEMA = manifest.Schema(manifest.Part("schema.dump", 0, 1, 1, "x"), 15, "f", (), (), (), True)


def table(oid: int, name: str, *columns: Column, **changes: Any) -> Table:
    given = Table(oid, "s", name, "Table", (), False, True, True, columns, OURS)
    return replace(given, **changes)


def relation(name: str, *columns: tuple[str, str], kind: str = "Table") -> Relation:
    return Relation(9000, "s", name, kind, tuple(manifest.Column(*column) for column in columns))


def snapshot(*relations: Relation, sequences: tuple[manifest.Sequence, ...] = ()) -> Manifest:
    return Manifest(Run("u"), SOURCE, "t", "0/0", "None", SCHEMA, relations, sequences, "v", 1.0)


def layout(*tables: Table, keys: tuple[ForeignKey, ...] = (), sequences: tuple[SequenceObject, ...] = ()) -> Layout:
    return Layout(tables, sequences, keys, ())


def key(name: str, of: int, to: int) -> ForeignKey:
    return ForeignKey("s", "t", name, False, of, to, "FOREIGN KEY …", None)


ID = Column("id", "integer", False, True)


@pytest.mark.parametrize(
    ("relations", "tables", "expected"),
    [
        pytest.param([relation("t", ("id", "integer"))], [table(1, "t", ID)], [], id="the same"),
        pytest.param([], [table(1, "t", ID)], [], id="a table that only the target has"),
        pytest.param([relation("t")], [], ["table s.t is missing"], id="a table that only the snapshot has"),
        pytest.param(
            [relation("t")],
            [table(1, "t", kind="PartitionedTable")],
            ["s.t is a PartitionedTable, in the snapshot a Table"],
            id="another kind",
        ),
        pytest.param(
            [relation("t", ("id", "integer"), ("v", "text"))],
            [table(1, "t", ID)],
            ["column s.t.v is missing"],
            id="a missing column",
        ),
        pytest.param(
            [relation("t", ("id", "bigint"))],
            [table(1, "t", ID)],
            ["column s.t.id is integer, in the snapshot bigint"],
            id="another type",
        ),
        pytest.param(
            [relation("t", ("id", "integer"))],
            [table(1, "t", replace(ID, is_generated=True))],
            ["column s.t.id is generated, in the snapshot it is not"],
            id="a generated column",
        ),
        pytest.param(
            [relation("t")],
            [table(1, "t", ID)],
            ["column s.t.id is not in the snapshot, does not allow NULL and has no default"],
            id="a column that needs a value",
        ),
        pytest.param(
            [relation("t")], [table(1, "t", replace(ID, needs_value=False))], [], id="a column that needs none"
        ),
        pytest.param(
            [relation("t", kind="PartitionedTable")],
            [table(1, "t", kind="PartitionedTable"), table(2, "t_2026", parents=(1,))],
            ["table s.t_2026, a part of a loaded table, is not in the snapshot"],
            id="a partition that only the target has",
        ),
    ],
)
def test_how_tables_differ(relations: list[Relation], tables: list[Table], expected: list[str]) -> None:
    assert drift.differences(snapshot(*relations), layout(*tables)) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((), ["sequence s.q is missing"]),
        (
            (SequenceObject(1, "s", "q", 1, 41, OURS),),
            ["sequence s.q goes from 1 to 41, in the snapshot its value is 42"],
        ),
        ((SequenceObject(1, "s", "q", 1, 42, OURS),), []),
    ],
)
def test_how_sequences_differ(found: tuple[SequenceObject, ...], expected: list[str]) -> None:
    wanted = snapshot(sequences=(manifest.Sequence("s", "q", 42, True),))
    assert drift.differences(wanted, layout(sequences=found)) == expected


def test_many_differences_are_counted() -> None:
    relations = [relation(f"t{number}") for number in range(drift.NAMED + 3)]
    with pytest.raises(DataError, match=r"t11 is missing; and 3 more; migrate") as raised:
        drift.check(snapshot(*relations), layout())
    assert (raised.value.exit_code, raised.value.reason) == (65, "SchemaDrift")


def test_what_is_touched() -> None:
    """Foreign keys from and to loaded tables and their partitioned tables, and the tables at the other ends."""
    parent = table(1, "parent", kind="PartitionedTable")
    part, own, referring, apart = (
        table(2, "part", parents=(1,)),
        table(3, "own"),
        table(4, "referring"),
        table(5, "apart"),
    )
    keys = key("of_parent", 1, 3), key("to_parent", 4, 1), key("to_itself", 2, 2), key("apart", 5, 3)
    found = touched([relation("part")], layout(apart, own, parent, part, referring, keys=keys))
    assert found.filled == (part,)
    assert [one.name for one in found.keys] == ["of_parent", "to_parent", "to_itself"]
    assert found.altered == (parent, part, referring)
    assert found.referenced == (own,)
    assert found.locked == (own, parent, part, referring)


@pytest.mark.parametrize(("of", "expected"), [((1, 2, 3), ["base", "part", "sibling"]), ((1, 3), ["part"])])
def test_a_constraint_that_is_not_valid_brings_all_tables_that_have_it(
    of: tuple[int, ...], expected: list[str]
) -> None:
    tables = table(1, "base"), table(2, "part", parents=(1,)), table(3, "sibling", parents=(1,))
    check = Constraint("s", "base", "positive", "CHECK (…) NOT VALID", None, of)
    found = touched([relation("part")], replace(layout(*tables), not_valid=(check,)))
    assert [one.name for one in found.locked] == [one.name for one in found.altered] == expected
    assert found.not_valid == ((check,) if 2 in of else ())


def test_a_partitioned_table_is_locked_and_not_filled() -> None:
    parent, part = table(1, "parent", kind="PartitionedTable"), table(2, "part", parents=(1,))
    relations = [relation("parent", kind="PartitionedTable"), relation("part")]
    found = touched(relations, layout(parent, part))
    assert (found.filled, found.locked) == ((part,), (parent, part))


HOME = Home(has_schema=True, has_table=True, is_schema_ours=True, is_table_ours=True, can_create=False, is_plain=True)
NOBODYS = Home(
    has_schema=False, has_table=False, is_schema_ours=False, is_table_ours=False, can_create=True, is_plain=True
)
FOREIGN, SUPERUSERS = Ownership('o"1', False, False), Ownership("postgres", False, True)


def wants(**changes: Any) -> Wants:
    return replace(Wants("loader", "app", (), (), (), (), HOME), **changes)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (wants(altered=[table(1, "t")]), []),
        (
            wants(altered=[table(1, "t", ownership=FOREIGN), table(2, "u", ownership=FOREIGN)]),
            ['GRANT "o""1" TO "loader";'],
        ),
        (wants(altered=[table(1, "t", ownership=SUPERUSERS)]), ['ALTER TABLE "s"."t" OWNER TO "loader";']),
        (
            wants(sequences=[SequenceObject(1, "s", "q", 1, 2, SUPERUSERS)]),
            ['ALTER SEQUENCE "s"."q" OWNER TO "loader";'],
        ),
        (wants(views=[View(1, "s.v", SUPERUSERS)]), ['ALTER MATERIALIZED VIEW s.v OWNER TO "loader";']),
        (wants(altered=[table(1, "t", is_reachable=False)]), ['GRANT USAGE ON SCHEMA "s" TO "loader";']),
        (wants(referenced=[table(1, "t", ownership=FOREIGN)]), []),
        (
            wants(referenced=[table(1, "t", ownership=FOREIGN, may_be_referenced=False)]),
            ['GRANT REFERENCES ON TABLE "s"."t" TO "loader";'],
        ),
        (wants(home=NOBODYS), []),
        (wants(home=replace(NOBODYS, can_create=False)), ['GRANT CREATE ON DATABASE "app" TO "loader";']),
        (
            wants(home=replace(HOME, is_schema_ours=False, is_table_ours=False)),
            [
                'ALTER SCHEMA datareplication OWNER TO "loader";',
                'ALTER TABLE datareplication.provenance OWNER TO "loader";',
            ],
        ),
        (wants(home=replace(HOME, has_table=False, is_table_ours=False)), []),
    ],
)
def test_statements_that_give_what_is_missing(given: Wants, expected: list[str]) -> None:
    assert rights.statements(given) == expected
    if expected:
        with pytest.raises(RightsError, match=r"role loader lacks rights"):
            rights.check(given)
    else:
        rights.check(given)


def test_a_strange_table_in_the_provenances_place_is_refused() -> None:
    with pytest.raises(GuardError, match=r"not created by a load: rename or drop schema"):
        rights.check(wants(home=replace(HOME, is_plain=False)))


SERVER = Server("2000", 150018, "2024-01-02T00:00:00Z", False, "loader", False, False, False)
DATABASE = Database(77, "app", "loader", "UTF8", "C", "C", "libc", None, None, "pg_default", -1, True, False, None)
FACTS = Facts(SERVER, DATABASE, None, (), (), None)
ON_SOURCE = replace(SERVER, system_identifier="1000")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (FACTS, "Allowed"),
        (replace(FACTS, server=ON_SOURCE), "TargetIsSource"),
        (replace(FACTS, server=ON_SOURCE, database=replace(DATABASE, name="app__previous")), "Allowed"),
        (replace(FACTS, server=replace(SERVER, is_standby=True)), "TargetIsStandby"),
        (replace(FACTS, filled_tables=("t",)), "TargetHoldsData"),
        (replace(FACTS, previous=Previous(DATABASE), obstacles=(("a slot", "drop it"),)), "Allowed"),
        (replace(FACTS, database=replace(DATABASE, name="x" * 60)), "Allowed"),
    ],
)
def test_the_guard_of_a_load_that_renames_nothing(facts: Facts, expected: str) -> None:
    assert reason(facts) == expected


def reason(facts: Facts) -> str:
    try:
        guard.check_in_place(SOURCE, facts, may_overwrite_any=False, is_physical_clone=False)
    except GuardError as error:
        return error.reason
    return "Allowed"
