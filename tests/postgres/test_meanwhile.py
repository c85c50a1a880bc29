"""Changes that others make during a load or a dump: a target keeps them, and nothing of it is destroyed."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from datareplication.jobs.dump import splitting
from datareplication.jobs.dump.splitting import PartTask
from datareplication.jobs.postgres import catalog, rename
from support.programs import Programs, databases

Meanwhile = Callable[..., None]


@pytest.fixture
def before_the_swap(monkeypatch: pytest.MonkeyPatch, dumped: Programs) -> Meanwhile:
    """Return a function whose statements run in the maintenance database when everything is ready for the swap."""
    swap = rename.swap

    def install(*statements: str) -> None:
        def swap_after(*arguments: Any) -> list[str]:
            dumped.target.run(*statements)
            return swap(*arguments)

        monkeypatch.setattr(rename, "swap", swap_after)

    return install


@pytest.fixture
def when_taken(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Return a function whose argument is called when the snapshot is taken and no row has been copied."""
    parts = splitting.parts

    def install(action: Callable[[], object]) -> None:
        def parts_after(*arguments: Any) -> Sequence[PartTask]:
            action()
            return parts(*arguments)

        monkeypatch.setattr(splitting, "parts", parts_after)

    return install


def test_what_is_changed_of_the_target_while_it_is_loaded_stays_changed(
    dumped: Programs, before_the_swap: Meanwhile
) -> None:
    name = dumped.database
    for suffix in ("o1", "o2", "app"):
        dumped.target.run(f"CREATE ROLE {name}_{suffix}")
    dumped.target.run(
        f"ALTER DATABASE {name} OWNER TO {name}_o1",
        f"ALTER DATABASE {name} CONNECTION LIMIT 7",
        f"COMMENT ON DATABASE {name} IS 'old'",
        f"GRANT CONNECT ON DATABASE {name} TO {name}_o1",
    )
    before_the_swap(
        f"ALTER DATABASE {name} OWNER TO {name}_o2",
        f"ALTER DATABASE {name} CONNECTION LIMIT 9",
        f"COMMENT ON DATABASE {name} IS 'new'",
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {name} TO {name}_app",
        f"ALTER DATABASE {name} SET work_mem TO '9MB'",
    )

    assert dumped.load().code == 0

    query = f"""
        SELECT pg_get_userbyid(datdba), datconnlimit, shobj_description(oid, 'pg_database'), datacl::text,
               (SELECT array_agg(setconfig::text) FROM pg_db_role_setting WHERE setdatabase = d.oid AND setrole = 0)
        FROM pg_database d WHERE datname = '{name}'
    """
    acl = f"{{{name}_o2=CTc/{name}_o2,{name}_app=c/{name}_o2}}"
    assert dumped.target.run(query) == [(f"{name}_o2", 9, "new", acl, ["{work_mem=9MB}"])]


def test_objects_that_were_given_to_an_owner_who_is_no_longer_one_are_not_shown(
    dumped: Programs, before_the_swap: Meanwhile
) -> None:
    name = dumped.database
    dumped.target.run(f"CREATE ROLE {name}_o1", f"CREATE ROLE {name}_o2", f"ALTER DATABASE {name} OWNER TO {name}_o1")
    before_the_swap(f"ALTER DATABASE {name} OWNER TO {name}_o2")

    ended = dumped.load("--owners=TargetOwner")

    assert ended.summary == (75, "TargetChanged")
    assert databases(dumped.target, name) == [name]


@pytest.mark.parametrize(
    ("statements", "left"),
    [
        (["DROP DATABASE {0}"], ["{0}__previous"]),
        (["DROP DATABASE {0}", "CREATE DATABASE {0}"], ["{0}", "{0}__previous"]),
        (["DROP DATABASE {0}__previous"], ["{0}"]),
        (["DROP DATABASE {0}__previous", "CREATE DATABASE {0}__previous"], ["{0}", "{0}__previous"]),
        (
            ["DROP DATABASE {0}__next WITH (FORCE)", "CREATE DATABASE {0}__next"],
            ["{0}", "{0}__previous"],
        ),
    ],
    ids=[
        "the target is dropped",
        "the target is made anew",
        "the previous one is dropped",
        "the previous one is made anew",
        "the new one is made anew",
    ],
)
def test_a_database_that_is_another_one_by_then_is_left_alone(
    dumped: Programs,
    before_the_swap: Meanwhile,
    monkeypatch: pytest.MonkeyPatch,
    statements: list[str],
    left: list[str],
) -> None:
    name = dumped.database
    assert dumped.load().code == 0
    dumped.target.run(f"COMMENT ON DATABASE {name}__previous IS 'yesterday'")
    with monkeypatch.context():
        before_the_swap(*(statement.format(name) for statement in statements))
        ended = dumped.load(run="", PROD_DB_USERNAME="postgres")

    assert ended.summary == (75, "TargetChanged"), ended.report.message
    assert databases(dumped.target, name) == [database.format(name) for database in left]
    made_anew = [statement.split()[-1].format(name) for statement in statements if statement.startswith("CREATE")]
    for database in left:
        if (found := database.format(name)) not in made_anew and found.endswith("__previous"):
            comment = f"SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{found}'"
            assert dumped.target.run(comment) == [("yesterday",)]


def test_a_swap_that_fails_leaves_the_previous_database(dumped: Programs, before_the_swap: Meanwhile) -> None:
    name = dumped.database
    assert dumped.load().code == 0
    dumped.target.run("CREATE TABLE kept AS SELECT 1 AS id", database=f"{name}__previous")
    before_the_swap(f"CREATE DATABASE {name}__obsolete")  # any error that ends the swap

    assert dumped.load(run="").code == 75

    assert dumped.target.run("SELECT id FROM kept", database=f"{name}__previous") == [(1,)]


def test_sequences_are_as_they_were_when_the_snapshot_was_taken(
    programs: Programs, when_taken: Callable[[Callable[[], object]], None]
) -> None:
    programs.source.run(
        "CREATE TABLE t (id serial PRIMARY KEY)",
        "INSERT INTO t DEFAULT VALUES",
        "INSERT INTO t DEFAULT VALUES",
        database=programs.database,
    )
    changes = ["SELECT setval('t_id_seq', 1)", "CREATE SEQUENCE later"]
    when_taken(lambda: programs.source.run(*changes, database=programs.database))

    dumped, loaded = programs.dump(), programs.load()

    assert (dumped.code, loaded.code) == (0, 0)
    states = "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"
    assert programs.target.run(states, database=programs.database) == [("t_id_seq", 2)]
    programs.target.run("INSERT INTO t DEFAULT VALUES", database=programs.database)


@pytest.mark.parametrize(
    "change", ["DROP SEQUENCE s", "ALTER SEQUENCE s RENAME TO r", "ALTER SEQUENCE s SET SCHEMA other"]
)
def test_a_sequence_that_goes_while_the_snapshot_is_taken_is_looked_for_again(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    programs.source.run("CREATE SEQUENCE s", "CREATE SCHEMA other", database=programs.database)
    states = catalog._sequence_states

    def states_after(*arguments: Any) -> Any:
        programs.source.run(change, database=programs.database)
        return states(*arguments)

    monkeypatch.setattr(catalog, "_sequence_states", states_after)
    assert programs.dump().summary == (75, "SchemaChanging")
