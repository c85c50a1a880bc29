"""The rules' file: YAML -> Rules. Every mistake is a UsageError that names the file, the line and the remedy.

It owns the form of the file. It does not know any database: `model/masking/decisions` compares the rules with one.
"""

import difflib
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import yaml

from datareplication.errors import UsageError
from datareplication.jobs.model.masking.facts import TableName
from datareplication.jobs.model.masking.kinds import KINDS, SHARED, Option
from datareplication.jobs.model.masking.masking import RESERVED
from datareplication.jobs.model.masking.presets import PRESETS
from datareplication.jobs.model.masking.rules import Default, Rule, Rules, Value
from datareplication.jobs.model.masking.words import LANGUAGES

LARGEST_BYTES = 4 << 20

MOST_KEPT = 1000
"""Characters or digits that may stay. A negative number would mean all but so many, and leave nearly everything."""

KEYS = ("unlisted", "language", "presets", "defaults", "tables", "largeObjects", "extensionTables", "leakGate")
_NAME = re.compile(r'(?:"((?:[^"]|"")+)"|([^."]+))\.(?:"((?:[^"]|"")+)"|([^"]+))')

Node = yaml.Node


def read(path: Path) -> Rules:
    """Return the rules of a file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the masking rules {path}: {error.strerror}", reason="BadMaskingRules") from error
    if len(content) > LARGEST_BYTES:
        raise UsageError(f"{path} is larger than {LARGEST_BYTES >> 20} MiB", reason="BadMaskingRules")
    return parsed(path.name, content)


def parsed(name: str, content: bytes) -> Rules:
    """Return the rules of a file's content. name: the file's, for messages."""
    file = _File(name)
    try:
        root = yaml.compose(content.decode("utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: not UTF-8; save it as UTF-8", reason="BadMaskingRules") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        hint = "; YAML takes spaces for indentation, no tabs" if "'\\t'" in str(error.problem) else ""
        raise _wrong(name, mark.line + 1 if mark else 1, f"not YAML: {error.problem}{hint}") from error
    except yaml.reader.ReaderError as error:
        line = content.decode("utf-8").count("\n", 0, error.position) + 1
        raise _wrong(name, line, f"not YAML: character {error.character:#x} may not stand in it: remove it") from error
    if root is None:
        raise _wrong(name, 1, "the file is empty: begin with `tables:`")
    found = file.mapping(root, "the file", KEYS)
    gate = file.mapping(found["leakGate"], "leakGate", ("hosts", "ignore")) if "leakGate" in found else {}
    return Rules(
        tables=file.tables(found.get("tables")),
        defaults=(*file.presets(found.get("presets")), *file.defaults(found.get("defaults"))),
        is_unlisted_null=file.word(found.get("unlisted"), "unlisted", ("Fail", "Null"), "Fail") == "Null",
        language=file.word(found.get("language"), "language", LANGUAGES, "en"),
        keeps_large_objects=file.word(found.get("largeObjects"), "largeObjects", ("Keep", "Fail"), "Fail") == "Keep",
        kept_extension_tables=frozenset(file.kept(found.get("extensionTables"))),
        leak_hosts=tuple(file.hosts(gate.get("hosts"))),
        leak_ignored=tuple(text for text, _ in file.texts(gate.get("ignore"), "leakGate.ignore")),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def table_name(text: str) -> TableName | None:
    """Return (schema, table) for `schema.table`; a part with a point stands in double quotes. None for other texts."""
    match = _NAME.fullmatch(text)
    if match is None:
        return None
    return (match[1] or match[2]).replace('""', '"'), (match[3] or match[4]).replace('""', '"')


def _wrong(name: str, line: int, text: str) -> UsageError:
    return UsageError(f"{name}, line {line}: {text}", reason="BadMaskingRules")


def _nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` for a misspelt word, else a list of all known words."""
    every = list(known)
    lower = {one.lower(): one for one in every}
    near = difflib.get_close_matches(word.lower(), lower, 1)
    return f"; did you mean {lower[near[0]]}?" if near else f"; there are {', '.join(every)}"


@dataclass(frozen=True)
class _File:
    """A file while it is read."""

    name: str

    def fail(self, node: Node, text: str) -> NoReturn:
        raise _wrong(self.name, node.start_mark.line + 1, text)

    def mapping(self, node: Node, what: str, known: Iterable[str] | None = None) -> dict[str, Node]:
        """Return the entries of a mapping; a key that stands there twice or is unknown is an error."""
        if not isinstance(node, yaml.MappingNode):
            self.fail(node, f"{what} must be a mapping (`name: …`)")
        found: dict[str, Node] = {}
        for key, value in node.value:
            text = self.text(key, f"a name in {what}")
            if text in found:
                self.fail(key, f"{text} stands twice in {what}: keep one")
            if known is not None and text not in known:
                self.fail(key, f"{what} has no {text}{_nearest(text, known)}")
            found[text] = value
        return found

    def text(self, node: Node, what: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            self.fail(node, f"{what} must be a single word or text")
        if "\0" in node.value:
            self.fail(node, f"{what} holds the character NUL, which PostgreSQL does not take: remove it")
        return str(node.value)

    def texts(self, node: Node | None, what: str) -> Iterator[tuple[str, Node]]:
        """Yield the texts of a list, or the one text that stands there instead of a list."""
        if node is None:
            return
        for one in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            yield self.text(one, f"each entry of {what}"), one

    def word(self, node: Node | None, what: str, known: Iterable[str], default: str) -> str:
        if node is None:
            return default
        text = self.text(node, what)
        if text not in known:
            self.fail(node, f"{what} cannot be {text}{_nearest(text, known)}")
        return text

    def table(self, text: str, node: Node) -> TableName:
        name = table_name(text)
        if name is None:
            self.fail(node, f"{text!r} must be schema.table, for example public.users")
        return name

    def tables(self, node: Node | None) -> dict[TableName, dict[str, Rule]]:
        if node is None:
            return {}
        found = {}
        for text, columns in self.mapping(node, "tables").items():
            name = self.table(text, columns)
            rules = self.mapping(columns, f"table {text}")
            found[name] = {column: self.rule(one, f"{text}.{column}") for column, one in rules.items()}
        return found

    def kept(self, node: Node | None) -> Iterator[TableName]:
        for text, value in (self.mapping(node, "extensionTables") if node is not None else {}).items():
            self.word(value, f"extensionTables.{text}", ("Keep",), "Keep")
            yield self.table(text, value)

    def hosts(self, node: Node | None) -> Iterator[str]:
        for text, one in self.texts(node, "leakGate.hosts"):
            if not re.fullmatch(r"[^@*\s]+[.][^@*\s]+", text):
                self.fail(one, f"leakGate.hosts: {text!r} must be a host, for example example.com")
            yield text.lower()

    def presets(self, node: Node | None) -> Iterator[Default]:
        for text, one in self.texts(node, "presets"):
            if text not in PRESETS:
                self.fail(one, f"there is no preset {text}{_nearest(text, PRESETS)}")
            yield from PRESETS[text]

    def defaults(self, node: Node | None) -> Iterator[Default]:
        if node is None:
            return
        if not isinstance(node, yaml.SequenceNode):
            self.fail(node, "defaults must be a list (`- {column: …, rule: …}`)")
        for one in node.value:
            found = self.mapping(one, "an entry of defaults")
            if "column" not in found or "rule" not in found:
                self.fail(one, "an entry of defaults needs `column` and `rule`")
            rest = {name: value for name, value in found.items() if name not in {"column", "type"}}
            column = self.text(found["column"], "column")
            kind = self.text(found["type"], "type") if "type" in found else "*"
            yield Default(column, kind, self._made(one, rest, f"defaults for {column}"))

    def rule(self, node: Node, where: str) -> Rule:
        """Return a rule, which is its name alone or a mapping with `rule` and options."""
        if isinstance(node, yaml.ScalarNode):
            return self._made(node, {"rule": node}, where)
        return self._made(node, self.mapping(node, where), where)

    def _made(self, node: Node, found: Mapping[str, Node], where: str) -> Rule:
        if "rule" not in found:
            self.fail(node, f"{where} needs `rule`")
        name = self._kind(found["rule"], where)
        kind = KINDS[name]
        options = {**kind.options, **(SHARED if kind.is_keyed else {})}
        given: dict[str, Value] = {}
        for key, value in found.items():
            if key == "rule":
                continue
            if key not in options:
                hint = _nearest(key, options) if options else "; it has no options"
                self.fail(value, f"{where}: rule {name} has no option {key}{hint}")
            given[key] = self._value(options[key], value, f"{where}: {key}")
        for key, option in kind.options.items():
            if not option.default and key not in given:
                self.fail(node, f"{where}: rule {name} needs `{key}`: {option.meaning}")
        if str(given.get("domain", "")).startswith(RESERVED):
            self.fail(found["domain"], f"{where}: no domain may begin with {RESERVED!r}")
        if name in _CHECKS:
            _CHECKS[name](self, node, given, where)
        return Rule(name, given, node.start_mark.line + 1)

    def _kind(self, node: Node, where: str) -> str:
        name = self.text(node, "rule")
        if not name:
            self.fail(node, f"{where} has no rule: write one, for example Null or Keep")
        if name not in KINDS:
            self.fail(node, f"{where}: there is no rule {name!r}{_nearest(name, KINDS)}")
        return name

    def _value(self, option: Option, node: Node, what: str) -> Value:
        match option.type:
            case "number":
                text = self.text(node, what)
                if not re.fullmatch(r"-?\d{1,19}", text):
                    self.fail(node, f"{what} must be a whole number, not {text!r}")
                return int(text)
            case "columns":
                return tuple(text for text, _ in self.texts(node, what))
            case "paths":
                return {path: self.rule(one, f"{what}.{path}") for path, one in self.mapping(node, what).items()}
            case _:
                return self.text(node, what)


Check = Callable[[_File, Node, Mapping[str, Value], str], None]


def _within(options: str, least: int, most: int) -> Check:
    def check(file: _File, node: Node, given: Mapping[str, Value], where: str) -> None:
        for option in options.split():
            value = given.get(option, least)
            if isinstance(value, int) and not least <= value <= most:
                file.fail(node, f"{where}: {option} must be {least} to {most}, not {value}")

    return check


def _host(file: _File, node: Node, given: Mapping[str, Value], where: str) -> None:
    host = str(given.get("host", "example.com"))
    if not re.fullmatch(r"[^@/\s]+", host):
        file.fail(node, f"{where}: host must be a host's name, for example example.com, not {host!r}")


def _truncate(file: _File, node: Node, given: Mapping[str, Value], where: str) -> None:
    to = str(given["to"])
    if to not in {"year", "quarter", "month", "week", "day", "hour"} and not re.fullmatch(r"[1-9]\d{0,17}", to):
        file.fail(node, f"{where}: to must be year, quarter, month, week, day, hour, or a whole number, not {to!r}")


def _range(file: _File, node: Node, given: Mapping[str, Value], where: str) -> None:
    least, most = given.get("from", 0), given.get("to", 2**62 - 1)
    if isinstance(least, int) and isinstance(most, int) and not 0 <= most - least < 2**62:
        file.fail(node, f"{where}: from {least} to {most} is no range of at most 2^62 numbers")


def _json(file: _File, node: Node, given: Mapping[str, Value], where: str) -> None:
    if given.get("unlisted", "Fail") not in {"Fail", "Null"}:
        file.fail(node, f"{where}: unlisted must be Fail or Null")
    paths = given["paths"]
    for path, rule in paths.items() if isinstance(paths, Mapping) else ():
        if rule.kind in {"Json", "Sql"}:
            file.fail(node, f"{where}: rule {rule.kind} cannot stand at path {path}")
        if not re.fullmatch(r"[^.\[\]]+(\[\])*(\.[^.\[\]]+(\[\])*)*|(\[\])+(\.[^.\[\]]+(\[\])*)*", path):
            file.fail(
                node, f"{where}: path {path!r} must be names with points, and [] for every element, as items[].name"
            )


_CHECKS: Mapping[str, Check] = {
    "Hash": _within("length", 20, 64),
    "ShiftDate": _within("days", 1, 36_500),
    "Digits": _within("keep", 0, MOST_KEPT),
    "Phone": _within("keep", 0, MOST_KEPT),
    "Partial": _within("first last", 0, MOST_KEPT),
    "Email": _host,
    "Url": _host,
    "Noise": _within("percent", 1, 100),
    "Truncate": _truncate,
    "Integer": _range,
    "Json": _json,
}
