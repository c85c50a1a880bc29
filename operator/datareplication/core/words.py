"""Names in another spelling."""


def camel(name: str) -> str:
    """Return a Python name in the spelling of the resources and of JSON: `rows_done` -> `rowsDone`."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
