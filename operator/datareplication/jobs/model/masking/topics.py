"""What a value may be about: the topics that a suggestion knows, and which rules mask each of them. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from datareplication.jobs.model.masking.rules import Rule

Topic = Literal[
    "Email",
    "Phone",
    "FirstName",
    "LastName",
    "Name",
    "Username",
    "Company",
    "Street",
    "City",
    "Postcode",
    "Iban",
    "Account",
    "Card",
    "Identity",
    "Birth",
    "Address",
    "Url",
    "Secret",
    "Prose",
    "Place",
    "Income",
    "Special",
    "Uuid",
    "Digest",
    "Digits",
    "Harmless",
]

NAMES: Mapping[Topic, str] = MappingProxyType(
    {
        "Email": "e-mail addresses",
        "Phone": "telephone numbers",
        "FirstName": "first names",
        "LastName": "last names",
        "Name": "names of persons",
        "Username": "names of users",
        "Company": "companies",
        "Street": "streets",
        "City": "places",
        "Postcode": "postcodes",
        "Iban": "IBANs",
        "Account": "account numbers",
        "Card": "card numbers",
        "Identity": "numbers of persons",
        "Birth": "dates of birth",
        "Address": "IP addresses",
        "Url": "URLs",
        "Secret": "secrets",
        "Prose": "free text",
        "Place": "geographical places",
        "Income": "incomes",
        "Special": "special categories of personal data",
        "Uuid": "UUIDs",
        "Digest": "digests",
        "Digits": "numbers",
        "Harmless": "harmless",
    }
)
"""Topic -> what the values are, in the plural."""

NULL, KEEP, HASH, TEXT = Rule("Null"), Rule("Keep"), Rule("Hash"), Rule("Text")

TEXTS: Mapping[Topic, tuple[Rule, ...]] = MappingProxyType(
    {
        "Email": (Rule("Email"),),
        "Phone": (Rule("Phone"),),
        "FirstName": (Rule("FirstName"),),
        "LastName": (Rule("LastName"),),
        "Name": (Rule("Name"),),
        "Username": (HASH,),
        "Company": (Rule("Company"),),
        "Street": (Rule("Street"),),
        "City": (Rule("City"),),
        "Postcode": (Rule("Postcode"),),
        "Iban": (Rule("Iban"),),
        "Account": (TEXT, HASH, Rule("Digits")),
        "Card": (Rule("CreditCard"),),
        "Identity": (TEXT, HASH, NULL, Rule("Digits")),
        "Birth": (TEXT,),
        "Address": (Rule("IpAddress"),),
        "Url": (Rule("Url"),),
        "Secret": (NULL, HASH, TEXT),
        "Prose": (TEXT, NULL),
        "Place": (TEXT,),
        "Income": (TEXT,),
        "Special": (NULL, TEXT),
        "Uuid": (KEEP,),
        "Digest": (HASH,),
        "Digits": (Rule("Digits"),),
        "Harmless": (KEEP,),
    }
)
"""Topic -> the rules for a text, the best first."""

LAST_TEXTS = (TEXT, HASH, NULL, Rule("Digits"), KEEP)
"""For a text that takes none of its topic's rules. Keep comes last: every column takes it."""

INTEGERS: Mapping[Topic, tuple[Rule, ...]] = MappingProxyType(
    {
        **dict.fromkeys(("Phone", "Card", "Identity", "Account", "Postcode", "Iban"), (Rule("Integer"), NULL)),
        "Secret": (NULL, Rule("Integer")),
        "Special": (NULL,),
        "Birth": (Rule("Truncate", {"to": "10"}), NULL),
        "Income": (Rule("Noise"), NULL),
    }
)

NUMBERS: Mapping[Topic, tuple[Rule, ...]] = MappingProxyType(
    {
        **dict.fromkeys(("Phone", "Card", "Identity", "Account", "Secret", "Special"), (NULL, Rule("Noise"))),
        "Place": (Rule("Truncate", {"to": "1"}), NULL),
        "Income": (Rule("Noise"), NULL),
    }
)
