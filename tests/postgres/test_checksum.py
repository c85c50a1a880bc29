"""Checksums of contents: equal on both sides whatever the rows' order, and any change is found before the swap."""

import contextlib
import json
from collections.abc import Callable

import pytest

from datareplication.jobs.model import manifest_file
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.tables import Shape
from datareplication.jobs.postgres import checksum
from datareplication.jobs.postgres.connection import connect
from datareplication.jobs.snapshot import store
from support.programs import Dumped, Programs, databases, is_phase, until
from support.server import Server

GATE = """
    CREATE FUNCTION gate(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_advisory_xact_lock_shared(4); RETURN $1; END $$
"""
"""A generated column calls it while rows are copied; it waits while somebody holds advisory lock 4 in the database."""


@pytest.fixture(scope="module")
def summed(source: Server, target: Server, tmp_path_factory: pytest.TempPathFactory) -> Dumped:
    """A snapshot with checksums of values whose text form is not obvious."""
    programs = Programs(tmp_path_factory.mktemp("summed"), source, target, "summed")
    source.run("CREATE DATABASE summed")
    source.run(
        GATE,
        "CREATE TABLE gated (a int, g int GENERATED ALWAYS AS (gate(a)) STORED)",
        "INSERT INTO gated VALUES (1)",
        "CREATE TABLE t (id int PRIMARY KEY, v text)",
        "INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 20000) i",
        "UPDATE t SET v = v || '!' WHERE id % 7 = 0",  # changes the order of the rows on disk
        "CREATE TABLE empty (id int)",
        "CREATE TABLE bare ()",
        "INSERT INTO bare DEFAULT VALUES",
        "INSERT INTO bare DEFAULT VALUES",
        "CREATE TYPE pair AS (a int, b text)",
        """CREATE TABLE "Odd ""name" AS SELECT '$1.50'::money, 0.1::float4, 1e-300::float8, 'infinity'::timestamptz,
           '1 mon -1 day'::interval, E'\\\\x00ff'::bytea, NULL::text AS n, '' AS e, E'a\\n"\\\\' AS q, 'é€'::text AS u,
           ROW(1, 'x"')::pair AS p, ARRAY[NULL, 'a,b'] AS arr, 'pg_class'::regclass, '{"b": 1, "a": [1.0]}'::jsonb""",
        "CREATE TABLE parent (b int, a int)",
        "CREATE TABLE child (a int, c int, b int) INHERITS (parent)",
        "INSERT INTO child VALUES (1, 2, 3)",
        "INSERT INTO parent VALUES (5, 6)",
        "CREATE TABLE part (id int) PARTITION BY LIST (id)",
        "CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1)",
        "INSERT INTO part VALUES (1)",
        database="summed",
    )
    dumped = programs.dump("--checksum")
    assert dumped.code == 0, dumped.report.message
    return Dumped("summed", programs.snapshot)


@pytest.fixture
def both(programs_of: Callable[[Dumped], Programs], summed: Dumped) -> Programs:
    return programs_of(summed)


def test_equal_contents_have_equal_checksums(both: Programs) -> None:
    loaded = both.load("--verify", "Checksum")
    assert loaded.code == 0, loaded.report.message
    found = {r.name: r.checksum for r in store.read_manifest(both.snapshot).relations}
    assert found["part"] is None
    assert found["empty"] == checksum.EMPTY
    assert str(found["bare"]).startswith("2:")
    assert str(found["parent"]).startswith("1:")
    assert all(found[name] for name in found if name != "part")


@pytest.mark.parametrize("encoding", ["LATIN9", "SQL_ASCII"])
def test_servers_that_keep_text_in_another_encoding(both: Programs, encoding: str) -> None:
    both.target.run(f"DROP DATABASE {both.database}")
    both.target.run(f"CREATE DATABASE {both.database} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    loaded = both.load("--verify", "Checksum")
    assert loaded.code == 0, loaded.report.message


@pytest.mark.parametrize(
    ("change", "table"),
    [
        ("UPDATE public.t SET v = v || ' ' WHERE id = 777", "public.t"),
        ("UPDATE public.t SET v = (SELECT v FROM public.t WHERE id = 4) WHERE id = 5", "public.t"),
        ('UPDATE public."Odd ""name" SET n = \'\'', 'public.Odd "name'),
        ("UPDATE public.child SET a = b, b = a", "public.child"),
    ],
    ids=["text", "a row twice", "NULL", "columns exchanged"],
)
def test_a_changed_row_is_found_before_the_swap(both: Programs, change: str, table: str) -> None:
    """The row is changed in the new database after its table was loaded, while another table waits at the gate."""
    child = both.start("load", "--verify", "Checksum")
    child.wait_for(is_phase("Schema"))
    scratch = f"{both.database}__next"
    loaded = 'SELECT (SELECT count(*) FROM t) = 20000 AND EXISTS (SELECT FROM child) AND EXISTS (TABLE "Odd ""name")'
    with contextlib.closing(both.target.connect(scratch)) as session, session.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(4)")
        made = """SELECT num_nulls(to_regclass('t'), to_regclass('child'), to_regclass('"Odd ""name"'))"""
        until(lambda: both.target.run(made, database=scratch) == [(0,)], "the schema is there")
        until(lambda: both.target.run(loaded, database=scratch) == [(True,)], "the other tables are loaded")
        both.target.run(change, database=scratch)
    ended = child.end()
    assert ended.summary == (65, "ChecksumDiffers")
    assert f"{table} " in ended.report.message
    assert databases(both.target, both.database) == [both.database]


def test_row_counts_alone_do_not_see_it_and_the_manifest_decides(both: Programs) -> None:
    """The manifest has a wrong checksum of the table, but the manifest's own checksum is right."""
    file = both.snapshot / "manifest.json"
    content = json.loads(file.read_text())
    (relation,) = [r for r in content["relations"] if r["name"] == "t"]
    relation["checksum"] = relation["checksum"].replace(":", ":1")
    del content["checksum"]
    file.write_text(json.dumps({"checksum": manifest_file._checksum(content), **content}))
    assert both.load("--verify", "Checksum").summary == (65, "ChecksumDiffers")
    assert both.load("--verify", "Rows").code == 0


def test_a_snapshot_without_checksums_cannot_be_compared(dumped: Programs) -> None:
    refused = dumped.load("--verify", "Checksum")
    assert refused.summary == (65, "NoChecksums")
    assert "--checksum" in refused.report.message


def test_an_operator_of_the_user_is_not_called(programs: Programs) -> None:
    """A role that may create functions at the source must not be able to make the dump's role run them."""
    programs.source.run(
        "CREATE TABLE t AS SELECT 'a' AS v",
        "CREATE FUNCTION md5(bytea) RETURNS text LANGUAGE sql AS $$ SELECT 'trojan' $$",
        "CREATE FUNCTION public.convert_to(text, text) RETURNS bytea LANGUAGE sql AS $$ SELECT ''::bytea $$",
        f"ALTER DATABASE {programs.database} SET search_path TO public, pg_catalog",
        database=programs.database,
    )
    session = connect(
        Connection("PROD", programs.source.conninfo(programs.database), "postgres", programs.environment()["PROD_DB_PASSWORD"]),
        "test",
    )  # fmt: skip
    with contextlib.closing(session):
        found = checksum.of_table(session, Shape("public", "t", ()))
    ((expected,),) = programs.source.run("SELECT '1:' || ('x' || left(pg_catalog.md5('(a)'), 16))::bit(64)::bigint")
    assert found == expected
