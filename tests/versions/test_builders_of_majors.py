"""A load creates the build role, lends and takes back, on every major, as a superuser and as a role with CREATEROLE."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from datareplication.jobs.model.ownership import Owned
from datareplication.jobs.postgres import owners
from datareplication.jobs.postgres.catalog import PROVENANCE
from support.programs import Programs
from support.server import PASSWORD, Server

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


KINDS = {
    "DOMAIN s.d": "CREATE DOMAIN s.d AS int CHECK (s.f(VALUE) > -1)",
    "PROCEDURE s.p(int, s.d)": "CREATE PROCEDURE s.p(int, s.d) LANGUAGE sql AS ''",
    "AGGREGATE s.a(int)": "CREATE AGGREGATE s.a(int) (SFUNC = int4pl, STYPE = int)",
    "OPERATOR s.!!! (NONE, int)": "CREATE OPERATOR s.!!! (FUNCTION = s.f, RIGHTARG = int)",
    "COLLATION s.c": "CREATE COLLATION s.c (LOCALE = 'C')",
    "TEXT SEARCH CONFIGURATION s.tc": "CREATE TEXT SEARCH CONFIGURATION s.tc (COPY = simple)",
    "TEXT SEARCH DICTIONARY s.td": "CREATE TEXT SEARCH DICTIONARY s.td (TEMPLATE = simple)",
    "TYPE s.pair": "CREATE TYPE s.pair AS (a int, b s.d[])",
    "SEQUENCE s.q": "CREATE SEQUENCE s.q",
    "STATISTICS s.st": "",
    "MATERIALIZED VIEW s.v": "",
    "VIEW s.w": "",
    "TYPE s.span": "",
    "TABLE s.p1": "",
}
"""Objects that are given to another role -> how they are created, if MADE does not create them."""


def ownership(one: Server, database: str) -> tuple[str, set[Owned]]:
    with closing(one.connect(database)) as session:
        found = owners.read(session)
        return found.most, {other for other in found.others if not other.identity.startswith(PROVENANCE[0])}


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
    one.run(*MADE, *filter(None, KINDS.values()), database=f"{name}_source")
    one.run(f"CREATE ROLE {name}_other", f"GRANT CREATE ON DATABASE {name}_source TO {name}_other")
    needs = [f"GRANT {right} TO {name}_other" for right in ("USAGE ON SCHEMA s", "SELECT ON s.t")]
    one.run(*needs, *(f"ALTER {kind} OWNER TO {name}_other" for kind in KINDS), database=f"{name}_source")
    programs = Programs(tmp_path, one, one, name, f"{name}_source")
    dumped = programs.dump("--checksum")
    assert dumped.code == 0, dumped.report.message

    choice = "Keep" if rights == "SUPERUSER" else "TargetOwner"
    grants = "--grants=Keep" if choice == "Keep" else "--grants=Drop"
    loaded = programs.load(f"--owners={choice}", grants, "--verify=Checksum", DEV_DB_USERNAME=loader)

    assert loaded.code == 0, loaded.report.message
    assert "BuiltAsLoader" not in loaded.report.message
    most, others = ownership(one, f"{name}_source")
    assert most == f"{name}_other"
    assert {other.owner for other in others} == {"postgres"}
    assert ownership(one, name) == ((most, others) if choice == "Keep" else (loader, set()))
    assert one.run("SELECT * FROM s.v", database=name) == [(10,)]
    assert one.run("SELECT 1 FROM pg_roles WHERE rolname LIKE 'datareplication%'") == []
