"""What tells who somebody is: forms, and the patterns with check digits."""

import hashlib

import pytest

from datareplication.jobs.model.masking import telling


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"Jane.Doe@Real.io", {b"jane.doe@real.io"}),
        (b"write to Jane.Doe@Real.io.", {b"jane.doe@real.io", b"write to jane.doe@real.io."}),
        (b"0791234567 0441234567", {b"07912345670441234567", b"0791234567", b"0441234567"}),
        (b"Room 12 +41 79 555 0001", {b"41795550001", b"room 12 +41 79 555 0001"}),
        (
            b"DE89 3704 0044 0532 0130 00 now",
            {b"de89370400440532013000", b"370400440532013000", b"de89 3704 0044 0532 0130 00 now"},
        ),
        (b"ask Jane Doe today", {b"ask jane doe today", b"jane doe"}),
        (b"(Jane Doe)", {b"(jane doe)", b"jane doe"}),
        (b"by:Jane Doe.", {b"by:jane doe.", b"jane doe"}),
        (b"Jane Mary Doe", {b"jane mary doe", b"jane mary", b"mary doe"}),
        (
            b"so J. Maria de la Cruz Gil wrote",
            {b"j. maria de la cruz gil", b"j. maria de la cruz", b"maria de la cruz gil"},
        ),
        (b"Ludwig van Beethoven " * 3_000, {b"ludwig van beethoven"}),
        (b"call +41 79 555 00 01 2024-05-06", {b"41795550001"}),
        (
            b"079 555 00 01 / 079 555 00 02 / 079 555 00 03 / 079 555 00 04 / 079 555 00 05",
            {b"0795550003", b"0795550005"},
        ),
        (b"+41 (0)79 555 00 01", {b"41795550001"}),
        (b"0041795550001", {b"41795550001"}),
        (b"https://social.io/jane?id=1", {b"https://social.io/jane?id=1"}),
        (b"0f8fad5b-d9cb-469f-a165-70867728950e", {b"0f8fad5b-d9cb-469f-a165-70867728950e"}),
        (b"delivered", set()),
        (b"12345678", set()),
    ],
)
def test_the_forms_of_a_text(text: bytes, expected: set[bytes]) -> None:
    found = {form for _, form in telling.forms(text)}
    assert expected <= found
    assert bool(found) <= telling.may_tell(text)
    assert found <= expected or b" " in text


@pytest.mark.parametrize(
    ("number", "is_right"),
    [
        (b"4111111111111111", True),
        (b"4111111111111112", False),
        (b"378282246310005", True),
        (b"2223003122003222", True),
        (b"1111111111111111", None),
        (b"411111111111111", None),
    ],
)
def test_numbers_of_payment_cards(number: bytes, is_right: bool | None) -> None:
    assert telling.card(number) is is_right


@pytest.mark.parametrize(
    ("code", "is_right"),
    [
        (b"de89370400440532013000", True),
        (b"ch9300762011623852957", True),
        (b"de88370400440532013000", False),
        (b"de8937040044053201300", None),
        (b"zz89370400440532013000", None),
        ("de893704004405320130é".encode(), None),
    ],
)
def test_ibans(code: bytes, is_right: bool | None) -> None:
    assert telling.iban(code) is is_right


def test_a_hash_that_begins_like_an_iban_is_none() -> None:
    hashes = (hashlib.md5(b"%d" % one, usedforsecurity=False).hexdigest().encode() for one in range(20_000))
    begun = [one for one in hashes if one[:2] in {b"de", b"be", b"ad", b"ae", b"ee"} and one[2:4].isdigit()]
    assert len(begun) > 50
    assert [form for one in begun for kind, form in telling.forms(one) if form != one] == []


def test_hosts_that_nobody_owns_are_no_leak() -> None:
    assert telling.host(b"jane@real.io") == b"real.io"
    for email in (
        b"jane@example.com",
        b"jane@mail.example.org",
        b"a@b.test",
        b"logo@2x.png",
        b"getty@tty1.service",
        b"npm@pack.tar.gz",
        b"x@host.invalid",
    ):
        assert telling.host(email) == b""
    assert telling.host(b"jane@notexample.com") == b"notexample.com"
