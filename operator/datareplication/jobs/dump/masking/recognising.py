"""Values of a sample -> counts of what they are: python-stdnum and phonenumbers know the numbers, lists the names.

Nothing here keeps a value. The two libraries are imported when they are needed: no worker of a dump needs them.
"""

import ipaddress
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from datareplication.jobs.model.masking import documents
from datareplication.jobs.model.masking.documents import Scalar
from datareplication.jobs.model.masking.evidence import Evidence, PathEvidence
from datareplication.jobs.model.masking.topics import Topic
from datareplication.jobs.model.masking.words import Words

REGIONS: Mapping[str, tuple[str, ...]] = {
    "en": ("US", "GB"),
    "de": ("DE", "AT", "CH"),
    "fr": ("FR", "BE", "CH"),
    "es": ("ES", "MX"),
    "it": ("IT", "CH"),
    "nl": ("NL", "BE"),
}
"""Language -> the countries whose telephone numbers are recognised without +."""

NATIONAL = (
    *("ch.ssn", "de.idnr", "at.uid", "fr.nir", "it.codicefiscale", "es.dni", "es.nie", "nl.bsn", "be.nn", "pl.pesel"),
    *("se.personnummer", "no.fodselsnummer", "dk.cpr", "fi.hetu", "pt.cc", "cz.rc", "ro.cnp", "br.cpf", "mx.curp"),
    *("gb.nhs", "us.ssn", "eu.vat"),
)
"""Modules of stdnum for numbers of persons. Each counts by itself: by chance, a tenth of all numbers is valid in some
countries."""

FORMS: tuple[tuple[Topic, re.Pattern[str]], ...] = (
    ("Email", re.compile(r"[^\s@<>\"]+@[^\s@<>\"]+\.[^\W\d_]{2,}")),
    ("Url", re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)),
    ("Uuid", re.compile(r"\{?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?", re.IGNORECASE)),
    ("Secret", re.compile(r"\$(?:2[abxy]|argon2\w*|pbkdf2\S*|5|6|y)\$.+|eyJ[\w-]{8,}\..+|-----BEGIN .+", re.DOTALL)),
    ("Digest", re.compile(r"(?:\\x)?(?:[0-9a-f]{32,}|[0-9A-F]{32,})")),
)

_EMAIL_INSIDE = re.compile(r"[^\s@<>\"]+@[^\s@<>\"]+\.[^\W\d_]{2,}")
_PHONE_INSIDE = re.compile(r"(?<![\w+])\+\d[\d ()/.-]{7,18}\d")
_IBAN_INSIDE = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
_CARD_INSIDE = re.compile(r"(?<!\d)[3-6]\d{3}(?:[ -]?\d{4}){3}(?!\d)")
_NUMBER = re.compile(r"\+?[\d ()/.-]+")
_CARD = re.compile(r"[2-6]\d{3}[\d -]{8,18}\d")
_WORD = re.compile(r"[^\W\d_]+")
_CODE = re.compile(r"[a-z0-9._/:-]*|[A-Z0-9._/:-]*")
_SHORTEST_PHONE, _LONGEST_PHONE = 7, 15
_LONGEST_IDENTITY = 30
_MOST_WORDS = 5


@dataclass(frozen=True)
class Recogniser:
    """Looks at values. language: of the telephone numbers without +. lists: the words of all languages."""

    language: str
    lists: Mapping[str, Words]

    def of_texts(self, values: Iterable[str]) -> Evidence:
        """Return what a sample of texts or numbers is."""
        given = list(values)
        every = Counter(given)
        found: Counter[Topic] = Counter()
        numbers: Counter[str] = Counter()
        traces: Counter[Topic] = Counter()
        for value, count in every.items():
            found.update(dict.fromkeys(self._topics(value), count))
            numbers.update(dict.fromkeys(self._national(value), count))
            traces.update(dict.fromkeys(self._inside(value), count))
        if numbers:
            found["Identity"] = max(numbers.values())
        has_codes = bool(every) and all(map(_CODE.fullmatch, every))
        longest = max(map(len, every), default=0)
        return Evidence(len(given), len(every), longest, has_codes, dict(found), dict(traces))

    def of_documents(self, texts: Iterable[str]) -> Evidence:
        """Return what is in a sample of JSON documents."""
        parsed = [one for text in texts for one in _parsed(text)]
        found = documents.paths(parsed, self._first_names)
        paths = {
            path: PathEvidence(_kind(values), self.of_texts(map(_as_text, values))) for path, values in found.items()
        }
        return Evidence(len(parsed), paths=paths)

    def _topics(self, value: str) -> Iterator[Topic]:
        """Yield what a whole value is: usually nothing, or one topic."""
        text = value.strip()
        form = next((topic for topic, pattern in FORMS if pattern.fullmatch(text)), None)
        if form:
            yield form
        elif _is_address(text):
            yield "Address"
        elif _is_iban(text):
            yield "Iban"
        elif _NUMBER.fullmatch(text):
            yield from self._of_number(text)
        else:
            yield from self._of_words(text)

    def _of_number(self, text: str) -> Iterator[Topic]:
        if _is_card(text):
            yield "Card"
        if text.isascii() and text.isdigit():
            yield "Digits"
        if (not text.isdigit() or text.startswith("0")) and self._is_phone(text):
            yield "Phone"

    def _is_phone(self, text: str) -> bool:
        digits = sum(one.isdigit() for one in text)
        if not _SHORTEST_PHONE <= digits <= _LONGEST_PHONE:
            return False
        return any(_is_valid_phone(text, one) for one in ((None,) if text.startswith("+") else REGIONS[self.language]))

    def _of_words(self, text: str) -> Iterator[Topic]:
        words = [one.lower() for one in _WORD.findall(text)]
        if not 0 < len(words) <= _MOST_WORDS or any(one.isdigit() for one in text):
            return
        if text.lower() in self._cities:
            yield "City"
        if len(words) == 1:
            if words[0] in self._first_names:
                yield "FirstName"
            elif words[0] in self._last_names:
                yield "LastName"
        elif {words[0], words[-1]} & self._first_names:
            yield "Name"

    def _national(self, value: str) -> Iterator[str]:
        text = value.strip()
        if len(text) > _LONGEST_IDENTITY or sum(one.isdigit() for one in text) < _SHORTEST_PHONE:
            return
        for name, is_valid in self._validators.items():
            if (name != "us.ssn" or "-" in text) and is_valid(text):
                yield name

    def _inside(self, value: str) -> Iterator[Topic]:
        if _EMAIL_INSIDE.search(value):
            yield "Email"
        if any(_is_valid_phone(one, None) for one in _PHONE_INSIDE.findall(value)):
            yield "Phone"
        if any(_is_iban(one) for one in _IBAN_INSIDE.findall(value)):
            yield "Iban"
        if any(map(_is_card, _CARD_INSIDE.findall(value))):
            yield "Card"

    @cached_property
    def _first_names(self) -> frozenset[str]:
        return self._all(lambda one: one.first_names)

    @cached_property
    def _last_names(self) -> frozenset[str]:
        return self._all(lambda one: one.last_names)

    @cached_property
    def _cities(self) -> frozenset[str]:
        return self._all(lambda one: one.cities)

    def _all(self, part: Callable[[Words], Sequence[str]]) -> frozenset[str]:
        return frozenset(word.lower() for one in self.lists.values() for word in part(one))

    @cached_property
    def _validators(self) -> Mapping[str, Callable[[str], bool]]:
        import importlib  # noqa: PLC0415 - see the module's docstring

        return {name: importlib.import_module(f"stdnum.{name}").is_valid for name in NATIONAL}


def _is_address(text: str) -> bool:
    if not text or text.isdigit() or not set(text) <= set("0123456789abcdefABCDEF.:/"):
        return False
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return True


def _is_iban(text: str) -> bool:
    from stdnum import iban  # noqa: PLC0415 - see the module's docstring

    return text[:2].isalpha() and bool(iban.is_valid(text))


def _is_card(text: str) -> bool:
    from stdnum import luhn  # noqa: PLC0415 - see the module's docstring

    digits = re.sub(r"[ -]", "", text)
    return bool(_CARD.fullmatch(text)) and 13 <= len(digits) <= 19 and bool(luhn.is_valid(digits))  # noqa: PLR2004


def _is_valid_phone(text: str, region: str | None) -> bool:
    import phonenumbers  # noqa: PLC0415 - see the module's docstring

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return False


def _parsed(text: str) -> Iterator[object]:
    """Yield the document; nothing if Python cannot read it: it is too deep, or has a number that is too long."""
    try:
        yield json.loads(text)
    except (ValueError, RecursionError):
        return


def _kind(values: Sequence[Scalar]) -> str:
    kinds = {"boolean" if isinstance(one, bool) else "string" if isinstance(one, str) else "number" for one in values}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def _as_text(value: Scalar) -> str:
    return value[:300] if isinstance(value, str) else str(value)
