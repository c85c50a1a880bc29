"""Paths into JSON as a tree, so that each object and array is walked once. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from datareplication.jobs.model.masking.rules import Rule

ITEMS = "[]"


@dataclass
class Branch:
    """A place in a document: a rule for the value there, or more branches."""

    rule: Rule | None = None
    fields: dict[str, "Branch"] = field(default_factory=dict)
    items: "Branch | None" = None


def steps(path: str) -> list[str]:
    """Return the steps of a path such as `people[].name`: names, and `[]` for every element."""
    found = []
    for part in path.split("."):
        name = part.rstrip("[]")
        found += [name] if name else []
        found += [ITEMS] * part.count(ITEMS)
    return found


def tree(paths: Mapping[str, Rule]) -> Branch:
    """Return the tree of these paths. If one path leads below another, only the outer path's rule counts."""
    root = Branch()
    for path, rule in paths.items():
        here = root
        for step in steps(path):
            if step == ITEMS:
                here.items = here.items or Branch()
                here = here.items
            else:
                here = here.fields.setdefault(step, Branch())
        here.rule = rule
    return root
