"""Bytes as people read them."""

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def readable(size: int) -> str:
    """Return a number of bytes with a binary unit: `512 B`, `1.5 GiB`."""
    amount, unit = float(size), 0
    while round(amount, 1) >= 1024 and unit < len(UNITS) - 1:  # noqa: PLR2004 - the units' own
        amount, unit = amount / 1024, unit + 1
    return f"{size} B" if unit == 0 else f"{amount:.1f} {UNITS[unit]}"
