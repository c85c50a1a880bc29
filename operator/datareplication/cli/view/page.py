"""What is shown, before anybody decides how: cells with a tone, lines, tables. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from datareplication.core import plain

Tone = Literal["", "good", "bad", "warn", "dim", "strong"]

CELL_LIMIT = 4096


@dataclass(frozen=True)
class Cell:
    """A piece of text. Strangers choose names and messages, so a cell holds one line of visible characters."""

    text: str
    tone: Tone = ""

    def __post_init__(self) -> None:
        """Clean the text."""
        object.__setattr__(self, "text", plain.text(self.text, CELL_LIMIT))


@dataclass(frozen=True)
class Line:
    """Pieces of one line."""

    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Rows under a head; without a head a list of facts. numbers: columns that are aligned to the right."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: tuple[int, ...] = ()


Block = Line | Table
Page = tuple[Block, ...]

BLANK = Line(())

TONES: dict[str, Tone] = {
    "Succeeded": "good",
    "PartiallyFailed": "warn",
    "Failed": "bad",
    "Invalid": "bad",
    "Replaced": "warn",
    "Retrying": "warn",
    "Suspended": "dim",
    "Completed": "dim",
}
"""Phase -> tone; what runs or waits has none."""


def line(*parts: str | Cell) -> Line:
    """Return a line of texts and cells."""
    return Line(tuple(part if isinstance(part, Cell) else Cell(part) for part in parts))


def phase(word: str) -> Cell:
    """Return a phase in its tone."""
    return Cell(word or "-", TONES.get(word, ""))


def facts(pairs: Iterable[tuple[str, str | Cell]]) -> Table:
    """Return a list of facts; those without text are left out."""
    cells = [(Cell(name, "dim"), value if isinstance(value, Cell) else Cell(value)) for name, value in pairs]
    return Table((), tuple(row for row in cells if row[1].text))


def table(head: str, rows: Iterable[Iterable[str | Cell]], numbers: tuple[int, ...] = ()) -> Table:
    """Return a table; `head` has a name for each column, apart by two blanks; a cell without text becomes `-`."""
    made = tuple(tuple(_filled(cell) for cell in row) for row in rows)
    return Table(tuple(head.split("  ")), made, numbers)


def _filled(cell: str | Cell) -> Cell:
    made = cell if isinstance(cell, Cell) else Cell(cell)
    return made if made.text else Cell("-")
