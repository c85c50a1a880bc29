"""A load makes the role that builds, lends and takes back, on every major, as a superuser and as a role that may make roles."""

from collections.abc import Callable
from pathlib import Path

import pytest
from programs import Programs
from server import PASSWORD, Server

MADE = [
    "CREATE SCHEMA s",
    "CREATE TYPE s.mood AS ENUM ('ok')",
    "CREATE FUNCTION s.f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1'",
    "CREATE TABLE s.t (id serial PRIMARY KEY, m s.mood, g int GENERATED ALWAYS AS (s.f(1)) STORED CHECK (s.f(g) > 0))",
    "CREATE TABLE s.p (id int PRIMARY KEY) PARTITION BY RANGE (id)",
    "CREATE TABLE s.p1 PARTITION OF s.p FOR VALUES FROM (0) TO (10)",
    "INSERT INTO s.t (m) SELECT 'ok' FROM generate_series(1, 10)",
    "INSERT INTO s.p SELECT generate_series(0, 9)",
    "CREATE INDEX ON s.t (s.f(id))",
    "CREATE STATISTICS s.st ON id, m FROM s.t",
    "CREATE MATERIALIZED VIEW s.v AS SELECT count(*) FROM s.t",
    "CREATE VIEW s.w AS SELECT * FROM s.t",
    "CREATE TYPE s.span AS RANGE (subtype = float8)",
]


@pytest.mark.parametrize("rights", ["SUPERUSER", "CREATEDB CREATEROLE"])
@pytest.mark.parametrize("major", [14, 15, 16, 17, 18])
def test_a_role_that_is_made_builds(
    server_of: Callable[[int], Server], carrying: Callable[..., None], tmp_path: Path, major: int, rights: str
) -> None:
    carrying(major)
    one, name = server_of(major), f"builds{rights.rsplit(maxsplit=1)[-1].lower()}"
    loader = f"{name}_loader"
    one.run(
        f"DROP DATABASE IF EXISTS {name}",
        f"DROP DATABASE IF EXISTS {name}__previous",
        f"CREATE ROLE {loader} LOGIN {rights} PASSWORD '{PASSWORD}'",
        f"CREATE DATABASE {name} OWNER {loader}",
        f"CREATE DATABASE {name}_source",
    )
    one.run(*MADE, database=f"{name}_source")
    programs = Programs(tmp_path, one, one, name, f"{name}_source")
    dumped = programs.dump("--checksum")
    assert dumped.code == 0, dumped.report.message

    loaded = programs.load("--owners=TargetOwner", "--verify=Checksum", DEV_DB_USERNAME=loader)

    assert loaded.code == 0, loaded.report.message
    assert "BuiltAsLoader" not in loaded.report.message
    owners = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 's'::regnamespace"
    assert one.run(owners, database=name) == [(loader,)]
    assert one.run("SELECT * FROM s.v", database=name) == [(10,)]
    assert one.run("SELECT 1 FROM pg_roles WHERE rolname LIKE 'datareplication%'") == []
