"""The word lists of the job image."""

import functools
import json
import string
from importlib import resources

from datareplication.jobs.model import codec
from datareplication.jobs.model.masking.words import LANGUAGES, Words

_FOLD = str.maketrans(string.ascii_uppercase, string.ascii_lowercase, string.digits)


@functools.cache
def read(language: str) -> Words:
    """Return the words of one of LANGUAGES, which are read once: each table's expressions ask for them."""
    text = resources.files(__package__).joinpath("word_lists", f"{language}.json").read_text(encoding="utf-8")
    words: Words = codec.decoded(Words, json.loads(text), f"{language}.json")
    return words


@functools.cache
def folded() -> tuple[str, ...]:
    """Return all words of all languages as `model/masking/telling` folds them, for the forms of masked values."""
    texts = (text for words in read_all().values() for text in words.every)
    return tuple(sorted({word for text in texts for word in ["", *text.translate(_FOLD).split(" ")]}))


def read_all() -> dict[str, Words]:
    """Return the words of every language."""
    return {language: read(language) for language in LANGUAGES}
