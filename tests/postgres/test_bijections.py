"""Rules of which the page says that two values never become one: as many results as values.

A sample here; `make test-bijections` does the same with 1,000,000 values (some minutes).
"""

import contextlib
import os

import psycopg2
import pytest
from psycopg2 import sql

from datareplication.jobs.dump.masking import words
from datareplication.jobs.model.masking import families
from datareplication.jobs.model.masking.kinds import KINDS
from datareplication.jobs.model.masking.rules import Rule
from datareplication.jobs.postgres import mask_key
from datareplication.jobs.postgres.masks import Masker
from support.server import PASSWORD, Server

VALUES = int(os.environ.get("BIJECTION_VALUES", "5000"))
CASES = [
    (Rule("Hash"), "text", "'value ' || i"),
    (Rule("Hash", {"length": 20}), "text", "'value ' || i"),
    (Rule("Uuid"), "uuid", "md5(i::text)::uuid"),
    (Rule("Uuid"), "text", "'value ' || i"),
    (Rule("Email"), "text", "'person' || i || '@real.io'"),
    (Rule("Email"), "character varying(40)", "'person' || i || '@real.io'"),
    (Rule("Url"), "text", "'https://real.io/' || i"),
    (Rule("Phone"), "text", "'+41 79 ' || lpad(i::text, 8, '0')"),
    (Rule("Digits"), "text", "'A-' || i"),
    (Rule("Digits"), "text", "lpad(i::text, 7, '0')"),
    (Rule("Digits", {"keep": 3}), "text", "lpad(i::text, 11, '0')"),
    (Rule("Integer"), "integer", "i"),
    (Rule("Integer"), "bigint", "i::bigint * 4611686018"),
    (Rule("Integer", {"from": 1, "to": VALUES}), "integer", "i"),
    (Rule("Integer", {"from": -7, "to": VALUES + 1000}), "bigint", "i"),
    (Rule("Iban"), "text", "'DE00' || lpad(i::text, 18, '0')"),
    (Rule("CreditCard"), "text", "'4' || lpad(i::text, 14, '0') || '0'"),
]


def test_every_rule_that_keeps_values_apart_is_here() -> None:
    assert {rule.kind for rule, _, _ in CASES} == {name for name, kind in KINDS.items() if kind.is_injective} - {"Keep"}


@pytest.mark.parametrize(("rule", "kind", "value"), CASES)
def test_there_are_as_many_results_as_values(source: Server, rule: Rule, kind: str, value: str) -> None:
    options = f"-c {mask_key.KEY}={mask_key.settings(b'0123456789abcdef')[mask_key.KEY]} -c work_mem=256MB"
    connection = psycopg2.connect(source.conninfo(), user="postgres", password=PASSWORD, options=options)
    masker = Masker(words.read_all(), "en")
    masked = masker.expression(rule, "v", families.parsed(kind))
    query = sql.SQL("""
        SELECT count(v), count(DISTINCT v), count(DISTINCT masked)
        FROM (SELECT v, {masked} AS masked FROM (SELECT ({value})::{kind} AS v FROM generate_series(1, {count}) i OFFSET 0) s) t
    """).format(masked=masked, value=sql.SQL(value), kind=sql.SQL(kind), count=sql.Literal(VALUES))
    with contextlib.closing(connection) as session, session.cursor() as cursor:
        session.autocommit = True
        mask_key.derive(session, masker.domains)
        cursor.execute(query)
        ((count, values, results),) = cursor.fetchall()
    assert (count, values, results) == (VALUES, VALUES, VALUES)
