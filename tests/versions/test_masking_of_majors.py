"""Masks are tried on samples in a source of any major, whatever its stored expressions look like."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.programs import Programs
from support.server import Server

MAJORS = (14, 15, 16, 17, 18)
CHECKS = (
    "v LIKE 'word %' AND v IS NOT NULL OR NOT (v IS DISTINCT FROM 'x')",
    "v IN ('a', 'b') OR v = ANY (ARRAY['word 1', v]) OR v <> ALL ('{a,b}')",
    "CASE WHEN n > 0 THEN v ELSE 'x' END <> '' AND CASE n WHEN 1 THEN true ELSE n IS NOT NULL END",
    "coalesce(v, NULL) > '' COLLATE \"C\" AND nullif(n, -1) IS NOT NULL",
    "greatest(n, 1) >= least(n, 1) AND (n > 0) IS NOT UNKNOWN",
    "(ARRAY[n, 2])[1] = n AND ARRAY[n]::text[] <> '{}' AND n::text::varchar(20) <> '' AND n::numeric(10, 2) > -1",
    "n BETWEEN 0 AND 1000000 AND length(v) < 100 AND v ~ '^word' AND lower(v) = v",
    "d <= CURRENT_DATE + 1000 AND d < now() + interval '1000 days' AND extract(year FROM d) > 1900",
    "j ? 'a' AND j ->> 'a' <> 'x' AND j['a'] IS NOT NULL AND jsonb_typeof(j) = 'object'",
    "e > 'sad' OR e = 'sad'",
    "g > n AND a[1] <> 'x' AND cardinality(a) = 1",
)


@pytest.fixture
def programs(
    server_of: Callable[[int], Server], carrying: Callable[..., None], tmp_path: Path
) -> Callable[[int], Programs]:
    """Return a function that gives programs with a source of a major: a table with one CHECK of each kind."""

    def of(major: int) -> Programs:
        carrying(*MAJORS)
        one = server_of(major)
        one.run("DROP DATABASE IF EXISTS masked", "CREATE DATABASE masked")
        one.run("CREATE TYPE mood AS ENUM ('sad', 'happy')", database="masked")
        checks = ", ".join(f"CHECK ({check})" for check in CHECKS)
        kind = "VIRTUAL" if major >= 18 else "STORED"
        one.run(
            f"""CREATE TABLE t (id int PRIMARY KEY, v text, n int, d date, j jsonb, e mood, a text[],
                g int GENERATED ALWAYS AS (n + 1) {kind}, {checks})""",
            """INSERT INTO t (id, v, n, d, j, e, a) SELECT i, 'word ' || i, i, '2000-01-01', '{"a": "b"}', 'sad', '{a}'
               FROM generate_series(1, 10) i""",
            database="masked",
        )
        return Programs(tmp_path, one, one, "masked")

    return of


@pytest.mark.parametrize("major", MAJORS)
def test_every_kind_of_expression_is_tried(programs: Callable[[int], Programs], major: int) -> None:
    made = programs(major)
    rules = {name: {"rule": "Sql", "expression": name} for name in "vndjea"}
    (made.root / "rules.yaml").write_text(json.dumps({"tables": {"public.t": {"id": "Keep", **rules}}}))

    ended = made.dump("--masking", str(made.root / "rules.yaml"), MASKING_KEY="a key that nobody can guess")

    assert ended.code == 0, ended.report.message
    assert [line for line in ended.lines if line["message"].startswith("not tried")] == []


@pytest.mark.parametrize("major", MAJORS)
def test_every_violation_is_found(programs: Callable[[int], Programs], major: int) -> None:
    made = programs(major)
    wrong = {"v": "'X'", "n": "-5", "d": "'3000-01-01'", "j": '\'{"a": "x"}\'', "e": "e", "a": "'{x}'"}
    rules = {name: {"rule": "Sql", "expression": text} for name, text in wrong.items()}
    (made.root / "rules.yaml").write_text(json.dumps({"tables": {"public.t": {"id": "Keep", **rules}}}))

    ended = made.dump("--masking", str(made.root / "rules.yaml"), MASKING_KEY="a key that nobody can guess")

    assert ended.summary == (65, "MaskingRefused")
    assert ended.report.message.count("is violated by masked rows") == 5
    (all_of_them,) = (line["problems"] for line in ended.lines if "problems" in line)
    assert len(all_of_them) == 6
