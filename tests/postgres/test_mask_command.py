"""datareplication-mask on real servers: what it suggests, the dump takes; what it shows is masked."""

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from datareplication.jobs.commands import mask
from support.programs import Programs

KEY = "a key that nobody can guess"
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
ORIGINALS = (b"real.test", b"Ottokar", b"Realname", b"79 555", b"044 668", b"DE89", b"4111 1111 1111", b"private", b"hidden")
ORIGINALS += (b"Ottilie", b"plush", b"192.168", b"756.9217", b"79555")


@dataclass(frozen=True)
class Ended:
    code: int
    output: str
    errors: str


def run(programs: Programs, *arguments: str, **changes: str) -> Ended:
    """Run the program in this process."""
    output, errors = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    environment = {**programs.environment(), **changes}
    with pytest.MonkeyPatch.context() as patched:
        for name in ("MASKING_KEY", *environment):
            patched.delenv(name, raising=False)
        for name, value in environment.items():
            patched.setenv(name, value)
        patched.setattr(sys, "stdout", output)
        with contextlib.redirect_stderr(errors):
            code = mask.main(list(arguments))
    output.flush()
    return Ended(code, output.buffer.getvalue().decode(), errors.getvalue())  # type: ignore[attr-defined]


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
    print(text)
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
    loaded = people.load("--verify=Checksum")
    assert loaded.code == 0, loaded.report.message
    joined = "SELECT count(*) FROM shop.orders o JOIN shop.customers c ON (c.id, c.email) = (o.customer, o.mail)"
    assert people.target.run(joined, database=people.database) == [(ROWS,)]
