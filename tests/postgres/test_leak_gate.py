"""The leak gate: what the rules cover and the target still holds stops the load, and the target stays as it was."""

import shutil
import textwrap

import pytest

from support.programs import Outcome, Programs, databases

KEY = "a key that nobody can guess"
PEOPLE = [
    """CREATE TABLE people (id int PRIMARY KEY, email text UNIQUE, name text, phone text, iban text, notes text, token text,
        profile jsonb)""",
    """INSERT INTO people SELECT i, 'person' || i || '@real.io', 'Mabel' || chr(65 + i % 26) || ' Quint' || chr(97 + i / 26),
        '+41 79 555 ' || lpad(i::text, 4, '0'), 'DE89 3704 0044 0532 0130 00', 'a long secret note about person ' || i,
        'tok_live_' || md5(i::text), jsonb_build_object('mail', 'other' || i || '@real.io', 'age', i)
        FROM generate_series(1, 200) i""",
    "CREATE TABLE audit (id int PRIMARY KEY, line text, payload jsonb, tags text[])",
    "INSERT INTO audit SELECT i, 'line ' || i, '{}', '{}' FROM generate_series(1, 50) i",
    "CREATE MATERIALIZED VIEW lines AS SELECT id, upper(line) AS line FROM audit",
]
RULES = """
    tables:
      public.people:
        id: Keep
        email: Email
        name: Name
        phone: Phone
        iban: Iban
        notes: Text
        token: Null
        profile: {rule: Json, paths: {mail: Email}, unlisted: Null}
      public.audit: {id: Keep, line: Keep, payload: Keep, tags: Keep}
"""


@pytest.fixture
def people(programs: Programs) -> Programs:
    programs.source.run(*PEOPLE, database=programs.database)
    return programs


def dump(programs: Programs, text: str = RULES, *arguments: str, run: str = "run-1") -> Outcome:
    """Dump with these rules; an earlier snapshot is removed."""
    shutil.rmtree(programs.snapshot, ignore_errors=True)
    path = programs.root / "rules.yaml"
    path.write_text(textwrap.dedent(text))
    return programs.dump("--masking", str(path), *arguments, run=run, MASKING_KEY=KEY)


def load(programs: Programs, *arguments: str, key: str = KEY, run: str = "run-1") -> Outcome:
    return programs.load(*arguments, run=run, MASKING_KEY=key)


def test_a_masked_copy_passes_and_its_gate_holds_no_original(people: Programs) -> None:
    assert dump(people).code == 0
    gate = (people.snapshot / "leak_gate.json").read_text()
    assert not [original for original in ("real.io", "Mabel", "secret") if original in gate]
    loaded = load(people)
    assert loaded.code == 0, loaded.report.message


@pytest.mark.parametrize(
    ("leak", "told"),
    [
        (
            "UPDATE audit SET line = 'Person7@real.io' WHERE id = 7",
            "public.audit.line has 1 value of public.people.email",
        ),
        (
            "UPDATE audit SET line = 'ask person7@real.io now' WHERE id = 7",
            "public.audit.line has 1 value of public.people.email",
        ),
        ("UPDATE audit SET line = 'who is MabelH Quinta there' WHERE id = 7", "1 value of public.people.name"),
        (
            "UPDATE audit SET line = E'a long  secret\\tnote about person 9' WHERE id = 7",
            "1 value of public.people.notes",
        ),
        ("UPDATE audit SET line = 'call 0041795550009 or +41795550009' WHERE id = 7", "1 value of public.people.phone"),
        (
            "UPDATE audit SET payload = jsonb_build_object('a', jsonb_build_array(jsonb_build_object('x', 'see \"MabelH Quinta\"'))) WHERE id = 3",
            "public.audit.payload has 1 value of public.people.name",
        ),
        (
            "UPDATE audit SET tags = ARRAY['x', 'tok_live_' || md5('8')] WHERE id = 3",
            "public.audit.tags has 1 value of public.people.token",
        ),
        ("UPDATE audit SET line = 'other9@real.io' WHERE id = 3", "1 value of public.people.profile"),
        (
            "UPDATE audit SET line = 'someone@elsewhere.io' WHERE id = 3",
            "1 e-mail address of hosts that no rule gives",
        ),
        ("UPDATE audit SET line = 'pays with 4111 1111 1111 1111' WHERE id = 3", "1 number of a payment card"),
        ("UPDATE audit SET line = 'CH93 0076 2011 6238 5295 7' WHERE id = 3", "1 IBAN"),
        (
            "ALTER TABLE audit ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; UPDATE audit SET line = 'x someone@elsewhere.io' WHERE id = 3",
            "public.audit.line",
        ),
        ("UPDATE audit SET line = 'nobody@elsewhere.io' WHERE id = 3", "public.audit.line has 1 e-mail"),
    ],
)
def test_what_the_source_has_in_another_column_stops_the_swap(people: Programs, leak: str, told: str) -> None:
    assert load_clean(people).code == 0
    people.source.run(leak, database=people.database)
    assert dump(people, run="run-2").code == 0

    ended = load(people, run="run-2")

    assert ended.summary == (65, "LeakFound")
    assert told in ended.report.message
    assert not [value for value in ("real.io", "elsewhere", "4111") if value in ended.report.message]
    assert people.target.run("SELECT count(*) FROM audit WHERE line <> 'line ' || id", database=people.database) == [
        (0,)
    ]


AFTER_LOAD = "UPDATE audit SET line = 'person7@real.io' WHERE id = 7"


@pytest.mark.parametrize("strategy", ["Swap", "InPlace"])
def test_what_the_after_load_sql_brings_back_stops_the_load(people: Programs, strategy: str) -> None:
    assert load_clean(people).code == 0
    script = people.root / "after.sql"
    script.write_text(AFTER_LOAD)
    assert dump(people, run="run-2").code == 0

    ended = load(people, "--after-load", str(script), "--strategy", strategy, run="run-2")

    assert ended.summary == (65, "LeakFound")
    assert "public.audit.line has 1 value of public.people.email" in ended.report.message
    assert people.target.run("SELECT line FROM audit WHERE id = 7", database=people.database) == [("line 7",)]
    assert load(people, "--strategy", strategy, run="run-2").code == 0


def test_in_place_reads_a_table_that_the_after_load_sql_has_renamed(people: Programs) -> None:
    assert load_clean(people).code == 0
    script = people.root / "after.sql"
    script.write_text(f"{AFTER_LOAD}; ALTER TABLE audit RENAME TO renamed")
    assert dump(people, run="run-2").code == 0

    ended = load(people, "--after-load", str(script), "--strategy", "InPlace", run="run-2")

    assert ended.summary == (65, "LeakFound")
    assert "public.renamed.line has 1 value of public.people.email" in ended.report.message


def test_in_place_reads_tables_with_row_level_security_and_leaves_it_on(people: Programs) -> None:
    secure = "ALTER TABLE audit ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    people.source.run(secure, database=people.database)
    assert load_clean(people).code == 0
    assert load(people, "--strategy=InPlace", run="run-1").code == 0
    on = "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = 'audit'"
    assert people.target.run(on, database=people.database) == [(True, True)]


def test_each_of_a_hundred_originals_is_found_wherever_it_stands(people: Programs) -> None:
    people.source.run(
        "UPDATE audit SET line = (ARRAY['person%s@real.io', 'ask PERSON%s@Real.IO!', '(person%s@real.io)'])[1 + id % 3]",
        "UPDATE audit SET line = replace(line, '%s', id::text)",
        """UPDATE audit SET payload = jsonb_build_object('deep', jsonb_build_array(1, jsonb_build_object(
            CASE WHEN id % 2 = 0 THEN 'x' ELSE p.name END, CASE WHEN id % 2 = 1 THEN 'x' ELSE 'with ' || p.name || '.' END)))
            FROM (SELECT id AS person, name FROM people) p WHERE person = id + 50 AND id <= 25""",
        "UPDATE audit SET tags = ARRAY['first, {quoted}', token] FROM (SELECT id AS person, token FROM people) p "
        "WHERE person = id + 100 AND id <= 25",
        database=people.database,
    )
    assert dump(people).code == 0

    ended = load(people)

    assert ended.summary == (65, "LeakFound")
    for text in (
        "public.audit.line has 50 values of public.people.email",
        "public.audit.payload has 25 values of public.people.name",
        "public.audit.tags has 25 values of public.people.token",
    ):
        assert text in ended.report.message


def test_materialized_views_are_searched_unless_masked_values_look_like_originals(people: Programs) -> None:
    people.source.run(
        "CREATE MATERIALIZED VIEW addresses AS SELECT 'nobody@elsewhere.io ' || id AS text FROM audit",
        "CREATE MATERIALIZED VIEW masked AS SELECT notes, notes || '@' || name AS text, phone FROM people",
        database=people.database,
    )
    assert dump(people, RULES.replace("notes: Text", "notes: Hash").replace("phone: Phone", "phone: Null")).code == 0
    ended = load(people)
    assert "public.addresses.text has 50 e-mail addresses" in ended.report.message
    assert "public.masked" not in ended.report.message
    assert dump(people, run="run-2").code == 0
    loaded = load(people, run="run-2")
    assert loaded.code == 0, loaded.report.message


@pytest.mark.parametrize("is_planned", [True, False])
def test_generated_columns_are_searched_unless_a_query_would_run_code(people: Programs, is_planned: bool) -> None:
    people.source.run(
        "CREATE TABLE parts (id int PRIMARY KEY, first text, last text, whole text GENERATED ALWAYS AS (first || ' ' || last) STORED)",
        "INSERT INTO parts SELECT id, split_part(name, ' ', 1), split_part(name, ' ', 2) FROM people WHERE id <= 9",
        "ALTER TABLE parts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "CREATE FUNCTION one(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'",
        *([] if is_planned else ["CREATE INDEX ON parts ((id + one(1)))"]),
        database=people.database,
    )
    assert dump(people, RULES + "      public.parts: {id: Keep, first: Keep, last: Keep}\n").code == 0

    ended = load(people)

    assert ended.summary == ((65, "LeakFound") if is_planned else (0, "Loaded")), ended.report.message
    if is_planned:
        assert "public.parts.whole has 9 values of public.people.name" in ended.report.message


def test_the_key_must_be_the_dumps_and_a_key_wants_a_masked_snapshot(people: Programs) -> None:
    assert dump(people).code == 0
    assert load(people, key="").summary == (64, "MissingVariable")
    assert load(people, key="another key of many characters").summary == (65, "WrongMaskingKey")
    assert load(people, "--leak-gate=Patterns", key="").code == 0
    gate = people.snapshot / "leak_gate.json"
    gate.write_text(gate.read_text().replace("people", "pe0ple"))
    assert load(people, run="run-1").summary == (65, "SnapshotCorrupt")
    shutil.rmtree(people.snapshot)
    assert people.dump().code == 0
    assert load(people).summary == (65, "NotMasked")


@pytest.mark.parametrize("strategy", ["Swap", "InPlace"])
def test_no_unmasked_copy_stays_beside_a_masked_target(people: Programs, strategy: str) -> None:
    for run in ("run-0", "run-00"):
        shutil.rmtree(people.snapshot, ignore_errors=True)
        assert people.dump(run=run).code == 0
        assert people.load(run=run).code == 0
    assert databases(people.target, people.database) == [people.database, f"{people.database}__previous"]
    assert dump(people).code == 0

    loaded = load(people, "--strategy", strategy)

    assert loaded.code == 0, loaded.report.message
    assert f"{people.database}__previous was not kept: its rows are not masked" in loaded.report.message
    assert databases(people.target, people.database) == [people.database]
    assert dump(people, run="run-2").code == 0
    assert "not kept" not in load(people, run="run-2").report.message
    assert databases(people.target, people.database) == [people.database, f"{people.database}__previous"]


def test_what_the_rules_file_allows_is_no_leak(people: Programs) -> None:
    people.source.run(
        "UPDATE audit SET line = 'desk@help.elsewhere.io' WHERE id = 3",
        """UPDATE audit SET payload = '{"by": "person7@real.io"}' WHERE id = 3""",
        database=people.database,
    )
    allowed = RULES + "    leakGate: {hosts: [elsewhere.io], ignore: [public.audit.payload]}\n"
    assert dump(people, allowed).code == 0
    loaded = load(people)
    assert loaded.code == 0, loaded.report.message


def load_clean(programs: Programs) -> Outcome:
    assert dump(programs).code == 0
    return load(programs)
