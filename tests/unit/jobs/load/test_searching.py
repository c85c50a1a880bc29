"""Rows of COPY's text format are read as PostgreSQL wrote them, whatever a column holds."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datareplication.jobs.load import searching, texts
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


@pytest.mark.parametrize(
    "text",
    ["4111 1111 1111 1111 12/26", "2024-01-01 4111-1111-1111-1111 100", "paid 3782 822463 10005 12/26 today"],
)
def test_the_number_of_a_card_is_found_beside_other_numbers(text: str) -> None:
    assert findings("Text", text.encode()) == ["1 number of a payment card"]


@pytest.mark.parametrize("around", ["{}\u00a0", "\u201c{}\u201d", "see\u2014{}\u2026", "\u300c{}\u300d"])
def test_punctuation_is_no_part_of_an_address(around: str) -> None:
    assert findings("Text", around.format("jane@example.com").encode()) == []
    assert findings("Text", around.format("jane@b\u00fccher.de").encode()) == [
        "1 e-mail address of hosts that no rule gives"
    ]


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


ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NO_ORIGINAL = st.one_of(st.none(), st.booleans(), st.integers(), ANY)


Wrap = Callable[[Any], Any]
WRAPS: st.SearchStrategy[Wrap] = st.one_of(
    st.builds(lambda some, more: lambda one: [*some, one, *more], *[st.lists(NO_ORIGINAL, max_size=2)] * 2),
    st.builds(lambda name, other: lambda one: {"other": other, name: one}, ANY, NO_ORIGINAL),
    st.just(lambda one: {one if isinstance(one, str) else "a": 1, "b": one}),
)
DOCUMENTS = st.lists(WRAPS, max_size=5).map(lambda wraps: reduce(lambda one, wrap: wrap(one), wraps, cast("Any", TEXT)))


def _quoted(text: str) -> str:
    """Return a text as an element of an array, as array_out writes it."""
    return '{x,"' + re.sub(r'(["\\])', r"\\\1", text) + '"}'


def _of_composite(text: str) -> str:
    return '(1,"' + re.sub(r'(["\\])', r"\1\1", text) + '",)'


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS, st.booleans(), st.sampled_from(["Text", "Json", "Other"]), st.integers(0, 1))
def test_an_original_is_found_in_any_document(document: Any, is_ascii: bool, content: str, wraps: int) -> None:
    if content == "Text" and isinstance(document, str):
        document = [document]
    text = json.dumps(document, ensure_ascii=is_ascii)
    for _ in range(wraps):
        text = json.dumps({"document": text}, ensure_ascii=is_ascii)
    assert "1 value of app.people.name" in findings(content, text.encode())
    assert "1 value of app.people.name" in findings("Other", _quoted(text).encode())
    assert "1 value of app.people.name" in findings("Other", _of_composite(text).encode())


@pytest.mark.parametrize("content", ["Json", "Other", "Text"])
def test_a_field_that_a_later_one_replaces_is_searched_too(content: str) -> None:
    """Type json keeps both."""
    assert findings(content, f'{{"a": "{TEXT}", "a": "x", "a": 1}}'.encode()) == ["1 value of app.people.name"]


def test_deep_documents_are_searched_to_the_bottom() -> None:
    deep = '{"a": [' * 20_000 + json.dumps(TEXT) + "]}" * 20_000
    assert findings("Json", deep.encode()) == ["1 value of app.people.name"]


def test_a_short_text_whose_white_space_is_escaped_is_searched() -> None:
    digest = Known(GATE, KEY).digest(b"jane doe").hex()
    found = Known(replace(GATE, originals=(Originals(Name("a", "b", "c"), digest),)), KEY)
    search = Search(found, (Column("x", "Text", frozenset(EVERY_KIND)),), lambda _: None)
    search.write(b"Jane\\tDoe\n")
    assert [one.what for one in search.findings()] == ["1 value of a.b.c"]


@given(st.text(alphabet="\\\\\\nbtx1\n").map(str.encode))
def test_each_escape_of_copy_is_read_alone(value: bytes) -> None:
    signs = {b"b": b"\b", b"n": b"\n", b"t": b"\t"}
    one_by_one = re.sub(rb"\\(.)", lambda one: signs.get(one[1], one[1]), value, flags=re.DOTALL)
    assert texts.unescaped(value) == one_by_one


UNITS = st.lists(
    st.sampled_from([*'"\\{},( )[]@.-+/0a1A:', '\\"', '""', "1 ", "Ab ", "a@b.", "de12", "a1", "von "]),
    min_size=1,
    max_size=4,
)


@settings(max_examples=30, deadline=None)
@given(UNITS.map("".join), st.sampled_from(["Text", "Json", "Other"]))
def test_the_time_of_a_search_is_linear(unit: str, content: str) -> None:
    """A text that is hostile to one expression would take minutes."""
    begun = time.thread_time()
    findings(content, (unit * (60_000 // len(unit))).encode())
    assert time.thread_time() - begun < 5


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2 * texts.WINDOW), st.sampled_from([" ", "x", "\n", "A b "]))
def test_what_stands_anywhere_in_a_long_text_is_found_once(place: int, around: str) -> None:
    text = around * (2 * texts.WINDOW // len(around))
    text = f"{text[:place]} jane@notours.io {text[place:]}"
    assert findings("Text", text.encode()) == ["1 e-mail address of hosts that no rule gives"]


def test_long_values_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "REMEMBERED_OF_ALL", 20_000)
    columns = tuple(Column(f"c{number}", "Text", frozenset(EVERY_KIND)) for number in range(100))
    search = Search(known(), columns, lambda _: None)
    for number in range(3 * searching.REMEMBERED_OF_ALL // len(columns)):
        search.write(b"\t".join([b"a value of row %d" % number] * 99 + [b"long " * 50 + b"%d" % number]) + b"\n")
    assert sum(len(one.seen) for one in columns) <= searching.REMEMBERED_OF_ALL
    assert not columns[99].seen


def test_numbers_that_are_equal_by_chance_are_no_finding() -> None:
    """Of 2,000 numbers of nine digits, one of ten times 50,000 others is expected to be equal."""
    digest = Known(GATE, KEY).digest
    digests = "".join(digest(b"%09d" % number).hex() for number in range(100_000_000, 100_002_000))
    of_numbers = (Originals(Name("app", "people", "phone"), digests),)
    found = Known(replace(GATE, originals=of_numbers), KEY)

    def told(*numbers: int) -> list[str]:
        search = Search(found, (Column("x", "Text", frozenset(EVERY_KIND)),), lambda _: None)
        for number in numbers:
            search.write(b"%09d\n" % number)
        return [one.what for one in search.findings()]

    assert told(*range(100_001_999, 100_051_999)) == []
    assert told(*range(100_001_000, 100_051_000)) == ["1000 values of app.people.phone"]
    assert told(100_000_001, 5, 6) == ["1 value of app.people.phone"]
