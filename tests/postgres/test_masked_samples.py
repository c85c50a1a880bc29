"""Masks are tried on samples of the source: what a target would refuse ends the dump before the first row."""

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from datareplication.jobs.dump import splitting, worker
from datareplication.jobs.dump.masking import trying
from datareplication.jobs.model.masking import trials
from datareplication.jobs.model.masking.trials import Trial
from support import server
from support.programs import Outcome, Programs
from support.server import PASSWORD

KEY = "a key that nobody can guess"
SECRET = "hunter2hunter2"


def dump(programs: Programs, rules: str, *arguments: str, **changes: str) -> Outcome:
    path = programs.root / "rules.yaml"
    path.write_text(textwrap.dedent(rules))
    return programs.dump("--masking", str(path), *arguments, MASKING_KEY=KEY, **changes)


def untried(outcome: Outcome) -> list[str]:
    return [one for line in outcome.lines if line["message"].startswith("not tried") for one in line["what"]]


def unmasked(outcome: Outcome) -> dict[str, list[str]]:
    return {line["kind"]: line["names"] for line in outcome.lines if line["message"].startswith("not masked")}


ROWS = "INSERT INTO t (id, v, n) SELECT i, 'word ' || i, i FROM generate_series(1, 300) i"
TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text, n int)"


@pytest.mark.parametrize(
    ("statements", "rules", "told"),
    [
        (
            ["ALTER TABLE t ADD CONSTRAINT worded CHECK (v LIKE 'word %')"],
            "v: Hash, n: Keep",
            "public.t: CHECK worded is violated by masked rows; it reads v (rule Hash, line 1): use another rule, or Keep",
        ),
        (
            ['ALTER TABLE t ADD CONSTRAINT "in order" CHECK (t.n < 1000 AND length(v) > 0)'],
            "v: Text, n: {rule: Sql, expression: n * 100}",
            "public.t: CHECK in order is violated by masked rows; it reads v (rule Text, line 1), n (rule Sql, line 1)",
        ),
        (
            ["ALTER TABLE t ADD CONSTRAINT divided CHECK (1000 / n > 0)"],
            "v: Null, n: {rule: Sql, expression: n - 7}",
            "public.t: CHECK divided cannot be computed of masked rows (DivisionByZero, SQLSTATE 22012); it reads n (rule",
        ),
        (
            ["CREATE DOMAIN short AS text CHECK (length(VALUE) < 20)", "CREATE DOMAIN word AS short CHECK (VALUE ~ ' ')",
             "ALTER TABLE t ALTER v TYPE word"],
            "v: Hash, n: Keep",
            "CHECK short_check of domain public.short is violated by masked rows; it reads v (rule Hash, line 1): use ",
        ),
        (
            ["CREATE DOMAIN short AS text CHECK (length(VALUE) < 20)",
             "ALTER TABLE t ALTER v TYPE short[] USING ARRAY[v]"],
            f"v: {{rule: Fixed, value: {SECRET}{SECRET}}}, n: Keep",
            "public.t.v: rule Fixed (line 1) cannot be computed for rows of the table (CheckViolation, SQLSTATE 23514)",
        ),
        (
            ["DELETE FROM t WHERE n = 7", "ALTER TABLE t ADD g int GENERATED ALWAYS AS (100 / (n - 7)) STORED"],
            "v: Null, n: {rule: Fixed, value: 7}",
            "public.t: generated column g cannot be computed of masked rows (DivisionByZero, SQLSTATE 22012); it reads n",
        ),
        (
            ["ALTER TABLE t ADD g varchar(12) GENERATED ALWAYS AS (v || '!') STORED"],
            "v: Hash, n: Keep",
            "public.t: generated column g cannot be computed of masked rows (StringDataRightTruncation, SQLSTATE 22001)",
        ),
        (
            ["ALTER TABLE t ADD g text GENERATED ALWAYS AS (lower(v)) STORED, ADD CONSTRAINT low CHECK (g ~ '^word')"],
            "v: Hash, n: Keep",
            "public.t: CHECK low is violated by masked rows; it reads v (rule Hash, line 1)",
        ),
        (
            [],
            "v: Keep, n: {rule: Sql, expression: n / (id - id)}",
            "public.t.n: rule Sql (line 1) cannot be computed for rows of the table (DivisionByZero, SQLSTATE 22012): correct it",
        ),
        ([], "v: Keep, n: {rule: Sql, expression: nothing + 1}", "(UndefinedColumn, SQLSTATE 42703)"),
        ([], "v: Keep, n: {rule: Sql, expression: v}", "(InvalidTextRepresentation, SQLSTATE 22P02)"),
        ([], f"v: Keep, n: {{rule: Fixed, value: {SECRET}}}", "public.t.n: rule Fixed (line 1) cannot be computed"),
        (
            ["ALTER TABLE t ALTER n TYPE smallint"],
            "v: Keep, n: {rule: Fixed, value: 70000}",
            "(NumericValueOutOfRange, SQLSTATE 22003)",
        ),
        (
            ["CREATE TYPE mood AS ENUM ('word 1', 'sad')", "DELETE FROM t WHERE id > 1", "ALTER TABLE t ALTER v TYPE mood USING v::mood"],
            "v: {rule: Fixed, value: happy}, n: Keep",
            "public.t.v: rule Fixed (line 1) cannot be computed for rows of the table (InvalidTextRepresentation",
        ),
        (
            ["ALTER TABLE t ALTER v TYPE jsonb USING to_jsonb(ARRAY[v])"],
            "v: {rule: Json, paths: {a: Keep}}, n: Keep",
            "(InvalidTextRepresentation, SQLSTATE 22P02): a document may hold what no path names: add a path",
        ),
        (
            ["ALTER TABLE t ADD CONSTRAINT past CHECK (length(v) > 1 AND CURRENT_DATE > '2000-01-01')"],
            "v: {rule: Fixed, value: x}, n: Keep",
            "CHECK past is violated",
        ),
        (
            ["CREATE TABLE parted (id int, v text CONSTRAINT worded CHECK (v ~ '^word')) PARTITION BY RANGE (id)",
             "CREATE TABLE below PARTITION OF parted FOR VALUES FROM (0) TO (1000)",
             "INSERT INTO parted SELECT id, v FROM t", "DROP TABLE t", "ALTER TABLE parted RENAME TO t"],
            "id: Keep, v: Hash",
            "public.below: CHECK worded is violated by masked rows",
        ),
    ],
)  # fmt: skip
def test_what_a_target_would_refuse_ends_the_dump(
    programs: Programs, statements: list[str], rules: str, told: str
) -> None:
    programs.source.run(TABLE, ROWS, *statements, database=programs.database)
    whole = rules if "id:" in rules else f"id: Keep, {rules}"

    ended = dump(programs, f"tables: {{public.t: {{{whole}}}}}")

    assert ended.summary == (65, "MaskingRefused")
    assert told in ended.report.message
    output = json.dumps(ended.lines)
    assert SECRET not in output
    assert "word 1" not in output
    assert not programs.snapshot.exists()


@pytest.mark.parametrize("expression", ["nothing + 1", "lowest(n)", "(n + 1"])
def test_an_expression_that_cannot_be_parsed_is_not_blamed_on_other_columns(
    programs: Programs, expression: str
) -> None:
    more = "ALTER TABLE t ADD g int GENERATED ALWAYS AS (n + 1) STORED, ADD CONSTRAINT worded CHECK (v LIKE 'word %')"
    programs.source.run(TABLE, ROWS, more, database=programs.database)

    ended = dump(programs, f"tables: {{public.t: {{id: Keep, v: Hash, n: {{rule: Sql, expression: '{expression}'}}}}}}")

    assert ended.summary == (65, "MaskingRefused")
    blamed, violated = ended.report.message.split(", public.t: ")
    assert blamed.startswith("public.t.n: rule Sql (line 1) cannot be computed")
    assert violated.startswith("CHECK worded is violated by masked rows")


def test_an_aggregate_is_no_mask(programs: Programs) -> None:
    programs.source.run(TABLE, ROWS, database=programs.database)
    ended = dump(programs, "tables: {public.t: {id: Keep, v: Hash, n: {rule: Sql, expression: max(n)}}}")
    assert ended.summary == (65, "MaskingRefused")
    assert "GroupingError" in ended.report.message


def test_all_problems_are_told_at_once(programs: Programs) -> None:
    programs.source.run(
        TABLE,
        ROWS,
        "ALTER TABLE t ADD CONSTRAINT worded CHECK (v LIKE 'word %'), ADD CONSTRAINT small CHECK (n < 1000)",
        "CREATE TABLE other (d date PRIMARY KEY)",
        database=programs.database,
    )

    ended = dump(
        programs,
        """
        tables:
          public.t: {id: Keep, v: Hash, n: {rule: Fixed, value: 5000}}
          public.other: {d: ShiftDate}
        """,
    )

    assert ended.summary == (65, "MaskingRefused")
    for told in ("public.other.d: rule ShiftDate", "CHECK worded", "CHECK small"):
        assert told in ended.report.message


def test_what_holds_is_loaded(programs: Programs) -> None:
    programs.source.run(
        TABLE,
        ROWS,
        "INSERT INTO t (id, v, n) SELECT i, 'word ' || i, i FROM generate_series(301, 60000) i",
        "CREATE DOMAIN mail AS varchar(80) CHECK (VALUE ~ '@')",
        "ALTER TABLE t ADD mail mail, ADD g int GENERATED ALWAYS AS (n + 1) STORED, ADD CHECK (g > n)",
        "UPDATE t SET mail = v || '@real.test'",
        "UPDATE t SET v = 'older than NOT VALID' WHERE id = 3",
        "ALTER TABLE t ADD CONSTRAINT late CHECK (v LIKE 'word %') NOT VALID",
        "CREATE TABLE empty (a text CHECK (a = 'a'))",
        'CREATE TABLE "masked ""d"" e" AS SELECT 1 AS value, 2 AS "d ""e"" f"',
        'ALTER TABLE "masked ""d"" e" ADD CHECK ("d ""e"" f" > 0)',
        "ANALYZE",
        database=programs.database,
    )

    dumped = dump(
        programs,
        """
        tables:
          public.t: {id: Keep, v: Hash, n: Noise, mail: Email}
          public.empty: {a: Hash}
          'public."masked ""d"" e"': {value: Keep, 'd "e" f': Noise}
        """,
    )

    assert dumped.code == 0, dumped.report.message
    assert untried(dumped) == []
    loaded = programs.load(MASKING_KEY=KEY)
    assert loaded.code == 0, loaded.report.message


def test_code_of_users_is_not_tried_but_named(programs: Programs) -> None:
    """Each of these raises if it runs in the source, as the dump's role."""
    reader = f"{programs.database}_reader"
    programs.source.run(f"CREATE ROLE {reader} LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_read_all_data")
    function = """
        CREATE FUNCTION {0}({1}) RETURNS {2} IMMUTABLE LANGUAGE plpgsql AS $$
        BEGIN IF current_user = '{3}' THEN RAISE 'tenant has %', current_user; END IF; RETURN {4}; END $$
    """
    programs.source.run(
        function.format("fine", "text", "bool", reader, "true"),
        function.format("each_of", "text, text", "bool", reader, "true"),
        function.format("more", "int", "int", reader, "$1 + 1"),
        "CREATE OPERATOR ### (LEFTARG = text, RIGHTARG = text, FUNCTION = each_of)",
        "CREATE DOMAIN word AS text CHECK (fine(VALUE))",
        "CREATE TYPE pair AS (a text, b int)",
        """CREATE TABLE t (id int PRIMARY KEY, v text, n int, w word, p pair,
            CONSTRAINT by_function CHECK (fine(v)), CONSTRAINT by_operator CHECK (v ### 'x'),
            CONSTRAINT by_cast CHECK (v::word IS NOT NULL), CONSTRAINT by_row CHECK (t IS NOT NULL),
            CONSTRAINT by_part CHECK ((p).b > 0), CONSTRAINT by_xml CHECK (v = 'x' OR query_to_xml(
                'SELECT fine(''x'')', true, true, '') IS NOT NULL),
            CONSTRAINT by_key CHECK (current_setting('datareplication.masking_key', true) IS NULL AND v <> ''),
            CONSTRAINT by_name CHECK (v <> '' AND CURRENT_USER <> 'nobody'),
            CONSTRAINT by_table CHECK (tableoid > 0 AND v <> ''),
            g int GENERATED ALWAYS AS (more(n)) STORED, CONSTRAINT by_generated CHECK (g > -999999999))""",
        "INSERT INTO t SELECT i, 'word ' || i, i, 'w', ROW('a', 1)::pair FROM generate_series(1, 300) i",
        database=programs.database,
    )

    dumped = dump(
        programs,
        "tables: {public.t: {id: Keep, v: Text, n: Noise, w: Hash, p: Null}}",
        PROD_DB_USERNAME=reader,
    )

    programs.source.run(f"DROP ROLE {reader}")
    assert dumped.code == 0, dumped.report.message
    checks = ("cast", "function", "generated", "key", "name", "operator", "part", "row", "table", "xml")
    assert sorted(untried(dumped)) == sorted([
        "public.t: generated column g",
        "public.t: CHECK word_check of domain public.word",
        *(f"public.t: CHECK by_{name}" for name in checks),
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "rule", "told"),
    [
        ("word[]", "{rule: Fixed, value: x}", "would run CHECK word_check of domain public.word as the dump's role"),
        ("pair", "{rule: Sql, expression: \"'(x,1)'\"}", "would run CHECK word_check of domain public.word"),
        ("wordrange", "{rule: Fixed, value: '[a,b]'}", "would run CHECK word_check of domain public.word"),
        ("other", "{rule: Sql, expression: \"'x'::text\"}", "would run a cast of type public.other as the dump's role"),
        ("word[]", "Null", ""),
    ],
)
def test_a_mask_that_would_run_code_of_users_is_refused(programs: Programs, kind: str, rule: str, told: str) -> None:
    programs.source.run(
        "CREATE FUNCTION fine(text) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN true; END'",
        "CREATE DOMAIN word AS text CHECK (fine(VALUE))",
        "CREATE TYPE pair AS (a word, b int)",
        "CREATE TYPE wordrange AS RANGE (subtype = word)",
        "CREATE TYPE other AS (a text)",
        "CREATE FUNCTION made(text) RETURNS other IMMUTABLE LANGUAGE sql AS 'SELECT ROW($1)::other'",
        "CREATE CAST (text AS other) WITH FUNCTION made(text)",
        f"CREATE TABLE t (id int, v {kind})",
        database=programs.database,
    )

    ended = dump(programs, f"tables: {{public.t: {{id: Keep, v: {rule}}}}}")

    assert ended.code == (65 if told else 0), ended.report.message
    assert told in ended.report.message


HOSTILE = """
    CREATE FUNCTION deed(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN IF current_user = '{0}' THEN RAISE 'tenant has %', current_user; END IF; RETURN $1; END $$
"""


def test_no_query_is_planned_on_a_table_whose_index_calls_functions_of_users(programs: Programs) -> None:
    """A CHECK would be violated, so a sample would say so; the planner would run the function for the constant."""
    reader = f"{programs.database}_reader"
    programs.source.run(f"CREATE ROLE {reader} LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_read_all_data")
    programs.source.run(
        TABLE,
        ROWS,
        HOSTILE.format(reader),
        "CREATE INDEX ON t ((v || deed('x')))",
        "ALTER TABLE t ADD CHECK (v LIKE 'word %')",
        database=programs.database,
    )

    ended = dump(programs, "tables: {public.t: {id: Keep, v: Hash, n: Keep}}", PROD_DB_USERNAME=reader)

    programs.source.run(f"DROP ROLE {reader}")
    assert ended.summary == (65, "MaskingRefused")
    assert ended.report.message.startswith("an index or statistics object calls functions of users")
    assert "violated" not in ended.report.message


def test_nor_on_one_that_gets_such_an_index_meanwhile(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = f"{programs.database}_reader"
    programs.source.run(f"CREATE ROLE {reader} LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_read_all_data")
    programs.source.run(TABLE, ROWS, HOSTILE.format(reader), database=programs.database)
    rows_of_each = trials.rows_of_each

    def and_then_an_index(planned: Sequence[Trial]) -> int:
        programs.source.run("CREATE INDEX ON t ((v || deed('x')))", database=programs.database)
        return rows_of_each(planned)

    monkeypatch.setattr(trials, "rows_of_each", and_then_an_index)

    ended = dump(programs, "tables: {public.t: {id: Keep, v: Hash, n: Keep}}", PROD_DB_USERNAME=reader)

    programs.source.run(f"DROP ROLE {reader}")
    assert untried(ended) == ["public.t: it got an index that calls functions of users"]
    assert ended.summary == (75, "SchemaChanging")


def test_what_takes_too_long_is_named_and_the_dump_goes_on(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "SECONDS_PER_TABLE", 0.2)
    programs.source.run(
        "CREATE TABLE slow AS SELECT 1 AS n", "CREATE TABLE quick AS SELECT 1 AS n", database=programs.database
    )
    rules = """
        tables:
          public.slow: {n: {rule: Sql, expression: "CASE WHEN pg_sleep(1) IS NOT NULL THEN 2 END"}}
          public.quick: {n: Noise}
    """

    dumped = dump(programs, rules)

    assert dumped.code == 0, dumped.report.message
    assert untried(dumped) == ["public.slow: not in time"]


@pytest.mark.parametrize(("seconds", "count"), [(60, 0), (0, 20)])
def test_what_all_samples_may_take_is_limited(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, seconds: int, count: int
) -> None:
    monkeypatch.setattr(trying, "SECONDS", seconds)
    programs.source.run(
        """DO $$ BEGIN FOR i IN 1..20 LOOP
            EXECUTE format('CREATE TABLE t%s AS SELECT i AS id, i || ''@real.test'' AS mail FROM generate_series(1, 500) i', i);
            EXECUTE format('ALTER TABLE t%s ADD CHECK (mail ~ ''@'')', i);
        END LOOP; END $$""",
        database=programs.database,
    )
    rules = ", ".join(f"public.t{i}: {{id: Integer, mail: Email}}" for i in range(1, 21))

    dumped = dump(programs, f"tables: {{{rules}}}")

    assert dumped.code == 0, dumped.report.message
    assert len(untried(dumped)) == count


def test_a_large_tables_blocks_are_sampled(programs: Programs) -> None:
    """The rows at the front are fine."""
    programs.source.run(
        "CREATE TABLE t AS SELECT i AS id, CASE WHEN i < 20000 THEN 'fine' ELSE 'else' END AS v "
        "FROM generate_series(1, 100000) i",
        "ALTER TABLE t ADD CONSTRAINT fine CHECK (v <> '')",
        "ANALYZE t",
        database=programs.database,
    )
    rule = "{rule: Sql, expression: \"replace(v, 'else', '')\"}"

    ended = dump(programs, f"tables: {{public.t: {{id: Keep, v: {rule}}}}}")

    assert ended.summary == (65, "MaskingRefused")
    assert "CHECK fine is violated by masked rows" in ended.report.message


def test_a_standby_and_a_role_that_reads_are_enough(tmp_path: Path) -> None:
    with server.running() as primary:
        primary.run("CREATE DATABASE app", f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_read_all_data")
        primary.run(TABLE, ROWS, "ALTER TABLE t ADD CHECK (v ~ 'w'), ADD CHECK (1 / n < 9)", database="app")
        with server.standby_of(primary) as standby:
            programs = Programs(tmp_path, standby, standby, "app")
            as_reader = {"PROD_DB_USERNAME": "reader"}
            refused = dump(programs, "tables: {public.t: {id: Keep, v: Hash, n: {rule: Fixed, value: 0}}}", **as_reader)
            dumped = dump(programs, "tables: {public.t: {id: Keep, v: Partial, n: Noise}}", **as_reader)
    assert refused.summary == (65, "MaskingRefused")
    assert "CHECK t_n_check cannot be computed of masked rows (DivisionByZero" in refused.report.message
    assert "CHECK t_v_check is violated" in refused.report.message
    assert (dumped.code, untried(dumped)) == (0, [])


def test_text_in_the_schema_is_named_but_not_told(programs: Programs) -> None:
    programs.source.run(
        f"CREATE TYPE mood AS ENUM ('{SECRET}')",
        f"CREATE DOMAIN word AS text DEFAULT '{SECRET}' CHECK (VALUE <> '{SECRET}')",
        f"""CREATE TABLE t (id serial, v text DEFAULT '{SECRET}', n int DEFAULT 5, g text GENERATED ALWAYS AS (v || '{SECRET}') STORED,
            CHECK (v <> 'x{SECRET}'), CHECK (n > 0), d date DEFAULT CURRENT_DATE, a text[] DEFAULT '{{}}')""",
        "CREATE TABLE parted (k text) PARTITION BY LIST (k)",
        f"CREATE TABLE part PARTITION OF parted FOR VALUES IN ('{SECRET}')",
        f"COMMENT ON TABLE t IS '{SECRET}'",
        f"COMMENT ON COLUMN t.n IS '{SECRET}'",
        "CREATE TABLE left_out (v text DEFAULT 'abc')",
        f"CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT '{SECRET}'::text $$",
        "CREATE FUNCTION quiet(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1'",
        f"CREATE VIEW w AS SELECT id FROM t WHERE v = '{SECRET}'",
        "CREATE VIEW silent AS SELECT id FROM t",
        f"CREATE MATERIALIZED VIEW m AS SELECT '{SECRET}'::text AS v",
        f"CREATE INDEX i ON t (id) WHERE v = '{SECRET}'",
        f"CREATE STATISTICS s ON (v || '{SECRET}'), n FROM t",
        f"CREATE POLICY p ON t USING (v = '{SECRET}')",
        "CREATE FUNCTION tr() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        f"CREATE TRIGGER told BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION tr('{SECRET}')",
        "CREATE TRIGGER silent BEFORE UPDATE ON t FOR EACH ROW WHEN (OLD.n > NEW.n) EXECUTE FUNCTION tr()",
        f"CREATE RULE r AS ON DELETE TO t WHERE OLD.v = '{SECRET}' DO INSTEAD NOTHING",
        "CREATE EXTENSION postgres_fdw",
        f"CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{SECRET}')",
        f"CREATE USER MAPPING FOR postgres SERVER far OPTIONS (password '{SECRET}')",
        database=programs.database,
    )
    rules = "{defaults: [{column: '*', rule: Keep}], tables: {public.t: {v: Null}}}"

    dumped = dump(programs, rules, "--exclude", "public.left_out")

    assert dumped.code == 0, dumped.report.message
    assert SECRET not in json.dumps(dumped.lines)
    assert unmasked(dumped) == {
        "defaults": ["public.t.v"],
        "comments": ["extension postgres_fdw", "table column public.t.n", "table public.t"],
        "CHECK constraints": ["t_v_check on public.t", "word_check on public.word"],
        "domain defaults": ["public.word"],
        "generated columns": ["public.t.g"],
        "partition bounds": ["public.part"],
        "functions": ["public.f()"],
        "views": ["public.w"],
        "materialized views": ["public.m"],
        "rules": ["r on public.t"],
        "enum types": ["public.mood"],
        "indexes": ["public.i"],
        "statistics objects": ["public.s"],
        "policies": ["p on public.t"],
        "triggers": ["told on public.t"],
        "foreign data options": ["server far", "user mapping postgres on server far"],
    }
    assert "not masked: text in 1 default, 3 comments, 2 CHECK constraints, 1 domain default" in dumped.report.masked
    masked = json.loads((programs.snapshot / "manifest.json").read_text())["masked"]
    assert masked["unmasked"][0] == {"kind": "defaults", "count": 1, "names": ["public.t.v"]}


@pytest.mark.parametrize(
    ("kind", "value"),
    [("other", "ROW('a')"), ("other[]", "ARRAY[ROW('a')::other]"), ("pair", "ROW(ROW('a')::other, 1)")],
)
def test_a_column_that_becomes_null_runs_no_cast_of_its_type(programs: Programs, kind: str, value: str) -> None:
    """The leak gate reads originals as text, and a cast to text may be a function of users, which may read the key."""
    read = "SELECT 'the key is ' || current_setting('datareplication.masking_key', true)"
    programs.source.run(
        "CREATE TYPE other AS (a text)",
        "CREATE TYPE pair AS (a other, b int)",
        f"CREATE FUNCTION told({kind}) RETURNS text STRICT LANGUAGE sql AS $$ {read} $$",
        f"CREATE CAST ({kind} AS text) WITH FUNCTION told({kind})",
        f"CREATE TABLE t (id int PRIMARY KEY, v {kind}, w text)",
        f"INSERT INTO t VALUES (1, {value}, 'somebody@real.io')",
        database=programs.database,
    )

    ended = dump(programs, "tables: {public.t: {id: Keep, v: Null, w: Hash}}")

    assert ended.code == 0, ended.report.message
    gate = json.loads((programs.snapshot / "leak_gate.json").read_text())
    assert [one["column"]["column"] for one in gate["originals"]] == ["w"]
    warned = [line for line in ended.lines if "leak gate does not know" in line["message"]]
    assert [line["columns"] for line in warned] == [["public.t.v"]]


def test_nor_one_that_is_created_while_the_table_is_dumped(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lock of the dump's prevents CREATE CAST."""
    programs.source.run(
        "CREATE TYPE other AS (a text)",
        "CREATE FUNCTION made(text) RETURNS other LANGUAGE sql AS $$ SELECT ROW(current_setting("
        "'datareplication.masking_key', true))::public.other $$",
        "CREATE TABLE t (id int PRIMARY KEY, v other)",
        "INSERT INTO t VALUES (1, ROW('x'))",
        database=programs.database,
    )
    rules = "tables: {public.t: {id: Keep, v: {rule: Sql, expression: \"(v).a || ''\"}}}"
    parts = splitting.parts

    def and_then_a_cast(*given: object) -> object:
        programs.source.run("CREATE CAST (text AS other) WITH FUNCTION made(text)", database=programs.database)
        return parts(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(trying, "on_samples", lambda *_: trying.Tried())
    monkeypatch.setattr(splitting, "parts", and_then_a_cast)

    assert dump(programs, rules).summary == (75, "SchemaChanging")


def test_the_checksum_of_a_masked_table_plans_no_query_either(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.source.run(
        "CREATE FUNCTION one(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'",
        "CREATE TABLE t (id int PRIMARY KEY, v int)",
        "INSERT INTO t VALUES (1, 1)",
        database=programs.database,
    )
    sums = worker.sums

    def and_then_an_index(*given: object) -> object:
        programs.source.run("CREATE INDEX ON t ((id + one(1)))", database=programs.database)
        return sums(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(worker, "sums", and_then_an_index)

    assert dump(programs, "tables: {public.t: {id: Keep, v: Null}}", "--checksum").summary == (75, "SchemaChanging")
