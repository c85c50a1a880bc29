"""Text for people: lines that are safe to show on a terminal, and rows aligned as a table. Pure."""

from collections.abc import Collection, Sequence


def shown(text: str) -> str:
    """Return a text as part of a line: characters that steer a terminal or begin a new line are escaped."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def aligned(rows: Sequence[Sequence[str]], numbers: Collection[int] = ()) -> list[str]:
    """Return a line for each row, with columns of equal width. numbers: the columns that are aligned to the right."""
    safe = [[shown(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*safe, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place in numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in safe
    ]
