"""Masked dumps: what leaves the source is masked, and what nobody has decided about stops the dump."""

import hashlib
import json
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from datareplication.jobs.dump import splitting
from datareplication.jobs.model.masking import families
from datareplication.jobs.model.masking.kinds import KINDS
from support import server
from support.programs import Outcome, Programs

KEY = "a key that nobody can guess"
PEOPLE = [
    """CREATE TABLE people (
        id int PRIMARY KEY, email varchar(80) UNIQUE NOT NULL, name text, phone text, born date, salary numeric(10,2),
        notes text, tags text[], profile jsonb, address inet, iban text, card text, joined timestamptz, code char(8))""",
    """INSERT INTO people SELECT i, 'person' || i || '@real.test', 'Real Name ' || i, '+41 79 555 ' || lpad(i::text, 4, '0'),
        date '1980-01-01' + i, 50000 + i, 'secret note ' || i, ARRAY['tag ' || i, NULL],
        jsonb_build_object('mail', 'person' || i || '@real.test', 'age', i, 'kids', jsonb_build_array(
            jsonb_build_object('name', 'Kid ' || i)), 'x', NULL),
        ('192.168.1.' || i % 250)::inet, 'DE89 3704 0044 0532 0130 00', '4111 1111 1111 1111', now(), 'AB12'
        FROM generate_series(1, 200) i""",
    "CREATE TABLE orders (id int PRIMARY KEY, person int REFERENCES people, mail varchar(80) REFERENCES people (email))",
    "INSERT INTO orders SELECT i, i, 'person' || i || '@real.test' FROM generate_series(1, 200) i",
]
RULES = """
    tables:
      public.people:
        id: Integer
        email: {rule: Email, domain: mail}
        name: {rule: Name, domain: person, by: id}
        phone: Phone
        born: ShiftDate
        salary: Noise
        notes: Text
        tags: Hash
        profile: {rule: Json, paths: {mail: Email, age: Noise, "kids[].name": FirstName, x: Keep}}
        address: IpAddress
        iban: Iban
        card: CreditCard
        joined: {rule: Truncate, to: month}
        code: Postcode
      public.orders:
        id: Keep
"""


def rules(programs: Programs, text: str) -> Path:
    path = programs.root / "rules.yaml"
    path.write_text(textwrap.dedent(text))
    return path


def dump(programs: Programs, text: str, *arguments: str) -> Outcome:
    return programs.dump("--masking", str(rules(programs, text)), *arguments, MASKING_KEY=KEY)


@pytest.fixture
def people(programs: Programs) -> Programs:
    programs.source.run(*PEOPLE, database=programs.database)
    return programs


def test_a_masked_copy_holds_nothing_of_the_original_and_fits(people: Programs) -> None:
    dumped = dump(people, RULES, "--checksum", "--compression=None")
    assert dumped.code == 0, dumped.report.message

    loaded = people.load("--verify=Checksum", MASKING_KEY=KEY)

    assert loaded.code == 0, loaded.report.message
    written = b"".join(path.read_bytes() for path in (people.snapshot / "data").iterdir())
    for original in (b"real.test", b"Real Name", b"secret note", b"192.168.", b"4111 1111", b"Kid ", b"tag 1", b"AB12"):
        assert original not in written
    joined = """
        SELECT count(*), count(DISTINCT p.email), count(DISTINCT p.id) FROM orders o
        JOIN people p ON p.id = o.person AND p.email = o.mail
    """
    assert people.target.run(joined, database=people.database) == [(200, 200, 200)]
    forms = """
        SELECT bool_and(email ~ '^[a-z]+[.][a-z]+[.][0-9a-f]{16}@example[.]com$' AND phone ~ '^[+]41 [0-9]{2} [0-9]{3} [0-9]{4}$'
               AND notes ~ '^[a-z]{6} [a-z]{4} [0-9]+$' AND tags[2] IS NULL AND profile ->> 'mail' LIKE '%@example.com'
               AND jsonb_typeof(profile -> 'x') = 'null' AND address << '10.0.0.0/8' AND iban LIKE 'DE__ %'
               AND card LIKE '4___ ____ ____ ____' AND date_part('day', joined) = 1 AND code ~ '^[A-Z]{2}[0-9]{2} *$')
        FROM people
    """
    assert people.target.run(forms, database=people.database) == [(True,)]
    masked = json.loads((people.snapshot / "manifest.json").read_text())["masked"]
    assert masked["columns"] == 16
    stamp = "SELECT masking_rules FROM datareplication.provenance"
    assert people.target.run(stamp, database=people.database) == [(masked["rulesSha256"],)]


def test_a_column_that_nobody_has_decided_about_ends_the_dump_before_a_row_is_copied(people: Programs) -> None:
    people.source.run("ALTER TABLE people ADD ssn text, ADD pin int NOT NULL DEFAULT 1", database=people.database)
    started = time.monotonic()

    ended = dump(people, RULES)

    assert ended.summary == (65, "ColumnsWithoutRule")
    assert ended.report.message == (
        "2 columns have no masking rule; add each with the rule that it needs: "
        "tables: {public.people: {ssn: Null, pin: Keep}}"
    )
    assert time.monotonic() - started < 60
    assert not people.snapshot.exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "id: Integer|id: Noise",
            "public.people.id: rule Noise (line 4) can make two values equal, but people_pkey is unique",
        ),
        ("notes: Text|notes: Iban2", "there is no rule 'Iban2'"),
        ("born: ShiftDate|born: Email", "public.people.born: rule Email (line 8) does not take the type date"),
        ("code: Postcode|code: Email", "needs 30 characters, character(8) has 8"),
        ("domain: mail|domain: mail, by: id", "has `by`, but foreign key orders_mail_fkey refers to the column"),
        ("id: Keep|{id: Keep, person: Keep}", "differs from rule Integer of public.people.id"),
        ("id: Keep|{id: Keep, nobody: Keep}", "public.orders has no column nobody"),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(people: Programs, change: str, told: str) -> None:
    old, new = change.split("|")
    at = RULES.rindex(old)
    if new.startswith("{"):
        new = new.strip("{}").replace(", ", "\n        ")
    ended = dump(people, RULES[:at] + new + RULES[at + len(old) :])
    assert ended.code in {64, 65}
    assert told in ended.report.message


def test_the_key_is_in_no_statement_log_or_report(tmp_path: Path) -> None:
    settings = {
        "log_statement": "all",
        "log_min_duration_statement": "0",
        "log_connections": "on",
        "debug_print_plan": "on",
    }
    with server.running(settings) as one:
        one.run("CREATE DATABASE app", "CREATE ROLE reader LOGIN PASSWORD 'secret' IN ROLE pg_read_all_data")
        one.run(*PEOPLE, database="app")
        programs = Programs(tmp_path, one, one, "app")
        dumped = programs.dump(
            "--masking",
            str(rules(programs, RULES)),
            MASKING_KEY=KEY,
            PROD_DB_USERNAME="reader",
            PROD_DB_PASSWORD="secret",
        )
        assert dumped.code == 0, dumped.report.message
        told = (one.directory / "log").read_text(errors="replace") + json.dumps(dumped.lines)
        assert "COPY (SELECT" in told
        for secret in (KEY, hashlib.sha256(KEY.encode()).hexdigest()):
            assert secret not in told


def test_the_same_key_gives_the_same_values_and_another_key_others(people: Programs) -> None:
    def column(key: str, run: str) -> list[bytes]:
        path = people.root / run
        arguments = ["--masking", str(rules(people, RULES)), "--compression=None"]
        ended = people.dump(*arguments, run=run, CSV_OUTPUT_PATH=str(path), MASKING_KEY=key)
        assert ended.code == 0, ended.report.message
        lines = sorted(line for one in (path / "data").iterdir() for line in one.read_bytes().splitlines())
        return [line.split(b",")[1] for line in lines if b"@" in line]

    first, second, other = column(KEY, "one"), column(KEY, "two"), column(KEY + "!", "three")
    assert first == second
    assert not set(first) & set(other)


TYPES: dict[str, list[str | None]] = {
    "text": [
        None,
        "",
        "x",
        "Ünï çödé 名前",
        'a,b"c\\N\nnew',
        "x" * 5000,
        "12 34",
        "+41 (0)79/555",
        "::1",
        "10.1.2.3/8",
    ],
    "character varying(40)": [None, "", "ü" * 40, "short"],
    "character(40)": [None, "", "padded"],
    "smallint": [None, "0", "32767", "1"],
    "integer": [None, "0", "2147483647", "12345"],
    "bigint": [None, "0", "4611686018427387903"],
    "numeric(8,2)": [None, "0", "999999.99", "-999999.99", "1.50"],
    "numeric": [None, "1e30", "-0.000001"],
    "double precision": [None, "1.5", "-1e10"],
    "date": [None, "2000-02-29", "1970-01-01"],
    "timestamp with time zone": [None, "2000-02-29 12:00:00Z", "1999-12-31 23:59:59.999999+14"],
    "timestamp(3) without time zone": [None, "2000-02-29 12:00:00.123"],
    "uuid": [None, "00000000-0000-0000-0000-000000000000"],
    "inet": [None, "1.2.3.4", "10.0.0.0/8", "::1", "2001:db8::/32"],
    "jsonb": [None, "null", "{}", '{"a": {"b": [1, "x", null]}}', "[]"],
    "json": [None, '{"a": {"b": ["x"]}}'],
}
OPTIONS: dict[str, dict[str, Any]] = {
    "Fixed": {"value": "7"},
    "Truncate": {"to": "100"},
    "Replace": {"pattern": "[a-z]", "with": "x"},
    "Json": {"paths": {"a.b[]": "Hash"}, "unlisted": "Null"},
    "Sql": {"expression": "v"},
}


@pytest.mark.parametrize("kind", [name for name in KINDS if name != "Null"])
def test_a_rule_fits_every_type_that_it_takes(programs: Programs, kind: str) -> None:
    found = []
    for number, (name, values) in enumerate(TYPES.items()):
        family, takes = families.parsed(name).family, KINDS[kind].takes
        if (takes is not None and family not in takes) or (
            kind == "Fixed" and family not in {"Text", "Integer", "Number"}
        ):
            continue
        options = dict(OPTIONS.get(kind, {}))
        if kind == "Truncate" and family in {"Date", "Timestamp"}:
            options["to"] = "month"
        length = families.parsed(name).length
        if length is not None and KINDS[kind].shortest > length:
            continue
        for suffix, wrap in (("", "{}"), ("[]", "ARRAY[{}, NULL]")):
            table = f"t{number}{'a' if suffix else ''}"
            rows = [wrap.format("NULL" if value is None else literal(value)) for value in values]
            typed = ", ".join(f"({number}, {row}::{name}{suffix})" for number, row in enumerate(rows))
            programs.source.run(
                f"CREATE TABLE {table} (i int PRIMARY KEY, v {name}{suffix})",
                f"INSERT INTO {table} VALUES {typed}",
                database=programs.database,
            )
            found.append((table, {"rule": kind, **options}))
    assert found
    text = json.dumps({"tables": {f"public.{table}": {"i": "Keep", "v": rule} for table, rule in found}})
    dumped = dump(programs, text, "--checksum")
    assert dumped.code == 0, dumped.report.message

    loaded = programs.load("--verify=Checksum", MASKING_KEY=KEY)

    assert loaded.code == 0, loaded.report.message
    for table, _ in found:
        nulls = f"SELECT i FROM {table} WHERE v IS NULL ORDER BY i"
        assert programs.target.run(nulls, database=programs.database) == programs.source.run(
            nulls, database=programs.database
        )


def literal(value: str) -> str:
    return "E'" + value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n") + "'"


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ('\'{"secret": "hunter2hunter2"}\'::jsonb', "{rule: Json, paths: {other: Keep}}"),
        ("'[\"hunter2hunter2\"]'::jsonb", "{rule: Json, paths: {a: Keep}}"),
        ("ARRAY[ARRAY['hunter2hunter2']]", "Hash"),
        ("-77667766", "Integer"),
    ],
)
def test_what_a_rule_does_not_take_ends_the_dump_without_the_value(programs: Programs, value: str, rule: str) -> None:
    programs.source.run(f"CREATE TABLE t AS SELECT {value} AS v", database=programs.database)

    ended = dump(programs, f"tables: {{public.t: {{v: {rule}}}}}")

    assert ended.code == 65, ended.report.message
    assert "hunter2" not in ended.report.message + json.dumps(ended.lines)
    assert "77667766" not in ended.report.message + json.dumps(ended.lines)


def test_a_table_whose_index_runs_functions_of_users_is_not_masked(people: Programs) -> None:
    people.source.run(
        "CREATE FUNCTION shout(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN upper($1); END'",
        "CREATE INDEX ON people (shout(name))",
        database=people.database,
    )
    ended = dump(people, RULES)
    assert ended.summary == (65, "MaskingRefused")
    assert "calls functions of users, which a masked copy would run: public.people" in ended.report.message


def test_large_tables_are_masked_in_ranges_as_a_whole_is(people: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "SMALLEST_SPLIT_BYTES", 8192)
    dumped = dump(people, RULES, "--checksum", "--workers", "2")
    assert dumped.code == 0, dumped.report.message
    assert len(list((people.snapshot / "data").iterdir())) > 2
    assert people.load("--verify=Checksum", MASKING_KEY=KEY).code == 0


def test_without_a_key_nothing_is_masked_or_dumped(people: Programs) -> None:
    ended = people.dump("--masking", str(rules(people, RULES)))
    assert ended.summary == (64, "MissingVariable")
    assert "MASKING_KEY" in ended.report.message


def test_an_expression_of_sql_is_taken_as_it_is_written(programs: Programs) -> None:
    programs.source.run("CREATE TABLE t AS SELECT 'a' AS v, ARRAY['b'] AS w, 100 AS n", database=programs.database)
    text = """
        tables:
          public.t:
            v: {rule: Sql, expression: "'{' || v || '}%s'"}
            w: {rule: Sql, expression: "'{x,y}'"}
            n: {rule: Sql, expression: n % 7}
    """

    assert dump(programs, text).code == 0
    assert programs.load(MASKING_KEY=KEY).code == 0
    assert programs.target.run("SELECT v, w, n FROM t", database=programs.database) == [("{a}%s", ["x", "y"], 2)]


@pytest.mark.parametrize("smallest", [8192, splitting.SMALLEST_SPLIT_BYTES])
def test_rules_that_share_domain_and_by_give_together_what_each_gives_alone(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, smallest: int
) -> None:
    """The copy computes what they have in common once for a row; the checksum computes each for itself."""
    monkeypatch.setattr(splitting, "SMALLEST_SPLIT_BYTES", smallest)
    programs.source.run(
        """CREATE TABLE people (id int, part int, mail text, name text, born date, profile jsonb, aliases text[], "digest 1" text)""",
        """INSERT INTO people SELECT CASE WHEN i % 5 > 0 THEN i END, i % 3, 'p' || i || '@real.io', 'Real ' || i, date '2000-01-01' + i,
            jsonb_build_object('mail', 'p' || i, 'name', 'n' || i), ARRAY['a' || i, 'b' || i], 'kept' FROM generate_series(1, 300) i""",
        database=programs.database,
    )
    text = """
        tables:
          public.people:
            id: Keep
            part: Keep
            mail: {rule: Email, domain: person, by: id}
            name: {rule: Name, domain: person, by: id}
            born: {rule: ShiftDate, domain: person, by: [id, part]}
            profile:
              rule: Json
              paths: {mail: {rule: Email, domain: person, by: id}, name: {rule: Name, domain: person, by: [id, part]}}
            aliases: {rule: FirstName, domain: person, by: id}
            digest 1: Keep
    """

    dumped = dump(programs, text, "--checksum")
    assert dumped.code == 0, dumped.report.message
    loaded = programs.load("--verify=Checksum", MASKING_KEY=KEY)

    assert loaded.code == 0, loaded.report.message
    agreed = """
        SELECT count(*), count(*) FILTER (WHERE mail = profile ->> 'mail'),
            count(*) FILTER (WHERE mail LIKE lower(split_part(name, ' ', 1)) || '.%'), count(DISTINCT mail)
        FROM people WHERE id IS NOT NULL
    """
    ((rows, same, named, distinct),) = programs.target.run(agreed, database=programs.database)
    assert (rows, same, distinct) == (240, 240, 240)
    assert named > 200
