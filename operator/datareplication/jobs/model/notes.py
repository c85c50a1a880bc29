"""The texts of the notes that a load leaves on databases. `postgres.notes` says why nobody else can write them."""

CARRIER = "application_name"
"""The setting whose value is the note."""

PREFIX = "datareplication: "


def clone_for(run_uid: str) -> str:
    """Return the note on a clone that is whole, verified and untouched, for the siblings of a run."""
    return f"{PREFIX}whole and untouched, for run {run_uid}"


def loaded_by(run_uid: str) -> str:
    """Return the note on a database that a run has loaded; an empty uid stands for a load by hand."""
    return f"{PREFIX}loaded by run {run_uid}" if run_uid else f"{PREFIX}loaded by hand"


def replaced_by(run_uid: str) -> str:
    """Return the note on a `<db>__previous` that a load has put aside."""
    return f"{PREFIX}replaced by run {run_uid}" if run_uid else f"{PREFIX}replaced by hand"


def rolled_back_by(run_uid: str) -> str:
    """Return the note on a `<db>__previous` that a rollback has put aside."""
    return f"{PREFIX}rolled back by run {run_uid}" if run_uid else f"{PREFIX}rolled back by hand"


def is_note(setting: str) -> bool:
    """Whether a database's setting, `name=value`, is a note, no matter who wrote it."""
    return setting.startswith(f"{CARRIER}={PREFIX}")
