"""The file of masking rules: what it says, and what is told of a mistake."""

import textwrap

import pytest

from datareplication.errors import UsageError
from datareplication.jobs.dump.masking import rules_file, words
from datareplication.jobs.model.masking import schema
from datareplication.jobs.model.masking.kinds import KINDS, SHARED
from datareplication.jobs.model.masking.presets import PRESETS
from datareplication.jobs.model.masking.rules import Default, Rule, Rules
from datareplication.jobs.model.masking.words import LANGUAGES


def parsed(text: str) -> Rules:
    return rules_file.parsed("rules.yaml", textwrap.dedent(text).lstrip("\n").encode())


def test_what_a_file_says() -> None:
    found = parsed("""
        unlisted: Null
        language: de
        presets: [Secrets]
        defaults:
        - {column: "*_email", type: text, rule: Email, host: test.example}
        tables:
          app.users:
            id: Keep
            name: {rule: Name, domain: person, by: [id]}
            profile: {rule: Json, paths: {"people[].mail": Email}, unlisted: Null}
          'my."a ""b"': {x: {rule: Hash, length: 24}}
        largeObjects: Keep
        extensionTables: {public.spatial_ref_sys: Keep}
    """)

    assert (found.is_unlisted_null, found.language, found.keeps_large_objects) == (True, "de", True)
    assert found.defaults == (
        *PRESETS["Secrets"],
        Default("*_email", "text", Rule("Email", {"host": "test.example"}, 5)),
    )
    assert found.tables == {
        ("app", "users"): {
            "id": Rule("Keep", {}, 8),
            "name": Rule("Name", {"domain": "person", "by": ("id",)}, 9),
            "profile": Rule("Json", {"paths": {"people[].mail": Rule("Email", {}, 10)}, "unlisted": "Null"}, 10),
        },
        ("my", 'a "b'): {"x": Rule("Hash", {"length": 24}, 11)},
    }
    assert found.kept_extension_tables == {("public", "spatial_ref_sys")}
    assert len(found.sha256) == 64


MISTAKES = {
    "an empty file": ("", "line 1: the file is empty: begin with `tables:`"),
    "a tab": ("tables:\n\tapp.users: {id: Keep}", "line 2: not YAML: found character '\\t' that cannot start any token; YAML takes spaces"),
    "a misspelt key": ("table:\n  app.users: {id: Keep}", "line 1: the file has no table; did you mean tables?"),
    "a misspelt rule": ("tables:\n  app.users:\n    id: keep", "line 3: app.users.id: there is no rule 'keep'; did you mean Keep?"),
    "an unknown rule": ("tables:\n  app.users:\n    id: Zzz", "line 3: app.users.id: there is no rule 'Zzz'; there are Keep, Null"),
    "a table without a schema": ("tables:\n  users: {id: Keep}", "line 2: 'users' must be schema.table"),
    "a column twice": ("tables:\n  a.b:\n    id: Keep\n    id: Null", "line 4: id stands twice in table a.b: keep one"),
    "a list of columns": ("tables:\n  a.b: [id]", "line 2: table a.b must be a mapping"),
    "an option that is not there": ("tables:\n  a.b: {x: {rule: Hash, size: 3}}", "line 2: a.b.x: rule Hash has no option size; there are length"),
    "an option of a rule without any": ("tables:\n  a.b: {x: {rule: Keep, size: 3}}", "rule Keep has no option size; it has no options"),
    "an option that is missing": ("tables:\n  a.b: {x: Fixed}", "line 2: a.b.x: rule Fixed needs `value`"),
    "a number that is none": ("tables:\n  a.b: {x: {rule: Hash, length: long}}", "a.b.x: length must be a whole number, not 'long'"),
    "a number out of range": ("tables:\n  a.b: {x: {rule: Hash, length: 8}}", "a.b.x: length must be 20 to 64, not 8"),
    "a unit of time": ("tables:\n  a.b: {x: {rule: Truncate, to: fortnight}}", "to must be year, quarter, month, week, day, hour"),
    "a path that is none": ("tables:\n  a.b: {x: {rule: Json, paths: {'a..b': Keep}}}", "path 'a..b' must be names with points"),
    "a rule that no path takes": ("tables:\n  a.b: {x: {rule: Json, paths: {a: {rule: Sql, expression: '1'}}}}", "rule Sql cannot stand at path a"),
    "an unknown preset": ("presets: [Secret]", "line 1: there is no preset Secret; did you mean Secrets?"),
    "an unknown language": ("language: xx", "line 1: language cannot be xx; there are en, de"),
    "unlisted Keep": ("unlisted: Keep", "line 1: unlisted cannot be Keep; there are Fail, Null"),
    "a column without a rule": ("tables:\n  a.b:\n    x:\n    y: Keep", "line 3: a.b.x has no rule: write one, for example Null or Keep"),
    "a control character": ("tables:\n  a.b: {x: \x01}", "line 2: not YAML: character 0x1 may not stand in it: remove it"),
    "the character NUL": ('tables:\n  a.b: {x: {rule: Fixed, value: "\\0"}}', "line 2: a.b.x: value holds the character NUL"),
    "fewer than no characters kept": ("tables:\n  a.b: {x: {rule: Partial, last: -1}}", "a.b.x: last must be 0 to 1000, not -1"),
    "fewer than no digits kept": ("tables:\n  a.b: {x: {rule: Phone, keep: -1}}", "a.b.x: keep must be 0 to 1000, not -1"),
    "an empty host": ("tables:\n  a.b: {x: {rule: Email, host: ''}}", "a.b.x: host must be a host's name, for example example.com, not ''"),
    "a default without a rule": ("defaults:\n- {column: x}", "line 2: an entry of defaults needs `column` and `rule`"),
}  # fmt: skip


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_names_the_line_and_the_remedy(what: str) -> None:
    text, told = MISTAKES[what]
    with pytest.raises(UsageError) as caught:
        rules_file.parsed("rules.yaml", text.encode())
    assert caught.value.reason == "BadMaskingRules"
    assert caught.value.message.startswith("rules.yaml, line ")
    assert told in caught.value.message


def test_a_file_of_windows_is_read_and_its_lines_are_counted() -> None:
    content = "\ufefftables:\r\n  a.b:\r\n    x: {}\r\n"
    assert rules_file.parsed("rules.yaml", content.format("Keep").encode()).tables == {
        ("a", "b"): {"x": Rule("Keep", {}, 3)}
    }
    with pytest.raises(UsageError, match=r"line 3: .*did you mean Keep"):
        rules_file.parsed("rules.yaml", content.format("Kep").encode())


def test_every_language_has_words_and_every_rule_a_meaning() -> None:
    for language in LANGUAGES:
        found = words.read(language)
        assert min(map(len, (found.first_names, found.last_names, found.cities, found.streets))) > 50
        assert len(found.plain_first_names) == len(found.first_names)
        assert all(name.isascii() and name.isalpha() and name.islower() for name in found.plain_last_names)
    assert all(kind.meaning.endswith(".") for kind in KINDS.values())


def test_the_schema_names_every_rule_and_every_option_of_it() -> None:
    found = schema.schema()["$defs"]["rule"]["anyOf"][1:]
    assert [one["properties"]["rule"]["enum"][0] for one in found] == list(KINDS)
    for one, kind in zip(found, KINDS.values(), strict=True):
        assert set(one["properties"]) == {"rule", *kind.options, *(SHARED if kind.is_keyed else ())}
