"""What a spec may say: faults are named by field, defaults are filled, nothing else escapes."""

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datareplication.core import spec
from datareplication.errors import SpecError
from support.samples import MINIMAL


def changed(path: str, value: Any) -> dict[str, Any]:
    """MINIMAL with the field at `path` set."""
    result = copy.deepcopy(MINIMAL)
    *parents, last = path.split(".")
    place: Any = result
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
    place[int(last) if isinstance(place, list) else last] = value
    return result


def test_defaults_are_those_of_the_design() -> None:
    parsed = spec.parse(MINIMAL)
    assert parsed.timeout_seconds == 21_600
    assert (parsed.retry_policy.retries, parsed.retry_policy.delay_seconds) == (2, 300)
    assert (parsed.history.successful, parsed.history.failed) == (3, 3)
    assert (parsed.source.port, parsed.source.ssl_mode) == (5432, "verify-full")
    assert parsed.source.credentials_secret_ref.username_key == "username"
    assert (parsed.snapshot.path, parsed.snapshot.compression) == ("prod_snapshot_{date}", "Zstd")
    assert (parsed.dump.workers, parsed.targets[0].workers) == (4, 2)
    assert (parsed.targets[0].strategy, parsed.targets[0].overwrite) == ("Swap", "OnlyManaged")
    assert parsed.freshness_seconds == 93_600


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("schedule.cron", "every day", "spec.schedule.cron: String should match"),
        (
            "schedule",
            {"cron": "@daily", "timeZone": "Mars/Olympus"},
            "spec.schedule.timeZone: unknown time zone 'Mars/Olympus'",
        ),
        ("schedule", {"cron": "@daily", "timeZone": "../../etc/passwd"}, "spec.schedule.timeZone"),
        ("source.tables", {"exclude": ["audit"]}, "spec.source.tables.exclude[0]: String should match"),
        ("source.tables", {"include": [".log"]}, "spec.source.tables.include[0]: String should match"),
        ("source.tables", {"schemaOnly": ["audit."]}, "spec.source.tables.schemaOnly[0]: String should match"),
        ("snapshot.path", "/etc/{date}", "spec.snapshot.path: String should match"),
        ("snapshot.path", "a/../../b", "spec.snapshot.path: must not hold . or .."),
        ("snapshot.path", "x_{today}", "spec.snapshot.path: unknown placeholder {today}"),
        ("targets", [], "spec.targets: List should have at least 1 item"),
        ("targets.0.name", "Dev_1", "spec.targets[0].name: String should match"),
        ("targets.0.port", 70_000, "spec.targets[0].port: Input should be less than or equal to 65535"),
        ("targets.0.host", "a,b", "spec.targets[0].host: String should match"),
        ("source.password", "secret", "spec.source.password: Extra inputs are not permitted"),
        ("retryPolicy.retries", -1, "spec.retryPolicy.retries: Input should be greater than or equal to 0"),
        ("timeoutSeconds", None, "spec.timeoutSeconds: Input should be a valid integer"),
    ],
)
def test_fault_is_named_by_its_field(path: str, value: Any, message: str) -> None:
    with pytest.raises(SpecError) as raised:
        spec.parse(changed(path, value))
    assert raised.value.message.startswith(message)


def test_two_targets_of_one_name_are_refused() -> None:
    with pytest.raises(SpecError, match="duplicate target name 'dev'"):
        spec.parse({**MINIMAL, "targets": MINIMAL["targets"] * 2})


def test_value_of_a_wrong_field_is_not_repeated_in_the_message() -> None:
    with pytest.raises(SpecError) as raised:
        spec.parse(changed("source.password", "hunter2-canary"))
    assert "hunter2-canary" not in raised.value.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
PATHS = st.sampled_from(
    [
        "schedule",
        "schedule.cron",
        "source",
        "source.host",
        "snapshot",
        "snapshot.path",
        "targets",
        "targets.0",
        "dump",
        "tags",
    ]
)


@settings(max_examples=300, deadline=None)
@given(path=PATHS, value=JSON)
def test_any_value_in_any_place_parses_or_raises_spec_error(path: str, value: Any) -> None:
    with contextlib.suppress(SpecError):
        spec.parse(changed(path, value))
