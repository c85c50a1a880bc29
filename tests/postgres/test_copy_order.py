"""A table's CHECK, domain or generated column may read other tables by a function: these are filled first."""

import pytest

from support.equality import content
from support.programs import Programs

TABLES = [
    "CREATE TABLE visit (area int, filler text)",  # the first by oid and by size
    "CREATE TABLE b_stop (visit int, area int, filler text)",
    "CREATE TABLE area (id int, name text)",
    """CREATE FUNCTION is_area(wanted int) RETURNS bool LANGUAGE plpgsql AS
    $$ BEGIN RETURN EXISTS (SELECT FROM public.area WHERE id = wanted); END $$""",
    """CREATE FUNCTION is_stop(wanted int) RETURNS bool LANGUAGE SQL AS
    'SELECT EXISTS (SELECT FROM public.b_stop WHERE visit = wanted)'""",
    """CREATE FUNCTION name_of(wanted int) RETURNS text IMMUTABLE LANGUAGE SQL AS
    'SELECT name FROM public.area WHERE id = wanted'""",
]
BY = {
    "a CHECK": ["ALTER TABLE visit ADD CHECK (is_area(area))"],
    "CHECKs of which one reads a table that has another": [
        "ALTER TABLE visit ADD CHECK (is_stop(area))",
        "ALTER TABLE b_stop ADD CHECK (is_area(area))",
    ],
    "a CHECK of a partitioned table": [
        "ALTER TABLE visit RENAME TO visit_1",
        "CREATE TABLE visit (area int, filler text, CHECK (is_area(area))) PARTITION BY LIST (area)",
        "ALTER TABLE visit_1 ADD CONSTRAINT visit_area_check CHECK (is_area(area))",
        "ALTER TABLE visit ATTACH PARTITION visit_1 DEFAULT",
    ],
    "an operator": [
        "CREATE FUNCTION is_area(wanted int, also int) RETURNS bool LANGUAGE SQL AS 'SELECT public.is_area(wanted)'",
        "CREATE OPERATOR @@@ (FUNCTION = is_area, LEFTARG = int, RIGHTARG = int)",
        "ALTER TABLE visit ADD CHECK (area @@@ 1)",
    ],
    "a domain inside a type": [
        "CREATE DOMAIN area_id AS int CHECK (is_area(VALUE))",
        "CREATE TYPE places AS (first area_id)",
        "ALTER TABLE visit ADD place places",
    ],
    "a generated column": ["ALTER TABLE visit ADD name text GENERATED ALWAYS AS (name_of(area)) STORED"],
}
ROWS = [
    "INSERT INTO area SELECT i, 'area ' || i FROM generate_series(1, 5) i",
    "INSERT INTO b_stop SELECT i, i, repeat('x', 500) FROM generate_series(1, 5) i",
    "INSERT INTO visit (area, filler) SELECT i % 5 + 1, repeat('x', 1000) FROM generate_series(1, 500) i",
]


@pytest.mark.parametrize("statements", BY.values(), ids=BY.keys())
@pytest.mark.parametrize("strategy", ["Swap", "InPlace"])
def test_rows_that_are_checked_or_made_by_reading_other_tables_arrive(
    programs: Programs, strategy: str, statements: list[str]
) -> None:
    name = programs.database
    programs.source.run(*TABLES, *statements, *ROWS, database=name)
    if "place" in statements[-1]:
        programs.source.run("UPDATE visit SET place = ROW(area)", database=name)
    if strategy == "InPlace":
        programs.target.run(*TABLES, *statements, database=name)
    assert programs.dump("--checksum").code == 0

    loaded = programs.load("--strategy", strategy, "--overwrite", "Any", "--verify", "Checksum", "--workers", "3")

    assert loaded.summary == (0, "Loaded"), loaded.report.message
    assert content(programs.target, name) == content(programs.source, name)


def test_a_row_that_no_order_satisfies_is_refused(programs: Programs) -> None:
    programs.source.run(*TABLES, *BY["a CHECK"], *ROWS, "DELETE FROM area WHERE id = 3", database=programs.database)
    assert programs.dump().code == 0
    loaded = programs.load()
    assert loaded.summary == (65, "ConstraintViolated")
    assert "visit_area_check" in loaded.report.message
