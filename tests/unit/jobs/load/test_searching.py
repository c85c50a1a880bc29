"""Rows of COPY's text format are read as PostgreSQL wrote them, whatever a column holds."""

import json
from dataclasses import replace

import pytest

from datareplication.jobs.load.searching import Column, Known, Search
from datareplication.jobs.model.masking.leaks import EVERY_KIND, LeakGate, Originals
from datareplication.jobs.model.masking.leaks import Column as Name

KEY = b"a key of the leak gate"
ORIGINAL = b"jane doe-smith, b\xc3\xa4ckerstra\xc3\x9fe"
GATE = LeakGate("2026-01-01T00:00:00Z", "sha", ("example.com", "ours.io"), (), (), ())


def known() -> Known:
    digest = Known(GATE, KEY).digest(ORIGINAL).hex()
    return Known(
        LeakGate(
            "2026-01-01T00:00:00Z", "sha", GATE.hosts, (), (), (Originals(Name("app", "people", "name"), digest),)
        ),
        KEY,
    )


def findings(content: str, *values: bytes) -> list[str]:
    column = Column("app.audit.text", content, frozenset(EVERY_KIND))
    search = Search(known(), (column,), lambda _: None)
    for value in values:
        escaped = value.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\t", b"\\t").replace(b"\r", b"\\r")
        search.write(escaped + b"\n")
    return [one.what for one in search.findings()]


TEXT = ORIGINAL.decode()
QUOTED = '("(1,""{""""' + TEXT + '"""",x}"")",2)'


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("Text", TEXT),
        ("Text", TEXT.replace(" ", "\t \n")),
        ("Text", TEXT.upper().replace("Ä", "ä").replace("SSE", "ße").replace("STRAßE", "STRAße")),
        ("Json", json.dumps({"a": [1, {"b": TEXT}]})),
        ("Json", json.dumps({TEXT: None}, ensure_ascii=False)),
        ("Json", json.dumps(['quote " backslash \\ ', TEXT])),
        ("Other", '{NULL,"' + TEXT + '"}'),
        ("Other", f'(1,"{TEXT}",)'),
        ("Other", QUOTED),
        ("Other", f'["{TEXT}","z")'),
        ("Other", f'"key"=>"{TEXT}"'),
    ],
)
def test_an_original_is_found_in_every_content(content: str, value: str) -> None:
    assert findings(content, value.encode()) == ["1 value of app.people.name"]


def test_what_is_allowed_or_cannot_be_read_is_no_finding() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    assert (
        findings("Json", b"{not json", deep.encode(), b'{"mail": "x@example.com"}', b'{"mail": "x@mail.ours.io"}') == []
    )
    assert findings("Text", b"\xff\xfe not UTF-8 at all \xff", b"x@notours.io") == [
        "1 e-mail address of hosts that no rule gives"
    ]


def test_one_number_of_ten_has_a_right_check_digit_by_chance() -> None:
    numbers = [b"%016d" % (4111111111111111 + one) for one in range(100)]
    assert findings("Text", *numbers) == []
    assert findings("Text", b"4111 1111 1111 1111", b"5105 1051 0510 5100") == ["2 numbers of payment cards"]


def test_null_and_short_values_are_passed_over() -> None:
    column = Column("app.audit.text", "Text", frozenset(EVERY_KIND))
    search = Search(known(), (column, column), lambda _: None)
    search.write(b"\\N\tshort\n")
    assert list(search.findings()) == []


def test_one_value_is_counted_once_and_under_the_first_column_that_has_it() -> None:
    digest = Known(GATE, KEY).digest(ORIGINAL).hex()
    originals = tuple(Originals(Name("app", "people", name), digest) for name in ("name", "notes"))
    column = Column("app.audit.text", "Text", frozenset(EVERY_KIND))
    search = Search(Known(replace(GATE, originals=originals), KEY), (column,), lambda _: None)
    search.write(ORIGINAL + b"\n")
    assert [one.what for one in search.findings()] == ["1 value of app.people.name"]
    assert findings("Text", b"DE89370400440532013000") == ["1 IBAN"]
