"""Where pages become text: colours and bars on a terminal, plain lines elsewhere. The only module that imports rich.

Text is given to rich as Text, never as markup, and its cells are clean already (`view/page.py`).
"""

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table as RichTable
from rich.text import Text

from datareplication.cli.view.page import Block, Cell, Line, Page, Table, Tone
from datareplication.cli.view.progress import Bar

STYLES: dict[Tone, str] = {
    "": "",
    "good": "green",
    "bad": "red",
    "warn": "yellow",
    "dim": "dim",
    "strong": "bold",
}

UNLIMITED = 200_000
"""Columns where there is no terminal: lines are never broken there."""

BAR_WIDTH = 20


class Screen:
    """Standard output; with `console` another place, for pictures and tests."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or _console()

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks on."""
        return self._console.is_terminal

    def show(self, page: Page) -> None:
        """Show a page."""
        if self.is_terminal:
            for block in page:
                self._console.print(rendered(block))
            return
        with self._console.capture() as captured:
            for block in page:
                self._console.print(rendered(block))
        self.write("\n".join(line.rstrip() for line in captured.get().splitlines()))

    def write(self, text: str) -> None:
        """Write lines as they are, at once."""
        self._console.file.write(f"{text}\n")
        self._console.file.flush()

    def data(self, value: Any) -> None:
        """Write a value for programs; whatever is not ASCII is escaped."""
        self.write(json.dumps(value, indent=2))

    @contextmanager
    def live(self, look: Callable[[], tuple[Line, tuple[Bar, ...]]]) -> Iterator[None]:
        """Show what `look` returns four times a second for the duration of a block."""
        with Live(get_renderable=lambda: moving(*look()), console=self._console, refresh_per_second=4):
            yield


def _console(file: TextIO | None = None) -> Console:
    """Return a console that takes text as it is; None for standard output."""
    console = Console(file=file, markup=False, highlight=False, emoji=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = UNLIMITED
    return console


def on_paper(page: Page) -> str:
    """Return a page as plain lines."""
    written = io.StringIO()
    Screen(_console(written)).show(page)
    return written.getvalue()


def complain(text: str) -> None:
    """Write one line to standard error."""
    if sys.stderr is not None:
        sys.stderr.write(f"{Cell(text).text}\n")
        sys.stderr.flush()


def rendered(block: Block) -> Text | RichTable:
    """Return a block for rich."""
    return _line(block) if isinstance(block, Line) else _table(block)


def _line(line: Line) -> Text:
    return Text.assemble(*((cell.text, STYLES[cell.tone]) for cell in line.cells))


def _table(table: Table) -> RichTable:
    made = RichTable(box=None, show_header=bool(table.head), pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    columns = len(table.head) or max((len(row) for row in table.rows), default=0)
    for place in range(columns):
        head = Text(table.head[place]) if table.head else ""
        made.add_column(head, justify="right" if place in table.numbers else "left", overflow="fold")
    for row in table.rows:
        made.add_row(*(Text(cell.text, STYLES[cell.tone]) for cell in row))
    return made


def moving(title: Line, bars: tuple[Bar, ...]) -> Group:
    """Return a run with its bars for rich."""
    grid = RichTable.grid(padding=(0, 2, 0, 0), expand=True)
    for ratio in (None, None, None, 1):  # the last column gets the room that the others leave, and is cut there
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=ratio)
    for bar in bars:
        grid.add_row(_text(bar.name, "strong"), _bar(bar), _text(bar.phase, bar.tone), _text(bar.text))
    return Group(_line(title), grid)


def _text(text: str, tone: Tone = "") -> Text:
    return Text(Cell(text).text, STYLES[tone])


def _bar(bar: Bar) -> ProgressBar:
    is_unknown = bar.fraction is None
    return ProgressBar(
        100,
        (bar.fraction or 0.0) * 100,
        width=BAR_WIDTH,
        pulse=is_unknown,
        style=STYLES["bad"] if bar.tone == "bad" else "bar.back",
        complete_style="cyan",  # rich's own looks like a failure
        finished_style=STYLES["good"],
        pulse_style="cyan",
    )
