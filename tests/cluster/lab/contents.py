"""What a database holds: rows and a content checksum per table, to compare source and targets."""

from collections.abc import Collection
from dataclasses import dataclass

from harness.images import CHECKOUT
from lab.databases import Server

QUERY = CHECKOUT / "tests" / "demo" / "content.sql"


@dataclass(frozen=True)
class Content:
    """Rows of a table and a checksum of their text that does not depend on their order."""

    rows: int
    checksum: str


def read(server: Server, database: str = "app", left_out: Collection[str] = ()) -> dict[str, Content]:
    """Return the content of every table of a database. left_out: columns (`schema.table.column`) that do not count."""
    found = {}
    for line in server.psql(QUERY.read_text(), database, left_out=f"{{{','.join(left_out)}}}").splitlines():
        name, rows, checksum = line.rsplit("|", 2)
        found[name] = Content(int(rows), checksum)
    return found


def table(
    source: dict[str, Content], targets: dict[str, dict[str, Content]], masked: Collection[str] = ()
) -> tuple[list[str], bool]:
    """Return the lines that put source and targets side by side, and whether all are equal. masked: tables in part."""
    width = max(map(len, source), default=10)
    header = f"{'table':<{width}}  {'rows':>9}  {'checksum':<12}  " + "  ".join(f"{name:<8}" for name in targets)
    lines = [header, "-" * len(header)]
    is_equal = bool(source) and all(target.keys() == source.keys() for target in targets.values())
    for name, content in sorted(source.items()):
        cells = []
        for target in targets.values():
            same = target.get(name) == content
            is_equal = is_equal and same
            word = "masked" if name in masked else "equal"
            cells.append(f"{word if same else 'DIFFERS':<8}")
        lines.append(f"{name:<{width}}  {content.rows:>9,}  {content.checksum[-12:]:<12}  " + "  ".join(cells))
    return lines, is_equal
