"""Ten thousand values that must not leave the source: nothing of them is on the network, the volume or a target."""

import contextlib
import json
import random
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from support.extension import NAME, Install
from support.programs import Outcome, Programs
from support.proxy import proxy_of

KEY = "a key that nobody can guess"
CORE = 14
"""Hexadecimal digits that each canary has in it and nothing else has: no form of the rest of a canary hides it."""

COUNTS = {
    "plain": 2000,
    "json": 2000,
    "array": 1000,
    "composite": 1000,
    "domain": 1000,
    "range": 1000,
    "extension": 1988,
    "view": 2,
    "materialized view": 2,
    "default": 2,
    "comment": 4,
    "large object": 2,
}
"""Channels, and how many canaries go through each."""

PAST_THE_RULES = ("view", "materialized view", "default", "comment", "large object")

RULES = """
    presets: [Secrets]
    tables:
      public.people:
        id: Integer
        mail: {rule: Email, domain: person}
        note: Text
        profile: {rule: Json, unlisted: Null, paths: {mail: Email, "aliases[].mail": Hash, visits: Keep}}
        aliases: Hash
        address: {rule: Sql, expression: "ROW('Street ' || length((address).street), 1)::public.address"}
        login: {rule: Email, domain: login}
        span: {rule: Fixed, value: "[a,b]"}
        password: Keep
      public.mails: {mail: {rule: Email, domain: person}}
      public.with_default0: {v: Null}
      public.with_default1: {v: Null}
"""
OF_EXTENSION = "      public.kinds: {id: Keep, title: Text}\n"
SCRIPT = """
    CREATE TABLE kinds (id int PRIMARY KEY, title text);
    SELECT pg_extension_config_dump('kinds', '');
"""


@pytest.fixture
def canaries() -> Mapping[str, Sequence[str]]:
    """The canaries of each channel: e-mail addresses and telling words by turns."""
    made = random.Random(20240101)  # noqa: S311 - the same ones each time
    forms = ("jane.{}@canary.test", "Jane {} Canary", "+41-{}")
    assert sum(COUNTS.values()) == 10_000
    return {
        channel: [
            forms[number % 3 if channel != "domain" else 0].format(f"{made.getrandbits(4 * CORE):0{CORE}x}")
            for number in range(count)
        ]
        for channel, count in COUNTS.items()
    }


@pytest.fixture
def kept(programs: Programs, install: Install, canaries: Mapping[str, Sequence[str]]) -> Programs:
    """Programs with a source that holds all canaries."""
    install(SCRIPT)
    statements = [
        f"CREATE EXTENSION {NAME}",
        "CREATE TYPE address AS (street text, number int)",
        "CREATE DOMAIN login AS varchar(120) CHECK (VALUE ~ '@')",
        "CREATE TYPE span AS RANGE (subtype = text)",
        """CREATE TABLE people (id int PRIMARY KEY, mail text UNIQUE, note text, profile jsonb, aliases text[],
            address address, login login, span span, password text,
            length int GENERATED ALWAYS AS (length(note)) STORED, CHECK (length(note) > 0))""",
        "CREATE TABLE mails (mail text REFERENCES people (mail))",
        "CREATE STATISTICS both_of ON mail, note FROM people",
    ]
    programs.source.run(*statements, database=programs.database)
    with contextlib.closing(programs.source.connect(programs.database)) as session, session.cursor() as cursor:
        for row in _people(canaries):
            cursor.execute("INSERT INTO people VALUES (%s, %s, %s, %s, %s, ROW(%s, 1)::address, %s, %s, %s)", row)
        cursor.execute("INSERT INTO mails SELECT mail FROM people")
        for number, title in enumerate(canaries["extension"]):
            cursor.execute("INSERT INTO kinds VALUES (%s, %s)", [number, title])
        for first in range(2):
            view, rows, default, comment = (canaries[one][first] for one in PAST_THE_RULES[:4])
            query = "SELECT id, mail, note, aliases, %s::text AS v FROM people"
            cursor.execute(f"CREATE VIEW view{first} AS {query}", [view])
            cursor.execute(f"CREATE MATERIALIZED VIEW rows{first} AS {query}", [rows])
            cursor.execute(f"CREATE TABLE with_default{first} (v text DEFAULT %s)", [default])
            cursor.execute(f"COMMENT ON TABLE with_default{first} IS %s", [comment])
        cursor.execute("COMMENT ON COLUMN people.note IS %s", [canaries["comment"][2]])
        cursor.execute("COMMENT ON SCHEMA public IS %s", [canaries["comment"][3]])
        for text in canaries["large object"]:
            cursor.execute("SELECT lo_from_bytea(0, %s)", [text.encode()])
        cursor.execute("ANALYZE")  # pg_statistic holds values too
    return programs


def _people(canaries: Mapping[str, Sequence[str]]) -> Iterator[Sequence[object]]:
    """Yield rows that have all canaries of the columns; every value is a canary's or NULL."""
    plain, documents = iter(canaries["plain"]), iter(canaries["json"])
    for number in range(1000):
        mail, alias = next(documents), next(documents)
        document = {"mail": mail, "aliases": [{"mail": alias}], "visits": number, mail: {alias: [mail]}}
        span = canaries["range"][number]
        yield (
            number,
            next(plain),
            next(plain),
            json.dumps(document),
            [canaries["array"][number], None],
            canaries["composite"][number],
            canaries["domain"][number],
            f'["{span}",)',
            None,
        )


def cores(data: bytes) -> set[str]:
    """Return all runs of hexadecimal digits that are as long as a canary's core."""
    runs = re.findall(rb"[0-9a-fA-F]{%d,}" % CORE, data)
    return {run[start : start + CORE].decode().lower() for run in runs for start in range(len(run) - CORE + 1)}


def of(canaries: Mapping[str, Sequence[str]], channels: Iterable[str]) -> set[str]:
    """Return the cores of the canaries of these channels."""
    return {core for channel in channels for text in canaries[channel] for core in cores(text.encode())}


def files(directory: Path) -> Iterator[bytes]:
    """Yield the content of all files."""
    return (path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file() and not path.is_symlink())


def found(data: Iterable[bytes]) -> set[str]:
    return {core for one in data for core in cores(one)}


def dump(programs: Programs, rules: str, **changes: str) -> Outcome:
    path = programs.root / "rules.yaml"
    path.write_text(textwrap.dedent(rules))
    arguments = ["--masking", str(path), "--compression=None", "--checksum", "--workers=2"]
    return programs.dump(*arguments, MASKING_KEY=KEY, **changes)


def before_the_rows(outcome: Outcome) -> dict[str, list[str]]:
    """Return what is warned of as not masked, before the first row is copied."""
    phases = [line.get("progress", {}).get("phase") for line in outcome.lines]
    lines = outcome.lines[: phases.index("Data")]
    return {line["kind"]: line["names"] for line in lines if line["message"].startswith("not masked")}


def test_no_covered_canary_leaves_the_source(kept: Programs, canaries: Mapping[str, Sequence[str]]) -> None:
    covered = of(canaries, set(COUNTS) - set(PAST_THE_RULES))
    past = of(canaries, PAST_THE_RULES)
    assert len(covered) + len(past) == 10_000

    with proxy_of(kept.source.port, listens=True) as proxy:
        through = kept.source.conninfo(kept.database).replace(f"port={kept.source.port}", f"port={proxy.port}")
        dumped = dump(kept, RULES + OF_EXTENSION + "    largeObjects: Keep\n", PROD_DB_CONNECTION=through)
        assert dumped.code == 0, dumped.report.message
        heard = found(map(bytes, proxy.answers))
    loaded = kept.load("--verify=Checksum", MASKING_KEY=KEY)
    assert loaded.code == 0, loaded.report.message

    assert not heard & covered
    assert heard & past == past  # the proxy hears
    stored = found(files(kept.snapshot))
    assert not stored & covered
    assert stored & past == past
    told = json.dumps([dumped.lines, loaded.lines]).encode() + kept.termination_message.read_bytes()
    assert not cores(told) & (covered | past)
    assert not cores((kept.source.directory / "log").read_bytes()) & (covered | past)
    kept.target.run("CHECKPOINT", database=kept.database)
    arrived = found(files(kept.target.directory))
    assert not arrived & covered
    assert arrived & of(canaries, ["view", "default", "comment"])
    assert kept.target.run("SELECT count(*), count(DISTINCT mail) FROM rows0", database=kept.database) == [(1000, 1000)]
    named = before_the_rows(dumped)
    assert named["defaults"] == ["public.with_default0.v", "public.with_default1.v"]
    assert named["views"] == ["public.view0", "public.view1"]
    assert named["materialized views"] == ["public.rows0", "public.rows1"]
    assert named["comments"] == [
        "schema public",
        "table column public.people.note",
        "table public.with_default0",
        "table public.with_default1",
    ]
    assert "not masked: text in 2 defaults, 4 comments" in dumped.report.masked


def test_large_objects_and_an_extensions_rows_are_refused_without_an_explicit_keep(kept: Programs) -> None:
    keep = "    defaults: [{column: public.kinds.*, rule: Keep}]\n"

    refused = dump(kept, RULES + keep)

    assert refused.summary == (65, "MaskingRefused")
    assert "large objects, which no rule masks: add `largeObjects: Keep`" in refused.report.message
    assert f"public.kinds holds rows of extension {NAME}" in refused.report.message
    assert not kept.snapshot.exists()
