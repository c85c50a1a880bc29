"""What is in the source is in the target, to the last byte: schema, rows, sequences."""

import contextlib
import json
import re
import threading
import urllib.parse

import psycopg2
import pytest

from datareplication.jobs.dump import splitting
from datareplication.jobs.model.manifest import FORMAT_VERSION
from datareplication.jobs.snapshot import store
from support.equality import CORNERS, DEMO, content, schema
from support.programs import Programs, databases, until
from support.server import PASSWORD


def assert_same(programs: Programs) -> None:
    assert content(programs.target, programs.database) == content(programs.source, programs.database)
    assert schema(programs.target, programs.database) == schema(programs.source, programs.database)


def test_the_demo_arrives_whole(programs: Programs) -> None:
    files = ["-f", str(DEMO / "schema.sql"), "-v", "rows=20000", "-f", str(DEMO / "data.sql")]
    programs.source.psql(*files, database=programs.database)

    dumped, loaded = programs.dump("--workers", "4"), programs.load("--workers", "3")

    assert (dumped.summary, loaded.summary) == ((0, "Dumped"), (0, "Loaded"))
    assert_same(programs)
    figures = (dumped.report.tables, dumped.report.rows, dumped.report.bytes, dumped.report.lsn)
    assert figures == (loaded.report.tables, loaded.report.rows, loaded.report.bytes, loaded.report.lsn)
    assert dumped.report.rows > 20000
    state = "SELECT last_value, is_called FROM shop.order_numbers"
    assert programs.target.run(state, database=programs.database) == programs.source.run(
        state, database=programs.database
    )
    programs.target.run("INSERT INTO shop.tenants (name, created_at) VALUES ('new', now())", database=programs.database)
    phases = [line["progress"]["phase"] for line in loaded.lines if "progress" in line]
    assert list(dict.fromkeys(phases)) == ["Connecting", "Schema", "Data", "Indexes", "Swapping"]


def test_corners_arrive_whole(programs: Programs) -> None:
    programs.source.psql("-c", CORNERS.replace("BEGIN;", "").replace("COMMIT;", ""), database=programs.database)
    assert programs.dump().code == 0
    assert programs.load().code == 0
    assert_same(programs)
    state = 'SELECT last_value, is_called FROM "Se""q"'
    assert programs.target.run(state, database=programs.database) == [(41, False)]
    populated = "SELECT relname FROM pg_class WHERE relkind = 'm' AND relispopulated ORDER BY 1"
    assert programs.target.run(populated, database=programs.database) == [("a_last",), ("z_first",)]
    names = [path.name for path in (programs.snapshot / "data").iterdir()]
    assert all(re.fullmatch(r"\d+-\d+\.csv\.zst", name) for name in names)


@pytest.mark.parametrize("state", ["", "REPLICA", "ALWAYS"])
def test_the_sources_event_triggers_do_not_stop_the_load(programs: Programs, state: str) -> None:
    programs.source.run(
        "CREATE TABLE t AS SELECT 1 AS id",
        "CREATE MATERIALIZED VIEW v AS SELECT * FROM t",
        "CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'frozen'; END $$",
        "CREATE EVENT TRIGGER frozen ON ddl_command_start EXECUTE FUNCTION forbid()",
        "CREATE EVENT TRIGGER frozen_too ON ddl_command_end EXECUTE FUNCTION forbid()",
        *([f"ALTER EVENT TRIGGER frozen ENABLE {state}"] if state else []),
        database=programs.database,
    )
    assert programs.dump().code == 0
    loaded = programs.load()
    assert loaded.code == 0, loaded.report.message
    assert_same(programs)


def test_an_empty_database_arrives_empty(programs: Programs) -> None:
    assert programs.dump().report.tables == 0
    assert programs.load().code == 0
    assert_same(programs)


def test_a_database_without_the_public_schema_arrives_without_it(programs: Programs) -> None:
    programs.source.run("DROP SCHEMA public", "CREATE SCHEMA own", database=programs.database)
    assert programs.dump().code == 0
    assert programs.load().code == 0
    assert_same(programs)


@pytest.mark.parametrize(("compression", "suffix"), [("Zstd", ".csv.zst"), ("Gzip", ".csv.gz"), ("None", ".csv")])
def test_compressions(programs: Programs, compression: str, suffix: str) -> None:
    programs.source.run(
        "CREATE TABLE t AS SELECT i, repeat(md5(i::text), 40) AS v FROM generate_series(1, 2000) i",
        database=programs.database,
    )
    assert programs.dump("--compression", compression).code == 0
    (file,) = (programs.snapshot / "data").iterdir()
    assert file.name.endswith(suffix)
    assert programs.load().code == 0
    assert_same(programs)


def test_a_large_table_is_dumped_in_ranges(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "SMALLEST_SPLIT_BYTES", 64 << 10)
    programs.source.run(
        "CREATE TABLE big AS SELECT i, repeat('x', 100) AS v FROM generate_series(1, 20000) i",
        "DELETE FROM big WHERE i % 7 = 0",
        "CREATE TABLE wide AS SELECT i, repeat(md5(i::text), 3000) AS v FROM generate_series(1, 40) i",
        "ALTER TABLE wide ALTER v SET STORAGE EXTERNAL",
        database=programs.database,
    )
    assert programs.dump("--workers", "2").code == 0
    parts = {relation.name: len(relation.parts) for relation in store.read_manifest(programs.snapshot).relations}
    assert parts["big"] > 4
    assert programs.load("--workers", "3").code == 0
    assert_same(programs)


def test_rows_of_a_mebibyte(programs: Programs) -> None:
    programs.source.run(
        "CREATE TABLE huge AS SELECT i, repeat(md5(i::text), 32768) AS v, decode(repeat(md5(i::text), 16384), 'hex') AS b"
        " FROM generate_series(1, 8) i",
        database=programs.database,
    )
    assert programs.dump().code == 0
    assert programs.load().code == 0
    assert_same(programs)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_encodings(programs: Programs, encoding: str) -> None:
    for one in (programs.source, programs.target):
        one.run(f"DROP DATABASE {programs.database}")
        one.run(f"CREATE DATABASE {programs.database} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    value = r"E'Z\\374rich \\344'" if encoding == "LATIN1" else r"E'\\xff\\xfe bytes'"
    made = f"convert_from({value}::bytea, 'LATIN1')" if encoding == "LATIN1" else value.replace("\\\\", "\\")
    programs.source.run(f"CREATE TABLE t AS SELECT {made} AS v", database=programs.database)
    assert programs.dump().code == 0
    assert programs.load().code == 0
    assert_same(programs)


def test_the_snapshot_is_of_one_instant(programs: Programs) -> None:
    """Two tables that always change in one transaction are equal in the copy, although they change all the time."""
    programs.source.run("CREATE TABLE a (id int)", "CREATE TABLE b (id int)", database=programs.database)
    ended = threading.Event()

    def write() -> None:
        with contextlib.closing(programs.source.connect(programs.database)) as connection:
            connection.autocommit = False
            number = 0
            while not ended.is_set():
                number += 1
                with connection, connection.cursor() as cursor:
                    cursor.execute("INSERT INTO a VALUES (%s); INSERT INTO b VALUES (%s)", [number, number])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        dumped = [programs.dump(run=f"run-{i}", CSV_OUTPUT_PATH=str(programs.root / f"{i}")) for i in range(3)]
    finally:
        ended.set()
        writer.join()

    assert [one.code for one in dumped] == [0, 0, 0]
    for i in range(3):
        manifest = store.read_manifest(programs.root / f"{i}")
        first, second = (relation.rows for relation in manifest.relations)
        assert first == second
    assert programs.load(run="run-2", CSV_OUTPUT_PATH=str(programs.root / "2")).code == 0
    assert programs.target.run("SELECT * FROM a EXCEPT SELECT * FROM b", database=programs.database) == []


def test_odd_names_of_databases_and_a_uri(programs: Programs) -> None:
    odd = Programs(programs.root, programs.source, programs.target, f"{programs.database} 'Ödd' \"n\\ame")
    for one in (odd.source, odd.target):
        one.run('CREATE DATABASE "{}"'.format(odd.database.replace('"', '""')))
    odd.source.run("CREATE TABLE t AS SELECT 1 AS id", database=odd.database)
    uri = f"postgresql://127.0.0.1:{odd.source.port}/{urllib.parse.quote(odd.database)}?sslmode=disable"
    assert odd.dump(PROD_DB_CONNECTION=uri).code == 0
    loaded = odd.load()
    assert loaded.code == 0, loaded.report.message
    assert odd.load(run="").code == 0
    assert odd.target.run("SELECT * FROM t", database=odd.database) == [(1,)]


def test_provenance_says_where_the_data_is_from_and_is_not_copied_on(programs: Programs) -> None:
    programs.source.run("CREATE TABLE t AS SELECT 1 AS id", database=programs.database)
    assert programs.dump().code == 0
    assert programs.load().code == 0

    query = "SELECT source_database, run_uid, target_database, lsn FROM datareplication.provenance"
    lsn = store.read_manifest(programs.snapshot).lsn
    assert programs.target.run(query, database=programs.database) == [
        (programs.database, "run-1", programs.database, lsn)
    ]

    backwards = Programs(programs.root / "back", programs.target, programs.source, programs.database)
    backwards.root.mkdir()
    assert backwards.dump(run="back").report.tables == 1
    assert backwards.load("--overwrite", "Any", run="back").code == 0
    assert programs.source.run(query, database=programs.database)[0][1] == "back"


def test_a_later_run_replaces_the_data_and_keeps_one_previous(programs: Programs) -> None:
    for number in (1, 2, 3):
        programs.source.run(
            "DROP TABLE IF EXISTS t", f"CREATE TABLE t AS SELECT {number} AS n", database=programs.database
        )
        path = str(programs.root / f"{number}")
        assert programs.dump(run=f"run-{number}", CSV_OUTPUT_PATH=path).code == 0
        assert programs.load(run=f"run-{number}", CSV_OUTPUT_PATH=path).code == 0
    names = databases(programs.target, programs.database)
    assert names == [programs.database, f"{programs.database}__previous"]
    assert [programs.target.run("SELECT n FROM t", database=name) for name in names] == [[(3,)], [(2,)]]


def test_a_password_is_nowhere_in_the_snapshot(programs: Programs) -> None:
    programs.source.run("CREATE TABLE t AS SELECT 1 AS id", database=programs.database)
    assert programs.dump("--compression", "None").code == 0
    for path in programs.snapshot.rglob("*"):
        assert path.is_dir() or PASSWORD.encode() not in path.read_bytes()
    assert json.loads((programs.snapshot / "manifest.json").read_text())["formatVersion"] == FORMAT_VERSION


def test_a_client_of_the_target_reads_on_while_it_is_loaded(programs: Programs) -> None:
    """The swap disconnects connected clients once, and they reconnect to the new data."""
    programs.source.run("CREATE TABLE t AS SELECT 'new' AS v", database=programs.database)
    programs.target.run("CREATE TABLE t AS SELECT 'old' AS v", database=programs.database)
    assert programs.dump().code == 0
    seen: list[str] = []
    ended = threading.Event()

    def read() -> None:
        with contextlib.closing(programs.target.connect(programs.database)) as connection:
            while not ended.is_set():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT v FROM t")
                    seen.append(cursor.fetchall()[0][0])

    def read_again_and_again() -> None:
        while not ended.is_set():
            with contextlib.suppress(psycopg2.Error):
                read()

    readers = [threading.Thread(target=read_again_and_again) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        until(lambda: "old" in seen, "a reader sees the old data")
        loaded = programs.load("--overwrite", "Any")
        until(lambda: "new" in seen, "a reader sees the new data")
    finally:
        ended.set()
        for reader in readers:
            reader.join()
    assert loaded.code == 0
    assert set(seen) == {"old", "new"}
    assert programs.target.run("SELECT v FROM t", database=programs.database) == [("new",)]


def test_statistics_objects_are_gathered_with_the_rest(programs: Programs) -> None:
    programs.source.run(
        "CREATE TABLE t AS SELECT n AS a, n % 10 AS b FROM generate_series(1, 1000) n",
        "CREATE STATISTICS dependent (dependencies) ON a, b FROM t",
        database=programs.database,
    )
    assert programs.dump().code == 0

    loaded = programs.load()

    assert loaded.code == 0, loaded.report.message
    gathered = "SELECT dependencies IS NOT NULL FROM pg_stats_ext WHERE statistics_name = 'dependent'"
    assert programs.target.run(gathered, database=programs.database) == [(True,)]
