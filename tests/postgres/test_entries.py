"""Every entry of the schema's archive is restored exactly once, whoever loads it: grants, comments, labels, policies."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import labels, server
from support.equality import schema
from support.programs import Outcome, Programs
from support.server import PASSWORD, Server

PROFILE = settings(
    deadline=None,
    max_examples=12,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass(frozen=True)
class Kind:
    """A kind of object. name: its name in COMMENT, SECURITY LABEL and GRANT. grants: rights, empty if it has none."""

    make: str
    name: str
    grants: tuple[str, ...] = ()
    has_label: bool = True
    grant_name: str = ""


KINDS = {
    "table": Kind("CREATE TABLE t (id int PRIMARY KEY, a int, b text)", "TABLE t", ("SELECT", "INSERT", "ALL")),
    "column": Kind(
        "CREATE TABLE tc (id int, a int)", "COLUMN tc.a", ("SELECT (a)", "UPDATE (a)"), grant_name="TABLE tc"
    ),
    "view": Kind("CREATE VIEW v AS SELECT 1 AS one", "VIEW v", ("SELECT",), grant_name="TABLE v"),
    "matview": Kind(
        "CREATE MATERIALIZED VIEW m AS SELECT 1 AS one", "MATERIALIZED VIEW m", ("SELECT",), grant_name="TABLE m"
    ),
    "sequence": Kind("CREATE SEQUENCE s", "SEQUENCE s", ("USAGE", "SELECT", "ALL")),
    "function": Kind("CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'", "FUNCTION f(int)", ("EXECUTE",)),
    "procedure": Kind("CREATE PROCEDURE p() LANGUAGE sql AS ''", "PROCEDURE p()", ("EXECUTE",)),
    "aggregate": Kind(
        "CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int)",
        "AGGREGATE total(int)",
        ("EXECUTE",),
        grant_name="FUNCTION total(int)",
    ),
    "type": Kind("CREATE TYPE mood AS ENUM ('ok')", "TYPE mood", ("USAGE",)),
    "composite": Kind("CREATE TYPE pair AS (x int, y int)", "TYPE pair", ("USAGE",)),
    "domain": Kind("CREATE DOMAIN d AS int CHECK (VALUE > 0)", "DOMAIN d", ("USAGE",)),
    "schema": Kind("CREATE SCHEMA other", "SCHEMA other", ("USAGE", "CREATE", "ALL")),
    "public": Kind("SELECT", "SCHEMA public", ("USAGE", "CREATE", "ALL")),
    "index": Kind("CREATE TABLE ti (a int); CREATE INDEX i ON ti (a)", "INDEX i", has_label=False),
    "constraint": Kind("CREATE TABLE tk (a int CONSTRAINT k CHECK (a > 0))", "CONSTRAINT k ON tk", has_label=False),
    "foreign key": Kind(
        "CREATE TABLE tp (id int PRIMARY KEY); CREATE TABLE tf (id int CONSTRAINT fk REFERENCES tp)",
        "CONSTRAINT fk ON tf",
        has_label=False,
    ),
    "trigger": Kind(
        "CREATE TABLE tt (a int); CREATE TRIGGER g BEFORE UPDATE ON tt FOR EACH ROW EXECUTE FUNCTION "
        "suppress_redundant_updates_trigger()",
        "TRIGGER g ON tt",
        has_label=False,
    ),
    "rule": Kind(
        "CREATE TABLE tr (a int); CREATE RULE r AS ON DELETE TO tr DO INSTEAD NOTHING", "RULE r ON tr", has_label=False
    ),
    "policy": Kind(
        "CREATE TABLE ty (a int); CREATE POLICY y ON ty TO reader USING (a > 0); ALTER TABLE ty ENABLE ROW LEVEL SECURITY",
        "POLICY y ON ty",
        has_label=False,
    ),
    "forced": Kind(
        "CREATE TABLE tz (a int); INSERT INTO tz VALUES (1); CREATE POLICY z ON tz USING (a > 5);"
        " ALTER TABLE tz ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "TABLE tz",
        ("SELECT",),
    ),
    "statistics": Kind(
        "CREATE TABLE ts (a int, b int); CREATE STATISTICS st ON a, b FROM ts", "STATISTICS st", has_label=False
    ),
    "collation": Kind("CREATE COLLATION c (locale = 'C')", "COLLATION c", has_label=False),
    "configuration": Kind(
        "CREATE TEXT SEARCH CONFIGURATION tsc (copy = simple)", "TEXT SEARCH CONFIGURATION tsc", has_label=False
    ),
    "operator": Kind(
        "CREATE OPERATOR <+> (leftarg = int, rightarg = int, function = int4pl)",
        "OPERATOR <+> (int, int)",
        has_label=False,
    ),
    "cast": Kind(
        "CREATE TYPE yes AS ENUM ('a'); CREATE FUNCTION yes(int) RETURNS yes LANGUAGE sql AS $$ SELECT 'a'::yes $$;"
        " CREATE CAST (int AS yes) WITH FUNCTION yes(int)",
        "CAST (int AS yes)",
        has_label=False,
    ),
    "default": Kind("CREATE TABLE td (a int DEFAULT 1)", "COLUMN td.a"),
    "partitioned": Kind(
        "CREATE TABLE tq (a int PRIMARY KEY) PARTITION BY LIST (a); CREATE TABLE tq1 PARTITION OF tq FOR VALUES IN (1)",
        "TABLE tq",
        ("SELECT", "DELETE"),
    ),
}

DEFAULTS = ("TABLES", "SEQUENCES", "FUNCTIONS", "TYPES", "SCHEMAS")
GRANTEES = ("reader", "writer", "PUBLIC")


@st.composite
def statements(draw: st.DrawFn) -> list[str]:
    """Return statements that create some objects with comments, labels and grants."""
    made = []
    for name in draw(st.lists(st.sampled_from(sorted(KINDS)), unique=True, min_size=4)):
        kind = KINDS[name]
        made.append(kind.make)
        if draw(st.booleans()):
            made.append(f"COMMENT ON {kind.name} IS 'said of {name}'")
        if kind.has_label and draw(st.booleans()):
            made.append(f"SECURITY LABEL FOR anything ON {kind.name} IS 'label of {name}'")
        made += draw(_grants(kind)) if kind.grants else []
    for what in draw(st.lists(st.sampled_from(DEFAULTS), unique=True)):
        right = {"SCHEMAS": "USAGE", "TYPES": "USAGE", "FUNCTIONS": "EXECUTE"}.get(what, "SELECT")
        made.append(f"ALTER DEFAULT PRIVILEGES GRANT {right} ON {what} TO reader")
    return made


@st.composite
def _grants(draw: st.DrawFn, kind: Kind) -> list[str]:
    on = kind.grant_name or kind.name
    changes = draw(
        st.lists(st.tuples(st.booleans(), st.sampled_from(kind.grants), st.sampled_from(GRANTEES)), max_size=3)
    )
    option = " WITH GRANT OPTION" if draw(st.booleans()) else ""
    given = [
        f"GRANT {right} ON {on} TO {whom}{option if whom != 'PUBLIC' else ''}"
        if is_given
        else f"REVOKE {right} ON {on} FROM {whom}"
        for is_given, right, whom in changes
    ]
    owner = [f"REVOKE ALL ON {on} FROM owner"] if draw(st.booleans()) and kind.name != "SCHEMA public" else []
    return [*given, *owner]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Two servers on which everything can be labelled, with the same roles."""
    directory = tmp_path_factory.mktemp("labels")
    for above in (directory, *directory.parents[:3]):
        above.chmod(0o755)
    loaded = {"shared_preload_libraries": str(labels.provider(directory, 15))}
    with server.running(loaded) as one, server.running(loaded) as other:
        for each in (one, other):
            for role in ("owner", "reader", "writer"):
                each.run(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}' CREATEDB")
        yield one, other


def copied(labelled: tuple[Server, Server], root: Path, made: Sequence[str], role: str) -> tuple[Programs, Outcome]:
    """Create a database that belongs to the owner, dump it as superuser, load it as `role`."""
    source, target = labelled
    programs = Programs(root / uuid.uuid4().hex, source, target, f"e{uuid.uuid4().hex[:12]}")
    programs.root.mkdir()
    for one in labelled:
        one.run(f"CREATE DATABASE {programs.database} OWNER owner STRATEGY file_copy")
    for statement in made:
        source.run(
            *(part for part in statement.split("; ") if part != "SELECT"), database=programs.database, role="owner"
        )
    dumped = programs.dump("--checksum")
    assert dumped.code == 0, dumped.report.message
    return programs, programs.load("--verify=Checksum", DEV_DB_USERNAME=role)


def dropped(programs: Programs) -> None:
    for one in (programs.source, programs.target):
        for (name,) in one.run(f"SELECT datname FROM pg_database WHERE datname LIKE '{programs.database}%'"):
            one.run(f"DROP DATABASE {name} WITH (FORCE)")


@PROFILE
@given(made=statements())
def test_whatever_is_granted_and_said_arrives_with_a_loader_that_is_no_superuser(
    labelled: tuple[Server, Server], tmp_path: Path, made: list[str]
) -> None:
    programs, loaded = copied(labelled, tmp_path, made, "owner")

    assert loaded.code == 0, loaded.report.message
    assert schema(programs.target, programs.database) == schema(programs.source, programs.database)
    dropped(programs)


@pytest.mark.parametrize("role", ["owner", "postgres"])
def test_everything_at_once_arrives(labelled: tuple[Server, Server], tmp_path: Path, role: str) -> None:
    made = []
    for name, kind in KINDS.items():
        made += [kind.make, f"COMMENT ON {kind.name} IS 'said of {name}'"]
        made += [f"SECURITY LABEL FOR anything ON {kind.name} IS 'label of {name}'"] if kind.has_label else []
        made += [f"GRANT {right} ON {kind.grant_name or kind.name} TO reader, PUBLIC" for right in kind.grants]
        made += [f"REVOKE {right} ON {kind.grant_name or kind.name} FROM PUBLIC" for right in kind.grants[:1]]

    programs, loaded = copied(labelled, tmp_path, made, role)

    assert loaded.code == 0, loaded.report.message
    assert schema(programs.target, programs.database) == schema(programs.source, programs.database)
    dropped(programs)


@pytest.mark.parametrize("role", ["owner", "postgres"])
def test_grants_and_the_comment_of_schema_public_arrive(
    labelled: tuple[Server, Server], tmp_path: Path, role: str
) -> None:
    made = [
        "CREATE TABLE t (id int PRIMARY KEY)",
        "GRANT CREATE ON SCHEMA public TO writer",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "COMMENT ON SCHEMA public IS 'ours'",
    ]

    programs, loaded = copied(labelled, tmp_path, made, role)

    assert loaded.code == 0, loaded.report.message
    query = "SELECT nspacl::text, obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'public'"
    assert programs.target.run(query, database=programs.database) == [
        ("{pg_database_owner=UC/pg_database_owner,writer=C/pg_database_owner}", "ours")
    ]
    dropped(programs)


@pytest.mark.parametrize("rights", ["ALL", "SELECT"])
def test_an_owner_that_took_rights_from_itself_is_loaded_by_itself(
    labelled: tuple[Server, Server], tmp_path: Path, rights: str
) -> None:
    made = [
        "CREATE TABLE parent (id int PRIMARY KEY)",
        "CREATE TABLE t (id serial PRIMARY KEY, parent int REFERENCES parent, v text)",
        "INSERT INTO parent SELECT generate_series(1, 100)",
        "INSERT INTO t (parent, v) SELECT i, md5(i::text) FROM generate_series(1, 100) i",
        *(f"REVOKE {rights} ON {table} FROM owner" for table in ("parent", "t", "t_id_seq")),
    ]

    programs, loaded = copied(labelled, tmp_path, made, "owner")

    assert loaded.code == 0, loaded.report.message
    assert schema(programs.target, programs.database) == schema(programs.source, programs.database)
    assert programs.target.run("SELECT count(*) FROM t", database=programs.database) == [(100,)]
    statistics = "SELECT count(*) FROM pg_class WHERE relname IN ('t', 'parent') AND reltuples = 100"
    assert programs.target.run(statistics, database=programs.database) == [(2,)]
    dropped(programs)


def test_forced_row_security_does_not_keep_a_load_from_verifying_and_filling_views(
    labelled: tuple[Server, Server], tmp_path: Path
) -> None:
    made = [
        "CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 10) i",
        "CREATE POLICY few ON t USING (id > 7)",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "CREATE MATERIALIZED VIEW seen AS SELECT id FROM t",
    ]

    programs, loaded = copied(labelled, tmp_path, made, "owner")

    assert loaded.code == 0, loaded.report.message
    seen = "SELECT array_agg(id ORDER BY id) FROM seen"
    assert programs.target.run(seen, database=programs.database) == [([8, 9, 10],)]
    assert programs.target.run("SELECT count(*) FROM t", database=programs.database) == [(10,)]
    dropped(programs)


def test_the_targets_own_security_label_stays_its_own(labelled: tuple[Server, Server], tmp_path: Path) -> None:
    (source, target), name = labelled, "own_label"
    programs = Programs(tmp_path, source, target, name)
    source.run(f"CREATE DATABASE {name}")
    target.run(f"CREATE DATABASE {name}", f"SECURITY LABEL FOR anything ON DATABASE {name} IS 'kept'")
    query = f"SELECT label FROM pg_shseclabel WHERE objoid = (SELECT oid FROM pg_database WHERE datname = '{name}')"
    assert programs.dump().code == 0

    loaded = programs.load("--overwrite=Any")
    assert loaded.code == 0, loaded.report.message
    assert target.run(query) == [("kept",)]

    target.run(f"SECURITY LABEL FOR anything ON DATABASE {name} IS 'changed'")
    assert programs.load("--rollback", run="run-2").code == 0
    assert target.run(query) == [("changed",)]
