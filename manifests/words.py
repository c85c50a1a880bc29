"""The word lists of the masking rules, generated once: names, cities and streets as Faker has them for a language.

Run by hand with the version below, when a language is added: python manifests/words.py (pip install faker==40.63.0).
The lists are data of the job image; Faker itself is not in it.
"""

import json
import unicodedata
from pathlib import Path

from faker import Faker

LISTS = Path(__file__).parents[1] / "operator" / "datareplication" / "jobs" / "dump" / "masking" / "word_lists"
LOCALES = {"en": "en_US", "de": "de_DE", "fr": "fr_FR", "es": "es_ES", "it": "it_IT", "nl": "nl_NL"}
FORMS = {
    "en": ["Inc", "Ltd", "LLC", "Group"],
    "de": ["GmbH", "AG", "KG", "OHG"],
    "fr": ["SA", "SARL", "SAS"],
    "es": ["S.A.", "S.L."],
    "it": ["S.p.A.", "S.r.l."],
    "nl": ["BV", "NV"],
}
COUNT = 256
LONGEST = 30
NUMBER_FIRST = {"en", "fr"}


def main() -> None:
    """Write all lists anew; the same seed gives the same lists."""
    for language, locale in LOCALES.items():
        faker = Faker(locale)
        faker.seed_instance(20261129)
        made = {
            "firstNames": _distinct(faker.first_name),
            "lastNames": _distinct(faker.last_name),
            "cities": _distinct(faker.city),
            "streets": _distinct(faker.street_name),
            "companyForms": FORMS[language],
            "isNumberFirst": language in NUMBER_FIRST,
        }
        made["plainFirstNames"] = _plain(made["firstNames"])
        made["plainLastNames"] = _plain(made["lastNames"])
        text = json.dumps(made, ensure_ascii=False, indent=0) + "\n"
        (LISTS / f"{language}.json").write_text(text, encoding="utf-8")


def _distinct(make: "object") -> list[str]:
    found: dict[str, None] = {}
    for _ in range(COUNT * 40):
        word = make()  # type: ignore[operator]
        if len(word) <= LONGEST and word.isprintable():
            found[word] = None
        if len(found) == COUNT:
            break
    return sorted(found)


def _plain(words: list[str]) -> list[str]:
    """Return them as the local part of an e-mail address has them: lower-case ASCII letters."""
    plain = (
        unicodedata.normalize("NFKD", word.replace("ß", "ss").replace("ø", "o").replace("æ", "ae")) for word in words
    )
    made = ("".join(char for char in word.lower() if char.isascii() and char.isalpha()) for word in plain)
    return [word for word in made if word]


if __name__ == "__main__":
    main()
