"""The word lists of the job image."""

import functools
import json
from importlib import resources

from datareplication.jobs.model import codec
from datareplication.jobs.model.masking.words import LANGUAGES, Words


@functools.cache
def read(language: str) -> Words:
    """Return the words of one of LANGUAGES, which are read once: each table's expressions ask for them."""
    text = resources.files(__package__).joinpath("word_lists", f"{language}.json").read_text(encoding="utf-8")
    words: Words = codec.decoded(Words, json.loads(text), f"{language}.json")
    return words


def read_all() -> dict[str, Words]:
    """Return the words of every language."""
    return {language: read(language) for language in LANGUAGES}
