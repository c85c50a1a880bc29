"""What the documents name and show is so: tests, pages, anchors, commands, resources; they fit into 120 columns."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from datareplication.core import crd, spec
from datareplication.core.run import RunSpec

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(?P<file>…|[a-z_/]+\.py)(?:::(?P<test>test_[a-z0-9_]+))?`")

DOCUMENTS = sorted(
    (*ROOT.glob("*.md"), *(page for folder in ("docs", "helm", "manifests") for page in (ROOT / folder).rglob("*.md")))
)
LONGEST_LINE = 120

FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[[^\]]+\]\((?!\w+:)(?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
RESOURCE = re.compile(r"^apiVersion: datareplication\.dev/.*?(?=^(?:YAML|```)$)", re.MULTILINE | re.DOTALL)
LISTED = re.compile(r"^NAME +SCHEDULE .*$", re.MULTILINE)
COMMAND = re.compile(r"^(?:\w+=\S+ )*make ((?:[a-z][a-z0-9-]*(?: |$))+)")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


every_document = pytest.mark.parametrize("page", DOCUMENTS, ids=name_of)


@every_document
def test_every_link_leads_to_a_page_and_a_heading_that_are_there(page: Path) -> None:
    broken = [link for link, target, anchor in links(page) if not is_reached(target, anchor)]
    assert broken == []


def links(page: Path) -> Iterator[tuple[str, Path, str]]:
    """Yield every relative link: as written, the file it leads to, and its anchor or empty text."""
    for match in LINK.finditer(FENCE.sub("", page.read_text())):
        target = (page.parent / match["path"]).resolve() if match["path"] else page
        yield match[0], target, match["anchor"] or ""


def is_reached(target: Path, anchor: str) -> bool:
    if not target.exists():
        return False
    return not anchor or anchor in anchors(target.read_text())


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives a page's headings."""
    headings = (match[1].lower() for match in HEADING.finditer(FENCE.sub("", text)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def test_headings_become_anchors_as_on_github() -> None:
    text = "# A `b`, and C\n```\n# no heading\n```\n## what's_new: 2-1\n"
    assert anchors(text) == {"a-b-and-c", "whats_new-2-1"}


@every_document
def test_no_line_is_longer_than_a_screen(page: Path) -> None:
    lines = enumerate(page.read_text().splitlines(), start=1)
    assert [number for number, line in lines if len(line) > LONGEST_LINE] == []


def test_every_target_of_make_that_a_document_names_is_there() -> None:
    there = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {(name_of(page), target) for page in DOCUMENTS for target in targets_of_make(page.read_text())}
    assert len(named) > 40
    assert sorted((page, target) for page, target in named if target not in there) == []


def targets_of_make(text: str) -> Iterator[str]:
    """Yield the targets of every command `make …` in a page's code."""
    lines = (line.strip() for fence in FENCE.findall(text) for line in fence.splitlines())
    spans = (" ".join(span.split()) for span in SPAN.findall(FENCE.sub("", text)))
    for code in (*lines, *spans):
        if match := COMMAND.match(code):
            yield from match[1].split()


def test_commands_are_found_in_spans_and_fences_with_all_their_targets() -> None:
    text = (
        'Run `make lint\nunit`, not make sense:\n```sh\nA=1 make bench-x   # make y\nmake z ARGUMENTS="--seed 1"\n```\n'
    )
    assert sorted(targets_of_make(text)) == ["bench-x", "lint", "unit", "z"]


def test_resources_that_documents_show_are_accepted() -> None:
    shown = [yaml.safe_load(text) for page in DOCUMENTS for text in RESOURCE.findall(page.read_text())]
    accept: dict[str, Callable[[Any], object]] = {
        "DataReplication": spec.parse,
        "DataReplicationRun": RunSpec.model_validate,
    }
    for resource in shown:
        accept[resource["kind"]](resource["spec"])
    assert {resource["kind"] for resource in shown} == set(accept)


def test_what_kubectl_get_is_shown_to_answer_has_the_columns_of_the_crd() -> None:
    columns = ["NAME", *(one["name"].upper() for one in crd.REPLICATION_COLUMNS if "priority" not in one)]
    headers = [header for page in DOCUMENTS for header in LISTED.findall(page.read_text())]
    assert [re.split(r" {2,}", header) for header in headers] == [columns] * 2


def test_every_test_that_the_page_on_security_names_is_there() -> None:
    found, file = [], ""
    for match in NAMED.finditer((ROOT / "docs" / "security.md").read_text()):
        file = file if match["file"] == "…" else match["file"]
        found.append((file, match["test"]))
    assert len(found) > 25
    missing = [f"{file}::{test}" for file, test in found if not _is_there(ROOT / "tests" / file, test)]
    assert missing == []


def _is_there(path: Path, test: str | None) -> bool:
    if not path.is_file():
        return False
    names = {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return any(name.startswith("test_") for name in names) if test is None else test in names
