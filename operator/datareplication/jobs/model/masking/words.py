"""The words of a language: values. `dump/masking/word_lists` has them as data."""

from dataclasses import dataclass

LANGUAGES = ("en", "de", "fr", "es", "it", "nl")


@dataclass(frozen=True)
class Words:
    """Names, places and company forms of one language."""

    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    cities: tuple[str, ...]
    streets: tuple[str, ...]
    company_forms: tuple[str, ...]
    plain_first_names: tuple[str, ...]
    """The first names in the form for the local part of an e-mail address, in the same order."""

    plain_last_names: tuple[str, ...]
    is_number_first: bool
    """Whether a house's number comes before its street."""

    @property
    def every(self) -> tuple[str, ...]:
        """Return all words that a masked value may have."""
        return (*self.first_names, *self.last_names, *self.cities, *self.streets, *self.company_forms)
