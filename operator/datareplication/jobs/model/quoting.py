"""Names as SQL has them."""


def quoted(*names: str) -> str:
    """Return a name, qualified if there are several, as an identifier in double quotes: all in them is literal."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)
