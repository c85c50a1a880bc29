"""What the programs call themselves: to PostgreSQL, and in what they leave behind."""

LOAD_PROGRAM = "datareplication-load"


def load_application(run_name: str) -> str:
    """Return what every session of a load or a rollback calls itself."""
    return application_name(LOAD_PROGRAM, run_name)


def application_name(program: str, run_name: str) -> str:
    """Return what a session calls itself; PostgreSQL cuts it at 63 bytes."""
    return f"{program}/{run_name}".strip("/")[:63]


def tool_version() -> str:
    """Return this package's version, `unknown` when run from a checkout."""
    import importlib.metadata  # noqa: PLC0415 - it takes 20 ms, and only a dump asks

    try:
        return importlib.metadata.version("datareplication-operator")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
