"""Strategy InPlace: a role without CREATEDB replaces rows in one transaction; all of them, or none."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from datareplication.jobs.dump import splitting
from datareplication.jobs.postgres import replacing
from datareplication.jobs.snapshot import store
from support.equality import CORNERS, DEMO, content, schema
from support.programs import Child, Dumped, Programs, databases, is_phase, until
from support.server import PASSWORD, Server

GATE = """
    CREATE FUNCTION gate(number int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock_shared(number); RETURN true; END $$
"""
"""Called while rows are copied; waits while somebody holds the advisory lock of that number in the database."""

COMMON = [
    GATE,
    (
        "CREATE TABLE team (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, boss int,"
        " twice int GENERATED ALWAYS AS (id * 2) STORED, UNIQUE (name) DEFERRABLE INITIALLY DEFERRED)"
    ),
    (
        "CREATE TABLE person (id serial PRIMARY KEY, team int REFERENCES team ON DELETE CASCADE,"
        " mentor int CONSTRAINT mentor REFERENCES person DEFERRABLE INITIALLY DEFERRED, CHECK (gate(1)))"
    ),
    'ALTER TABLE team ADD CONSTRAINT "bo%s""s" FOREIGN KEY (boss) REFERENCES person NOT VALID',
    'COMMENT ON CONSTRAINT "bo%s""s" ON team IS \'it\'\'s "odd"\'',
    "CREATE TABLE event (id int, person int REFERENCES person, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)",
    "CREATE TABLE event_2023 PARTITION OF event FOR VALUES FROM ('2023-01-01') TO ('2024-01-01')",
    "CREATE TABLE event_2024 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (id)",
    "CREATE TABLE all_2024 PARTITION OF event_2024 DEFAULT",
    "CREATE TABLE remark (event int, at date, FOREIGN KEY (event, at) REFERENCES event)",
    "CREATE TABLE hidden (id int)",
    "ALTER TABLE hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    "CREATE POLICY nobody ON hidden USING (false)",
    "CREATE SEQUENCE free START 5 INCREMENT 3",
    "CREATE SEQUENCE used_up MAXVALUE 2",
    "CREATE MATERIALIZED VIEW heads AS SELECT count(*) AS n FROM person",
]
NEW = [
    "INSERT INTO team (name) SELECT 'team ' || i FROM generate_series(1, 3) i",
    "INSERT INTO person (team, mentor) SELECT i % 3 + 1, 501 - i FROM generate_series(1, 500) i",
    "UPDATE team SET boss = id * 10",
    "INSERT INTO event SELECT i, i, date '2023-12-01' + i FROM generate_series(1, 60) i",
    "INSERT INTO remark SELECT id, at FROM event",
    "ALTER TABLE hidden NO FORCE ROW LEVEL SECURITY",
    "INSERT INTO hidden VALUES (1)",
    "ALTER TABLE hidden FORCE ROW LEVEL SECURITY",
    "SELECT setval('free', 41, false), nextval('used_up'), nextval('used_up')",
    "REFRESH MATERIALIZED VIEW heads",
]
TARGETS_OWN = [
    "ALTER TABLE team ADD own text DEFAULT 'kept'",
    "CREATE TABLE badge (person int NOT NULL CONSTRAINT worn REFERENCES person)",
    "CREATE TABLE fired (what text)",
    (
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO public.fired VALUES (TG_NAME); RETURN NEW; END $$"
    ),
    *(
        f"CREATE TRIGGER {name} AFTER INSERT ON person FOR EACH ROW EXECUTE FUNCTION note()"
        for name in ("simple", "always", "replica", "disabled")
    ),
    "ALTER TABLE person ENABLE ALWAYS TRIGGER always, ENABLE REPLICA TRIGGER replica, DISABLE TRIGGER disabled",
    "CREATE TRIGGER emptied BEFORE TRUNCATE ON person EXECUTE FUNCTION note()",
    (
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON person DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION note()"
    ),
    "CREATE TRIGGER of_parts AFTER INSERT ON event FOR EACH ROW EXECUTE FUNCTION note()",
    "ALTER TABLE event_2023 DISABLE TRIGGER of_parts",
    "CREATE RULE ignored AS ON INSERT TO remark DO INSTEAD NOTHING",
    "INSERT INTO team (name) VALUES ('old')",
    "INSERT INTO person (team) SELECT 1 FROM generate_series(1, 7)",
    "INSERT INTO badge VALUES (7)",
    "SELECT nextval('free')",
    "REFRESH MATERIALIZED VIEW heads",
    "TRUNCATE fired",
]
LOADED = ("all_2024", "event_2023", "heads", "hidden", "person", "remark")
"""Tables of which every column comes from the source."""


@pytest.fixture(scope="session")
def kept(source: Server, target: Server, tmp_path_factory: pytest.TempPathFactory) -> Dumped:
    """A snapshot of tables with triggers, keys, partitions and sequences that are hard to load in place."""
    programs = Programs(tmp_path_factory.mktemp("kept"), source, target, "kept")
    source.run("CREATE DATABASE kept")
    source.run(*COMMON, *NEW, database="kept")
    assert programs.dump("--compression", "None").code == 0
    return Dumped("kept", programs.snapshot)


@pytest.fixture
def older(programs_of: Callable[[Dumped], Programs], kept: Dumped) -> Programs:
    """A target of the same schema with older rows, which belongs to a role without CREATEDB."""
    programs = programs_of(kept)
    role = loader(programs)
    programs.target.run(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    programs.target.run(f"ALTER DATABASE {programs.database} OWNER TO {role}")
    programs.target.run(*COMMON, *TARGETS_OWN, database=programs.database, role=role)
    return programs


def loader(programs: Programs) -> str:
    return f"{programs.database}_loader"


def load(programs: Programs, *arguments: str, run: str = "run-1", **changes: str) -> tuple[int, str, str]:
    """Load in place as the target's owner; return exit code, reason and message."""
    changes = {"DEV_DB_USERNAME": loader(programs), **changes}
    loaded = programs.load("--strategy", "InPlace", "--overwrite", "Any", *arguments, run=run, **changes)
    return loaded.code, loaded.report.reason, loaded.report.message


def state(programs: Programs) -> list[str]:
    """Return everything that a failed load must not change: schema, rows, sequences."""
    server, name = programs.target, programs.database
    return [schema(server, name), content(server, name), repr(sequences(server, name))]


def sequences(server: Server, database: str) -> object:
    queries = (f"SELECT '{name}', last_value, is_called FROM {name}" for name in ("free", "used_up", "person_id_seq"))
    return server.run(" UNION ALL ".join(queries), database=database)


def rows_of(server: Server, database: str) -> list[str]:
    lines = content(server, database).splitlines()
    return [line for line in lines if line.split("|")[0].removeprefix("public.") in LOADED]


def test_rows_are_replaced_and_everything_else_is_as_it_was(older: Programs) -> None:
    source, target, name = older.source, older.target, older.database
    before = schema(target, name)

    assert load(older)[:2] == (0, "Loaded")

    assert len(rows_of(target, name)) == len(LOADED)
    assert rows_of(target, name) == rows_of(source, older.source_database)
    query = "SELECT id, name, boss, twice FROM team ORDER BY id"
    assert target.run(query, database=name) == source.run(query, database=older.source_database)
    assert target.run("SELECT DISTINCT own FROM team", database=name) == [("kept",)]
    assert target.run("TABLE badge", database=name) == [(7,)], "a table that only the target has"
    assert target.run("TABLE fired", database=name) == [], "no trigger fired"
    assert sequences(target, name) == sequences(source, older.source_database)
    assert schema(target, name) == before, "triggers' states, foreign keys, their comments, row-level security"
    assert databases(target, name) == [name]
    analyzed = "SELECT reltuples FROM pg_class WHERE relname = 'person'"
    assert target.run(analyzed, database=name) == [(500,)]


def test_it_says_how_far_it_is(older: Programs) -> None:
    loaded = older.load("--strategy", "InPlace", "--overwrite", "Any", DEV_DB_USERNAME=loader(older))
    progress = [line["progress"] for line in loaded.lines if "progress" in line]
    phases = list(dict.fromkeys(line["phase"] for line in progress))
    assert phases == ["Connecting", "Schema", "Data", "Verifying", "Indexes", "Swapping"]
    assert progress[-1]["tablesDone"] == progress[-1]["tablesTotal"]
    assert progress[-1]["rowsDone"] == loaded.report.rows


def test_a_second_run_replaces_the_first_and_a_repeated_one_changes_nothing(older: Programs) -> None:
    target, name = older.target, older.database
    assert load(older)[0] == 0
    target.run("DELETE FROM remark", database=name)
    assert load(older)[:2] == (0, "Loaded")
    assert target.run("SELECT count(*) FROM remark", database=name) == [(0,)], "this run had loaded it already"

    loaded = older.load("--strategy", "InPlace", run="", DEV_DB_USERNAME=loader(older))
    assert loaded.code == 0, "without overwrite Any: it is ours"
    assert target.run("SELECT count(*) FROM remark", database=name) == [(60,)]
    assert target.run("SELECT count(*) FROM datareplication.provenance", database=name) == [(1,)]


def test_both_strategies_take_turns(programs: Programs) -> None:
    programs.source.run("CREATE TABLE t AS SELECT 1 AS id", database=programs.database)
    assert programs.dump().code == 0
    for strategy in ("Swap", "InPlace", "Swap", "InPlace"):
        loaded = programs.load("--strategy", strategy, run="")
        assert loaded.code == 0, loaded.report.message
    assert programs.target.run("TABLE t", database=programs.database) == [(1,)]


def test_the_demo_and_the_corners_arrive_whole(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "SMALLEST_SPLIT_BYTES", 16 << 10)  # some tables come in several files
    corners = CORNERS.replace("BEGIN;", "").replace("COMMIT;", "")
    for one in (programs.source, programs.target):
        one.psql("-c", corners, "-f", str(DEMO / "schema.sql"), database=programs.database)
    programs.source.psql("-v", "rows=2000", "-f", str(DEMO / "data.sql"), database=programs.database)
    before = schema(programs.target, programs.database)
    assert programs.dump("--workers", "4").code == 0
    assert any(len(one.parts) > 1 for one in store.read_manifest(programs.snapshot).relations)
    loaded = programs.load("--strategy", "InPlace", "--overwrite", "Any")
    assert loaded.code == 0, loaded.report.message
    assert content(programs.target, programs.database) == content(programs.source, programs.database)
    assert schema(programs.target, programs.database) == before


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DROP TABLE remark", "table public.remark is missing"),
        ("ALTER TABLE remark RENAME TO r; CREATE VIEW remark AS TABLE r", "public.remark is a View"),
        ("ALTER TABLE hidden RENAME id TO no", "column public.hidden.id is missing"),
        ("ALTER TABLE hidden ALTER id TYPE bigint", "column public.hidden.id is bigint, in the snapshot integer"),
        (
            "ALTER TABLE hidden DROP id; ALTER TABLE hidden ADD id int GENERATED ALWAYS AS (1) STORED",
            "column public.hidden.id is generated",
        ),
        ("ALTER TABLE hidden ADD own int NOT NULL", "column public.hidden.own is not in the snapshot"),
        ("DROP SEQUENCE free", "sequence public.free is missing"),
        ("ALTER SEQUENCE free MAXVALUE 40", "sequence public.free goes from 1 to 40"),
        (
            "CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
            "table public.event_2026, a part of a loaded table",
        ),
    ],
)
def test_another_schema_is_named_and_nothing_is_changed(older: Programs, statement: str, named: str) -> None:
    older.target.run(f"TRUNCATE hidden; {statement}", database=older.database)
    before = content(older.target, older.database)
    code, reason, message = load(older)
    assert (code, reason) == (65, "SchemaDrift")
    assert named in message
    assert "strategy Swap" in message
    assert content(older.target, older.database) == before


def test_missing_rights_are_named_with_what_gives_them(older: Programs) -> None:
    target, name, owner = older.target, older.database, loader(older)
    other = f"{name}_other"
    target.run(
        f"CREATE ROLE {other} LOGIN PASSWORD '{PASSWORD}'",
        "ALTER TABLE hidden OWNER TO postgres",
        "CREATE SCHEMA datareplication",
        database=name,
    )
    before = state(older)
    code, reason, message = load(older, DEV_DB_USERNAME=other)
    assert (code, reason) == (77, "MissingRights")
    wanted = [
        f'GRANT "{owner}" TO "{other}";',
        f'ALTER TABLE "public"."hidden" OWNER TO "{other}";',
        f'ALTER SCHEMA datareplication OWNER TO "{other}";',
    ]
    assert all(statement in message for statement in wanted), message
    assert state(older) == before
    target.run(*wanted, database=name)
    assert load(older, DEV_DB_USERNAME=other)[:2] == (0, "Loaded")


def test_the_guard_holds_here_too(older: Programs) -> None:
    held = older.load("--strategy", "InPlace", DEV_DB_USERNAME=loader(older))
    assert held.summary == (78, "TargetHoldsData")
    assert "keeps no copy" in held.report.message
    itself = older.source.conninfo(older.source_database)
    as_itself = older.load("--strategy", "InPlace", "--overwrite", "Any", DEV_DB_CONNECTION=itself)
    assert as_itself.summary == (78, "TargetIsSource")
    older.target.run(
        "CREATE SCHEMA datareplication", "CREATE TABLE datareplication.provenance ()", database=older.database
    )
    older.target.run(f"ALTER SCHEMA datareplication OWNER TO {loader(older)}", database=older.database)
    assert load(older)[:2] == (78, "ProvenanceNotOurs")


def test_a_damaged_file_leaves_the_old_rows(older: Programs) -> None:
    path = max((older.snapshot / "data").iterdir(), key=lambda path: path.stat().st_size)
    path.write_bytes(path.read_bytes().replace(b"\n7,", b"\n8,", 1))
    before = state(older)
    assert load(older)[:2] == (65, "SnapshotCorrupt")
    assert state(older) == before


def test_rows_of_the_target_that_then_point_to_nothing_leave_the_old_ones(older: Programs) -> None:
    older.target.run(
        "INSERT INTO person (id, team) VALUES (4242, 1)", "INSERT INTO badge VALUES (4242)", database=older.database
    )
    before = state(older)
    code, reason, message = load(older)
    assert (code, reason) == (65, "ConstraintViolated")
    assert "foreign key worn of public.badge" in message
    assert state(older) == before


@contextlib.contextmanager
def held_up(programs: Programs) -> Iterator[Child]:
    """Start a load that waits while rows are copied, and yield it when it waits."""
    name = programs.database
    waiting = f"SELECT 1 FROM pg_stat_activity WHERE datname = '{name}' AND wait_event = 'advisory'"
    options = ["--strategy", "InPlace", "--overwrite", "Any"]
    with contextlib.closing(programs.target.connect(name)) as session, session.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(1)")
        child = programs.start("load", *options, DEV_DB_USERNAME=loader(programs))
        child.wait_for(is_phase("Data"))
        until(lambda: programs.target.run(waiting), "the load stands amid its rows")
        yield child


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL", "backend", "maintenance"])
def test_what_ends_it_amid_its_rows_leaves_the_old_ones(older: Programs, end: str) -> None:
    target, name = older.target, older.database
    before = state(older)
    sessions = {"backend": f"datname = '{name}'", "maintenance": "datname = 'postgres'"}
    with held_up(older) as child:
        if end in sessions:
            where = f"{sessions[end]} AND usename = '{loader(older)}'"
            assert target.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {where}")
        else:
            child.process.send_signal(signal.Signals[end])
        if end != "maintenance":  # its loss is noticed only before the commit
            ended = child.end()
    if end == "maintenance":
        ended = child.end()
    assert ended.code == {"SIGTERM": 143, "SIGKILL": -9}.get(end, 75)
    until(lambda: not target.run(f"SELECT 1 FROM pg_stat_activity WHERE usename = '{loader(older)}'"), "it is gone")
    assert state(older) == before
    assert load(older)[:2] == (0, "Loaded")


def test_a_reader_that_does_not_end_is_named(older: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replacing, "LOCK_TIMEOUT_SECONDS", 1)
    before = state(older)
    with contextlib.closing(older.target.connect(older.database)) as session, session.cursor() as cursor:
        cursor.execute("SET application_name = 'long report'; BEGIN; SELECT * FROM hidden")
        code, reason, message = load(older)
        assert (code, reason) == (75, "LockTimeout")
        assert f"long report (role postgres, backend {session.get_backend_pid()})" in message
    assert state(older) == before


def test_readers_see_old_or_new_and_never_nothing(older: Programs) -> None:
    seen: list[int] = []
    ended = threading.Event()

    def read() -> None:
        with contextlib.closing(older.target.connect(older.database)) as session, session.cursor() as cursor:
            while not ended.is_set():
                cursor.execute("SELECT count(*) FROM person")
                seen.append(cursor.fetchall()[0][0])

    reader = threading.Thread(target=read)
    reader.start()
    try:
        until(lambda: 7 in seen, "a reader sees the old rows")
        loaded = load(older)
        until(lambda: 500 in seen, "a reader sees the new rows")
    finally:
        ended.set()
        reader.join()
    assert loaded[0] == 0
    assert set(seen) == {7, 500}


def test_an_older_snapshot_sees_the_new_rows_and_not_an_empty_table(older: Programs) -> None:
    with contextlib.closing(older.target.connect(older.database)) as session, session.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        assert load(older)[0] == 0
        cursor.execute("SELECT count(*) FROM person")
        assert cursor.fetchall() == [(500,)]


def test_a_foreign_key_that_somebody_has_disabled_is_not_enabled(programs: Programs) -> None:
    made = ["CREATE TABLE a (id int PRIMARY KEY)", "CREATE TABLE b (a int CONSTRAINT key REFERENCES a)"]
    for one in (programs.source, programs.target):
        one.run(*made, database=programs.database)
    programs.target.run("ALTER TABLE b DISABLE TRIGGER ALL", database=programs.database)
    assert programs.dump().code == 0

    ended = programs.load("--strategy=InPlace")

    assert ended.summary == (69, "ForeignKeyDisabled")
    assert "key of public.b" in ended.report.message
    off = "SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'"
    assert programs.target.run(off, database=programs.database) == [(2,)]
