"""Objects that pg_dump puts after the rows, because they need a primary key: they get their owners, whoever loads."""

import pytest

from support.programs import Programs
from support.server import PASSWORD

STATEMENTS = (
    "CREATE TABLE t (id int PRIMARY KEY, name text)",
    "INSERT INTO t SELECT i, 'n' || i FROM generate_series(1, 10) i",
    "CREATE MATERIALIZED VIEW mv AS SELECT id, name, count(*) AS n FROM t GROUP BY id",
    "CREATE UNIQUE INDEX ON mv (id)",
    "COMMENT ON MATERIALIZED VIEW mv IS 'c'",
    "GRANT SELECT ON mv TO PUBLIC",
    "CREATE VIEW over AS SELECT * FROM mv",
    "CREATE VIEW v AS SELECT id, name, count(*) AS n FROM t GROUP BY id",
    "CREATE FUNCTION g(v) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION s() RETURNS SETOF t LANGUAGE sql BEGIN ATOMIC SELECT id, name FROM t GROUP BY id; END",
    "CREATE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC DELETE FROM t USING (SELECT id, name FROM t GROUP BY id) s; END",
    """CREATE FUNCTION f(i int) RETURNS int IMMUTABLE LANGUAGE sql
    BEGIN ATOMIC SELECT i FROM (SELECT id, name FROM t GROUP BY id) s; END""",
    "CREATE TABLE u AS SELECT 1 AS id",
    "CREATE INDEX ON u (f(id))",
)
LOADERS = {
    "superuser": ("SUPERUSER", "Keep"),
    "one who makes roles": ("CREATEDB CREATEROLE", "TargetOwner"),
    "one with a builder": ("CREATEDB", "Keep"),
    "one without": ("CREATEDB", "TargetOwner"),
}


@pytest.fixture
def app(programs: Programs) -> str:
    """The owner of the source's objects and of the target."""
    name = f"{programs.database}_app"
    for one in (programs.source, programs.target):
        one.run(f"CREATE ROLE {name}", f"ALTER DATABASE {programs.database} OWNER TO {name}")
    return name


@pytest.mark.parametrize("loader", LOADERS)
def test_what_needs_a_primary_key_is_loaded_and_has_its_owner(programs: Programs, app: str, loader: str) -> None:
    rights, owners = LOADERS[loader]
    name, builder = f"{programs.database}_loader", f"{programs.database}_builder"
    programs.target.run(
        f"CREATE ROLE {name} LOGIN {rights} PASSWORD '{PASSWORD}' IN ROLE {app}",
        f"CREATE ROLE {builder} LOGIN PASSWORD '{PASSWORD}'",
        f"GRANT {builder} TO {name}",
    )
    given = {"DEV_DB_BUILD_USERNAME": builder, "DEV_DB_BUILD_PASSWORD": PASSWORD} if "builder" in loader else {}
    programs.source.run(*(f"SET ROLE {app}", *STATEMENTS), database=programs.database)
    assert programs.dump("--checksum").code == 0

    loaded = programs.load(f"--owners={owners}", "--verify=Checksum", DEV_DB_USERNAME=name, **given)

    assert loaded.code == 0, loaded.report.message
    assert ("BuiltAsLoader" in loaded.report.message) == (loader == "one without")
    assert objects(programs, app) == objects(programs, app, is_source=True)


def objects(programs: Programs, app: str, *, is_source: bool = False) -> list[tuple[object, ...]]:
    """Return the objects of schema public: kind, whether they belong to the owner, rights, comment."""
    server = programs.source if is_source else programs.target
    return server.run(
        f"""
        SELECT relname, relkind::text, pg_get_userbyid(relowner) = '{app}', obj_description(oid), relacl IS NULL
        FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT proname, prokind::text, pg_get_userbyid(proowner) = '{app}', NULL, proacl IS NULL
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT conname, contype::text, true, NULL, convalidated
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2
        """,
        database=programs.database,
    )
