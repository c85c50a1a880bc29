"""The after-load SQL: all of it or nothing, and nobody sees a row before it has run."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import psycopg2
import pytest

from datareplication.jobs.model.databases import JUST_MADE
from support.programs import Child, Dumped, Outcome, Programs, databases, is_phase, until
from support.server import PASSWORD, Server

SECRET = "s3cret-of-the-script"
MAIL = "ada@example.org"
SCRUB = "UPDATE users SET email = 'user' || id || '@example.invalid'"
GATE = 3
HELD = f"SELECT pg_advisory_xact_lock({GATE});"


@pytest.fixture(scope="module")
def people(source: Server, target: Server, tmp_path_factory: pytest.TempPathFactory) -> Dumped:
    """A table of people, a materialized view over it and one that was never filled."""
    programs = Programs(tmp_path_factory.mktemp("people"), source, target, "people")
    source.run("CREATE DATABASE people")
    source.run(
        "CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE, age int CHECK (age > 0))",
        f"INSERT INTO users SELECT i, i || '{MAIL}', 20 + i FROM generate_series(1, 300) i",
        "CREATE TABLE other AS SELECT 1 AS id",
        "CREATE MATERIALIZED VIEW mails AS SELECT email FROM users",
        "CREATE MATERIALIZED VIEW unfilled AS SELECT email FROM users WITH NO DATA",
        database="people",
    )
    assert programs.dump().code == 0
    return Dumped("people", programs.snapshot)


@pytest.fixture
def users(programs_of: Callable[[Dumped], Programs], people: Dumped) -> Programs:
    """Programs with that snapshot and an empty target."""
    return programs_of(people)


def loaded(programs: Programs, script: str, *arguments: str, **changes: str) -> Outcome:
    return programs.load("--after-load", str(written(programs, script)), *arguments, **changes)


def written(programs: Programs, script: str) -> Path:
    file = programs.root / "after-load.sql"
    file.write_text(script, encoding="utf-8")
    return file


def test_what_it_scrubs_is_in_no_table_view_or_statistic(users: Programs) -> None:
    ended = loaded(users, f"-- {SECRET}\n{SCRUB};\nSELECT 'a;b', '%s', E'\\\\';\n")
    assert ended.code == 0, ended.report.message
    assert "AfterLoadAsLoader" not in ended.report.message, "the source has no code"
    seen = "SELECT (SELECT count(*) FROM users WHERE {0}), (SELECT count(*) FROM mails WHERE {0})"
    assert users.target.run(seen.format("email LIKE '%invalid'"), database=users.database) == [(300, 300)]
    assert users.target.run(seen.format(f"email LIKE '%{MAIL}'"), database=users.database) == [(0, 0)]
    statistics = "SELECT count(*) FROM pg_stats WHERE {} histogram_bounds::text LIKE '%{}%'"
    found = [statistics.format("attname = 'email' AND", text) for text in ("example.invalid", MAIL)]
    assert [users.target.run(query, database=users.database) for query in found] == [[(2,)], [(0,)]]
    filled = "SELECT relispopulated FROM pg_class WHERE relname = 'unfilled'"
    assert users.target.run(filled, database=users.database) == [(False,)]
    assert SECRET not in str(ended.lines)
    assert [line for line in ended.lines if line.get("progress", {}).get("phase") == "AfterLoad"]


@pytest.mark.parametrize("is_superuser", [True, False], ids=["superuser", "loader"])
def test_an_emptied_table_keeps_no_statistics_or_is_named(users: Programs, is_superuser: bool) -> None:
    """autovacuum may gather statistics while rows are loaded; ANALYZE of an empty table does not remove them."""
    _, loader = _owned_target(users)
    role = "postgres" if is_superuser else loader
    ended = loaded(
        users,
        "ANALYZE users, other; DELETE FROM users; TRUNCATE other",
        *("--owners", "TargetOwner", "--grants", "Drop"),
        DEV_DB_USERNAME=role,
    )
    assert ended.code == 0, ended.report.message
    query = "SELECT DISTINCT tablename FROM pg_stats WHERE schemaname = 'public' ORDER BY 1"
    left = [] if is_superuser else ["other", "users"]
    assert [name for (name,) in users.target.run(query, database=users.database)] == left
    warned = [line["tables"] for line in ended.lines if line["level"] == "warning"]
    assert warned == ([[f"public.{name}" for name in left]] if left else [])


def test_a_migration_may_drop_rename_and_make_what_it_likes(users: Programs) -> None:
    script = """
        DROP TABLE other;
        DROP MATERIALIZED VIEW unfilled;
        ALTER TABLE users RENAME TO people;
        ALTER MATERIALIZED VIEW mails RENAME TO "Mails of people";
        CREATE TABLE made AS SELECT generate_series(1, 10) AS id;
        CREATE FUNCTION twice(int) RETURNS int LANGUAGE SQL BEGIN ATOMIC SELECT $1; SELECT $1 * 2; END;
        SELECT twice(id) INTO doubled FROM made;
    """
    ended = loaded(users, script)
    assert ended.code == 0, ended.report.message
    query = 'SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM "Mails of people"), (SELECT sum(twice) FROM doubled)'
    assert users.target.run(query, database=users.database) == [(300, 300, 110)]
    analyzed = "SELECT count(DISTINCT tablename) FROM pg_stats WHERE schemaname = 'public'"
    assert users.target.run(analyzed, database=users.database) == [(4,)]


@pytest.mark.parametrize(
    ("script", "code", "reason", "told"),
    [
        ("SELECT 1;\n\nSELECT nothing FROM users", 65, "AfterLoadFailed", 'line 3: column "nothing" does not exist (SQLSTATE 42703)'),
        (f"SELECT '{SECRET}';\nUPDAT users", 65, "AfterLoadFailed", 'line 2: syntax error at or near "UPDAT"'),
        (f"\nSELECT 'open {SECRET};\n", 65, "AfterLoadFailed", "line 2: unterminated quoted string (SQLSTATE 42601)"),
        (f"SELECT 1 '{SECRET}'", 65, "AfterLoadFailed", "line 1: syntax error (SQLSTATE 42601)"),
        (f"{SCRUB};\nUPDATE users SET age = 0 -- {SECRET}", 65, "AfterLoadFailed", 'violates check constraint "users_age_check"'),
        (f"{SCRUB}; COMMIT; SELECT 1", 65, "AfterLoadFailed", "cannot begin, end or save the transaction"),
        (f"BEGIN; {SCRUB}; COMMIT;", 65, "AfterLoadFailed", "cannot begin, end or save the transaction"),
        ("DO 'BEGIN COMMIT; END'", 65, "AfterLoadFailed", "cannot begin, end or save the transaction"),
        ("COPY users TO STDOUT", 65, "AfterLoadFailed", "use INSERT"),
        (f"SELECT 1;\n  \\set x {SECRET}\n", 64, "AfterLoadFailed", "line 2 starts with a backslash"),
        (f"SELECT '{SECRET}\0'", 64, "AfterLoadFailed", "line 1: a NUL"),
        ("DO 'BEGIN RAISE ''again'' USING ERRCODE = ''40P01''; END'", 75, "Deadlock", "again"),
    ],
)  # fmt: skip
def test_a_failure_leaves_the_target_as_it_was(users: Programs, script: str, code: int, reason: str, told: str) -> None:
    users.target.run("CREATE TABLE before AS SELECT 1 AS id", database=users.database)
    ended = loaded(users, script, "--overwrite", "Any")
    assert ended.summary == (code, reason)
    assert told in ended.report.message
    assert SECRET not in str(ended.lines)
    assert databases(users.target, users.database) == [users.database]
    assert users.target.run("SELECT to_regclass('before') IS NULL", database=users.database) == [(False,)]


def test_a_syntax_error_ends_the_load_before_it_has_made_a_database(users: Programs) -> None:
    ended = loaded(users, f"{SCRUB}; SELEC")
    assert ended.summary == (65, "AfterLoadFailed")
    phases = {line["progress"]["phase"] for line in ended.lines if "progress" in line}
    assert phases == {"Connecting"}


def test_a_missing_file_and_an_empty_one(users: Programs) -> None:
    missing = users.load("--after-load", str(users.root / "none.sql"))
    assert missing.summary == (64, "CannotReadAfterLoad")
    assert "none.sql" in missing.report.message
    assert loaded(users, " \n").code == 0


def test_its_search_path_is_that_of_the_target(users: Programs) -> None:
    record = "CREATE TABLE public.seen AS SELECT current_setting('search_path') AS path"
    assert loaded(users, record).code == 0
    assert users.target.run("TABLE seen", database=users.database) == [('"$user", public',)]
    users.target.run(f'ALTER DATABASE {users.database} SET search_path TO pg_catalog, "Odd, one"')
    assert loaded(users, record, run="").code == 0
    assert users.target.run("TABLE public.seen", database=users.database) == [('pg_catalog, "Odd, one"',)]


def test_the_report_says_when_it_may_have_set_off_code_of_the_sources(programs: Programs) -> None:
    programs.source.run(
        "CREATE TABLE users (id int, email text)",
        "INSERT INTO users VALUES (1, 'a')",
        (
            "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.email = current_user; RETURN NEW; END $$"
        ),
        "CREATE TRIGGER look BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION look()",
        database=programs.database,
    )
    assert programs.dump().code == 0
    ended = loaded(programs, SCRUB)
    assert ended.code == 0, ended.report.message
    assert "AfterLoadAsLoader" in ended.report.message
    assert programs.target.run("SELECT email FROM users", database=programs.database) == [("postgres",)]


def test_row_security_does_not_hide_rows_from_it(programs: Programs) -> None:
    """An UPDATE must not skip rows that a policy hides, and so leave them unscrubbed: it fails instead."""
    owner, loader = _owned_target(programs)
    programs.source.run(
        f"CREATE ROLE {owner}",
        "CREATE TABLE users AS SELECT 1 AS id, 'a' AS email",
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE users FORCE ROW LEVEL SECURITY",
        f"ALTER TABLE users OWNER TO {owner}",
        database=programs.database,
    )
    assert programs.dump().code == 0
    ended = loaded(programs, SCRUB, DEV_DB_USERNAME=loader)
    assert ended.summary == (65, "AfterLoadFailed")
    assert "row-level security" in ended.report.message


def _owned_target(programs: Programs) -> tuple[str, str]:
    """Give the target to a role of its own; return that role, and a loader that is no superuser."""
    owner, loader = f"{programs.database}_owner", f"{programs.database}_loader"
    programs.target.run(
        f"CREATE ROLE {owner} LOGIN PASSWORD '{PASSWORD}'",
        f"CREATE ROLE {loader} LOGIN CREATEDB PASSWORD '{PASSWORD}' IN ROLE {owner}, pg_signal_backend",
        f"ALTER DATABASE {programs.database} OWNER TO {owner}",
    )
    return owner, loader


@contextlib.contextmanager
def held_up(programs: Programs, script: str, role: str = "postgres") -> Iterator[Child]:
    """Start a load whose script waits at the gate, and yield the load when it waits."""
    child = programs.start(
        "load", "--after-load", str(written(programs, script)), "--overwrite", "Any", DEV_DB_USERNAME=role
    )
    child.wait_for(is_phase("Schema"))
    scratch = f"{programs.database}__next"
    waiting = f"SELECT 1 FROM pg_stat_activity WHERE datname = '{scratch}' AND wait_event = 'advisory'"
    with contextlib.closing(programs.target.connect(scratch)) as session, session.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [GATE])
        until(lambda: programs.target.run(waiting), "the script reaches the gate")
        yield child


class Peeper:
    """Reads a table repeatedly as a role, in every database of the target to which the role can connect."""

    def __init__(self, server: Server, names: list[str], role: str) -> None:
        self.seen: set[tuple[str, str]] = set()
        self.refused: set[str] = set()
        self._server, self._names, self._role = server, names, role
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._peep)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _peep(self) -> None:
        while not self._ended.is_set():
            for name in self._names:
                try:
                    found = self._server.run("SELECT min(email) FROM users", database=name, role=self._role)
                except psycopg2.Error as error:
                    self.refused.add(f"{name}: {str(error).strip().rpartition('FATAL:')[2].strip()}")
                else:
                    self.seen.add((name, found[0][0]))
            time.sleep(0.001)


def test_nobody_sees_a_row_before_it_is_scrubbed(programs: Programs) -> None:
    """The target's owner does not see them either, although the objects in the new database belong to him."""
    owner, loader = _owned_target(programs)
    programs.source.run(
        f"CREATE ROLE {owner}",
        f"CREATE TABLE users AS SELECT 1 AS id, '{MAIL}' AS email",
        f"ALTER TABLE users OWNER TO {owner}",
        database=programs.database,
    )
    assert programs.dump().code == 0
    programs.target.run("CREATE TABLE users (email) AS SELECT 'of before'", database=programs.database, role=owner)
    programs.target.run(f"REVOKE ALL ON DATABASE {programs.database} FROM PUBLIC")
    grants = f"SELECT datacl::text FROM pg_database WHERE datname = '{programs.database}'"
    before = programs.target.run(grants)
    scratch = f"{programs.database}__next"
    with Peeper(programs.target, [programs.database, scratch], owner) as peeper:
        held = held_up(programs, f"{HELD} {SCRUB}", loader)
        refused = pytest.raises(psycopg2.OperationalError, match="permission denied for database")
        with held as child, refused:
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                programs.target.run(f"GRANT CONNECT ON DATABASE {scratch} TO {owner}", role=owner)
            programs.target.connect(scratch, owner)
        ended = child.end()
        assert ended.code == 0, ended.report.message
        until(lambda: len(peeper.seen) > 1, "the new rows are seen")
    assert peeper.seen == {(programs.database, "of before"), (programs.database, "user1@example.invalid")}
    assert f'{scratch}: permission denied for database "{scratch}"' in str(peeper.refused)
    assert programs.target.run(grants) == before


def test_it_is_interrupted_by_sigterm(users: Programs) -> None:
    with held_up(users, f"{SCRUB}; {HELD}") as child:
        child.process.terminate()
        assert child.end().summary == (143, "Terminated")
    assert databases(users.target, users.database) == [users.database]


def test_a_lost_connection_is_worth_another_attempt(users: Programs) -> None:
    with held_up(users, HELD) as child:
        where = f"datname = '{users.database}__next' AND wait_event = 'advisory'"
        users.target.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {where}")
        assert child.end().code == 75
    assert databases(users.target, users.database) == [users.database]


def test_a_scratch_database_that_a_crash_left_closed_is_replaced(users: Programs) -> None:
    _, loader = _owned_target(users)
    closed = f"ALLOW_CONNECTIONS false CONNECTION LIMIT {JUST_MADE}"
    users.target.run(f"CREATE DATABASE {users.database}__next OWNER {loader} {closed}")
    ended = users.load("--owners", "TargetOwner", DEV_DB_USERNAME=loader)
    assert ended.code == 0, ended.report.message
