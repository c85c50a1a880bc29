"""What a viewer asks for: the address's query -> `Query`, and back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from datareplication.core import plain
from datareplication.core.judgement.facts import Replication
from datareplication.core.judgement.health import STATES, State

TEXT_LIMIT = 100
LAST_PAGE = 100_000


@dataclass(frozen=True, slots=True)
class Query:
    """Which DataReplications to show. Empty fields leave nothing out."""

    namespace: str = ""
    state: State | None = None
    text: str = ""
    page: int = 1
    reloads: bool = True
    """Whether the page reloads itself."""

    def matches(self, one: Replication) -> bool:
        """Whether a DataReplication is in the namespace and has all words of the text."""
        if self.namespace and one.namespace != self.namespace:
            return False
        if not self.text:
            return True
        targets = (target.name for target in one.targets)
        whole = "\n".join((one.namespace, one.name, one.description, *one.tags, *targets)).casefold()
        return all(word in whole for word in self.text.casefold().split())

    def address(self, **changes: Any) -> str:
        """Return the query's part of an address, with some fields changed; another filter begins at page 1."""
        if "page" not in changes and changes.keys() & {"namespace", "state", "text"}:
            changes["page"] = 1
        new = replace(self, **changes)
        fields = {
            "namespace": new.namespace,
            "state": new.state or "",
            "text": new.text,
            "page": str(new.page) if new.page > 1 else "",
            "reload": "" if new.reloads else "off",
        }
        return "?" + urlencode({name: value for name, value in fields.items() if value})


def read(fields: Mapping[str, str]) -> Query:
    """Return the query of an address. What cannot be read counts as not given."""
    state, page = fields.get("state", ""), fields.get("page", "")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 10 else 1  # noqa: PLR2004 - far enough
    return Query(
        namespace=plain.text(fields.get("namespace", ""), TEXT_LIMIT).strip(),
        state=next((known for known in STATES if known == state), None),
        text=plain.text(fields.get("text", ""), TEXT_LIMIT).strip(),
        page=min(max(1, number), LAST_PAGE),
        reloads=fields.get("reload") != "off",
    )
