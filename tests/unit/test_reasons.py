"""Every reason that the code writes stands on the page for users, and no other does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from datareplication.core.phases import RunPhase
from datareplication.core.reasons import GROUPS, RUN_PHASES, Reason

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator" / "datareplication"

LISTED = {reason for meanings in GROUPS.values() for reason, _ in meanings}
"""What the page is generated from."""

OTHERS = {"OOMKilled"}
"""Kubernetes' own words that our code spells."""

PLACES = {"Why": 0, "told": 0, "Note": 1, "_drop_left_over": 1, "_condition": 2, "_with_run_conditions": 1, "_ended": 3}
"""Calls that take a reason -> its place among their arguments."""

READERS = {PACKAGE / "core" / path for path in ("metrics.py", "judgement/causes.py", "judgement/health.py")}
"""Modules that only tell one reason from another."""

ONE_WORD = re.compile(r"[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*")


def typed_reasons() -> set[str]:
    return {word for literal in get_args(Reason) for word in get_args(literal) or [literal]}


def words(node: ast.AST) -> Iterator[str]:
    """Yield the single words that stand in an expression."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and ONE_WORD.fullmatch(part.value):
            yield part.value


def of_call(node: ast.Call) -> Iterator[str]:
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    place = PLACES.get(name, len(node.args))
    if place < len(node.args):
        yield from words(node.args[place])
    for keyword in node.keywords:
        if keyword.arg == "reason":
            yield from words(keyword.value)


def written(tree: ast.AST) -> Iterator[str]:
    """Yield the reasons that a module writes: where a call takes one, and in what is declared to be or to hold some."""
    for node in ast.walk(tree):
        match node:
            case ast.Call():
                yield from of_call(node)
            case ast.AnnAssign(annotation=annotation, value=ast.expr() as value) if "Reason" in ast.unparse(annotation):
                yield from words(value)
            case ast.Assign(targets=[ast.Name(id="default_reason" | "reason")], value=value):
                yield from words(value)


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if "reasons" not in path.parts and path not in READERS]


def test_the_table_has_every_reason_of_the_type_and_no_other() -> None:
    assert typed_reasons() == LISTED
    assert set(RUN_PHASES) == set(get_args(RunPhase))


def test_no_reason_stands_in_two_groups() -> None:
    every = [reason for meanings in GROUPS.values() for reason, _ in meanings]
    assert sorted(every) == sorted(set(every))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_writes_only_reasons_that_are_listed(path: Path) -> None:
    assert set(written(ast.parse(path.read_text()))) - LISTED - OTHERS - set(RUN_PHASES) == set()


def test_every_listed_reason_is_spelled_where_it_may_be_written() -> None:
    spelled = {word for path in modules() for word in words(ast.parse(path.read_text()))}
    assert sorted(LISTED - spelled) == []


def test_the_page_has_every_reason() -> None:
    page = (ROOT / "docs" / "reasons.md").read_text()
    assert [reason for reason in sorted(LISTED) if f"- `{reason}` (" not in page] == []


def test_every_meaning_is_a_sentence() -> None:
    for meanings in GROUPS.values():
        for reason, (where, what, remedy) in meanings:
            assert where, reason
            assert what.endswith("."), reason
            assert not remedy or remedy.endswith("."), reason
