"""Rows that are older than a NOT VALID constraint and violate it: a load in place accepts them, as pg_restore does."""

import pytest

from support.equality import content, schema
from support.programs import Outcome, Programs
from support.server import PASSWORD

TABLES = [
    "CREATE DOMAIN amount AS int CONSTRAINT valid CHECK (VALUE > -10)",
    "CREATE DOMAIN amounts AS amount[]",
    "CREATE TYPE sale AS (paid amount)",
    "CREATE DOMAIN bounds AS int4range",
    "CREATE TABLE parent (id int PRIMARY KEY)",
    "CREATE TABLE child (id int, parent int, plain amount, several amounts, within sale, range bounds)",
    "CREATE TABLE event (id int, at int, CHECK (at < 100)) PARTITION BY RANGE (at)",
    "CREATE TABLE early PARTITION OF event FOR VALUES FROM (0) TO (10)",
    "CREATE TABLE late PARTITION OF event FOR VALUES FROM (10) TO (100)",
    "CREATE TABLE base (id int)",
    "CREATE TABLE other_base (id int)",
    "CREATE TABLE derived () INHERITS (base, other_base)",
    "CREATE TABLE alone (id int)",
]
ROWS = [
    "INSERT INTO parent VALUES (1)",
    "INSERT INTO child VALUES (-1, 4242, -1, '{-1}', '(-1)', '[-1,0)'), (1, 1, 1, '{1}', '(1)', '[1,2)')",
    "INSERT INTO event VALUES (1, 1), (-11, 11)",
    "INSERT INTO derived VALUES (-1)",
    "INSERT INTO base VALUES (-1)",
    "INSERT INTO alone VALUES (-1)",
]
CONSTRAINTS = [
    "ALTER TABLE child ADD CONSTRAINT positive CHECK (id > 0) NOT VALID",
    'ALTER TABLE child ADD CONSTRAINT "to %s ""it""" FOREIGN KEY (parent) REFERENCES parent NOT VALID',
    "COMMENT ON CONSTRAINT positive ON child IS 'it''s \"odd\"'",
    "ALTER DOMAIN amount ADD CONSTRAINT positive CHECK (VALUE > 0) NOT VALID",
    "COMMENT ON CONSTRAINT positive ON DOMAIN amount IS 'of a domain'",
    "ALTER DOMAIN amounts ADD CONSTRAINT first CHECK (VALUE[1] > 0) NOT VALID",
    "ALTER DOMAIN bounds ADD CONSTRAINT above CHECK (lower(VALUE) > 0) NOT VALID",
    "ALTER TABLE event ADD CONSTRAINT positive CHECK (id > 0) NOT VALID",
    "ALTER TABLE early VALIDATE CONSTRAINT positive",
    "ALTER TABLE base ADD CONSTRAINT positive CHECK (id > 0) NOT VALID",
    "ALTER TABLE other_base ADD CONSTRAINT positive CHECK (id > 0) NOT VALID",
    "ALTER TABLE derived ADD CONSTRAINT positive CHECK (id > 0) NOT VALID",
    "ALTER TABLE alone ADD CONSTRAINT positive CHECK (id > 0) NO INHERIT NOT VALID",
]
STATES = """
    SELECT coalesce(conrelid::regclass::text, ''), contypid::regtype, conname, convalidated, conislocal, coninhcount
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2, 3
"""


@pytest.fixture
def loader(programs: Programs) -> str:
    """A role without CREATEDB that owns the target and everything in it."""
    role = f"{programs.database}_loader"
    programs.target.run(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    programs.target.run(f"ALTER DATABASE {programs.database} OWNER TO {role}")
    programs.target.run(f"GRANT CREATE ON SCHEMA public TO {role}", database=programs.database)
    return role


def load(programs: Programs, loader: str) -> Outcome:
    return programs.load("--strategy", "InPlace", "--overwrite", "Any", DEV_DB_USERNAME=loader)


def test_rows_older_than_a_constraint_that_is_not_valid_arrive_and_it_is_as_it_was(
    programs: Programs, loader: str
) -> None:
    source, target, name = programs.source, programs.target, programs.database
    source.run(*TABLES, *ROWS, *CONSTRAINTS, database=name)
    target.run(*TABLES, *CONSTRAINTS, database=name, role=loader)
    before = schema(target, name), target.run(STATES, database=name)
    assert programs.dump().code == 0

    loaded = load(programs, loader)

    assert loaded.summary == (0, "Loaded"), loaded.report.message
    assert content(target, name) == content(source, name)
    assert (schema(target, name), target.run(STATES, database=name)) == before


def test_a_valid_constraint_still_refuses_rows(programs: Programs, loader: str) -> None:
    programs.source.run("CREATE TABLE t AS SELECT -1 AS id", database=programs.database)
    programs.target.run("CREATE TABLE t (id int CHECK (id > 0))", database=programs.database, role=loader)
    assert programs.dump().code == 0
    assert load(programs, loader).summary == (65, "ConstraintViolated")


def test_a_domain_of_somebody_else_is_left_alone_and_named(programs: Programs, loader: str) -> None:
    domain = ["CREATE DOMAIN amount AS int", "GRANT USAGE ON DOMAIN amount TO PUBLIC"]
    not_valid = "ALTER DOMAIN amount ADD CONSTRAINT positive CHECK (VALUE > 0) NOT VALID"
    table = "CREATE TABLE t (id amount)"
    programs.source.run(*domain, table, "INSERT INTO t VALUES (-1)", not_valid, database=programs.database)
    programs.target.run(*domain, not_valid, database=programs.database)
    programs.target.run(table, database=programs.database, role=loader)
    assert programs.dump().code == 0

    refused = load(programs, loader)

    assert refused.summary == (65, "ConstraintViolated")
    [warning] = [line for line in refused.lines if line["level"] == "warning"]
    assert warning["domains"] == ["public.amount"]
    programs.target.run(f"ALTER DOMAIN amount OWNER TO {loader}", database=programs.database)
    assert load(programs, loader).summary == (0, "Loaded")


RAISING = """
    CREATE FUNCTION frozen() RETURNS event_trigger LANGUAGE plpgsql AS
    $$ BEGIN IF current_user <> 'postgres' THEN {raising}; END IF; END $$
"""


@pytest.mark.parametrize(
    ("event", "raising"),
    [
        ("ddl_command_start", "RAISE 'the schema is frozen'"),
        ("ddl_command_end", "RAISE insufficient_privilege USING MESSAGE = 'the schema is frozen'"),
        ("sql_drop", "INSERT INTO ddl_log VALUES ('the schema is frozen')"),
    ],
)
def test_an_event_trigger_that_refuses_a_load_in_place_is_named(
    programs: Programs, loader: str, event: str, raising: str
) -> None:
    table = ["CREATE TABLE t (id int PRIMARY KEY, boss int REFERENCES t)"]
    programs.source.run(*table, "INSERT INTO t VALUES (1, 1)", database=programs.database)
    programs.target.run(*table, "INSERT INTO t VALUES (2, 2)", database=programs.database, role=loader)
    frozen = f'CREATE EVENT TRIGGER "no ""ddl""" ON {event} EXECUTE FUNCTION frozen()'
    programs.target.run(RAISING.format(raising=raising), frozen, database=programs.database)
    assert programs.dump().code == 0

    refused = load(programs, loader)

    assert refused.summary == (77, "EventTriggerRefused"), refused.report.message
    assert 'ALTER EVENT TRIGGER "no ""ddl""" DISABLE' in refused.report.message
    assert programs.target.run("TABLE t", database=programs.database) == [(2, 2)]
    programs.target.run('ALTER EVENT TRIGGER "no ""ddl""" DISABLE', database=programs.database)
    assert load(programs, loader).summary == (0, "Loaded")
