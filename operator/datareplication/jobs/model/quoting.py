"""Names in SQL."""


def quoted(*names: str) -> str:
    """Return names as one identifier in double quotes, qualified if there are several; all characters are literal."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)
