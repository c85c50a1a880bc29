"""The words of a language: values. `dump/masking/word_lists` has them as data."""

from dataclasses import dataclass

LANGUAGES = ("en", "de", "fr", "es", "it", "nl")


@dataclass(frozen=True)
class Words:
    """Names, places and forms of companies."""

    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    cities: tuple[str, ...]
    streets: tuple[str, ...]
    company_forms: tuple[str, ...]
    plain_first_names: tuple[str, ...]
    """As the local part of an e-mail address has them; the plain form of each first name, in the same order."""

    plain_last_names: tuple[str, ...]
    is_number_first: bool
    """Whether a house's number comes before its street."""
