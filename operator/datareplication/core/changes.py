"""A change of a run's status, as the reporter's sinks get it: (run, new status) -> `RunChange`. Pure."""

from dataclasses import dataclass

from datareplication.core import state
from datareplication.core.run import Run
from datareplication.core.state import RunStatus


@dataclass(frozen=True)
class RunChange:
    """A run's last written status and its new one. is_first: no status was written before."""

    run: Run
    old: RunStatus
    new: RunStatus
    is_first: bool

    @property
    def has_ended(self) -> bool:
        """Whether the run ends with this change; that happens once."""
        return self.new.completion_time is not None and self.old.completion_time is None

    @property
    def has_new_phase(self) -> bool:
        """Whether the phase has changed, or is the first one."""
        return self.is_first or self.new.phase != self.old.phase


def change(run: Run, new: RunStatus) -> RunChange | None:
    """Return what a new status changes; None when the API already holds the same status."""
    written = run.raw.get("status") or {}
    if state.to_raw(new) == written:
        return None
    return RunChange(run, state.read_status(RunStatus, run.raw), new, is_first=not written)
