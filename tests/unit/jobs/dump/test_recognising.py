"""What values are recognised as."""

import json

import pytest

from datareplication.jobs.dump.masking import words
from datareplication.jobs.dump.masking.recognising import Recogniser
from datareplication.jobs.model.masking.topics import Topic

RECOGNISER = Recogniser("de", words.read_all())


@pytest.mark.parametrize(
    ("values", "topic"),
    [
        (["ann@example.com", " bob.b+x@mail.example.org "], "Email"),
        (["+41 44 668 18 00", "044 668 18 00", "0049 30 901820"], "Phone"),
        (["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"], "Iban"),
        (["4111 1111 1111 1111", "5500005555555559"], "Card"),
        (["756.9217.0769.85", "756.1234.5678.97"], "Identity"),
        (["RSSMRA85T10A562S"], "Identity"),
        (["078-05-1121", "219-09-9998"], "Identity"),
        (["10.1.2.3", "::1", "2001:db8::1", "192.168.0.0/16"], "Address"),
        (["https://example.com/a?b", "ftp://x.test"], "Url"),
        (["0f8fad5b-d9cb-469f-a165-70867728950e"], "Uuid"),
        (["d41d8cd98f00b204e9800998ecf8427e"], "Digest"),
        (["$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"], "Secret"),
        (["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"], "Secret"),
        (["12345", "0"], "Digits"),
        (["Anna Muster", "Peter von Berg"], "Name"),
        (["4111 1111 1111 1112"], None),
        (["DE89 3704 0044 0532 0130 01"], None),
        (["new", "paid"], None),
        (["", " "], None),
        ([], None),
    ],
)
def test_a_value_is_recognised(values: list[str], topic: Topic | None) -> None:
    assert RECOGNISER.of_texts(values).topic() == topic


def test_names_are_recognised_by_lists() -> None:
    lists = words.read("de")
    assert RECOGNISER.of_texts(lists.first_names[:20]).topic() == "FirstName"
    assert RECOGNISER.of_texts([*lists.cities[:20], "Nowhere"]).topic() == "City"


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("write to ann@example.com please", "Email"),
        ("call +41 44 668 18 00 at noon", "Phone"),
        ("pay to DE89 3704 0044 0532 0130 00 today", "Iban"),
        ("card 4111-1111-1111-1111, thanks", "Card"),
        ("order 4111111111111112 from 2024-01-01", None),
    ],
)
def test_something_inside_of_a_text_is_a_trace(text: str, topic: Topic | None) -> None:
    assert RECOGNISER.of_texts(["nothing", text]).trace() == topic


def test_documents_are_walked_and_bad_ones_are_left_out() -> None:
    given = [json.dumps({"mail": f"p{i}@x.test", "n": i, "ok": True, "tags": ["a", 1]}) for i in range(3)]
    found = RECOGNISER.of_documents([*given, "{", "[" * 100_000, "1" * 10_000])
    kinds = {path: (one.kind, one.evidence.topic()) for path, one in found.paths.items()}
    assert kinds == {
        "mail": ("string", "Email"),
        "n": ("number", "Digits"),
        "ok": ("boolean", None),
        "tags[]": ("mixed", None),
    }
    assert found.values == 3


def test_counts_hold_no_value() -> None:
    assert "secret" not in repr(RECOGNISER.of_texts(["secret person"]))
