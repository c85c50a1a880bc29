"""The programs' names and version, for PostgreSQL and for what they write."""

LOAD_PROGRAM = "datareplication-load"


def load_application(run_name: str) -> str:
    """Return the application_name of all sessions of a load or a rollback."""
    return application_name(LOAD_PROGRAM, run_name)


def application_name(program: str, run_name: str) -> str:
    """Return a session's application_name; PostgreSQL cuts it at 63 bytes."""
    return f"{program}/{run_name}".strip("/")[:63]


def tool_version() -> str:
    """Return this package's version, `unknown` when run from a checkout."""
    import importlib.metadata  # noqa: PLC0415 - the import takes 20 ms, and only some programs need it

    try:
        return importlib.metadata.version("datareplication-operator")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
