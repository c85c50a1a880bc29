"""Words of ours in another spelling."""


def camel(name: str) -> str:
    """Return a name of Python's as the resources and JSON have it: `rows_done` -> `rowsDone`."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
