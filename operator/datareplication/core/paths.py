"""Where a run's snapshot is on the volume: `<name>/<run>/<path>` with the placeholders filled in."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

from datareplication.core.run import Run

SNAPSHOTS_MOUNT = "/snapshots"
"""Where a Job's pod mounts the volume."""

DATE_FORMATS = {"Daily": "%Y%m%d", "Hourly": "%Y%m%d%H", "Monthly": "%Y%m"}
DS_FORMATS = {"Daily": "%Y-%m-%d", "Hourly": "%Y-%m-%dT%H", "Monthly": "%Y-%m"}
INSTANT_FORMAT = "%Y%m%dT%H%M%SZ"
"""Format of placeholders for an instant. It has no colon, so that the path is valid on every file system."""


def snapshot_path(run: Run) -> str:
    """Return the path of the run's snapshot below the volume's root; empty for a rollback, which has none."""
    if run.is_rollback:
        return ""
    if run.request.snapshot:
        return run.request.snapshot
    return f"{run.request.replication_name}/{run.name}/{run.spec.snapshot.path.format(**placeholders(run))}"


def in_use(runs: Iterable[Run]) -> tuple[str, ...]:
    """Return the run directories below `<name>` that open runs write or read; `runs` are of one DataReplication."""
    directories = {directory for run in runs if not run.is_finished and (directory := _run_directory(run))}
    return tuple(sorted(directories))


def _run_directory(run: Run) -> str | None:
    """Return the directory of the snapshot that a run uses, None when that is another DataReplication's."""
    if not run.request.snapshot:
        return run.name
    name, *below = PurePosixPath(run.request.snapshot).parts
    return below[0] if below and name == run.request.replication_name else None


def placeholders(run: Run) -> dict[str, str]:
    """Return each placeholder's value.

    `date` is the slot's local day (hour, month by partitioning), the day on which the snapshot is taken; `ds`,
    `ds_nodash` and `execution_date` have Airflow's meaning, the start of the data interval.
    """
    schedule = run.spec.schedule
    interval = run.request.data_interval
    end = interval.end if interval else run.created
    start = interval.start if interval else end
    moment = run.request.slot or end
    zone = ZoneInfo(schedule.time_zone if schedule else "Etc/UTC")
    partitioning = schedule.partitioning if schedule else "Daily"
    return {
        "date": moment.astimezone(zone).strftime(DATE_FORMATS[partitioning]),
        "ds": start.astimezone(zone).strftime(DS_FORMATS[partitioning]),
        "ds_nodash": start.astimezone(zone).strftime(DATE_FORMATS[partitioning]),
        "execution_date": _instant(start),
        "data_interval_start": _instant(start),
        "data_interval_end": _instant(end),
        "run": run.name,
    }


def _instant(moment: datetime) -> str:
    return moment.astimezone(ZoneInfo("Etc/UTC")).strftime(INSTANT_FORMAT)
