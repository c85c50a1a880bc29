"""Pictures of the plugin in a terminal, for docs: what its own code draws, recorded by rich as SVG.

`make pictures-terminal` writes them; a test compares them with what the code draws now.
"""

import io
import re
from collections.abc import Callable
from pathlib import Path

from rich.console import Console, Group
from rich.terminal_theme import MONOKAI

from datareplication.cli.screen import moving, rendered
from datareplication.cli.session import READER
from datareplication.cli.view import overview, progress, starting
from datareplication.cli.view.page import Cell, line
from datareplication.cli.view.starting import Wish
from support import plugin
from support.plugin import NOW

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
COLUMNS = 112
WEB_FONT = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def status(console: Console) -> None:
    """Draw `status prod-fanout`."""
    for block in overview.one(plugin.the_replication(), NOW):
        console.print(rendered(block))


def run(console: Console) -> None:
    """Draw `run prod-fanout --wait` while targets are loaded: one has failed, one is done, one is at work."""
    qa = plugin.step("Failed", name="qa", reason="TargetInUse", message=plugin.HELD)
    state = plugin.by_hand(4.1, "Loading", plugin.done(131), plugin.moving(0.62))
    state["status"]["targets"] += [{**plugin.done(98), "name": "staging"}, qa]
    found = READER.run(state)
    for block in starting.page(plugin.the_replication().one, found, Wish("Replicate", ()), is_waiting=True):
        console.print(rendered(block))
    console.print(moving(progress.title(found, NOW), progress.bars(found, NOW)))


PICTURES: dict[str, tuple[str, Callable[[Console], None]]] = {
    "terminal-status.svg": ("kubectl datareplication status prod-fanout", status),
    "terminal-run.svg": ("kubectl datareplication run prod-fanout --wait", run),
}


def drawn(name: str) -> str:
    """Return a picture. It refers to no other file, and so not to the font that rich would fetch."""
    command, draw = PICTURES[name]
    console = Console(
        file=io.StringIO(), record=True, force_terminal=True, color_system="truecolor", width=COLUMNS,
        markup=False, highlight=False, emoji=False, _environ={},
    )  # fmt: skip
    console.print(Group(*[rendered(line(Cell(f"$ {command}", "dim"))), ""]))
    draw(console)
    svg = console.export_svg(title=command, theme=MONOKAI, unique_id=name.partition(".")[0])
    return WEB_FONT.sub("", svg)


def main() -> None:
    """Write all pictures."""
    FOLDER.mkdir(exist_ok=True)
    for name in PICTURES:
        (FOLDER / name).write_text(drawn(name), encoding="utf-8")


if __name__ == "__main__":
    main()
