"""What masking costs the source: each rule's time for a value, and masked copies against plain ones.

Run by: make bench-masking [ARGUMENTS="--rows 200000 --repeats 3"]

A value's time is that of `COPY (SELECT <expression>) TO STDOUT` less that of the plain column, over the rows; both are
medians and take turns. Whole dumps are compared with plain ones, and so are loads, whose leak gate reads the new
database once more. The figures are added to those of build/bench/engine.json. Ends with 1 when a goal is not met.
"""

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg2
from commands import Place, Source, dump, load

from datareplication.jobs.dump.masking import words
from datareplication.jobs.model.masking import families
from datareplication.jobs.model.masking.kinds import KINDS
from datareplication.jobs.model.masking.masking import domains
from datareplication.jobs.model.masking.rules import Rule
from datareplication.jobs.model.tables import Shape
from datareplication.jobs.postgres import mask_key
from datareplication.jobs.postgres.copying import Choice, Nowhere, copy_out
from datareplication.jobs.postgres.masks import Masker
from support import server

OUTPUT = Path("build/bench/engine.json")
SETTINGS = {"shared_buffers": "512MB", "log_min_messages": "error", "jit": "off"}
COLUMNS = {
    "t": "text", "mail": "text", "phone": "text", "n": "integer", "d": "date", "u": "uuid", "a": "inet", "j": "jsonb",
    "iban": "text", "card": "text", "x": "numeric",
}  # fmt: skip
FILL = """
    CREATE TABLE people AS SELECT md5(i::text) || ' and more' AS t, 'person' || i || '@real.test' AS mail,
        '+41 79 ' || lpad(i::text, 7, '0') AS phone, i AS n, date '1980-01-01' + i %% 9999 AS d, gen_random_uuid() AS u,
        '10.1.2.3'::inet AS a, jsonb_build_object('mail', 'p' || i, 'age', i %% 90) AS j,
        'DE89 3704 0044 0532 0130 00' AS iban, '4111 1111 1111 1111' AS card, i / 7.0 AS x
    FROM generate_series(1, {rows}) i
"""
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{kind: ("t", {}) for kind in ("Hash", "FirstName", "Name", "Company", "Street", "City", "Text", "Partial", "Url")},
    "Email": ("mail", {}), "Phone": ("phone", {}), "Digits": ("phone", {}), "Integer": ("n", {}), "ShiftDate": ("d", {}),
    "Uuid": ("u", {}), "IpAddress": ("a", {}), "Iban": ("iban", {}), "CreditCard": ("card", {}), "Noise": ("x", {}),
    "Json": ("j", {"paths": {"mail": Rule("Email"), "age": Rule("Noise")}}),
    "Replace": ("t", {"pattern": "[0-9]", "with": "#"}), "Fixed": ("t", {"value": "x"}), "Truncate": ("d", {"to": "month"}),
}  # fmt: skip
KEY = "a key that nobody can guess"
PEOPLE = """i AS id, 'person' || i || '@real.io' AS email, 'Given' || i % 977 || ' Family' || i AS name,
    '+41 79 ' || lpad(i::text, 7, '0') AS phone, date '1960-01-01' + i % 15000 AS born,
    'Street of the ' || i % 300 || ' Roses ' || i % 90 AS street, 1000 + i % 9000 AS postcode, 'City ' || i % 700 AS city,
    'CH' AS country, 'de-CH' AS locale, (ARRAY['free', 'team', 'enterprise'])[1 + i % 3] AS plan, i % 7 = 0 AS is_active,
    timestamptz '2020-01-01Z' + i * interval '1 minute' AS created_at, now() AS updated_at, i / 7.0 AS balance,
    jsonb_build_object('theme', i % 3, 'news', i % 2 = 0) AS settings"""
"""A table of people as applications have it: 16 columns, some 250 bytes of CSV a row."""

ROWS_OF_A_DUMP = 1_000_000
DUMPS: dict[str, dict[str, Any]] = {
    "one HMAC column of sixteen": {"email": "Hash"},
    "three masked columns of sixteen": {
        column: {"rule": rule, "domain": "person", "by": "id"}
        for column, rule in (("email", "Email"), ("name", "Name"), ("born", "ShiftDate"))
    },
}
GOALS = {
    "one HMAC column of sixteen, dump / plain dump": 2.0,
    "three masked columns of sixteen, dump / plain dump": 3.5,
}


def _dumps(one: server.Server, repeats: int) -> Iterator[tuple[str, float, float]]:
    """Yield (name, seconds masked, seconds plain) of whole dumps and loads of a table of people."""
    one.run("CREATE DATABASE people")
    one.run(f"CREATE TABLE people AS SELECT {PEOPLE} FROM generate_series(1, {ROWS_OF_A_DUMP}) i", database="people")
    os.environ["MASKING_KEY"] = KEY
    with tempfile.TemporaryDirectory() as directory:
        source = Source(Place(one, "people"), Path(directory))
        for name, masked in DUMPS.items():
            rules = Path(directory) / "rules.yaml"
            keep = [{"column": "*", "rule": "Keep"}]
            rules.write_text(json.dumps({"tables": {"public.people": masked}, "defaults": keep}))
            pairs = [(dump(source, masking=rules), dump(source)) for _ in range(repeats)]
            yield f"{name}, dump / plain dump", *_medians(pairs)
        target = [Place(one, "people_copy")]
        pairs = []
        for _ in range(repeats):
            dump(source, masking=rules)
            masked_seconds = load(source, target)
            os.environ.pop("MASKING_KEY")
            dump(source)
            pairs.append((masked_seconds, load(source, target)))
            os.environ["MASKING_KEY"] = KEY
        yield "three masked columns of sixteen, load / plain load", *_medians(pairs)


def _medians(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def main() -> int:
    """Measure and print; 1 when a goal is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    used = {name for kind, (_, options) in CASES.items() for name in domains(Rule(kind, options))}
    with server.running(SETTINGS) as one:
        one.run(FILL.format(rows=given.rows).replace("%%", "%"), "VACUUM ANALYZE people")
        options = f"-c {mask_key.KEY}={mask_key.settings(b'0123456789abcdef')[mask_key.KEY]}"
        session = psycopg2.connect(one.conninfo(), user="postgres", password=server.PASSWORD, options=options)
        session.autocommit = True
        masker = Masker(words.read_all(), "en", sorted(used))
        mask_key.derive(session, masker.domains)

        def timed(columns: dict[str, Rule], names: list[str]) -> float:
            expressions = [
                masker.expression(columns.get(name, Rule("Keep")), name, families.parsed(COLUMNS[name]))
                for name in names
            ]
            started = time.perf_counter()
            copy_out(session, Shape("public", "people", tuple(names)), Nowhere(), Choice(masked=tuple(expressions)))
            return time.perf_counter() - started

        def compared(columns: dict[str, Rule], names: list[str]) -> tuple[float, float]:
            pairs = [(timed(columns, names), timed({}, names)) for _ in range(given.repeats)]
            return _medians(pairs)

        figures: dict[str, float] = {}
        for kind, (column, chosen) in CASES.items():
            masked, plain = compared({column: Rule(kind, chosen)}, [column])
            figures[kind] = round((masked - plain) / given.rows * 1e6, 2)
            print(f"{kind:<12}{figures[kind]:8.2f} µs a value", flush=True)
        failed = False
        for name, masked, plain in _dumps(one, given.repeats):
            ratio = figures[name] = round(masked / plain, 2)
            goal = GOALS.get(name, math.inf)
            failed |= ratio > goal
            verdict = "no goal" if goal == math.inf else f"goal {goal:.2f}  {'met' if ratio <= goal else 'NOT MET'}"
            print(f"{name}{ratio:8.2f}  {verdict}", flush=True)
    assert set(CASES) | {"Keep", "Null", "LastName", "Postcode", "Sql"} == set(KINDS), "a rule is not measured"
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    earlier = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else []
    named = [f"masking: {name}" if " / " in name else f"masking: {name}, µs a value" for name in figures]
    found = [
        {"name": name, "value": value, "goal": GOALS.get(key), "runs": given.repeats}
        for name, (key, value) in zip(named, figures.items(), strict=True)
    ]
    kept = [one for one in earlier if one["name"] not in named]
    OUTPUT.write_text(json.dumps([*kept, *found], indent=1) + "\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
