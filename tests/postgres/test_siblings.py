"""Targets on one server with one role: one is built, the others are its clones; each is swapped and reported alone."""

import contextlib

from datareplication.jobs.model.databases import JUST_MADE
from support.family import arguments
from support.programs import Programs, databases


def messages(lines: list[dict[str, object]]) -> set[object]:
    return {line["message"] for line in lines}


def assert_all_loaded(family: dict[str, Programs]) -> None:
    for programs in family.values():
        assert programs.target.run("SELECT count(*) FROM t", database=programs.database) == [(1000,)]
        query = "SELECT target_database, run_uid FROM datareplication.provenance"
        assert programs.target.run(query, database=programs.database) == [(programs.database, "run-1")]
        names = databases(programs.target, programs.database)
        assert names == [programs.database, f"{programs.database}__previous"]


def test_the_first_builds_and_the_others_take_its_clones(family: dict[str, Programs]) -> None:
    first = family["a"].load(*arguments(family, "a"))
    assert first.code == 0, first.report.message
    assert "cloned for a sibling" in messages(first.lines)
    waiting = [f"{family[suffix].database}__next" for suffix in "bc"]
    assert [name for name in databases(family["a"].target, "") if name in waiting] == waiting
    for suffix in "bc":
        loaded = family[suffix].load(*arguments(family, suffix))
        assert loaded.code == 0, loaded.report.message
        phases = {line["progress"]["phase"] for line in loaded.lines if "progress" in line}
        assert phases == {"Connecting", "Verifying", "Swapping"}  # the load copied no rows
    assert_all_loaded(family)


def test_all_at_once(family: dict[str, Programs]) -> None:
    children = [programs.start("load", *arguments(family, suffix)) for suffix, programs in family.items()]
    ended = [child.end() for child in children]
    assert [one.code for one in ended] == [0, 0, 0], [one.report.message for one in ended]
    assert sum("Data" in str(one.lines) for one in ended) == 1
    assert_all_loaded(family)


def test_when_the_builder_dies_the_next_one_builds(family: dict[str, Programs]) -> None:
    builder = family["a"]
    held = f"datareplication:build of {'run-1'}"
    with contextlib.closing(builder.target.connect()) as session, session.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [held])
        child = family["b"].start("load", *arguments(family, "b"))
        child.wait_for(_is_waiting)
    ended = child.end()  # the holder of the lock has ended without making a clone
    assert ended.code == 0, ended.report.message
    assert any(line.get("progress", {}).get("phase") == "Data" for line in ended.lines)


def _is_waiting(line: dict[str, object]) -> bool:
    progress = line.get("progress")
    return isinstance(progress, dict) and progress["phase"] == "Waiting"


def test_a_clone_that_was_not_marked_yet_is_a_left_over_of_ours(family: dict[str, Programs]) -> None:
    assert family["a"].load(*arguments(family, "a")).code == 0
    name = family["b"].database
    family["b"].target.run(
        f"COMMENT ON DATABASE {name}__next IS NULL",
        f"ALTER ROLE postgres IN DATABASE {name}__next RESET application_name",
        f"ALTER DATABASE {name}__next ALLOW_CONNECTIONS false CONNECTION LIMIT {JUST_MADE}",
    )
    loaded = family["b"].load(*arguments(family, "b"))
    assert loaded.code == 0, loaded.report.message
    assert "dropped what an earlier attempt left" in messages(loaded.lines)


def test_a_clone_that_its_target_refuses_is_dropped(family: dict[str, Programs]) -> None:
    family["b"].target.run("CREATE TABLE precious AS SELECT 1 AS id", database=family["b"].database)
    assert family["a"].load(*arguments(family, "a")).code == 0
    assert family["b"].load(*arguments(family, "b")).summary == (78, "TargetHoldsData")
    assert databases(family["b"].target, family["b"].database) == [family["b"].database]


def test_a_sibling_with_another_locale_or_of_another_run_builds_by_itself(family: dict[str, Programs]) -> None:
    name = family["b"].database
    family["b"].target.run(f"DROP DATABASE {name}", f"CREATE DATABASE {name} LOCALE 'C' TEMPLATE template0")
    assert family["a"].load(*arguments(family, "a")).code == 0
    assert databases(family["b"].target, name) == [name]
    again = family["c"].load(run="")  # a load by hand; the database was cloned for run-1 of the same snapshot
    assert again.code == 0
    loaded = family["b"].load(*arguments(family, "b"))
    assert loaded.code == 0, loaded.report.message


def test_a_sibling_at_work_is_left_alone(family: dict[str, Programs]) -> None:
    name = family["b"].database
    with contextlib.closing(family["b"].target.connect()) as session, session.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"datareplication:{name}"])
        assert family["a"].load(*arguments(family, "a")).code == 0
    assert databases(family["b"].target, name) == [name]


def test_no_clone_gives_the_objects_of_one_targets_owner_to_another(family: dict[str, Programs]) -> None:
    server, names = family["a"].target, {suffix: family[suffix].database for suffix in "ab"}
    for name in names.values():
        server.run(f"CREATE ROLE {name}_owner", f"ALTER DATABASE {name} OWNER TO {name}_owner")
    for suffix in "ab":
        loaded = family[suffix].load(*arguments(family, suffix), "--owners", "TargetOwner")
        assert loaded.code == 0, loaded.report.message
    query = "SELECT relowner::regrole::text FROM pg_class WHERE oid = 'public.t'::regclass"
    owners = {suffix: server.run(query, database=name) for suffix, name in names.items()}
    assert owners == {suffix: [(f"{name}_owner",)] for suffix, name in names.items()}
