"""A role that owns only a table of the source gains nothing from the dump: none of its code runs."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from datareplication.errors import CapabilityError
from datareplication.jobs.dump import splitting
from datareplication.jobs.model import manifest_file
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.tables import Shape
from datareplication.jobs.postgres import checksum, oversize
from datareplication.jobs.postgres.connection import connect
from datareplication.jobs.snapshot import store
from support.programs import Programs, databases
from support.server import PASSWORD

ROWS = 2000
PLACES = {
    "an index": "CREATE INDEX ON tenant.t ((id + tenant.one(1)))",
    "an index of some rows": "CREATE INDEX ON tenant.t (id) WHERE id > tenant.one(1)",
    "an index by an operator": "CREATE INDEX ON tenant.t ((id + (1 OPERATOR(tenant.###) 1)))",
    "statistics": "CREATE STATISTICS tenant.s ON (id + tenant.one(1)), (id + tenant.one(2)) FROM tenant.t",
    "a CHECK": "ALTER TABLE tenant.t ADD CHECK (id > tenant.one(1) - 99)",
}


@pytest.fixture
def tenant(programs: Programs) -> Iterator[str]:
    """A role that owns a table and functions, which fail if another role runs them; a role that reads everything."""
    name = f"{programs.database}_tenant"
    for server in (programs.source, programs.target):
        server.run(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    programs.source.run(
        f"CREATE ROLE {name}_reader LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_read_all_data",
        f"ALTER DATABASE {programs.database} OWNER TO {name}",
        f"ALTER DATABASE {programs.database} SET constraint_exclusion TO 'on'",
    )
    programs.source.run(
        "CREATE SCHEMA tenant",
        f"""CREATE FUNCTION tenant.deed() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
            IF current_user IN ('postgres', '{name}_reader') THEN RAISE 'tenant has %', current_user; END IF;
            RETURN 1; END $$""",
        "CREATE FUNCTION tenant.one(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN tenant.deed(); END'",
        "CREATE FUNCTION tenant.two(int, int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT tenant.one($1)'",
        "CREATE OPERATOR tenant.### (LEFTARG = int, RIGHTARG = int, FUNCTION = tenant.two)",
        "CREATE TABLE tenant.t (id int, v text)",
        f"INSERT INTO tenant.t SELECT i, repeat('x', 500) FROM generate_series(1, {ROWS}) i",
        database=programs.database,
        role=name,
    )
    yield name
    for server in (programs.source, programs.target):
        for database in databases(server, programs.database):
            server.run(f"DROP DATABASE {database} WITH (FORCE)")
        server.run(f"DROP ROLE IF EXISTS {name}_reader", f"DROP ROLE {name}", f"CREATE DATABASE {programs.database}")


def make(programs: Programs, tenant: str, place: str) -> None:
    programs.source.run(PLACES[place], database=programs.database, role=tenant)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("role", ["postgres", "reader"])
def test_a_tables_owner_runs_nothing_as_the_dumps_role(
    programs: Programs, tenant: str, place: str, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splitting, "SMALLEST_SPLIT_BYTES", 16 << 10)
    make(programs, tenant, place)
    changes = {"PROD_DB_USERNAME": f"{tenant}_reader" if role == "reader" else role}

    dumped = programs.dump("--workers", "2", "--checksum", **changes)

    assert dumped.code == 0, dumped.report.message
    assert dumped.report.rows == ROWS


def test_nor_as_the_loads_role_when_checksums_are_compared(programs: Programs, tenant: str) -> None:
    make(programs, tenant, "an index")
    assert programs.dump("--checksum").code == 0

    loaded = programs.load("--verify=Checksum")

    assert loaded.code == 0, loaded.report.message
    assert "BuiltAsLoader" not in loaded.report.message


def test_nor_when_a_snapshot_asks_for_a_query(programs: Programs, tenant: str) -> None:
    """The checksum is of an earlier version, or forged."""
    make(programs, tenant, "an index")
    assert programs.dump("--checksum").code == 0
    manifest = store.read_manifest(programs.snapshot)
    (table,) = manifest.relations
    assert str(table.checksum).startswith(checksum.COPIED)
    forged = replace(manifest, relations=(replace(table, checksum=checksum.EMPTY),))
    (programs.snapshot / "manifest.json").write_text(manifest_file.to_json(forged))

    refused = programs.load("--verify=Checksum")

    assert refused.summary == (69, "WouldRunCode")


def test_nor_by_an_index_that_is_made_while_the_table_is_dumped(
    programs: Programs, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dump's locks do not prevent CREATE INDEX."""
    monkeypatch.setattr(splitting, "SMALLEST_SPLIT_BYTES", 16 << 10)
    parts = splitting.parts

    def and_then_an_index(*given: object) -> object:
        make(programs, tenant, "an index")
        return parts(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(splitting, "parts", and_then_an_index)

    assert programs.dump().summary == (75, "SchemaChanging")
    monkeypatch.setattr(splitting, "parts", parts)
    assert programs.dump().code == 0


def test_nor_when_the_row_that_is_too_large_is_looked_for(programs: Programs, tenant: str) -> None:
    make(programs, tenant, "an index")
    conninfo, password = programs.source.conninfo(programs.database), programs.environment()["PROD_DB_PASSWORD"]
    error = CapabilityError("too large", reason="ValueTooLarge")

    with contextlib.closing(connect(Connection("PROD", conninfo, "postgres", password), "test")) as session:
        assert oversize.named(session, Shape("tenant", "t", ("id", "v")), error) is error
