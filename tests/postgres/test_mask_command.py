"""datareplication-mask on real servers: what it suggests, the dump takes; what it shows is masked."""

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from datareplication.jobs.commands import mask
from datareplication.jobs.postgres import sampling, unplanned
from support.programs import DEADLINE_SECONDS, OPERATOR, Programs, until

KEY = "a key that nobody can guess"
NOT_MASKED = (
    "datareplication-mask: not masked: text in enum types: public.tier\n"
    "datareplication-mask: not masked: text in partition bounds: shop.orders_2023, shop.orders_2024\n"
)
ROWS = 200
ODD = '"Odd.Schema"."It\'s ""o""d"'
PEOPLE = [
    "CREATE SCHEMA shop",
    "CREATE DOMAIN mail_address AS varchar(120) CHECK (VALUE LIKE '%@%')",
    "CREATE TYPE tier AS ENUM ('bronze', 'silver', 'gold')",
    """CREATE TABLE shop.customers (
        id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email mail_address UNIQUE NOT NULL, vorname text, nachname text,
        phone varchar(30), contact text, geboren date, iban text, pan varchar(19), notes text, tags text[],
        state text NOT NULL, tier tier, profile jsonb, raw json NOT NULL, last_seen inet, password_hash text,
        website text, lat double precision, salary numeric(10,2), avatar bytea, ahv text, code varchar(12) UNIQUE,
        created_at timestamptz DEFAULT now(), full_name text GENERATED ALWAYS AS (vorname || ' ' || nachname) STORED)""",
    "CREATE UNIQUE INDEX ON shop.customers (lower(email))",
    """INSERT INTO shop.customers (email, vorname, nachname, phone, contact, geboren, iban, pan, notes, tags, state, tier,
        profile, raw, last_seen, password_hash, website, lat, salary, avatar, ahv, code)
        SELECT 'person' || i || '@real.test', 'Ottokar', 'Realname' || i, '+41 79 555 ' || lpad(i::text, 4, '0'),
        '044 668 18 ' || lpad((i % 100)::text, 2, '0'), date '1980-01-01' + i, 'DE89 3704 0044 0532 0130 00',
        '4111 1111 1111 1111', CASE WHEN i % 20 = 0 THEN 'call Ottokar at ottokar' || i || '@real.test' ELSE 'private ' || i END,
        ARRAY['hidden' || i, NULL], (ARRAY['new', 'paid', 'lost'])[1 + i % 3], 'gold',
        jsonb_build_object('mail', 'person' || i || '@real.test', 'age', i, 'person' || i || '@real.test', 1,
            'kids', jsonb_build_array(jsonb_build_object('firstName', 'Ottilie', 'likes', 'plush ' || i)), 'news', true),
        json_build_object('phone', '+41795550000'), ('192.168.1.' || i % 250)::inet, md5(i::text),
        'https://real.test/' || i, 47.1, 50000 + i, '\\x00', '756.9217.0769.85', 'X' || i FROM generate_series(1, 200) i""",
    """CREATE TABLE shop.orders (id bigint, customer int REFERENCES shop.customers, mail mail_address
        REFERENCES shop.customers (email) ON UPDATE CASCADE, buyer text, placed_on date NOT NULL, PRIMARY KEY (id, placed_on)
        ) PARTITION BY RANGE (placed_on)""",
    "CREATE TABLE shop.orders_2023 PARTITION OF shop.orders FOR VALUES FROM ('2023-01-01') TO ('2024-01-01')",
    "CREATE TABLE shop.orders_2024 PARTITION OF shop.orders FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
    """INSERT INTO shop.orders SELECT i, i, 'person' || i || '@real.test', 'Ottokar Realname' || i, date '2023-06-01' + i
        FROM generate_series(1, 200) i""",
    'CREATE SCHEMA "Odd.Schema"',
    f'CREATE TABLE {ODD} ("on" text, "no: ""x""" text, "%s {{0}}" int, "a\nb" text, "esc\x1b[31m" text, "ünï#" text)',
    f"""INSERT INTO {ODD} SELECT 'Ottokar', 'person' || i || '@real.test', i, 'a' || i,
        E'red \x1b[31m' || i, 'u' || i FROM generate_series(1, 200) i""",
    "CREATE TABLE nothing ()",
]
ORIGINALS = [
    *(b"real.test", b"Ottokar", b"Realname", b"79 555", b"044 668", b"DE89", b"4111 1111 1111", b"private", b"hidden"),
    *(b"Ottilie", b"plush", b"192.168", b"756.9217", b"79555"),
]


@dataclass(frozen=True)
class Ended:
    code: int
    output: str
    errors: str


def run(programs: Programs, *arguments: str, **changes: str) -> Ended:
    """Run the program in this process."""
    output, errors = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    environment = programs.environment(**changes)
    with pytest.MonkeyPatch.context() as patched:
        for name in ("MASKING_KEY", *programs.environment()):
            patched.delenv(name, raising=False)
        for name, value in environment.items():
            patched.setenv(name, value)
        patched.setattr(sys, "stdout", output)
        with contextlib.redirect_stderr(errors):
            code = mask.main(list(arguments))
    output.flush()
    return Ended(code, output.buffer.getvalue().decode(), errors.getvalue())


@pytest.fixture
def people(programs: Programs) -> Programs:
    programs.source.run(*PEOPLE, database=programs.database)
    return programs


@pytest.fixture
def suggested(people: Programs) -> Path:
    path = people.root / "rules.yaml"
    ended = run(people, "suggest", "--language", "de", "--output", str(path))
    assert (ended.code, ended.output) == (0, ""), ended.errors
    return path


def test_what_is_suggested_passes_the_check_and_masks_the_dump(people: Programs, suggested: Path) -> None:
    text = suggested.read_text()
    assert text.startswith("# yaml-language-server: $schema=masking-rules.schema.json\n")
    for original in ORIGINALS:
        assert original not in text.encode()

    checked = run(people, "check", "--masking", str(suggested))
    assert checked.code == 0, checked.output

    dumped = people.dump("--masking", str(suggested), "--compression=None", "--checksum", MASKING_KEY=KEY)
    assert dumped.code == 0, dumped.report.message
    written = b"".join(path.read_bytes() for path in (people.snapshot / "data").iterdir())
    for original in ORIGINALS:
        assert original not in written
    loaded = people.load("--verify=Checksum", MASKING_KEY=KEY)
    assert loaded.code == 0, loaded.report.message
    joined = "SELECT count(*) FROM shop.orders o JOIN shop.customers c ON (c.id, c.email) = (o.customer, o.mail)"
    assert people.target.run(joined, database=people.database) == [(ROWS,)]


def test_check_counts_what_is_masked(people: Programs, suggested: Path) -> None:
    checked = run(people, "check", "--masking", str(suggested))
    assert (checked.code, checked.errors) == (0, NOT_MASKED)
    assert checked.output == f"{suggested} fits the source: 6 tables, 31 columns masked, 14 kept\n"
    chosen = run(people, "check", "--masking", str(suggested), "--include", "public.*")
    assert (chosen.code, chosen.output) == (0, f"{suggested} fits the source: 1 table, 0 columns masked, 0 kept\n")


def test_check_tells_everything_that_is_wrong_at_once(people: Programs, suggested: Path) -> None:
    text = suggested.read_text()
    for old, new in (
        ("    iban: Iban", "    ibann: Iban"),
        ("id: Keep  # number; ref", "id: Noise  # number; ref"),
        ("geboren: ShiftDate", "geboren: Email"),
        ("notes: Text", "# notes: Text"),
        ("pan: CreditCard", "# pan: CreditCard"),
        ("state: Keep", "# state: Keep"),
    ):
        assert old in text
        text = text.replace(old, new)
    suggested.write_text(text)

    checked = run(people, "check", "--masking", str(suggested))

    assert (checked.code, checked.errors) == (
        65,
        NOT_MASKED + f"datareplication-mask: ColumnsWithoutRule: {suggested} does not fit the source: 7 problems\n",
    )
    lines = checked.output.splitlines()
    assert [line for line in lines if "has no masking rule" in line] == [
        "shop.customers.iban has no masking rule; for example tables: {shop.customers: {iban: Null}}",
        "shop.customers.pan has no masking rule; for example tables: {shop.customers: {pan: Null}}",
        "shop.customers.notes has no masking rule; for example tables: {shop.customers: {notes: Null}}",
        "shop.customers.state has no masking rule; for example tables: {shop.customers: {state: Hash}}",
    ]
    for told in ("has no column ibann", "customers_pkey is unique", "rule Email (line 21) does not take the type date"):
        assert any(told in line for line in lines), lines
    assert len(lines) == 7


@pytest.mark.parametrize(
    ("text", "changes", "code", "told"),
    [
        ("tables: {a}", {}, 64, "BadMaskingRules"),
        ("", {}, 64, "BadMaskingRules"),
        ("tables: {}", {"PROD_DB_PASSWORD": "wrong"}, 77, "LoginRefused"),
        ("tables: {}", {"PROD_DB_CONNECTION": "host=127.0.0.1 port=1 dbname=x sslmode=disable"}, 75, "CannotConnect"),
        ("tables: {}", {"PROD_DB_CONNECTION": ""}, 64, "MissingVariable"),
    ],
)
def test_check_ends_as_a_dump_does(
    programs: Programs, text: str, changes: dict[str, str], code: int, told: str
) -> None:
    path = programs.root / "rules.yaml"
    path.write_text(text)
    ended = run(programs, "check", "--masking", str(path), **changes)
    assert (ended.code, ended.output) == (code, ""), ended.errors
    assert told in ended.errors


def test_a_table_of_others_is_refused_as_the_dump_refuses_it(programs: Programs) -> None:
    programs.source.run("CREATE TABLE t (v text)", database=programs.database)
    programs.source.run("DROP ROLE IF EXISTS mask_reader", "CREATE ROLE mask_reader LOGIN PASSWORD 'reader-secret'")
    for command in (["suggest"], ["check", "--masking", str(rules(programs, "tables: {}"))]):
        ended = run(programs, *command, PROD_DB_USERNAME="mask_reader", PROD_DB_PASSWORD="reader-secret")
        assert ended.code == 77
        assert "CannotReadTables" in ended.errors
    programs.source.run("DROP ROLE mask_reader")


def rules(programs: Programs, text: str) -> Path:
    path = programs.root / "some.yaml"
    path.write_text(text)
    return path


def test_a_preview_shows_masked_values_as_the_dump_writes_them(people: Programs, suggested: Path) -> None:
    shown = run(
        people, "preview", "--masking", str(suggested), "--table", "shop.customers", "--rows", "3", MASKING_KEY=KEY
    )
    assert (shown.code, shown.errors) == (0, "")
    for original in ORIGINALS:
        assert original not in shown.output.encode()
    heading, *lines = shown.output.splitlines()
    assert heading.split()[:5] == ["email", "vorname", "nachname", "phone", "contact"]
    assert heading.endswith("ahv               code")
    assert len(lines) == 4
    assert lines[-1] == "kept as they are, not shown: id, state, tier, created_at"
    assert "NULL" in lines[0]
    assert people.dump("--masking", str(suggested), "--compression=None", MASKING_KEY=KEY).code == 0
    written = b"".join(path.read_bytes() for path in (people.snapshot / "data").iterdir()).decode()
    for line in lines[:3]:
        assert line.split()[0].rstrip("…") in written


def test_a_preview_without_a_key_says_that_its_values_are_others(people: Programs, suggested: Path) -> None:
    first, second = (run(people, "preview", "--masking", str(suggested), "--table", "shop.orders") for _ in range(2))
    assert (first.code, first.errors) == (
        0,
        "datareplication-mask: MASKING_KEY is not set: a random key is used, and the dump's values will be others\n",
    )
    assert first.output != second.output
    lines = first.output.splitlines()  # the rows are in two partitions
    assert (len(lines), lines[0].split()) == (12, ["mail", "buyer"])


def test_what_a_preview_cannot_show_is_named(people: Programs, suggested: Path) -> None:
    def preview(table: str, text: str = "") -> Ended:
        path = rules(people, text) if text else suggested
        return run(people, "preview", "--masking", str(path), "--table", table, MASKING_KEY=KEY)

    assert preview("shop.nobody").code == 64
    assert "shop.nobody is no table of the source" in preview("shop.nobody").errors
    assert preview("shop.orders", "tables: {shop.orders: {id: Keep, buyer: Hash}}").output.splitlines()[-2:] == [
        "kept as they are, not shown: id",
        "without a rule: customer, mail, placed_on",
    ]
    refused = preview("shop.orders", "tables: {shop.orders: {placed_on: Email}}")
    assert (refused.code, refused.output) == (65, "")
    assert "does not take the type date" in refused.errors
    assert preview("shop.orders", "tables: {shop.orders: {id: Keep}}").output.splitlines() == [
        "kept as they are, not shown: id",
        "without a rule: customer, mail, buyer, placed_on",
    ]
    failing = preview("shop.orders", "tables: {shop.orders: {buyer: {rule: Sql, expression: 'buyer::int'}}}")
    assert failing.code == 65
    assert "Ottokar" not in failing.errors


def test_hostile_names_and_values_reach_no_terminal(people: Programs, suggested: Path) -> None:
    text = suggested.read_text()
    assert all(one.isprintable() or one == "\n" for one in text)
    table = '"Odd.Schema"."It\'s ""o""d"'
    shown = run(people, "preview", "--masking", str(suggested), "--table", table, MASKING_KEY=KEY)
    assert shown.code == 0, shown.errors
    assert all(one.isprintable() or one == "\n" for one in shown.output)
    assert "\\x1b[" in shown.output
    suggested.write_text(text.replace(": Text", ": Noise"))
    checked = run(people, "check", "--masking", str(suggested))
    assert checked.code == 65
    assert all(one.isprintable() or one == "\n" for one in checked.output)
    assert len(checked.output.splitlines()) == len(re.findall(r"^    \S.*: Text  #", text, re.MULTILINE))


def test_what_only_a_person_can_decide_is_a_comment(programs: Programs) -> None:
    programs.source.run(
        "CREATE TABLE jobs (id int, command text)",
        "INSERT INTO jobs VALUES (1, 'x')",
        "ALTER EXTENSION plpgsql ADD TABLE jobs",
        "UPDATE pg_extension SET extconfig = ARRAY['jobs'::regclass::oid], extcondition = ARRAY['']",
        "SELECT lo_create(77)",
        "CREATE FUNCTION shout(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''ran''; END'",
        "CREATE TABLE loud (mail text, day date)",
        "CREATE INDEX ON loud (shout(mail))",
        database=programs.database,
    )
    path = programs.root / "rules.yaml"
    ended = run(programs, "suggest", "--output", str(path))
    assert ended.code == 0, ended.errors
    for told in ("public.jobs has no rules yet", "the source has large objects", "calls functions of users"):
        assert told in ended.errors
    assert run(programs, "check", "--masking", str(path)).code == 65
    text = path.read_text()
    assert "#   public.jobs: Keep  # rows of extension plpgsql" in text
    text = text.replace("# largeObjects", "largeObjects").replace("# extensionTables:", "extensionTables:")
    path.write_text(text.replace("#   public.jobs: Keep", "  public.jobs: Keep").replace("mail: Email", "mail: Keep"))
    decided = run(programs, "check", "--masking", str(path))
    assert decided.code == 0, decided.output + decided.errors


def test_no_code_of_users_runs_and_nobody_waits_long(programs: Programs) -> None:
    programs.source.run(
        "CREATE TYPE pair AS (a text, b text)",
        "CREATE FUNCTION shown(pair) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''ran''; END'",
        "CREATE CAST (pair AS text) WITH FUNCTION shown(pair) AS IMPLICIT",
        "CREATE TABLE t (p pair, n text)",
        "INSERT INTO t SELECT '(a,b)'::pair, 'x' || i FROM generate_series(1, 9) i",
        "CREATE TABLE locked (n text)",
        database=programs.database,
    )
    ended = run(programs, "suggest")
    assert (ended.code, ended.errors) == (0, ""), ended.errors
    assert "p: Null  # type pair: decide" in ended.output
    with contextlib.closing(programs.source.connect(programs.database)) as other, other.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE locked")
        waited = run(programs, "suggest", "--lock-timeout-seconds", "1")
    assert waited.code == 75
    assert "LockTimeout" in waited.errors


def test_a_large_table_is_sampled_and_a_file_is_never_overwritten(programs: Programs) -> None:
    programs.source.run(
        "CREATE TABLE t AS SELECT 'person' || i || '@real.test' AS v, repeat('x', 1000) AS filler FROM generate_series(1, 10000) i",
        database=programs.database,
    )
    path = programs.root / "rules.yaml"
    assert run(programs, "suggest", "--output", str(path)).code == 0
    assert "v: Email  # 1000 of 1000 values: e-mail addresses" in path.read_text()
    again = run(programs, "suggest", "--output", str(path))
    assert again.code == 64
    assert "exists already" in again.errors


def test_bytes_that_are_no_text_leave_the_names(programs: Programs) -> None:
    programs.source.run(f"CREATE DATABASE {programs.database}_raw ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    programs.source.run("CREATE TABLE t (email text)", database=f"{programs.database}_raw")
    programs.source.run(
        "INSERT INTO t SELECT convert_from('\\xff'::bytea, 'SQL_ASCII') || i || '@real.test' FROM generate_series(1, 60) i",
        database=f"{programs.database}_raw",
    )
    raw = Programs(programs.root, programs.source, programs.target, f"{programs.database}_raw")
    path = programs.root / "rules.yaml"
    ended = run(raw, "suggest", "--output", str(path))
    assert ended.code == 0, ended.errors
    assert "the rows of public.t were not looked at" in ended.errors
    assert "email: Email  # name" in path.read_text()
    shown = run(raw, "preview", "--masking", str(path), "--table", "public.t")
    assert (shown.code, shown.output) == (65, "")
    assert "real.test" not in shown.errors


TYPES = (
    *(
        "text",
        "varchar(5)",
        "varchar(25)",
        "varchar(200)",
        "char(3)",
        "smallint",
        "int",
        "bigint",
        "numeric(6,2)",
        "real",
    ),
    *(
        "date",
        "timestamptz",
        "timestamp(0)",
        "time",
        "interval",
        "uuid",
        "inet",
        "cidr",
        "macaddr",
        "json",
        "jsonb",
        "xml",
    ),
    *(
        "bytea",
        "boolean",
        "point",
        "money",
        "bit(3)",
        "tsvector",
        "int4range",
        "mail_address",
        "tier",
        "pair",
        "text[]",
    ),
    *("int[]", "jsonb[]", "inet[]", "tier[]", "bytea[]", "xml[]"),
)
WORDS = ("email", "phone", "password", "born", "salary", "ssn", "lat", "status", "thing", "gender", "ip", "card")


def test_columns_of_all_types_and_names_can_be_copied_as_suggested(programs: Programs) -> None:
    columns = [(f"{word}_{place}", kind) for place, kind in enumerate(TYPES) for word in WORDS]
    for_all = ", ".join(f'"{name}" {kind}' for name, kind in columns)
    needed = ", ".join(f'"{name}" {kind} NOT NULL' for name, kind in columns)
    uniques = [
        (name, kind)
        for name, kind in columns
        if kind.partition("(")[0] not in {"json", "xml", "point", "json[]", "xml[]"}
    ]
    unique = ", ".join(f'"{name}" {kind} UNIQUE' for name, kind in uniques[:: len(WORDS)] + uniques[1 :: len(WORDS)])
    values = {
        "json": "{}",
        "jsonb": '{"a": "b"}',
        "uuid": "00000000-0000-0000-0000-000000000000",
        "xml": "<a/>",
        "pair": "(a,b)",
    }
    values |= dict.fromkeys(("inet", "cidr"), "10.0.0.0/8") | {
        "macaddr": "00:00:00:00:00:01",
        "point": "(1,2)",
        "bit(3)": "101",
    }
    values |= {"date": "2000-01-01", "timestamptz": "2000-01-01 00:00Z", "timestamp(0)": "2000-01-01", "time": "10:00"}
    values |= {"interval": "1 day", "int4range": "[1,2)", "mail_address": "a@b.test", "tier": "gold", "boolean": "true"}
    values |= {kind: "{}" for kind in TYPES if kind.endswith("[]")} | {"text": "some text", "bytea": "\\x00"}
    every = ", ".join(f"'{values.get(kind, '1')}'" for _, kind in columns)
    programs.source.run(
        "CREATE DOMAIN mail_address AS varchar(120)",
        "CREATE TYPE tier AS ENUM ('bronze', 'silver', 'gold')",
        "CREATE TYPE pair AS (a text, b text)",
        f"CREATE TABLE every ({for_all})",
        f"INSERT INTO every VALUES ({every})",
        "INSERT INTO every DEFAULT VALUES",
        f"CREATE TABLE needed ({needed})",
        f"INSERT INTO needed VALUES ({every})",
        f"CREATE TABLE single ({unique})",
        "INSERT INTO single DEFAULT VALUES",
        database=programs.database,
    )
    path = programs.root / "rules.yaml"
    assert run(programs, "suggest", "--output", str(path)).code == 0
    checked = run(programs, "check", "--masking", str(path))
    assert checked.code == 0, checked.output
    path.write_text(path.read_text() + "leakGate: {ignore: ['*']}  # kept columns hold what masked ones hold\n")
    dumped = programs.dump("--masking", str(path), MASKING_KEY=KEY)
    assert dumped.code == 0, dumped.report.message
    loaded = programs.load(MASKING_KEY=KEY)
    assert loaded.code == 0, loaded.report.message


def test_rows_that_take_too_long_leave_the_names(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    programs.source.run(
        "CREATE TABLE t AS SELECT repeat(md5(i::text), 1000) AS email, i AS n FROM generate_series(1, 1000) i",
        database=programs.database,
    )
    monkeypatch.setattr(sampling, "PATIENCE_SECONDS", 0.001)
    ended = run(programs, "suggest")
    assert ended.code == 0
    assert "the rows of public.t were not looked at: " in ended.errors
    assert "email: Email  # name" in ended.output


def test_a_table_over_which_no_query_may_be_planned_is_known_alone_as_among_all(programs: Programs) -> None:
    programs.source.run(
        "CREATE FUNCTION shout(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN upper($1); END'",
        "CREATE OPERATOR !! (RIGHTARG = text, FUNCTION = shout)",
        "CREATE TABLE by_function (v text)",
        "CREATE INDEX ON by_function (shout(v))",
        "CREATE TABLE by_operator (v text)",
        "CREATE INDEX ON by_operator (v) WHERE !! v = 'X'",
        "CREATE TABLE by_statistics (v text, w text)",
        "CREATE STATISTICS s ON (shout(v)), w FROM by_statistics",
        "CREATE TABLE plain (v text PRIMARY KEY)",
        "CREATE INDEX ON plain (lower(v))",
        database=programs.database,
    )
    with contextlib.closing(programs.source.connect(programs.database)) as session:
        every = unplanned.tables(session)
        with session.cursor() as cursor:
            cursor.execute("SELECT oid::int8 FROM pg_class WHERE relkind = 'r' ORDER BY oid")
            oids = [oid for (oid,) in cursor.fetchall()]
        assert {oid for oid in oids if unplanned.is_one(session, oid)} == every
        assert len(every) == 3


def test_a_signal_ends_the_program_while_it_waits(programs: Programs) -> None:
    programs.source.run("CREATE TABLE t (v text)", database=programs.database)
    environment = {**os.environ, **programs.environment(), "PYTHONPATH": str(OPERATOR), "PGHOST": "nowhere"}
    command = [sys.executable, "-m", "datareplication.jobs.commands.mask", "suggest"]
    with contextlib.closing(programs.source.connect(programs.database)) as other, other.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE t")
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'datareplication-mask' AND wait_event_type = 'Lock'"
        until(lambda: programs.source.run(waiting) == [(1,)], "the program waits")
        child.send_signal(signal.SIGTERM)
        output, errors = child.communicate(timeout=DEADLINE_SECONDS)
    assert (child.returncode, output) == (128 + signal.SIGTERM, "")
    assert errors.startswith("datareplication-mask: libpq's variables have no effect here")
    assert len(errors.splitlines()) == 1
