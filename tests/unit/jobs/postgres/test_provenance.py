"""A target's owner can forge its provenance: it is used only if a load can have written it."""

import csv
import io
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datareplication.core import times
from datareplication.jobs.model import ranges
from datareplication.jobs.model.provenance import Provenance
from datareplication.jobs.postgres import provenance

OURS = Provenance(
    source_system_identifier="1000",
    source_database="app",
    snapshot_time="2024-01-01T00:00:00.5Z",
    lsn="0/16B3748",
    run_uid="u",
    run_name="r",
    replication="prod",
    target_system_identifier="2000",
    target_database="app",
    previous_database=55,
    schema_fingerprint="f",
    tool_version="v",
    duration_seconds=1.5,
    loaded_by_run_uid="u",
    snapshot="/snapshots/prod/run/x",
    tables=1,
    rows=2,
    bytes=3,
    masking_rules="",
)


def text_of(values: dict[str, Any], loaded_at: str = "2024-01-02 00:00:00+00") -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow([*values.values(), loaded_at])
    return text.getvalue().encode()


def read(values: dict[str, Any]) -> Provenance | None:
    return provenance._last(list(values), text_of(values))


def test_what_a_load_wrote_is_read() -> None:
    assert read(asdict(OURS)) == OURS
    longest = replace(OURS, run_name='"\n' * (ranges.LONGEST // 2), snapshot="/" * 4096)
    assert read(asdict(longest)) == longest


def test_the_latest_row_counts() -> None:
    later = text_of({**asdict(OURS), "rows": 9}, "2024-01-03 00:00:00+00")
    found = provenance._last(list(asdict(OURS)), later + text_of(asdict(OURS)))
    assert found == replace(OURS, rows=9)


@pytest.mark.parametrize(
    "change",
    [
        {"snapshot_time": "x" * 200_000},
        {"snapshot_time": "nonsense"},
        {"snapshot_time": "2024-13-45T00:00:00Z"},
        {"snapshot_time": times.to_text(datetime.now(UTC) + timedelta(days=3))},
        {"lsn": "here"},
        {"run_name": "y" * (ranges.LONGEST + 1)},
        {"snapshot": "/" * 5000},
        {"tables": -1},
        {"rows": 2**63},
        {"rows": "many"},
        {"duration_seconds": "NaN"},
        {"duration_seconds": "Infinity"},
    ],
    ids=lambda change: " ".join(f"{name} {value!s:.30}" for name, value in change.items()),
)
def test_what_no_load_writes_is_not_told(change: dict[str, Any]) -> None:
    assert read({**asdict(OURS), **change}) is None


def test_what_is_no_text_is_not_told() -> None:
    assert provenance._last(list(asdict(OURS)), b"\xff\n") is None
    assert provenance._last(list(asdict(OURS)), b"a\rb\n") is None
    assert provenance._last(list(asdict(OURS)), b"") is None
