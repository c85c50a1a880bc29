"""The rules that exist: the options, the types and the promises of each. Pure, and the only list of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from datareplication.jobs.model.masking.families import Family

OptionType = Literal["text", "number", "columns", "paths"]


@dataclass(frozen=True)
class Option:
    """An option of a rule."""

    type: OptionType
    meaning: str
    default: str = ""
    """In words; empty if the option must be given."""


@dataclass(frozen=True)
class Kind:
    """A rule that exists."""

    meaning: str
    takes: frozenset[Family] | None
    """Families of types; None for every type."""

    options: Mapping[str, Option] = field(default_factory=dict)
    is_injective: bool = False
    """Whether two values never become one, with as many values as a database can hold."""

    is_keyed: bool = True
    """Whether the result depends on the key, so that `domain` and `by` mean something."""

    shortest: int = 0
    """How many characters the column must hold at least."""


def _takes(*families: Family) -> frozenset[Family]:
    return frozenset(families)


TEXT = _takes("Text")
NUMBERS = _takes("Integer", "Number")
MOMENTS = _takes("Date", "Timestamp")

SHARED: Mapping[str, Option] = MappingProxyType(
    {
        "domain": Option("text", "Columns with the same domain and value get the same result.", "the rule's name"),
        "by": Option("columns", "Columns whose values decide about the result instead of the value.", "the value"),
    }
)
"""Options of all keyed rules."""

_HOST = Option("text", "The host name of the result.", "example.com")
_LANGUAGE = Option("text", "The language of the words: one of the word lists.", "the file's `language`")


def _words(meaning: str) -> Kind:
    return Kind(meaning, TEXT, {"language": _LANGUAGE})


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "Keep": Kind("The value as it is.", None, is_injective=True, is_keyed=False),
        "Null": Kind("NULL.", None, is_keyed=False),
        "Fixed": Kind(
            "One value for all that are not NULL.", None, {"value": Option("text", "The value.")}, is_keyed=False
        ),
        "Hash": Kind(
            "Hexadecimal digits.",
            TEXT,
            {"length": Option("number", "How many digits, 20 to 64.", "32")},
            is_injective=True,
            shortest=20,
        ),
        "Uuid": Kind("A UUID of version 8.", _takes("Uuid", "Text"), is_injective=True, shortest=36),
        "Email": Kind(
            "`first.last.<16 digits>@host`, of the words that FirstName and LastName give for the same `by`.",
            TEXT,
            {"host": _HOST, "language": _LANGUAGE},
            is_injective=True,
            shortest=30,
        ),
        "FirstName": _words("A first name."),
        "LastName": _words("A last name."),
        "Name": _words("A first and a last name."),
        "Company": _words("A company's name."),
        "Street": _words("A street with a number."),
        "City": _words("A city."),
        "Postcode": Kind("Digits and letters as the value has them.", TEXT, is_injective=False),
        "Phone": Kind(
            "The digits behind the first ones exchanged; all other characters stay.",
            TEXT,
            {"keep": Option("number", "How many digits stay at the front.", "2")},
            is_injective=True,
        ),
        "Digits": Kind(
            "The digits exchanged by others, one to one; all other characters stay.",
            TEXT,
            {"keep": Option("number", "How many digits stay at the front.", "0")},
            is_injective=True,
        ),
        "Integer": Kind(
            "Another number of the range, one to one.",
            _takes("Integer"),
            {
                "from": Option("number", "The least number of the range.", "0"),
                "to": Option("number", "The greatest number of the range.", "the type's"),
            },
            is_injective=True,
        ),
        "ShiftDate": Kind(
            "Moved by some days, the same number for the same `by`.",
            MOMENTS,
            {"days": Option("number", "The most days, forwards or backwards.", "365")},
        ),
        "Truncate": Kind(
            "Cut to a unit of time, or to a multiple of a number.",
            MOMENTS | NUMBERS,
            {"to": Option("text", "`year`, `month`, `day`, `hour`, or a number such as 100.")},
            is_keyed=False,
        ),
        "Noise": Kind(
            "Larger or smaller by some percent.", NUMBERS, {"percent": Option("number", "The most, 1 to 100.", "10")}
        ),
        "Partial": Kind(
            "The first and last characters; the others become a sign.",
            TEXT,
            {
                "first": Option("number", "Characters that stay at the front.", "1"),
                "last": Option("number", "Characters that stay at the end.", "0"),
                "with": Option("text", "The sign.", "*"),
            },
            is_keyed=False,
        ),
        "Replace": Kind(
            "All matches of a regular expression (PostgreSQL's) replaced.",
            TEXT,
            {"pattern": Option("text", "The expression."), "with": Option("text", "What takes its place.", "nothing")},
            is_keyed=False,
        ),
        "Iban": Kind("An IBAN of the same country and length with right check digits.", TEXT, is_injective=True),
        "CreditCard": Kind(
            "A card number of the same length and first digit with a right check digit.", TEXT, is_injective=True
        ),
        "IpAddress": Kind("An address of 10.0.0.0/8, or of fd00::/8 for IPv6.", _takes("Address", "Text"), shortest=39),
        "Url": Kind("`https://host/<16 digits>`.", TEXT, {"host": _HOST}, is_injective=True, shortest=29),
        "Text": Kind("As many characters of the same classes: letters, digits; all others stay.", TEXT),
        "Json": Kind(
            "Rules by path; what no path names is left out, or ends the dump.",
            _takes("Json"),
            {
                "paths": Option("paths", "Path -> rule, as `person.email`, `items[].name`."),
                "unlisted": Option("text", "`Null` leaves out what no path names; `Fail` ends the dump.", "Fail"),
            },
        ),
        "Sql": Kind(
            "An SQL expression over the row's columns.",
            None,
            {"expression": Option("text", "The expression; it runs as the dump's role.")},
            is_keyed=False,
        ),
    }
)
