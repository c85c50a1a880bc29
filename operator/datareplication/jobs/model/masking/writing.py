"""A suggestion as the text of a rules' file, with a comment for each column. Pure.

Names of the database and of fields in JSON may hold any character: in YAML they stand in double quotes if they are no
plain words, and comments stay on their line.
"""

import re
from collections.abc import Iterator, Mapping

from datareplication.jobs.model.masking.facts import TableName
from datareplication.jobs.model.masking.rules import Rule, Value
from datareplication.jobs.model.masking.suggesting import Line, Suggestion
from datareplication.jobs.model.tabular import shown

_PLAIN = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?", re.ASCII)
_WORDS_OF_YAML = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"})


def text(suggestion: Suggestion, language: str, rows: int) -> str:
    """Return the file's text. rows: how many rows of a table were looked at, at most."""
    return "\n".join([*_head(suggestion, language, rows), *_tables(suggestion), *_past_the_rules(suggestion), ""])


def _head(suggestion: Suggestion, language: str, rows: int) -> Iterator[str]:
    yield "# yaml-language-server: $schema=masking-rules.schema.json"
    yield f"# Guessed from names, types and at most {rows} rows of each table. Read each line before you use the file:"
    yield "# a guess can be wrong, and rows that were not looked at may hold anything."
    for name in suggestion.exposed:
        yield f"# Decide: {shown(name)} seems to hold personal data, but its keys and type take only Keep."
    yield f"language: {language}"


def _tables(suggestion: Suggestion) -> Iterator[str]:
    if not any(one.rule for lines in suggestion.tables.values() for one in lines):
        yield "tables: {}"
        return
    yield "tables:"
    for name, lines in suggestion.tables.items():
        yield from _table(name, lines)


def _table(name: TableName, lines: tuple[Line, ...]) -> Iterator[str]:
    written = [one for one in lines if one.rule]
    if not lines or (not written and len({_before_column(one) for one in lines}) == 1):
        source = _before_column(lines[0]) if lines else "no columns that are copied"
        yield f"  # {shown('.'.join(name))}: {shown(source)}"
        return
    yield f"  {key(table_key(name))}:{'' if written else ' {}'}"
    for one in lines:
        yield from _column(one)


def _before_column(line: Line) -> str:
    """Return the reason without the column's name, which is the same in a partition and its parent."""
    return line.reason.removesuffix(f".{line.column}")


def _column(line: Line) -> Iterator[str]:
    if line.rule is None:
        yield f"    # {shown(line.column)}: {shown(line.reason)}"
    elif line.rule.kind == "Json":
        yield f"    {key(line.column)}:  # {shown(line.reason)}"
        yield "      rule: Json"
        yield "      paths:"
        given = line.rule.options["paths"]
        for path, rule in given.items() if isinstance(given, Mapping) else ():
            yield f"        {key(path)}: {_rule(rule)}  # {shown(line.paths.get(path, ''))}"
        yield "      unlisted: Null"
    else:
        yield f"    {key(line.column)}: {_rule(line.rule)}  # {shown(line.reason)}"


def _past_the_rules(suggestion: Suggestion) -> Iterator[str]:
    if suggestion.has_large_objects:
        yield "# Decide: the source has large objects, which no rule masks. Copy them as they are, or remove them."
        yield "# largeObjects: Keep"
    if suggestion.extension_tables:
        yield "# Decide: these tables hold rows of extensions. Copy them as they are, or give rules for their columns."
        yield "# extensionTables:"
        for name, extension in suggestion.extension_tables.items():
            yield f"#   {key(table_key(name))}: Keep  # rows of extension {shown(extension)}"


def _rule(rule: Rule) -> str:
    if not rule.options:
        return rule.kind
    options = "".join(f", {name}: {_value(value)}" for name, value in rule.options.items())
    return f"{{rule: {rule.kind}{options}}}"


def _value(value: Value) -> str:
    return str(value) if isinstance(value, int) else _quoted(str(value))


def table_key(name: TableName) -> str:
    """Return a table's name as the rules' file writes it: a part with a point or a quotation mark is quoted."""
    return ".".join('"' + part.replace('"', '""') + '"' if {".", '"'} & set(part) else part for part in name)


def key(name: str) -> str:
    """Return a name as a key of YAML."""
    is_plain = _PLAIN.fullmatch(name) and name.lower() not in _WORDS_OF_YAML
    return name if is_plain else _quoted(name)


def _quoted(name: str) -> str:
    """Return a text in double quotes of YAML."""
    return '"' + "".join(map(_escaped, name)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 1 << 8 else f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"
