"""Probes: what a restart mends makes a process unwell, what it does not mend only makes it wait."""

from dataclasses import replace

import pytest

from datareplication.core import health
from datareplication.core.health import Pulse

WELL = Pulse(election=1.0, lease_read=1.0)
LEADS = replace(WELL, resync=30.0, waiting=2.0, idle=1.0, is_leading=True, has_looked=True)


@pytest.mark.parametrize(
    ("pulse", "words"),
    [
        pytest.param(WELL, [], id="waits for the lease"),
        pytest.param(LEADS, [], id="leads"),
        pytest.param(replace(WELL, election=61.0), ["the election has not moved"], id="the event loop stands"),
        pytest.param(replace(LEADS, resync=301.0), ["no resync for 5m1s"], id="blind"),
        pytest.param(replace(LEADS, waiting=400.0), [], id="much to do, and it is being done"),
        pytest.param(replace(LEADS, waiting=400.0, idle=301.0), ["no worker ended for 5m1s"], id="workers hang"),
        pytest.param(replace(WELL, lease_read=600.0), [], id="the API is away: a restart does not mend that"),
    ],
)
def test_liveness(pulse: Pulse, words: list[str]) -> None:
    faults = health.faults(pulse, lease_seconds=12.0, resync_seconds=60.0)
    assert len(faults) == len(words)
    assert all(word in fault for word, fault in zip(words, faults, strict=True))


@pytest.mark.parametrize(
    ("pulse", "is_ready"),
    [
        pytest.param(WELL, True, id="a standby is ready to take over"),
        pytest.param(LEADS, True, id="leads"),
        pytest.param(replace(LEADS, has_looked=False), False, id="has not looked at everything yet"),
        pytest.param(replace(WELL, lease_read=13.0), False, id="the API is away"),
    ],
)
def test_readiness(pulse: Pulse, *, is_ready: bool) -> None:
    assert (health.shortcomings(pulse, lease_seconds=12.0) == ()) == is_ready


@pytest.mark.parametrize(
    ("asked", "refused", "unanswered", "expected"),
    [
        pytest.param(2, 0, 0, True, id="all were looked at"),
        pytest.param(2, 0, 1, True, id="one was looked at"),
        pytest.param(2, 2, 0, True, id="all were refused, which no restart mends"),
        pytest.param(2, 1, 1, False, id="none was looked at, and one did not answer"),
        pytest.param(1, 0, 1, False, id="no answer at all"),
    ],
)
def test_whether_a_resync_has_done_its_part(asked: int, refused: int, unanswered: int, *, expected: bool) -> None:
    assert health.is_resynced(asked, refused, unanswered) is expected
