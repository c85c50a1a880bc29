"""`report`: what a bundle holds, as files without credentials. Pure."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datareplication.cli.view import redaction
from datareplication.cli.view.page import Page, line
from datareplication.core import plain

LOG_LINES = 2000
LINE_LIMIT = 65_536

README = """\
A report about DataReplications, made by `kubectl datareplication report` at {time}.

What looks like a credential is replaced by {mask}: values of environment variables, annotations that are not the
operator's or Kubernetes' own, passwords in URLs, tokens. Secrets and ConfigMaps were not read. Names of hosts,
databases and tables are in it: look through it before you give it away.

Not read:
{missing}

Files:
{files}
"""


@dataclass(frozen=True)
class Entry:
    """One file of a bundle."""

    path: str
    text: str


def objects(kind: str, found: Iterable[Mapping[str, Any]]) -> Entry:
    """Return the objects of a kind."""
    listed = [redaction.redacted(one) for one in found]
    return Entry(f"{kind}.json", json.dumps(listed, indent=2) + "\n")


def log(folder: str, name: str, lines: Iterable[str]) -> Entry:
    """Return a log, line by line: a line is at most some kilobytes long, and holds no control characters."""
    found = redaction.lines(line[:LINE_LIMIT] for line in lines)
    text = "".join(f"{plain.text(line, LINE_LIMIT)}\n" for line in found)
    return Entry(f"{folder}/{_NO_FILE_NAME.sub('_', name)}.log", text)


_NO_FILE_NAME = re.compile(r"^\.|[^A-Za-z0-9.-]")
"""What no pod's name has. An API server that says otherwise must not choose where a file is written."""


def shown(name: str, text: str) -> Entry:
    """Return what a command of the plugin shows."""
    return Entry(f"{name}.txt", redaction.text(text))


def readme(entries: Sequence[Entry], missing: Sequence[str], time: str) -> Entry:
    """Return what the bundle holds, and what could not be read."""
    files = "\n".join(f"  {entry.path}" for entry in entries)
    told = "\n".join(f"  {redaction.text(plain.text(one, 500))}" for one in missing) or "  nothing: all of it was read"
    return Entry("README.txt", README.format(time=time, mask=redaction.MASK, missing=told, files=files))


def are_ours(events: Iterable[Mapping[str, Any]], names: Iterable[str]) -> list[Mapping[str, Any]]:
    """Return the Events about objects of these names."""
    wanted = set(names)
    return [event for event in events if (event.get("involvedObject") or {}).get("name") in wanted]


def told(path: str, count: int, missing: Sequence[str]) -> Page:
    """Return what was written, and what could not be read."""
    written = line(f"{path}: {count} files; look through it before you give it away")
    return (written, *(line(f"not read: {one}") for one in missing))


def without_operator(namespace: str) -> str:
    """Return that the operator was not found."""
    return f"the operator: it has no pod in namespace {namespace}; give --operator-namespace"
